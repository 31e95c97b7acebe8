"""Solves a small system of equations, once and once more, and ends."""

from startup import Phase

with Phase("imports"):
    import json

    import numpy

# What it works on, in place of weights.
with Phase("weights-read"):
    matrix = numpy.fromfunction(lambda row, column: 1 / (row + column + 1), (8, 8)) + numpy.eye(8)
    ones = numpy.ones(8)

with Phase("first-result"):
    first = numpy.linalg.solve(matrix, ones).round(9).tolist()
with Phase("warm-result"):
    again = numpy.linalg.solve(matrix, ones).round(9).tolist()
if first != again:
    raise SystemExit("the same equations have two solutions")
print(json.dumps(first))
