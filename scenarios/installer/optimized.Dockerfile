FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# uv stands in both images: what is compared is the installers, not what it takes to have one.
COPY --chmod=644 requirements/installer.txt requirements/
ARG PIP_INDEX_URL
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements/installer.txt

COPY --chmod=755 requirements requirements
ARG PAYLOAD=quick
RUN uv pip install --system --no-cache --require-hashes \
    ${PIP_INDEX_URL:+--default-index "$PIP_INDEX_URL"} -r requirements/${PAYLOAD}.txt

COPY --chmod=755 . .

USER 10001:10001
CMD ["python", "service.py"]
