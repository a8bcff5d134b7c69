/* Takes other programs' models in. */
#include "cli/command.h"
#include "cli/human.h"
#include "cli/local.h"
#include "store/foreign.h"

#include <stdio.h>

typedef struct args {
    bool copy, json;
} args;

static const hl_flag FLAGS[] = {
    {"copy", 0, HL_FLAG_SWITCH, offsetof(args, copy), NULL, NULL,
     "Copy what cannot be linked (it then takes its room twice)"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print one JSON object"},
};

typedef struct report {
    const hl_store *store;
    const args *args;
    hl_buf out;
    size_t n, n_failed;
} report;

static void append_json(report *r, const hl_foreign *f, const char *name, const char *how,
                        uint64_t bytes, const char *why) {
    hl_buf *b = &r->out;
    hl_buf_append_cstr(b, r->n > 1 ? ",{\"name\":" : "{\"name\":");
    hl_json_append_string(b, hl_str_from(name));
    hl_buf_append_cstr(b, ",\"from\":");
    hl_json_append_string(b, hl_str_from(f->path));
    hl_buf_printf(b, ",\"how\":\"%s\"", how);
    if (why)
        hl_buf_append_cstr(b, ",\"error\":");
    else
        hl_buf_printf(b, ",\"size\":%llu", (unsigned long long)bytes);
    if (why) hl_json_append_string(b, hl_str_from(why));
    hl_buf_append_char(b, '}');
}

static void append_line(report *r, const hl_foreign *f, const char *name, const char *how,
                        uint64_t bytes, const char *why) {
    char size[HL__HUMAN_MAX];
    hl__size_text(bytes, size);
    if (why)
        hl_buf_printf(&r->out, "%-8s  %s: %s\n", how, name, why);
    else
        hl_buf_printf(&r->out, "%-8s  %s  %s  %s\n", how, name, size, f->path);
}

/* One model is one line, as soon as it is there. */
static hl_status take(void *arg, const hl_foreign *f, hl_error *err) {
    report *r = arg;
    char name[HL_NAME_TEXT_MAX];
    hl_error own = {0};
    hl_foreign_taken taken;
    hl_status st = hl_foreign_take(r->store, f, r->args->copy, &taken, &own);
    const char *how = st < 0 ? "skipped" : hl_taken_word(taken.how);
    hl_name_text(&f->name, name);
    r->n++;
    r->n_failed += st < 0;
    if (r->args->json) {
        append_json(r, f, name, how, taken.bytes, st < 0 ? own.text : NULL);
        return HL_OK;
    }
    append_line(r, f, name, how, taken.bytes, st < 0 ? own.text : NULL);
    st = hl__out_strange(&r->out, err);
    hl_buf_reset(&r->out);
    return st;
}

/* Not from the store into itself. */
static hl_status take_from(report *r, const char *dir, hl_error *err) {
    char theirs[HL_STORE_PATH_MAX], ours[HL_STORE_PATH_MAX], inner[HL_STORE_PATH_MAX + 8];
    HL_TRY(hl_path_real(dir, theirs, sizeof theirs, err));
    if (hl_path_real(hl_store_root(r->store), ours, sizeof ours, NULL) < 0)
        return hl_foreign_each(theirs, take, r, err);
    snprintf(inner, sizeof inner, "%s/models", theirs);
    if (strcmp(theirs, ours) == 0 || strcmp(inner, ours) == 0) return HL_DONE;
    return hl_foreign_each(theirs, take, r, err);
}

static hl_status take_from_places(report *r, hl_error *err) {
    char places[HL_FOREIGN_PLACES_MAX][HL_STORE_PATH_MAX];
    size_t n = hl_foreign_places(places);
    for (size_t i = 0; i < n; i++) HL_TRY(take_from(r, places[i], err));
    return HL_OK;
}

static hl_status finish(report *r, hl_error *err) {
    if (r->args->json) hl_buf_append_cstr(&r->out, "]}\n");
    HL_TRY(hl__out_strange(&r->out, err));
    if (r->n_failed > 0)
        return hl_fail(err, HL_EUNSUPPORTED, "import", "%zu of %zu models were not taken%s",
                       r->n_failed, r->n,
                       r->args->copy ? "" : "; --copy copies what cannot be linked");
    if (r->n > 0 || r->args->json) return HL_OK;
    return hl__out(HL_STR("no models that could be taken\n"), err);
}

static hl_status import(report *r, const hl__call *call, hl_error *err) {
    if (r->args->json) hl_buf_append_cstr(&r->out, "{\"models\":[");
    hl_status st = call->n_words == 0 ? take_from_places(r, err)
                                      : take_from(r, call->words[0], err);
    if (st < 0) return st;
    if (st == HL_DONE)
        return hl_fail(err, HL_EINVAL, "import", "%.400s is where the models are already",
                       call->words[0]);
    return finish(r, err);
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_store *s;
    HL_TRY(hl__local_store(&s, err));
    report r = {.store = s, .args = call->args};
    hl_buf_init(&r.out, 0);
    hl_status st = import(&r, call, err);
    hl_buf_deinit(&r.out);
    hl_store_close(s);
    return st;
}

const hl__command hl__command_import = {
    .name = "import",
    .usage = "import [DIR] [flags]",
    .summary = "Take the models of other programs",
    .about =
        "Makes the GGUF models in DIR, of Ollama, LM Studio or Hugging Face's cache, models of "
        "the store.  Files are\nlinked, not copied.  Without DIR, the directories that these "
        "programs usually have.",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 1,
    .run = run,
};
