"""The digit classifier: ONNX Runtime where it is installed, else (the smoke payload) plain Python."""

import json
import math
import struct
from array import array
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
Classify = Callable[[list[float]], list[float]]


def load() -> Classify:
    """Loads the model; what it returns takes 64 pixels and gives ten probabilities."""
    try:
        import onnxruntime  # noqa: F401
    except ModuleNotFoundError:
        return plain(HERE / "model.safetensors")
    return with_onnx_runtime(HERE / "model.onnx")


def with_onnx_runtime(path: Path) -> Classify:
    import numpy as np
    import onnxruntime as ort

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])

    def classify(pixels: list[float]) -> list[float]:
        (probabilities,) = session.run(["probabilities"], {"pixels": np.array([pixels], dtype=np.float32)})
        return probabilities[0].tolist()

    return classify


def plain(path: Path) -> Classify:
    data = path.read_bytes()
    (header,) = struct.unpack_from("<Q", data)
    body = data[8 + header :]
    tensors = {
        name: array("f", body[slice(*tensor["data_offsets"])])
        for name, tensor in json.loads(data[8 : 8 + header]).items()
    }

    def layer(values: list[float], weights: array, biases: array) -> list[float]:
        wide = len(biases)
        return [sum(v * weights[i * wide + j] for i, v in enumerate(values)) + biases[j] for j in range(wide)]

    def classify(pixels: list[float]) -> list[float]:
        hidden = [max(0.0, value) for value in layer(pixels, tensors["w0"], tensors["b0"])]
        logits = layer(hidden, tensors["w1"], tensors["b1"])
        powers = [math.exp(logit - max(logits)) for logit in logits]
        return [power / sum(powers) for power in powers]

    return classify
