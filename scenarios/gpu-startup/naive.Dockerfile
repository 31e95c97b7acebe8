ARG DEVEL=nvidia/cuda:11.8.0-devel-ubuntu22.04

FROM ${DEVEL}
ENV PYTHONDONTWRITEBYTECODE=1
# A pinned version vanishes from the mirror with the next security update, and the build with it.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3.11 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log
WORKDIR /app

COPY --chmod=755 weights /models
COPY --chmod=644 answer.py cuda.py startup.py ./

ENV MODEL=/models/model.safetensors
ENV CUDA_MODULE_LOADING=EAGER
USER 10001:10001
CMD ["python3.11", "answer.py"]
