FROM python:3.11-slim
WORKDIR /app

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
ARG PAYLOAD=quick
# The flag keeps pip from compiling what it installs, the variable Python from keeping what pip itself imports.
RUN PYTHONDONTWRITEBYTECODE=1 \
    pip install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt

COPY --chmod=755 . .

CMD ["python", "service.py"]
