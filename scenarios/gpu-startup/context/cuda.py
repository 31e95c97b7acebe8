"""The least that a GPU must do to answer, by the driver's own library: no toolkit, no framework."""

import ctypes

from startup import Phase

# Adds one to each of `count` words.
KERNEL = b"""
.version 6.0
.target sm_70
.address_size 64
.visible .entry increment(.param .u64 words, .param .u32 count)
{
    .reg .pred %past;
    .reg .b32 %at, %block, %size, %thread, %count, %word;
    .reg .b64 %words, %offset;
    ld.param.u64 %words, [words];
    ld.param.u32 %count, [count];
    mov.u32 %block, %ctaid.x;
    mov.u32 %size, %ntid.x;
    mov.u32 %thread, %tid.x;
    mad.lo.u32 %at, %block, %size, %thread;
    setp.ge.u32 %past, %at, %count;
    @%past bra done;
    cvta.to.global.u64 %words, %words;
    mul.wide.u32 %offset, %at, 4;
    add.u64 %words, %words, %offset;
    ld.global.u32 %word, [%words];
    add.u32 %word, %word, 1;
    st.global.u32 [%words], %word;
done:
    ret;
}
\0"""

NO_DEVICE = 100
THREADS = 256


class NoDevice(Exception):
    """There is a driver, and nothing that it drives."""


class Gpu:
    """The first device, with the kernel loaded."""

    def __init__(self, driver: ctypes.CDLL) -> None:
        self._driver = driver
        device, context, module = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        self._function = ctypes.c_void_p()
        with Phase("context"):
            self._call("cuDeviceGet", ctypes.byref(device), 0)
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
            self._call("cuCtxSetCurrent", context)
        with Phase("module-load"):
            self._call("cuModuleLoadData", ctypes.byref(module), KERNEL)
            self._call("cuModuleGetFunction", ctypes.byref(self._function), module, b"increment")

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._driver, name)(*arguments)
        if code != 0:
            raise RuntimeError(f"{name} gives CUDA's error {code}")

    def take(self, data: bytearray) -> ctypes.c_uint64:
        """Copies bytes to the device; gives their address there."""
        address = ctypes.c_uint64()
        source = (ctypes.c_char * len(data)).from_buffer(data)
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(len(data)))
        self._call("cuMemcpyHtoD_v2", address, source, ctypes.c_size_t(len(data)))
        # A copy may come back before it has arrived.
        self._call("cuCtxSynchronize")
        return address

    def increment(self, words: bytearray) -> bytes:
        """Each 32-bit word plus one."""
        address, count = self.take(words), ctypes.c_uint32(len(words) // 4)
        arguments = (ctypes.c_void_p * 2)(ctypes.addressof(address), ctypes.addressof(count))
        blocks = -(-count.value // THREADS)
        self._call("cuLaunchKernel", self._function, blocks, 1, 1, THREADS, 1, 1, 0, None, arguments, None)
        self._call("cuCtxSynchronize")
        result = ctypes.create_string_buffer(len(words))
        self._call("cuMemcpyDtoH_v2", result, address, ctypes.c_size_t(len(words)))
        self._call("cuMemFree_v2", address)
        return result.raw


def first_gpu() -> Gpu | None:
    """The first GPU, or None where there is no driver or no device. A driver that fails is an error."""
    try:
        with Phase("driver-init"):
            driver = ctypes.CDLL("libcuda.so.1")
            code = driver.cuInit(0)
            if code == NO_DEVICE:
                raise NoDevice
            if code != 0:
                raise RuntimeError(f"cuInit gives CUDA's error {code}")
    except (OSError, NoDevice):
        return None
    return Gpu(driver)
