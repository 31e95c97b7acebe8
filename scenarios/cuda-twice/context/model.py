"""The digit classifier: on torch and ONNX Runtime where they are installed, else on NumPy, else in plain Python.

Both take the GPU if there is one, and else compute on the CPU.
"""

import json
import math
import struct
from array import array
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
Classify = Callable[[list[float]], list[float]]


def load() -> dict[str, Classify]:
    """Loads the model once for each library that runs it, by the library's name."""
    weights = tensors(HERE / "model.safetensors")
    if find_spec("torch"):
        return {"torch": with_torch(weights), "onnxruntime": with_onnx_runtime(HERE / "model.onnx")}
    return {"numpy": with_numpy(weights)} if find_spec("numpy") else {"python": plain(weights)}


def with_torch(weights: dict[str, array]) -> Classify:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    w0, b0, w1, b1 = (torch.tensor(weights[name], device=device) for name in ("w0", "b0", "w1", "b1"))
    w0, w1 = w0.reshape(-1, len(b0)), w1.reshape(-1, len(b1))

    def classify(pixels: list[float]) -> list[float]:
        logits = torch.relu(torch.tensor(pixels, dtype=torch.float32, device=device) @ w0 + b0) @ w1 + b1
        return torch.softmax(logits, 0).tolist()

    return classify


def with_onnx_runtime(path: Path) -> Classify:
    import numpy as np
    import onnxruntime as ort
    import torch

    # What the CUDA provider is linked with is in wheels, where the loader does not look.
    ort.preload_dlls()
    # Asked for without a driver, this version's provider takes the process down instead of falling back.
    gpu = ["CUDAExecutionProvider"] if torch.cuda.is_available() else []
    session = ort.InferenceSession(path, providers=[*gpu, "CPUExecutionProvider"])

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
