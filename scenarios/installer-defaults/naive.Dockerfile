FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# uv stands in both images: what is compared is the installers, not what it takes to have one.
COPY --chmod=644 requirements/installer.txt requirements/
ARG PIP_INDEX_URL
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements/installer.txt

COPY --chmod=755 requirements requirements
ARG PAYLOAD=quick
RUN pip install --no-cache-dir --require-hashes -r requirements/${PAYLOAD}.txt

COPY --chmod=755 . .

USER 10001:10001
CMD ["python", "service.py"]
