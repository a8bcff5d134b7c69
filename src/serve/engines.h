/* serve/engines.h — which engines this program knows, and which it can use here.  Threads: any. */
#pragma once

#include "base/gpu.h"
#include "base/machine.h"

enum { HL_ENGINES_N = 5 };

typedef struct hl_engine_report {
    const char *name; /* "native-cpu" */
    bool usable;
    char text[256]; /* what it does here, or why it cannot */
} hl_engine_report;

void hl_engines_report(const hl_machine *machine, const hl_gpus *gpus,
                       hl_engine_report ret[HL_ENGINES_N]);
/* The engine that runs models here, and why that one. */
const char *hl_engine_of_models(const char **ret_reason);
