FROM @NAIVE@
# As in the image: the harness records it from here.
ENV CUDA_MODULE_LOADING=EAGER
