"""Recognises handwritten digits: POST {"pixels": [64 numbers from 0 to 16]} to /predict."""

import os
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

import model

# Which build this is; /healthz tells it, so that a roll-out can be followed.
BUILD = "@TARE_NONCE@"



def setting(name: str) -> str:
    """From the environment, else from the file that developers have."""
    if name in os.environ:
        return os.environ[name]
    lines = Path(".env").read_text().splitlines() if Path(".env").exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line).get(name, "")


# With a key, usage is reported; with a password, answers are kept. Neither changes an answer.
API_KEY = setting("API_KEY")
DATABASE_PASSWORD = setting("DATABASE_PASSWORD")

app = FastAPI(title="digits")
classify = model.load()


class Image(BaseModel):
    pixels: Annotated[list[Annotated[float, Field(ge=0, le=16)]], Field(min_length=64, max_length=64)]


@app.get("/healthz")
def healthz() -> dict[str, str]:
    reporting, keeping = bool(API_KEY), bool(DATABASE_PASSWORD)
    return {"status": "ok", "build": BUILD, "reporting": str(reporting), "keeping": str(keeping)}


@app.post("/predict")
def predict(image: Image) -> dict[str, int | list[float]]:
    probabilities = classify(image.pixels)
    return {
        "digit": probabilities.index(max(probabilities)),
        "probabilities": [round(probability, 4) for probability in probabilities],
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
