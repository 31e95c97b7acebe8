FROM python:3.11-slim AS page
# A pinned version vanishes from the mirror with the next security update, and the build with it.
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
 && apt-get update \
 && apt-get install -y --no-install-recommends zopfli
WORKDIR /build
COPY --chmod=755 page page
RUN zopfli --i100 page/*

FROM python:3.11-slim AS packages
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python -m venv --without-pip /opt/venv
COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
ARG PAYLOAD=quick
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv install --no-compile --require-hashes -r requirements/${PAYLOAD}.txt

FROM python:3.11-slim AS encoder
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
COPY --chmod=644 quantize.py ./
COPY --chmod=755 weights weights
RUN python quantize.py weights/encoder.safetensors encoder.int8

FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH
COPY --link --from=packages /opt/venv /opt/venv
COPY --link --from=page /build/page page
COPY --link --from=encoder /build/encoder.int8 ./
# Not linked: beside --chmod, without which the mode would hang on somebody's umask, BuildKit ignores --link.
COPY --chmod=644 model.py model.onnx model.safetensors service.py ./

USER 10001:10001
CMD ["python", "service.py"]
