"""Recognises handwritten digits: POST {"pixels": [64 numbers from 0 to 16]} to /predict."""

import os
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

import model

# Which build this is; /healthz tells it, so that a roll-out can be followed.
BUILD = "@TARE_NONCE@"

app = FastAPI(title="digits")
classify = model.load()


class Image(BaseModel):
    pixels: Annotated[list[Annotated[float, Field(ge=0, le=16)]], Field(min_length=64, max_length=64)]


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok", "build": BUILD}


@app.post("/predict")
def predict(image: Image) -> dict[str, int | list[float]]:
    probabilities = classify(image.pixels)
    return {
        "digit": probabilities.index(max(probabilities)),
        "probabilities": [round(probability, 3) for probability in probabilities],
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
