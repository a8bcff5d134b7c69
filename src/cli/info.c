/* What this machine has, and what of it the program can use. */
#include "base/json.h"
#include "cli/command.h"
#include "serve/engines.h"

typedef struct args {
    bool json;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "print one JSON object"},
};

typedef struct facts {
    hl_machine machine;
    hl_gpus gpus;
    hl_engine_report engines[HL_ENGINES_N];
    const char *level; /* of kernels, in use */
} facts;

static void read_facts(facts *f) {
    hl_cpu_level level;
    hl_machine_read(&f->machine);
    hl_gpus_read(&f->gpus);
    hl_engines_report(&f->machine, &f->gpus, f->engines);
    f->level = hl_cpu_level_choose(&level, NULL) >= 0 ? hl_cpu_level_name(level) : "none";
}

/* -- text -------------------------------------------------------------------------------------- */

static void label(hl_buf *out, const char *name) {
    hl_buf_printf(out, "  %-14s ", name);
}

/* "1.5 GiB", "512 KiB"; binary units, since memory comes in them. */
static void append_size(hl_buf *out, uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit < 4; unit++) value /= 1024;
    hl_buf_printf(out, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void append_features(hl_buf *out, uint32_t features, const char *before, const char *between,
                            const char *around) {
    bool first = true;
    for (unsigned i = 0; i < HL_CPU_FEATURE_COUNT; i++) {
        if (!(features >> i & 1)) continue;
        hl_buf_printf(out, "%s%s%s%s", first ? before : between, around, hl_cpu_feature_name(i),
                      around);
        first = false;
    }
}

static void append_cache(hl_buf *out, const char *name, uint64_t bytes, const char *end) {
    hl_buf_printf(out, "%s ", name);
    if (bytes > 0)
        append_size(out, bytes);
    else
        hl_buf_append_cstr(out, "unknown");
    hl_buf_append_cstr(out, end);
}

static void cpu_text(const facts *f, hl_buf *out) {
    const hl_machine *m = &f->machine;
    hl_buf_append_cstr(out, "Processor\n");
    label(out, "model");
    hl_buf_printf(out, "%s\n", m->cpu_name[0] ? m->cpu_name : "unknown");
    label(out, "cores");
    hl_buf_printf(out, "%u usable of %u, %u hardware threads, %u NUMA node%s\n", m->cores,
                  m->cores_total, m->threads, m->numa_nodes, m->numa_nodes == 1 ? "" : "s");
    label(out, "caches");
    append_cache(out, "L1d", m->l1d_bytes, ", ");
    append_cache(out, "L2", m->l2_bytes, ", ");
    append_cache(out, "L3", m->l3_bytes, "");
    hl_buf_printf(out, m->l3_count > 1 ? " x %u\n" : "\n", m->l3_count);
    label(out, "features");
    append_features(out, m->cpu_features, "", " ", "");
    hl_buf_append_cstr(out, m->cpu_features ? "\n" : "none that matter\n");
    label(out, "kernels");
    hl_buf_printf(out, "%s (HYPERLLAMA_CPU chooses)\n\n", f->level);
}

static void memory_text(const facts *f, hl_buf *out) {
    const hl_machine *m = &f->machine;
    hl_buf_append_cstr(out, "Memory\n");
    label(out, "total");
    append_size(out, m->memory_bytes);
    hl_buf_append_cstr(out, ", ");
    append_size(out, m->memory_available_bytes);
    hl_buf_append_cstr(out, " available\n");
    label(out, "cgroup");
    if (m->cgroup.version == 0) {
        hl_buf_append_cstr(out, "none\n\n");
        return;
    }
    hl_buf_printf(out, "version %d, ", m->cgroup.version);
    if (m->cgroup.memory_max_bytes > 0) {
        append_size(out, m->cgroup.memory_used_bytes);
        hl_buf_append_cstr(out, " used of ");
        append_size(out, m->cgroup.memory_max_bytes);
    } else {
        hl_buf_append_cstr(out, "no memory limit");
    }
    if (m->cgroup.cpus > 0)
        hl_buf_printf(out, ", %.2f CPUs\n\n", m->cgroup.cpus);
    else
        hl_buf_append_cstr(out, ", no CPU limit\n\n");
}

static void gpu_text(const facts *f, hl_buf *out) {
    hl_buf_append_cstr(out, "GPUs\n");
    if (!f->gpus.driver || f->gpus.n == 0) {
        hl_buf_printf(out, "  none: %s\n\n",
                      f->gpus.driver ? "the driver sees no GPU" : f->gpus.why_not);
        return;
    }
    for (uint32_t i = 0; i < f->gpus.n; i++) {
        hl_buf_printf(out, "  %-14u %s, ", i, f->gpus.gpus[i].name);
        append_size(out, f->gpus.gpus[i].memory_bytes);
        hl_buf_append_cstr(out, ", ");
        append_size(out, f->gpus.gpus[i].memory_free_bytes);
        hl_buf_append_cstr(out, " free\n");
    }
    label(out, "driver");
    hl_buf_printf(out, "%s\n\n", f->gpus.driver_version);
}

static void engines_text(const facts *f, hl_buf *out) {
    hl_buf_append_cstr(out, "Engines\n");
    for (size_t i = 0; i < HL_ENGINES_N; i++) {
        label(out, f->engines[i].name);
        hl_buf_printf(out, "%s: %s\n", f->engines[i].usable ? "usable" : "not usable",
                      f->engines[i].text);
    }
}

/* -- JSON -------------------------------------------------------------------------------------- */

static void json_text(hl_buf *out, const char *name, const char *value) {
    hl_buf_printf(out, "\"%s\":", name);
    hl_json_append_string(out, hl_str_from(value));
}

static void json_number(hl_buf *out, const char *name, uint64_t value) {
    hl_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void cpu_json(const facts *f, hl_buf *out) {
    const hl_machine *m = &f->machine;
    hl_buf_append_cstr(out, "\"cpu\":{");
    json_text(out, "model", m->cpu_name);
    json_number(out, "cores", m->cores);
    json_number(out, "cores_total", m->cores_total);
    json_number(out, "threads", m->threads);
    json_number(out, "numa_nodes", m->numa_nodes);
    json_number(out, "l1d_bytes", m->l1d_bytes);
    json_number(out, "l2_bytes", m->l2_bytes);
    json_number(out, "l3_bytes", m->l3_bytes);
    json_number(out, "l3_count", m->l3_count);
    hl_buf_append_cstr(out, ",\"features\":[");
    append_features(out, m->cpu_features, "", ",", "\"");
    hl_buf_append_cstr(out, "],");
    json_text(out, "level", f->level);
    hl_buf_append_cstr(out, "}");
}

static void memory_json(const facts *f, hl_buf *out) {
    const hl_machine *m = &f->machine;
    hl_buf_printf(out, ",\"memory\":{\"total_bytes\":%llu", (unsigned long long)m->memory_bytes);
    json_number(out, "available_bytes", m->memory_available_bytes);
    hl_buf_printf(out, "},\"cgroup\":{\"version\":%d,\"cpus\":%g", m->cgroup.version,
                  m->cgroup.cpus);
    json_number(out, "memory_max_bytes", m->cgroup.memory_max_bytes);
    json_number(out, "memory_used_bytes", m->cgroup.memory_used_bytes);
    hl_buf_append_cstr(out, "}");
}

static void gpu_json(const facts *f, hl_buf *out) {
    hl_buf_append_cstr(out, ",\"gpus\":[");
    for (uint32_t i = 0; i < f->gpus.n; i++) {
        hl_buf_append_cstr(out, i > 0 ? ",{" : "{");
        json_text(out, "name", f->gpus.gpus[i].name);
        json_number(out, "memory_bytes", f->gpus.gpus[i].memory_bytes);
        json_number(out, "memory_free_bytes", f->gpus.gpus[i].memory_free_bytes);
        hl_buf_append_char(out, '}');
    }
    hl_buf_append_cstr(out, "],");
    json_text(out, "gpu_driver", f->gpus.driver ? f->gpus.driver_version : "");
}

static void engines_json(const facts *f, hl_buf *out) {
    hl_buf_append_cstr(out, ",\"engines\":[");
    for (size_t i = 0; i < HL_ENGINES_N; i++) {
        hl_buf_append_cstr(out, i > 0 ? ",{" : "{");
        json_text(out, "name", f->engines[i].name);
        hl_buf_printf(out, ",\"usable\":%s,", f->engines[i].usable ? "true" : "false");
        json_text(out, "why", f->engines[i].text);
        hl_buf_append_char(out, '}');
    }
    hl_buf_append_cstr(out, "]");
}

static void write_json(const facts *f, hl_buf *out) {
    hl_buf_append_char(out, '{');
    json_text(out, "version", HL_VERSION);
    hl_buf_append_char(out, ',');
    cpu_json(f, out);
    memory_json(f, out);
    gpu_json(f, out);
    engines_json(f, out);
    hl_buf_append_cstr(out, "}\n");
}

static void write_text(const facts *f, hl_buf *out) {
    hl_buf_append_cstr(out, "HyperLlama " HL_VERSION "\n\n");
    cpu_text(f, out);
    memory_text(f, out);
    gpu_text(f, out);
    engines_text(f, out);
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    facts f;
    hl_buf out;
    hl_buf_init(&out, 0);
    read_facts(&f);
    if (a->json)
        write_json(&f, &out);
    else
        write_text(&f, &out);
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

const hl__command hl__command_info = {
    .name = "info",
    .usage = "info [flags]",
    .summary = "Show this machine and the engines that can be used on it",
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
