/* Takes models away. */
#include "cli/client.h"
#include "cli/command.h"

typedef struct args {
    bool json;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print one JSON object a model"},
};

/* A model that is loaded goes first; that it cannot is worth a word, but does not stop us. */
static void unload(hl_client *c, const char *model) {
    struct json_object *answer = NULL;
    hl_error own;
    hl_buf line;
    hl_status st = hl_client_unload(c, hl_str_from(model), &answer, &own);
    json_object_put(answer);
    if (st >= 0 || st == HL_ENOTFOUND) return;
    hl_buf_init(&line, 0);
    hl_buf_printf(&line, "Warning: unable to stop model '%s'\n", model);
    hl__complain(hl_buf_str(&line));
    hl_buf_deinit(&line);
}

static hl_status remove_one(hl_client *c, const char *model, bool json, hl_error *err) {
    hl_buf out;
    unload(c, model);
    HL_TRY(hl_client_delete(c, hl_str_from(model), err));
    hl_buf_init(&out, 0);
    if (json) {
        hl_buf_append_cstr(&out, "{\"deleted\":");
        hl_json_append_string(&out, hl_str_from(model));
        hl_buf_append_cstr(&out, "}\n");
    } else {
        hl_buf_printf(&out, "deleted '%s'\n", model);
    }
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    hl_client *c;
    HL_TRY(hl_client_open(&c, err));
    hl_status st = HL_OK;
    for (size_t i = 0; i < call->n_words && st >= 0; i++)
        st = remove_one(c, call->words[i], a->json, err);
    hl_client_close(c);
    return st;
}

const hl__command hl__command_rm = {
    .name = "rm",
    .usage = "rm MODEL [MODEL...] [flags]",
    .summary = "Remove a model",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run,
};
