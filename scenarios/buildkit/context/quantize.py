"""Quantizes weights to 8 bits, each row with a scale of its own: python quantize.py SOURCE TARGET."""

import json
import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path


def rows(path: Path) -> Iterator[array]:
    """The rows of all tensors, in the order of the file; BF16 is the upper half of a float."""
    data = path.read_bytes()
    (header,) = struct.unpack_from("<Q", data)
    body = memoryview(data)[8 + header :]
    tensors = json.loads(data[8 : 8 + header])
    tensors.pop("__metadata__", None)
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor["data_offsets"]):
        first, end = tensor["data_offsets"]
        width = 2 * tensor["shape"][-1]
        for at in range(first, end, width):
            row = body[at : at + width]
            floats = bytearray(2 * width)
            floats[2::4], floats[3::4] = row[0::2], row[1::2]
            yield array("f", bytes(floats))


def quantized(row: array) -> bytes:
    scale = max(map(abs, row)) / 127 or 1.0
    return struct.pack("<f", scale) + array("b", [round(value / scale) for value in row]).tobytes()


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    with target.open("wb") as file:
        file.writelines(map(quantized, rows(source)))
