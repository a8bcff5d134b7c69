/* Takes a model out of a running server's memory. */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/member.h"

typedef struct args {
    bool json;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print the server's JSON"},
};

static hl_status stop(const hl__call *call, hl_client *c, hl_error *err) {
    const args *a = call->args;
    struct json_object *answer;
    hl_str model = hl_str_from(call->words[0]);
    HL_TRY(hl_client_need_running(c, err));
    hl_status st = hl_client_unload(c, model, &answer, err);
    if (st == HL_ENOTFOUND)
        return hl_fail(err, st, "stop", "couldn't find model \"%.200s\" to stop", model.ptr);
    if (st < 0) return st;
    hl_buf out;
    hl_buf_init(&out, 0);
    if (a->json) hl_buf_printf(&out, "%s\n", hl__value_json(answer).ptr);
    st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    json_object_put(answer);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_client *c;
    HL_TRY(hl_client_open(&c, err));
    hl_status st = stop(call, c, err);
    hl_client_close(c);
    return st;
}

const hl__command hl__command_stop = {
    .name = "stop",
    .usage = "stop MODEL [flags]",
    .summary = "Stop a running model",
    .about = "Takes a model out of a running server's memory, once its answers are complete",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
