FROM python:3.11-slim
WORKDIR /app

COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL
ARG PAYLOAD=quick
# Compiled afterwards, in one process, and valid by the sources' hashes: no times are kept. The standard library,
# which the base image brings without bytecode, is compiled with it.
RUN PYTHONDONTWRITEBYTECODE=1 \
    pip install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

COPY --chmod=755 . .
RUN python -m compileall -q --invalidation-mode unchecked-hash .

CMD ["python", "service.py"]
