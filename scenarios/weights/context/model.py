"""Reads a model's weights where they lie: a safetensors file, mapped into memory and not loaded whole."""

import json
import mmap
import struct
from array import array
from pathlib import Path

CHUNK = 1 << 20


class Weights:
    """The tensors of a safetensors file of BF16 values."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (header,) = struct.unpack_from("<Q", self._data)
        self._start = 8 + header
        described = json.loads(self._data[8 : self._start])
        self._tensors = {name: tensor for name, tensor in described.items() if name != "__metadata__"}

    @property
    def parameters(self) -> int:
        """How many values all tensors have together."""
        return sum(rows * columns for rows, columns in (t["shape"] for t in self._tensors.values()))

    def names(self) -> list[str]:
        return list(self._tensors)

    def read(self) -> None:
        """Reads all of the file once, as a server does that copies its weights to a device."""
        for begin in range(0, len(self._data), CHUNK):
            _ = self._data[begin : begin + CHUNK]

    def rows(self, name: str, count: int) -> list[float]:
        """The values of the first rows of a tensor."""
        tensor = self._tensors[name]
        first, end = tensor["data_offsets"]
        end = min(end, first + 2 * count * tensor["shape"][1])
        halves = array("H", self._data[self._start + first : self._start + end])
        # BF16 is the upper half of a float.
        return array("f", array("I", (half << 16 for half in halves)).tobytes()).tolist()
