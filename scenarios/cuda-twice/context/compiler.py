"""What of CUDA the service has loaded, and whether its compilers work. Nothing here needs a GPU."""

import hashlib
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

from cuda.bindings import nvrtc
from cuda.pathfinder import load_nvidia_dynamic_lib

KERNEL = rb"""
extern "C" __global__ void scale(float* values, float factor, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) values[i] *= factor;
}
"""
LIBRARY = re.compile(r"/lib(cudart|nvrtc|nvrtc-builtins|cublas|cublasLt|cudnn(?:_[a-z_]+)?|cufft|curand|cusolver|cusparse|nvJitLink)\.so")


def checked(result: tuple) -> object:
    error, *values = result
    if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise RuntimeError(f"NVRTC: {error.name}")
    return values[0] if values else None


def compiled(architecture: str) -> tuple[bytes, bytes]:
    """A kernel as PTX and as machine code, by the compiler that is a library (what a JIT calls)."""
    program = checked(nvrtc.nvrtcCreateProgram(KERNEL, b"scale.cu", 0, [], []))
    checked(nvrtc.nvrtcCompileProgram(program, 1, [f"--gpu-architecture={architecture}".encode()]))
    ptx = bytes(checked(nvrtc.nvrtcGetPTXSize(program)))
    checked(nvrtc.nvrtcGetPTX(program, ptx))
    code = bytes(checked(nvrtc.nvrtcGetCUBINSize(program)))
    checked(nvrtc.nvrtcGetCUBIN(program, code))
    checked(nvrtc.nvrtcDestroyProgram(program))
    return ptx, code


def assembled(ptx: bytes, architecture: str) -> bytes | None:
    """The PTX as machine code, by the ptxas that Triton brings along and runs as a program; none without Triton."""
    if not find_spec("triton"):
        return None
    ptxas = Path(find_spec("triton").origin).parent / "backends/nvidia/bin/ptxas"
    source, output = Path("/tmp/scale.ptx"), Path("/tmp/scale.cubin")
    source.write_bytes(ptx.rstrip(b"\0"))
    subprocess.run([ptxas, f"--gpu-name={architecture}", "-o", output, source], check=True)
    return output.read_bytes()


def libraries() -> dict[str, str]:
    """CUDA's libraries in this process, and whether each came with a wheel or is the system's."""
    found = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        if match := LIBRARY.search(line):
            found[match[1]] = "wheel" if "/site-packages/" in line else "system"
    return dict(sorted(found.items()))


def check() -> dict[str, object]:
    """Compiles, and says with what. The hashes tell whether two images compile to the same."""
    load_nvidia_dynamic_lib("cudart")
    ptx, code = compiled("sm_80")
    machine_code = assembled(ptx, "sm_80")
    return {
        "nvrtc": list(nvrtc.nvrtcVersion()[1:]),
        "ptx": digest(ptx),
        "cubin": digest(code),
        "ptxas": machine_code and digest(machine_code),
        "libraries": libraries(),
    }


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
