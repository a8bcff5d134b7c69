/* POST /api/generate */
#include "api/ollama/voice.h"

static hl_status read_context(hl__call *c, hl_error *err) {
    struct json_object *array;
    HL_TRY(hl__field_array(&c->body, "context", &array, err));
    if (!array) return HL_OK;
    return hl__read_tokens(array, "context", c->arena, &c->context, &c->n_context, err);
}

/* Pictures go with the one message that a prompt is; a prompt alone has no place for them. */
static hl_status read_images(hl__call *c, hl_error *err) {
    size_t n;
    HL_TRY(hl__read_images(&c->body, &n, err));
    c->has_media = n > 0;
    return HL_OK;
}

static hl_status read(hl__call *c, hl_error *err) {
    hl_request *req = &c->req;
    HL_TRY(hl__call_read_common(c, err));
    HL_TRY(hl__field_str(&c->body, "prompt", &req->prompt, err));
    HL_TRY(hl__field_str(&c->body, "suffix", &req->suffix, err));
    HL_TRY(hl__field_str(&c->body, "system", &req->system, err));
    HL_TRY(hl__field_str(&c->body, "template", &req->template_override, err));
    HL_TRY(hl__field_bool(&c->body, "raw", &req->raw, err));
    HL_TRY(read_images(c, err));
    HL_TRY(read_context(c, err));
    c->keep_tokens = !req->raw;
    return HL_OK;
}

const hl__voice hl__voice_generate = {.type = "GenerateRequest", .read = read, HL__OLLAMA_VOICE};

static hl_status check(const hl__call *c, const hl_model_info *info, hl_error *err) {
    const hl_request *req = &c->req;
    if (req->raw && (req->template_override.len > 0 || req->system.len > 0 || c->n_context > 0))
        return hl_fail(err, HL_EINVAL, "api",
                       "raw mode does not support template, system, or context");
    return hl__call_check_model(c, info, "generate", err);
}

void hl__handle_generate(hl__visit *v) {
    hl_error err;
    hl__call *c = hl__call_make(v, &hl__voice_generate);
    if (!c) return;
    if (c->model.len == 0) {
        hl__call_refuse(c, 404, "model '' not found");
        return;
    }
    const hl_catalog_entry *e = hl__call_find_model(c);
    if (!e) return;
    bool empty = c->req.prompt.len == 0;
    if (empty && c->set_keep && c->keep_ns == 0)
        hl__call_unload(c);
    else if (check(c, &e->info, &err) < 0)
        hl__call_fail(c, &err);
    else
        hl__call_start(c, empty);
}
