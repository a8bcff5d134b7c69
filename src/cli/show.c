/* What a model is. */
#include "cli/command.h"
#include "cli/show_text.h"

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

static void line(hl_buf *out, hl_str text) {
    hl_buf_append_str(out, text);
    hl_buf_append_char(out, '\n');
}

/* As Ollama's, which ends each part with a newline, also one that ends in one or is empty. */
static void show_modelfile(const hl_model_info *info, hl_buf *out) {
    hl__show_modelfile(info, out);
    hl_buf_append_char(out, '\n');
}

static void show_parameters(const hl_model_info *info, hl_buf *out) {
    hl__show_parameters(&info->options, "", out);
    if (out->len == 0) hl_buf_append_char(out, '\n');
}

static void write_part(const args *a, const hl_model_info *info, hl_buf *out) {
    if (a->license)
        line(out, info->license);
    else if (a->modelfile)
        show_modelfile(info, out);
    else if (a->parameters)
        show_parameters(info, out);
    else if (a->template_text)
        line(out, info->template_text);
    else if (a->system)
        line(out, info->system);
    else if (a->json)
        hl__show_json(info, a->verbose, out);
    else
        hl__show_info(info, a->verbose, out);
}

static hl_status show(const hl__call *call, hl_client *c, hl_error *err) {
    hl_model_info info;
    hl_buf out;
    const args *a = call->args;
    HL_TRY(hl_client_show(c, hl_str_from(call->words[0]), a->verbose, &info, err));
    hl_buf_init(&out, 0);
    write_part(a, &info, &out);
    hl_status st = hl__out_strange(&out, err);
    hl_buf_deinit(&out);
    hl_model_info_deinit(&info);
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
