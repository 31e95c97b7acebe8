"""Describes the layers of the model that it holds: POST {"layer": NAME} to /describe."""

import os
import statistics
from pathlib import Path

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from model import Weights

# Which build this is; /healthz tells it, so that a roll-out can be followed.
BUILD = "@TARE_NONCE@"

app = FastAPI(title="weights")
weights = Weights(Path(os.environ["MODEL"]))


class Question(BaseModel):
    layer: str


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok", "build": BUILD}


@app.post("/describe")
def describe(question: Question) -> dict[str, int | float | str]:
    if question.layer not in weights.names():
        raise HTTPException(404, f"no layer {question.layer}")
    values = weights.rows(question.layer, 64)
    return {
        "layer": question.layer,
        "parameters": weights.parameters,
        "mean": round(statistics.fmean(values), 3),
        "spread": round(statistics.pstdev(values), 3),
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
