"""Recognises handwritten digits: POST {"pixels": [64 numbers from 0 to 16]} to /predict.

It answers with what each library makes of them, and with what of CUDA it runs on: before a base image is changed,
that must be known of the old one, and afterwards it must be the same.
"""

import os
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

import compiler
import model

app = FastAPI(title="digits")
models = model.load()
cuda = compiler.check()


class Image(BaseModel):
    pixels: Annotated[list[Annotated[float, Field(ge=0, le=16)]], Field(min_length=64, max_length=64)]


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/predict")
def predict(image: Image) -> dict[str, Any]:
    probabilities = {name: classify(image.pixels) for name, classify in models.items()}
    return {
        "digit": {name: values.index(max(values)) for name, values in probabilities.items()},
        "probabilities": {name: [round(value, 4) for value in values] for name, values in probabilities.items()},
        "cuda": cuda,
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
