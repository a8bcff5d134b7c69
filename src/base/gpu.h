/* base/gpu.h
 *
 * NVIDIA GPUs, as their driver reports them.  The driver's management library is opened at run
 * time, so that a machine without one is an ordinary case.
 * Source: NVIDIA Management Library (NVML) API reference.
 *
 * Threads: one call at a time.
 */
#pragma once

#include "base/status.h"

enum { HL_GPU_NAME_MAX = 96, HL_GPUS_MAX = 64 };

typedef struct hl_gpu {
    char name[HL_GPU_NAME_MAX];
    uint64_t memory_bytes, memory_free_bytes; /* 0: unknown */
} hl_gpu;

typedef struct hl_gpus {
    bool driver;       /* the library is there and answers */
    char why_not[160]; /* when it does not; else empty */
    char driver_version[64];
    uint32_t n;
    hl_gpu gpus[HL_GPUS_MAX];
} hl_gpus;

void hl_gpus_read(hl_gpus *ret);
