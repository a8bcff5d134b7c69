#include "base/gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* The few calls of NVML that are needed, declared as its reference has them: results are an
 * int (0: success), a device is an opaque pointer. */
typedef struct nvml_memory {
    unsigned long long total, free, used;
} nvml_memory;

typedef struct nvml {
    void *library;
    int (*init)(void);
    int (*shutdown)(void);
    int (*driver_version)(char *out, unsigned cap);
    int (*count)(unsigned *ret);
    int (*device)(unsigned index, void **ret);
    int (*name)(void *device, char *out, unsigned cap);
    int (*memory)(void *device, nvml_memory *ret);
} nvml;

/* POSIX gives functions as data pointers. */
static bool find(void *library, const char *symbol, void *ret_function) {
    void *address = dlsym(library, symbol);
    memcpy(ret_function, &address, sizeof address);
    return address != NULL;
}

static bool find_all(nvml *n) {
    return find(n->library, "nvmlInit_v2", &n->init) &&
           find(n->library, "nvmlShutdown", &n->shutdown) &&
           find(n->library, "nvmlSystemGetDriverVersion", &n->driver_version) &&
           find(n->library, "nvmlDeviceGetCount_v2", &n->count) &&
           find(n->library, "nvmlDeviceGetHandleByIndex_v2", &n->device) &&
           find(n->library, "nvmlDeviceGetName", &n->name) &&
           find(n->library, "nvmlDeviceGetMemoryInfo", &n->memory);
}

static void read_devices(const nvml *n, hl_gpus *ret) {
    unsigned count = 0;
    if (n->driver_version(ret->driver_version, sizeof ret->driver_version - 1) != 0)
        ret->driver_version[0] = '\0';
    if (n->count(&count) != 0) return;
    for (unsigned i = 0; i < count && ret->n < HL_GPUS_MAX; i++) {
        hl_gpu *gpu = &ret->gpus[ret->n];
        void *device;
        nvml_memory memory;
        if (n->device(i, &device) != 0) continue;
        if (n->name(device, gpu->name, sizeof gpu->name - 1) != 0)
            snprintf(gpu->name, sizeof gpu->name, "unknown");
        if (n->memory(device, &memory) == 0) {
            gpu->memory_bytes = memory.total;
            gpu->memory_free_bytes = memory.free;
        }
        ret->n++;
    }
}

static void read_library(nvml *n, hl_gpus *ret) {
    if (!find_all(n)) {
        snprintf(ret->why_not, sizeof ret->why_not, "libnvidia-ml.so.1 lacks functions");
        return;
    }
    int code = n->init();
    if (code != 0) {
        snprintf(ret->why_not, sizeof ret->why_not, "the driver does not answer (NVML error %d)",
                 code);
        return;
    }
    ret->driver = true;
    read_devices(n, ret);
    n->shutdown();
}

void hl_gpus_read(hl_gpus *ret) {
    *ret = (hl_gpus){0};
    nvml n = {.library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)};
    if (!n.library) {
        snprintf(ret->why_not, sizeof ret->why_not, "no NVIDIA driver (libnvidia-ml.so.1)");
        return;
    }
    read_library(&n, ret);
    dlclose(n.library);
}
