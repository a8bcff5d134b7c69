/* Gives a model another name. */
#include "cli/client.h"
#include "cli/command.h"

typedef struct args {
    bool json;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print one JSON object"},
};

static void print_json(const char *from, const char *to, hl_buf *out) {
    hl_buf_append_cstr(out, "{\"source\":");
    hl_json_append_string(out, hl_str_from(from));
    hl_buf_append_cstr(out, ",\"destination\":");
    hl_json_append_string(out, hl_str_from(to));
    hl_buf_append_cstr(out, "}\n");
}

static hl_status copy(const hl__call *call, hl_client *c, hl_error *err) {
    const char *from = call->words[0], *to = call->words[1];
    const args *a = call->args;
    hl_buf out;
    HL_TRY(hl_client_copy(c, hl_str_from(from), hl_str_from(to), err));
    hl_buf_init(&out, 0);
    if (a->json)
        print_json(from, to, &out);
    else
        hl_buf_printf(&out, "copied '%s' to '%s'\n", from, to);
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_client *c;
    HL_TRY(hl_client_open(&c, err));
    hl_status st = copy(call, c, err);
    hl_client_close(c);
    return st;
}

const hl__command hl__command_cp = {
    .name = "cp",
    .usage = "cp SOURCE DESTINATION [flags]",
    .summary = "Copy a model",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
