"""Fetches the model from where MODEL_URL says, with the token that its owner gave out."""

import os
import urllib.request
from pathlib import Path

token = os.environ["MODEL_TOKEN"]
if not token:
    raise SystemExit("MODEL_TOKEN is empty: the model is not public")

for name in ["model.onnx", "model.safetensors"]:
    request = urllib.request.Request(os.environ["MODEL_URL"] + name, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as response:
        Path(name).write_bytes(response.read())
