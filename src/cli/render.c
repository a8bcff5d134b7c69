/* What a chat template makes of a conversation. */
#include "base/clock.h"
#include "base/fs.h"
#include "cli/command.h"
#include "cli/human.h"
#include "serve/inspect.h"

enum { TEMPLATE_BYTES_MAX = 16 << 20 };

typedef struct args {
    hl_str template_path;
} args;

static const hl_flag FLAGS[] = {
    {"template", 0, HL_FLAG_TEXT, offsetof(args, template_path), "FILE", NULL,
     "a file with a Jinja template, instead of a model's own"},
};

/* `now` is for strftime_now, no variable of the template. */
static hl_status take_now(struct json_object *variables, int64_t *ret_s, hl_error *err) {
    struct json_object *now;
    *ret_s = hl_clock_local_s();
    if (!json_object_object_get_ex(variables, "now", &now)) return HL_OK;
    hl_str text = hl_str_from(json_object_get_string(now));
    if (!json_object_is_type(now, json_type_string) || !hl__date_parse(text, ret_s))
        return hl_fail(err, HL_EFORMAT, "render",
                       "standard input: \"now\" is to look like \"2026-03-09T14:05:06\"");
    json_object_object_del(variables, "now");
    return HL_OK;
}

static hl_status render_model(const char *model, struct json_object *variables, int64_t now_s,
                              hl_buf *out, hl_error *err) {
    hl_inspect m;
    HL_TRY(hl_inspect_open(hl_str_from(model), &m, err));
    hl_status st = hl_inspect_render(&m, variables, now_s, out, err);
    hl_inspect_close(&m);
    return st;
}

static hl_status render(const hl__call *call, hl_str template_text, struct json_object *variables,
                        hl_buf *out, hl_error *err) {
    const args *a = call->args;
    int64_t now_s;
    if (!json_object_is_type(variables, json_type_object))
        return hl_fail(err, HL_EFORMAT, "render",
                       "standard input: wanted an object, as in {\"messages\": […]}");
    HL_TRY(take_now(variables, &now_s, err));
    if (template_text.len == 0) return render_model(call->words[0], variables, now_s, out, err);
    return hl_render_text(a->template_path.ptr, template_text, variables, now_s, out, err);
}

static hl_status read_template(const hl__call *call, hl_buf *ret, hl_error *err) {
    const args *a = call->args;
    char path[4096];
    if (a->template_path.len == 0) {
        if (call->n_words == 1) return HL_OK;
        return hl_fail(err, HL_EINVAL, "render", "name a model or a --template");
    }
    if (call->n_words > 0)
        return hl_fail(err, HL_EINVAL, "render", "a model or a --template, not both");
    if (a->template_path.len >= sizeof path)
        return hl_fail(err, HL_EINVAL, "render", "the template's path is too long");
    memcpy(path, a->template_path.ptr, a->template_path.len);
    path[a->template_path.len] = '\0';
    HL_TRY(hl_file_read(path, TEMPLATE_BYTES_MAX, ret, err));
    if (ret->len == 0) return hl_fail(err, HL_EFORMAT, "render", "%s is empty", path);
    return HL_OK;
}

static hl_status run_with(const hl__call *call, hl_buf *template_text, hl_buf *input, hl_buf *out,
                          hl_error *err) {
    struct json_object *variables = NULL;
    HL_TRY(read_template(call, template_text, err));
    HL_TRY(hl__read_stdin(input, err));
    hl_status st = hl_json_parse(hl_buf_str(input), &variables, err);
    if (st < 0) {
        hl_error_prefix(err, "standard input");
        return st;
    }
    st = render(call, hl_buf_str(template_text), variables, out, err);
    json_object_put(variables);
    return st < 0 ? st : hl__out_strange(out, err);
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_buf template_text, input, out;
    hl_buf_init(&template_text, 0);
    hl_buf_init(&input, 0);
    hl_buf_init(&out, 0);
    hl_status st = run_with(call, &template_text, &input, &out, err);
    hl_buf_deinit(&template_text);
    hl_buf_deinit(&input);
    hl_buf_deinit(&out);
    return st;
}

const hl__command hl__command_render = {
    .name = "render",
    .usage = "render MODEL | render --template FILE",
    .summary = "Show the prompt that a chat template makes",
    .about = "Reads one JSON object from standard input and prints exactly the text that a model's "
             "chat\n"
             "template makes of it.  Members: messages, tools, now (\"2026-03-09T14:05:06\", what\n"
             "strftime_now sees) and any further variables.  A model's own template also gets\n"
             "bos_token, eos_token and add_generation_prompt (true) where they are not given.",
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 1,
    .run = run,
};
