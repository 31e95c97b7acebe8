FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

ARG PIP_INDEX_URL
RUN pip install --no-cache-dir --no-compile fastapi uvicorn

COPY --chmod=644 model.py model.safetensors service.py ./

USER 10001:10001
CMD ["python", "service.py"]
