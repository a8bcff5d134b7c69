#include "serve/engines.h"

#include "base/buf.h"
#include "model/model.h"

#include <stdio.h>

static void report_cpu(const hl_machine *machine, hl_engine_report *ret) {
    hl_cpu_level level;
    hl_error err;
    ret->name = "native-cpu";
    if (hl_cpu_level_choose(&level, &err) < 0) {
        snprintf(ret->text, sizeof ret->text, "%.*s", (int)sizeof ret->text - 1, err.text);
        return;
    }
    ret->usable = true;
    int n = snprintf(ret->text, sizeof ret->text, "%s kernels, %u threads; model families",
                     hl_cpu_level_name(level), hl_machine_threads(machine));
    for (const char *const *family = hl_model_families(); *family; family++) {
        if (n < 0 || (size_t)n >= sizeof ret->text) return;
        n += snprintf(ret->text + n, sizeof ret->text - (size_t)n, " %s", *family);
    }
}

static void report_cuda(const hl_gpus *gpus, hl_engine_report *ret) {
    ret->name = "native-cuda";
    if (gpus->driver)
        snprintf(ret->text, sizeof ret->text, "this version has no CUDA library (%u NVIDIA GPU%s)",
                 gpus->n, gpus->n == 1 ? "" : "s");
    else
        snprintf(ret->text, sizeof ret->text, "%s", gpus->why_not);
}

static void report_remote(const char *name, hl_engine_report *ret) {
    ret->name = name;
    snprintf(ret->text, sizeof ret->text, "this version cannot speak to it");
}

void hl_engines_report(const hl_machine *machine, const hl_gpus *gpus,
                       hl_engine_report ret[HL_ENGINES_N]) {
    static const char *const remote[] = {"llama-server", "vllm", "max"};
    _Static_assert(2 + sizeof remote / sizeof *remote == HL_ENGINES_N, "all have a place");
    memset(ret, 0, HL_ENGINES_N * sizeof *ret);
    report_cpu(machine, &ret[0]);
    report_cuda(gpus, &ret[1]);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        report_remote(remote[i], &ret[2 + i]);
}

const char *hl_engine_of_models(const char **ret_reason) {
    *ret_reason = "the only engine of this version that runs models";
    return "native-cpu";
}
