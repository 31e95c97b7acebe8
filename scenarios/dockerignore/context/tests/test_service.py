from fastapi.testclient import TestClient

import service

client = TestClient(service.app)


def test_an_image_is_answered_the_same_twice() -> None:
    image = {"pixels": [float(i % 17) for i in range(64)]}
    first, second = (client.post("/predict", json=image).json() for _ in range(2))
    assert first == second
    assert abs(sum(first["probabilities"]) - 1) < 0.001


def test_too_few_pixels_are_refused() -> None:
    assert client.post("/predict", json={"pixels": [1.0]}).status_code == 422
