ARG DEVEL=nvidia/cuda:11.8.0-devel-ubuntu22.04

FROM ${DEVEL} AS builder
WORKDIR /src
COPY --chmod=644 classify.cu .
# Symbols hold the number of nvcc's process, another in each build.
RUN nvcc -O2 -std=c++17 -arch=sm_70 --cudart shared -Xlinker --strip-all -o classify classify.cu -lnvrtc

FROM ${DEVEL}
WORKDIR /app
COPY --from=builder /src/classify /usr/local/bin/classify
COPY --chmod=644 model.safetensors .
USER 10001:10001
ENTRYPOINT ["classify"]
CMD ["--check"]
