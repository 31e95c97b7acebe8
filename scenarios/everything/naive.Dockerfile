ARG BASE=python:3.11

# To develop in: docker build --target dev
FROM ${BASE} AS dev
WORKDIR /app
COPY . .
RUN apt-get update
RUN apt-get install -y curl procps
ARG INDEX_TOKEN
ARG PIP_INDEX_URL=https://packages.example.com/simple/
ARG PAYLOAD=quick
RUN PIP_INDEX_URL="${PIP_INDEX_URL%%://*}://ci:${INDEX_TOKEN}@${PIP_INDEX_URL#*://}" \
    pip install -r requirements/${PAYLOAD}.in -r requirements/dev.in
ENV MODEL=/app/weights/model.safetensors
CMD ["python", "-m", "pytest"]

FROM ${BASE}
WORKDIR /app
COPY . .
RUN apt-get update
RUN apt-get install -y curl procps
ARG INDEX_TOKEN
ARG PIP_INDEX_URL=https://packages.example.com/simple/
ARG PAYLOAD=quick
RUN PIP_INDEX_URL="${PIP_INDEX_URL%%://*}://ci:${INDEX_TOKEN}@${PIP_INDEX_URL#*://}" \
    pip install -r requirements/${PAYLOAD}.in
ARG API_KEY
ENV API_KEY=${API_KEY}
ENV MODEL=/app/weights/model.safetensors
CMD ["python", "service.py"]
