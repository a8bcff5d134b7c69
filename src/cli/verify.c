/* Reads every file of every model and says what is wrong. */
#include "store/verify.h"

#include "cli/command.h"
#include "cli/local.h"

typedef struct args {
    bool json;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print one JSON object"},
};

typedef struct report {
    bool json;
    hl_buf out;
    size_t n_files, n_bad;
} report;

static void append_json(report *r, const hl_verified_file *f) {
    hl_buf_append_cstr(&r->out, r->n_bad > 1 ? ",{\"model\":" : "{\"model\":");
    hl_json_append_string(&r->out, hl_str_from(f->model));
    hl_buf_append_cstr(&r->out, ",\"digest\":");
    hl_json_append_string(&r->out, hl_str_from(f->digest));
    hl_buf_append_cstr(&r->out, ",\"path\":");
    hl_json_append_string(&r->out, hl_str_from(f->path));
    hl_buf_append_cstr(&r->out, ",\"problem\":");
    hl_json_append_string(&r->out, hl_str_from(hl_verified_word(f->result)));
    hl_buf_append_char(&r->out, '}');
}

static void take(void *arg, const hl_verified_file *f) {
    report *r = arg;
    r->n_files++;
    if (f->result == HL_VERIFIED_GOOD) return;
    r->n_bad++;
    if (r->json) {
        append_json(r, f);
        return;
    }
    hl_buf_printf(&r->out, "%s: %s %s", f->model, hl_verified_word(f->result), f->path);
    if (f->why[0] && f->result >= HL_VERIFIED_UNREADABLE) hl_buf_printf(&r->out, " (%s)", f->why);
    hl_buf_append_char(&r->out, '\n');
}

static void end(report *r) {
    if (r->json)
        hl_buf_printf(&r->out, "],\"checked\":%zu,\"bad\":%zu}\n", r->n_files, r->n_bad);
    else if (r->n_bad == 0)
        hl_buf_printf(&r->out, "all %zu files are good\n", r->n_files);
}

static hl_status verify(const hl_store *s, report *r, hl_error *err) {
    if (r->json) hl_buf_append_cstr(&r->out, "{\"problems\":[");
    HL_TRY(hl_store_verify(s, take, r, err));
    end(r);
    HL_TRY(hl__out_strange(&r->out, err));
    if (r->n_bad == 0) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "verify", "%zu of %zu files are missing or damaged", r->n_bad,
                   r->n_files);
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    hl_store *s;
    report r = {.json = a->json};
    HL_TRY(hl__local_store(&s, err));
    hl_buf_init(&r.out, 0);
    hl_status st = verify(s, &r, err);
    hl_buf_deinit(&r.out);
    hl_store_close(s);
    return st;
}

const hl__command hl__command_verify = {
    .name = "verify",
    .usage = "verify [flags]",
    .summary = "Check the files of all models",
    .about =
        "Reads every file that a model names and compares it with its hash.  Exits with 1 when "
        "one is missing or damaged;\n`hyperllama pull MODEL` fetches it again once it is "
        "removed.",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
