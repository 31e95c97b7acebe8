FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL=https://packages.example.com/simple/
ARG PAYLOAD=smoke
RUN --mount=type=secret,id=index-token,required=true \
    --mount=type=secret,id=netrc,target=/root/.netrc,required=true \
    PIP_INDEX_URL="${PIP_INDEX_URL%%://*}://ci:$(cat /run/secrets/index-token)@${PIP_INDEX_URL#*://}" \
    pip install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt

COPY --chmod=755 hub hub
COPY --chmod=644 fetch.py model.py service.py ./
ARG MODEL_URL=file:///app/hub/
RUN --mount=type=secret,id=model-token,required=true \
    MODEL_TOKEN="$(cat /run/secrets/model-token)" python fetch.py

# API_KEY and DATABASE_PASSWORD are set where the container is started.
USER 10001:10001
CMD ["python", "service.py"]
