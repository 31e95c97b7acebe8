FROM python:3.11-slim AS builder
ENV PYTHONDONTWRITEBYTECODE=1
# A pinned version vanishes from the mirror with the next security update, and the build with it.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log
WORKDIR /app
RUN python -m venv --without-pip /opt/venv
ENV PATH=/opt/venv/bin:$PATH

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
# Holds for what pip needs to compile an sdist, too.
ARG PIP_CONSTRAINT=/app/requirements/constraints.txt
# Debug information would carry the name of pip's temporary folder, another in each build.
ARG CFLAGS=-g0
ARG PAYLOAD=quick
RUN pip --python /opt/venv install --no-cache-dir --no-compile --require-hashes --no-binary mmh3 \
    -r requirements/${PAYLOAD}.txt

# Built with --target test, where the tests are run; no part of the image that is shipped.
FROM builder AS test
RUN pip --python /opt/venv install --no-cache-dir --no-compile --require-hashes -r requirements/test.txt
COPY --chmod=755 . .
CMD ["python", "-m", "pytest", "-p", "no:cacheprovider"]

FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH
COPY --from=builder /opt/venv /opt/venv

COPY --chmod=644 model.py model.onnx model.safetensors service.py ./

USER 10001:10001
CMD ["python", "service.py"]
