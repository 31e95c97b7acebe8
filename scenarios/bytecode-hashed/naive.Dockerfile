FROM python:3.11-slim
WORKDIR /app

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
ARG PAYLOAD=quick
RUN pip install --no-cache-dir --require-hashes -r requirements/${PAYLOAD}.txt

COPY --chmod=755 . .

CMD ["python", "service.py"]
