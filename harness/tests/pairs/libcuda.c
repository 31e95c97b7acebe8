/* A driver's library for tests: its device is the host's memory, and its kernel adds one to each word. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int failing(const char *name) {
    const char *wanted = getenv("STUB_FAILS");
    return wanted && strcmp(wanted, name) == 0;
}

int cuInit(unsigned flags) {
    (void)flags;
    if (getenv("STUB_HAS_NO_DEVICE")) return 100;
    return failing("cuInit") ? 999 : 0;
}
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { (void)device; *context = context; return failing("context") ? 2 : 0; }
int cuCtxSetCurrent(void *context) { return context ? 0 : 201; }
int cuModuleLoadData(void **module, const char *text) { *module = module; return strstr(text, ".entry increment") ? 0 : 218; }
int cuModuleGetFunction(void **function, void *module, const char *name) { (void)module; *function = function; return strcmp(name, "increment") ? 500 : 0; }
int cuMemAlloc_v2(uint64_t *address, size_t bytes) { *address = (uint64_t)(uintptr_t)malloc(bytes); return *address ? 0 : 2; }
int cuMemFree_v2(uint64_t address) { free((void *)(uintptr_t)address); return 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) { memcpy((void *)(uintptr_t)to, from, bytes); return 0; }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) { memcpy(to, (void *)(uintptr_t)from, bytes); return 0; }
int cuCtxSynchronize(void) { return 0; }
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **arguments, void **extra) {
    (void)function; (void)shared; (void)stream; (void)extra;
    uint32_t *words = *(uint32_t **)arguments[0], count = *(uint32_t *)arguments[1];
    uint64_t threads = (uint64_t)gx * gy * gz * bx * by * bz;
    for (uint32_t at = 0; at < count && at < threads; at++) words[at] += failing("kernel") ? 2 : 1;
    return 0;
}
