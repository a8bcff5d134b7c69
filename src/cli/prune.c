/* Removes files that no model needs. */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/local.h"

typedef struct args {
    bool dry_run, json;
} args;

static const hl_flag FLAGS[] = {
    {"dry-run", 'n', HL_FLAG_SWITCH, offsetof(args, dry_run), NULL, NULL,
     "Only say what would be removed"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print one JSON object"},
};

typedef struct report {
    bool json;
    hl_buf out;
    size_t n;
    uint64_t bytes;
} report;

static void take(void *arg, const char *name, uint64_t bytes) {
    report *r = arg;
    char size[HL__HUMAN_MAX];
    r->n++;
    r->bytes += bytes;
    if (r->json) {
        hl_buf_append_cstr(&r->out, r->n > 1 ? ",{\"file\":" : "{\"file\":");
        hl_json_append_string(&r->out, hl_str_from(name));
        hl_buf_printf(&r->out, ",\"size\":%llu}", (unsigned long long)bytes);
        return;
    }
    hl__size_text(bytes, size);
    hl_buf_printf(&r->out, "%s    %s\n", name, size);
}

static void end(report *r, const args *a) {
    char size[HL__HUMAN_MAX];
    hl__size_text(r->bytes, size);
    if (r->json)
        hl_buf_printf(&r->out, "],\"size\":%llu,\"dry_run\":%s}\n", (unsigned long long)r->bytes,
                      a->dry_run ? "true" : "false");
    else
        hl_buf_printf(&r->out, "%s%zu files, %s\n", a->dry_run ? "would remove " : "removed ", r->n,
                      size);
}

static hl_status prune(const hl_store *s, const args *a, report *r, hl_error *err) {
    hl_prune how = {.now_ns = hl_clock_wall_ns(), .dry_run = a->dry_run, .each = take, .arg = r};
    if (r->json) hl_buf_append_cstr(&r->out, "{\"removed\":[");
    hl_status st = hl_store_prune_by(s, &how, err);
    if (st < 0) return st;
    if (st == HL_DONE)
        return hl_fail(err, HL_EINVAL, "prune", "OLLAMA_NOPRUNE is set: nothing is removed");
    end(r, a);
    return hl__out_strange(&r->out, err);
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    hl_store *s;
    report r = {.json = a->json};
    HL_TRY(hl__local_store(&s, err));
    hl_buf_init(&r.out, 0);
    hl_status st = prune(s, a, &r, err);
    hl_buf_deinit(&r.out);
    hl_store_close(s);
    return st;
}

const hl__command hl__command_prune = {
    .name = "prune",
    .usage = "prune [flags]",
    .summary = "Remove files that no model needs",
    .about = "Removes the files in the store that no model names and that are older than an hour.",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
