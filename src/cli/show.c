/* What a model is. */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/member.h"
#include "cli/show_text.h"
#include "serve/resolve.h"

typedef struct args {
    bool license, modelfile, parameters, template_text, system, verbose, json;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print one JSON object"},
    {"license", 0, HL_FLAG_SWITCH, offsetof(args, license), NULL, NULL, "Show license of a model"},
    {"modelfile", 0, HL_FLAG_SWITCH, offsetof(args, modelfile), NULL, NULL,
     "Show Modelfile of a model"},
    {"parameters", 0, HL_FLAG_SWITCH, offsetof(args, parameters), NULL, NULL,
     "Show parameters of a model"},
    {"system", 0, HL_FLAG_SWITCH, offsetof(args, system), NULL, NULL,
     "Show system message of a model"},
    {"template", 0, HL_FLAG_SWITCH, offsetof(args, template_text), NULL, NULL,
     "Show template of a model"},
    {"verbose", 'v', HL_FLAG_SWITCH, offsetof(args, verbose), NULL, NULL,
     "Show detailed model information"},
};

/* Ends with a newline, also a text that ends in one or is empty. */
static void line(hl_buf *out, hl_str text) {
    hl_buf_append_str(out, text);
    hl_buf_append_char(out, '\n');
}

/* What the part is in the server's answer; NULL: no single part is asked for. */
static const char *part_of(const args *a) {
    if (a->license) return "license";
    if (a->modelfile) return "modelfile";
    if (a->parameters) return "parameters";
    if (a->template_text) return "template";
    return a->system ? "system" : NULL;
}

static void write_part(const hl__call *call, struct json_object *shown, hl_buf *out) {
    const args *a = call->args;
    char name[HL_MODEL_NAME_MAX];
    const char *part = part_of(a);
    hl_model_display(hl_str_from(call->words[0]), name, sizeof name);
    if (part)
        line(out, hl__member_text(shown, part));
    else if (a->json)
        hl__show_json(shown, hl_str_from(name), a->verbose, out);
    else
        hl__show_info(shown, a->verbose, out);
}

static hl_status show(const hl__call *call, hl_client *c, hl_error *err) {
    struct json_object *shown;
    hl_buf out;
    const args *a = call->args;
    HL_TRY(hl_client_show(c, hl_str_from(call->words[0]), a->verbose, &shown, err));
    hl_buf_init(&out, 0);
    write_part(call, shown, &out);
    hl_status st = hl__out_strange(&out, err);
    hl_buf_deinit(&out);
    json_object_put(shown);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    hl_client *c;
    if (a->license + a->modelfile + a->parameters + a->template_text + a->system + a->json > 1)
        return hl_fail(err, HL_EINVAL, "show",
                       "only one of --license, --modelfile, --parameters, --system, --template "
                       "and --json can be given");
    HL_TRY(hl_client_open(&c, err));
    hl_status st = show(call, c, err);
    hl_client_close(c);
    return st;
}

const hl__command hl__command_show = {
    .name = "show",
    .usage = "show MODEL [flags]",
    .summary = "Show information for a model",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
