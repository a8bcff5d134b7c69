#include "serve/inspect.h"

#include "serve/prepare.h"

hl_status hl_inspect_open(hl_str model, hl_inspect *ret, hl_error *err) {
    char path[HL_MODEL_PATH_MAX], name[HL_MODEL_NAME_MAX];
    *ret = (hl_inspect){0};
    HL_TRY(hl_model_resolve(model, path, err));
    hl_model_display(model, name, sizeof name);
    hl_status st = hl__loaded_open(path, name, &ret->loaded, err);
    if (st >= 0) st = hl_package_open(path, name, &ret->package, err);
    if (st < 0) hl_inspect_close(ret);
    return st;
}

void hl_inspect_close(hl_inspect *m) {
    hl__loaded_close(m->loaded);
    hl_package_drop(m->package);
    *m = (hl_inspect){0};
}

hl_status hl_inspect_tokenize(hl_inspect *m, hl_str text, bool parse_special, hl_tokens *ret,
                              hl_error *err) {
    HL_TRY(hl__loaded_need_tokenizer(m->loaded, err));
    return hl_tokenizer_encode(m->loaded->tokenizer, text,
                               parse_special ? HL_ENCODE_PARSE_SPECIAL : 0, ret, err);
}

static hl_status add_documents(struct json_object *variables, hl_error *err) {
    HL_ASSERT(json_object_is_type(variables, json_type_object));
    if (json_object_object_get_ex(variables, "documents", NULL) ||
        json_object_object_add(variables, "documents", NULL) == 0)
        return HL_OK;
    return hl_fail(err, HL_ENOMEM, "inspect", "no memory for the variables");
}

hl_status hl_inspect_render(hl_inspect *m, struct json_object *variables, int64_t now_s,
                            hl_buf *ret, hl_error *err) {
    HL_TRY(hl_package_check_template(m->package, err));
    if (!m->package->chat)
        return hl_fail(err, HL_EUNSUPPORTED, "inspect", "%s has no chat template",
                       m->package->path);
    HL_TRY(add_documents(variables, err));
    HL_TRY(hl__loaded_need_tokenizer(m->loaded, err));
    HL_TRY(hl_prepare_defaults(m->loaded->tokenizer, variables, err));
    hl_status st = hl_template_render(m->package->chat, variables, now_s, ret, err);
    if (st == HL_EINVAL) hl_error_prefix(err, "the chat template of %s", m->package->name);
    return st;
}

hl_status hl_render_text(const char *name, hl_str template_text, struct json_object *variables,
                         int64_t now_s, hl_buf *ret, hl_error *err) {
    hl_template *t;
    HL_TRY(add_documents(variables, err));
    HL_TRY(hl_template_parse(name, template_text, &t, err));
    hl_status st = hl_template_render(t, variables, now_s, ret, err);
    hl_template_destroy(t);
    return st;
}
