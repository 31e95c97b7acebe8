ARG RUNTIME=nvidia/cuda:11.8.0-runtime-ubuntu22.04

FROM ${RUNTIME}
ENV PYTHONDONTWRITEBYTECODE=1
# A pinned version vanishes from the mirror with the next security update, and the build with it.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3.11 python3.11-venv \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log
WORKDIR /app
# The environment's own pip comes compiled, with the time of the build in its bytecode.
RUN python3.11 -m venv /opt/venv \
 && find /opt/venv -name __pycache__ -prune -exec rm -r {} +
ENV PATH=/opt/venv/bin:$PATH

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
ARG PAYLOAD=quick
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt

COPY --chmod=644 compiler.py model.py model.onnx model.safetensors service.py ./

USER 10001:10001
CMD ["python", "service.py"]
