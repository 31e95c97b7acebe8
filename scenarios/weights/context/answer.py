"""Starts as the service does, reads the weights, gives an answer and the same once more, and ends."""

from startup import Phase

with Phase("imports"):
    import json

    from service import Question, describe, weights

with Phase("weights-read"):
    weights.read()
question = Question(layer=weights.names()[0])
with Phase("first-result"):
    first = describe(question)
with Phase("warm-result"):
    again = describe(question)
if first != again:
    raise SystemExit("the same question has two answers")
print(json.dumps(first))
