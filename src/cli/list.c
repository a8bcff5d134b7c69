/* The models that there are, and those that are loaded. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/member.h"
#include "cli/models.h"

typedef struct args {
    bool json, wide;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print the server's JSON"},
    {"wide", 0, HL_FLAG_SWITCH, offsetof(args, wide), NULL, NULL,
     "Also show engine, reason and cache"},
};

typedef hl_status ask_fn(hl_client *c, struct json_object **ret, hl_error *err);
typedef void table_fn(struct json_object *answer, int64_t now_ms, bool wide, hl_buf *out);

static hl_status print(const hl__call *call, struct json_object *answer, table_fn *table,
                       hl_error *err) {
    const args *a = call->args;
    hl_str prefix = call->n_words > 0 ? hl_str_from(call->words[0]) : HL_STR("");
    struct json_object *found = hl__models_filter(answer, prefix);
    hl_buf out;
    if (!found) return hl_fail(err, HL_ENOMEM, "list", "no memory for the models");
    hl_buf_init(&out, 0);
    if (a->json) {
        hl_buf_append_str(&out, hl__value_json(found));
        hl_buf_append_char(&out, '\n');
    } else {
        table(found, hl_clock_wall_ns() / 1000000, a->wide, &out);
    }
    hl_status st = hl__out_strange(&out, err);
    hl_buf_deinit(&out);
    json_object_put(found);
    return st;
}

static hl_status ask_and_print(const hl__call *call, bool running_only, ask_fn *ask,
                               table_fn *table, hl_error *err) {
    hl_client *c;
    struct json_object *answer = NULL;
    HL_TRY(hl_client_open(&c, err));
    hl_status st = running_only ? hl_client_need_running(c, err) : HL_OK;
    if (st >= 0) st = ask(c, &answer, err);
    if (st >= 0) st = print(call, answer, table, err);
    json_object_put(answer);
    hl_client_close(c);
    return st;
}

static hl_status run_list(hl__call *call, hl_error *err) {
    return ask_and_print(call, false, hl_client_list, hl__models_list, err);
}

/* A server of our own would have nothing loaded. */
static hl_status run_ps(hl__call *call, hl_error *err) {
    return ask_and_print(call, true, hl_client_ps, hl__models_ps, err);
}

const hl__command hl__command_list = {
    .name = "list",
    .alias = "ls",
    .usage = "list [PREFIX] [flags]",
    .summary = "List models",
    .about = "List models, newest first; with a PREFIX those whose names begin with it",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 1,
    .run = run_list,
};

const hl__command hl__command_ps = {
    .name = "ps",
    .usage = "ps [PREFIX] [flags]",
    .summary = "List running models",
    .about = "List the models that a running server has loaded; with a PREFIX those whose names "
             "begin with it",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 1,
    .run = run_ps,
};
