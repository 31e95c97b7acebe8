"""The digit classifier: on ONNX Runtime where it is installed, else on NumPy, else (smoke) in plain Python."""

import json
import math
import struct
from array import array
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
Classify = Callable[[list[float]], list[float]]


def load() -> Classify:
    """Loads the model; what it returns takes 64 pixels and gives ten probabilities."""
    if find_spec("onnxruntime"):
        return with_onnx_runtime(HERE / "model.onnx")
    weights = tensors(HERE / "model.safetensors")
    return with_numpy(weights) if find_spec("numpy") else plain(weights)


def with_onnx_runtime(path: Path) -> Classify:
    import numpy as np
    import onnxruntime as ort

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])

    def classify(pixels: list[float]) -> list[float]:
        (probabilities,) = session.run(["probabilities"], {"pixels": np.array([pixels], dtype=np.float32)})
        return probabilities[0].tolist()

    return classify


def tensors(path: Path) -> dict[str, array]:
    data = path.read_bytes()
    (header,) = struct.unpack_from("<Q", data)
    body = data[8 + header :]
    return {
        name: array("f", body[slice(*tensor["data_offsets"])])
        for name, tensor in json.loads(data[8 : 8 + header]).items()
    }


def with_numpy(weights: dict[str, array]) -> Classify:
    import numpy as np

    w0, b0, w1, b1 = (np.frombuffer(weights[name], dtype=np.float32) for name in ("w0", "b0", "w1", "b1"))
    w0, w1 = w0.reshape(-1, len(b0)), w1.reshape(-1, len(b1))

    def classify(pixels: list[float]) -> list[float]:
        logits = np.maximum(np.float32(pixels) @ w0 + b0, 0) @ w1 + b1
        powers = np.exp(logits - logits.max())
        return (powers / powers.sum()).tolist()

    return classify


def plain(weights: dict[str, array]) -> Classify:
    def layer(values: list[float], weights: array, biases: array) -> list[float]:
        wide = len(biases)
        return [sum(v * weights[i * wide + j] for i, v in enumerate(values)) + biases[j] for j in range(wide)]

    def classify(pixels: list[float]) -> list[float]:
        hidden = [max(0.0, value) for value in layer(pixels, weights["w0"], weights["b0"])]
        logits = layer(hidden, weights["w1"], weights["b1"])
        powers = [math.exp(logit - max(logits)) for logit in logits]
        return [power / sum(powers) for power in powers]

    return classify
