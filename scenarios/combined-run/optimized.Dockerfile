FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# As an archive comes that was downloaded; unpacking it is one of the commands that this pair is about.
# hadolint ignore=DL3010
COPY --chmod=644 digits.tar.xz .
COPY --chmod=755 requirements requirements
ARG TOOLS=xz-utils
ARG PIP_INDEX_URL
ARG PAYLOAD=quick
# Tools of the build alone, in whatever version the distribution has.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ${TOOLS} \
 && tar -xJf digits.tar.xz \
 && rm digits.tar.xz \
 && pip install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt \
 && apt-get purge -y --auto-remove ${TOOLS} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log

COPY --chmod=644 model.py service.py ./

USER 10001:10001
CMD ["python", "service.py"]
