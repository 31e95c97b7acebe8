FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
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
