#!/bin/sh
# Makes of Debian's CUDA packages what a CUDA image holds.
#
# Called by the builder of stand-ins as: cuda.sh ROOT DEBS KIND
# ROOT is the root file system, DEBS a directory with the packages of `unpacked`, KIND one of
#   compiler   adds nvcc and the headers from nvidia-cuda-toolkit and nvidia-cuda-dev, which are taken apart:
#              installed, they bring gigabytes of static and other libraries
#   toolkit    removes the driver's files, which nvidia-cuda-dev depends on: in a container they are the host's
set -eu
root=$1 debs=$2 kind=$3

compiler() {
    libraries=$(dirname "$(echo "$root"/usr/lib/*/libcudart.so.11.0)")
    dpkg-deb --fsys-tarfile "$debs"/nvidia-cuda-toolkit_*.deb |
        tar --extract --directory "$root" --exclude './usr/share' --exclude '*sanitizer*' --exclude '*cuda-memcheck'
    # tar stops once it has all that it was told (that is what --occurrence is for), since decompressing the
    # static libraries behind takes longer than all the rest. The other end of the pipe does not like that.
    dpkg-deb --fsys-tarfile "$debs"/nvidia-cuda-dev_*.deb 2> /dev/null |
        tar --extract --directory "$root" --occurrence=1 ./usr/include ".${libraries#"$root"}/libcudadevrt.a"
    # nvcc looks for a compiler of that name before it asks the wrapper that knows which one it supports.
    ln -s gcc-11 "$root/usr/bin/gcc"
    ln -s g++-11 "$root/usr/bin/g++"
    ln -s libcudart.so.11.0 "$libraries/libcudart.so"
    ln -s libnvrtc.so.11.2 "$libraries/libnvrtc.so"
    # Packages that were laid out otherwise must not pass for a compiler.
    for file in usr/bin/nvcc usr/include/cuda_runtime.h usr/include/crt/host_runtime.h usr/include/nvrtc.h; do
        [ -s "$root/$file" ] || { echo "E: there is no /$file in Debian's CUDA packages" >&2; exit 1; }
    done
}

toolkit() {
    find "$root/usr/lib" \( -name 'libcuda.so*' -o -name 'libnvidia-*.so*' \) ! -path '*/stubs/*' -delete
    ldconfig -r "$root"
}

"$kind"
