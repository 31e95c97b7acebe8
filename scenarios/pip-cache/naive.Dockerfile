FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PAYLOAD=quick
RUN pip install --no-compile --require-hashes -r requirements/${PAYLOAD}.txt

COPY --chmod=755 . .

USER 10001:10001
CMD ["python", "service.py"]
