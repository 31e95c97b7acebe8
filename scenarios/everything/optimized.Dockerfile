FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH
WORKDIR /app

FROM base AS packages
RUN python -m venv --without-pip /opt/venv
ARG PAYLOAD=quick
COPY --chmod=644 requirements/${PAYLOAD}.txt requirements/
ARG PIP_INDEX_URL=https://packages.example.com/simple/
# Compiled afterwards, in one process, and valid by the sources' hashes: no times are kept.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=index-token,required=true \
    PIP_INDEX_URL="${PIP_INDEX_URL%%://*}://ci:$(cat /run/secrets/index-token)@${PIP_INDEX_URL#*://}" \
    pip --python /opt/venv install --no-compile --require-hashes -r requirements/${PAYLOAD}.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

# To develop in: docker build --target dev. The packages are those that are shipped, and the test tools.
FROM packages AS dev
COPY --chmod=644 requirements/dev.txt requirements/
ARG PIP_INDEX_URL=https://packages.example.com/simple/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=index-token,required=true \
    PIP_INDEX_URL="${PIP_INDEX_URL%%://*}://ci:$(cat /run/secrets/index-token)@${PIP_INDEX_URL#*://}" \
    pip --python /opt/venv install --require-hashes -r requirements/dev.txt
COPY --chmod=755 . .
CMD ["python", "-m", "pytest", "-p", "no:cacheprovider"]

FROM base
COPY --link --from=packages /opt/venv /opt/venv
# Not linked: beside --chmod, without which the mode would hang on somebody's umask, BuildKit ignores --link.
COPY --chmod=644 model.onnx model.py model.safetensors service.py weights.py /app/
# API_KEY and DATABASE_PASSWORD are set where the container is started; the weights are mounted.
ENV MODEL=/models/model.safetensors
USER 10001:10001
CMD ["python", "service.py"]
