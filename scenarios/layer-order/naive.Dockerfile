FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY --chmod=755 . .

ARG PIP_INDEX_URL
ARG PAYLOAD=quick
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt

USER 10001:10001
CMD ["python", "service.py"]
