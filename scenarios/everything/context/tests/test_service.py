from fastapi.testclient import TestClient

import service

client = TestClient(service.app)


def test_the_answer_says_how_large_the_model_is() -> None:
    answer = client.post("/predict", json={"pixels": [float(i % 17) for i in range(64)]}).json()
    assert abs(sum(answer["probabilities"]) - 1) < 0.001
    assert answer["parameters"] > 0


def test_too_few_pixels_are_refused() -> None:
    assert client.post("/predict", json={"pixels": [1.0]}).status_code == 422
