/* Sends a model to its registry. */
#include "cli/command.h"
#include "cli/transfer.h"

typedef struct args {
    bool insecure, json;
} args;

static const hl_flag FLAGS[] = {
    {"insecure", 0, HL_FLAG_SWITCH, offsetof(args, insecure), NULL, NULL,
     "Use an insecure registry: http, and addresses of private networks"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL,
     "Print the server's progress as lines of JSON"},
};

/* Where a model of Ollama's registry, NAMESPACE/MODEL[:TAG], can be looked at. */
static hl_status print_place(hl_str model, hl_error *err) {
    hl_buf out;
    hl_str place = hl_str_slice(model, 0, hl_str_find(model, HL_STR(":"), 0));
    size_t slash = hl_str_find(place, HL_STR("/"), 0);
    if (slash == SIZE_MAX || hl_str_find(place, HL_STR("/"), slash + 1) != SIZE_MAX) return HL_OK;
    hl_buf_init(&out, 0);
    hl_buf_printf(&out, "\nYou can find your model at:\n\n\thttps://ollama.com/%.*s\n",
                  HL_STR_ARG(place));
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    hl_client *c;
    HL_TRY(hl_client_open(&c, err));
    hl__transfer t = {hl_str_from(call->words[0]), a->insecure, a->json};
    hl_status st = hl__push_model(c, &t, err);
    if (st >= 0 && !a->json) st = print_place(t.model, err);
    hl_client_close(c);
    return st;
}

const hl__command hl__command_push = {
    .name = "push",
    .usage = "push MODEL [flags]",
    .summary = "Push a model to a registry",
    .about = "Sends a model to the registry that its name names (hyperllama cp gives it such a "
             "name).  The registry must\nknow the key ~/.ollama/id_ed25519.pub, or "
             "~/.hyperllama/id_ed25519.pub.",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
