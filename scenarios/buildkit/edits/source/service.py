"""Recognises handwritten digits: POST {"pixels": [64 numbers from 0 to 16]} to /predict.

Serves a page to draw on, compressed when the image was built. Each answer says which encoder the service holds, by
the digest of its quantized weights.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field

import model

# Which build this is; /healthz tells it, so that a roll-out can be followed.
BUILD = "@TARE_NONCE@"

app = FastAPI(title="digits")
classify = model.load()
here = Path(__file__).parent
encoder = hashlib.sha256((here / "encoder.int8").read_bytes()).hexdigest()
page = {path.stem: path.read_bytes() for path in (here / "page").glob("*.gz")}
kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


class Image(BaseModel):
    pixels: Annotated[list[Annotated[float, Field(ge=0, le=16)]], Field(min_length=64, max_length=64)]


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok", "build": BUILD}


@app.get("/{name}")
def part(name: str) -> Response:
    if name not in page:
        raise HTTPException(404, f"no {name}")
    return Response(page[name], media_type=kinds[Path(name).suffix], headers={"content-encoding": "gzip"})


@app.post("/predict")
def predict(image: Image) -> dict[str, int | str | list[float]]:
    probabilities = classify(image.pixels)
    return {
        "encoder": encoder,
        "digit": probabilities.index(max(probabilities)),
        "probabilities": [round(probability, 3) for probability in probabilities],
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
