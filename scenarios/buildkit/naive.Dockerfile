FROM python:3.11-slim AS build
ENV PYTHONDONTWRITEBYTECODE=1
# A pinned version vanishes from the mirror with the next security update, and the build with it.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends zopfli \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
RUN python -m venv --without-pip /opt/venv

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
ARG PAYLOAD=quick
RUN pip --python /opt/venv install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt

COPY --chmod=755 page page
RUN zopfli --i100 page/*

COPY --chmod=644 quantize.py ./
COPY --chmod=755 weights weights
RUN python quantize.py weights/encoder.safetensors encoder.int8

FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH
COPY --from=build /opt/venv /opt/venv
COPY --from=build /build/page page
COPY --from=build /build/encoder.int8 ./
COPY --chmod=644 model.py model.onnx model.safetensors service.py ./

USER 10001:10001
CMD ["python", "service.py"]
