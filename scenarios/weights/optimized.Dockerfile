FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY --chmod=644 requirements.txt .
ARG PIP_INDEX_URL
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt

COPY --chmod=755 . .

ENV MODEL=/models/model.safetensors
USER 10001:10001
CMD ["python", "service.py"]
