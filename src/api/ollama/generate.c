/* POST /api/generate */
#include "api/ollama/voice.h"

/* -- answers ----------------------------------------------------------------------------------- */

static void append_text(hl_str text, hl_str thinking, hl_buf *out) {
    hl__json_text(out, "response", text);
    if (thinking.len > 0) hl__json_text(out, "thinking", thinking);
}

static void piece(const hl__call *c, hl_channel channel, hl_str text, hl_buf *out) {
    hl_str none = {"", 0};
    bool thinking = channel == HL_CHANNEL_THINKING;
    hl__ollama_begin(c, out);
    append_text(thinking ? none : text, thinking ? text : none, out);
    hl_buf_append_cstr(out, ",\"done\":false");
    hl__ollama_logprobs(c, out);
    hl_buf_append_char(out, '}');
}

static void append_ids(const hl_tokens *t, bool first, hl_buf *out) {
    for (size_t i = 0; i < t->n; i++) {
        if (i > 0 || !first) hl_buf_append_char(out, ',');
        hl_buf_append_uint(out, t->ids[i]);
    }
}

/* All tokens of prompt and answer, for the next request's context. */
static void append_context(const hl__call *c, hl_buf *out) {
    if (c->job.req.raw) return;
    hl__json_key(out, "context");
    hl_buf_append_char(out, '[');
    append_ids(&c->job.prepared.tokens, true, out);
    append_ids(&c->tokens, c->job.prepared.tokens.n == 0, out);
    hl_buf_append_char(out, ']');
}

static void final(const hl__call *c, const hl_event *end, hl_str text, hl_str thinking,
                  hl_buf *out) {
    hl__ollama_begin(c, out);
    append_text(text, thinking, out);
    hl__ollama_done(out, hl__finish_text(end->finish));
    append_context(c, out);
    hl__ollama_usage(&end->usage, out);
    hl__ollama_logprobs(c, out);
    hl_buf_append_char(out, '}');
}

static void whole(const hl__call *c, const hl_event *end, hl_buf *out) {
    final(c, end, hl_buf_str(&c->answer), hl_buf_str(&c->thinking), out);
}

static void last(const hl__call *c, const hl_event *end) {
    hl_str none = {"", 0};
    hl_buf b;
    hl_buf_init(&b, 0);
    final(c, end, none, none, &b);
    hl_http_write_line(c->visit.x, hl_buf_str(&b));
    hl_buf_deinit(&b);
}

static void short_answer(const hl__call *c, const char *reason, hl_buf *out) {
    hl_str none = {"", 0};
    hl__ollama_begin(c, out);
    append_text(none, none, out);
    hl__ollama_done(out, reason);
    hl_buf_append_char(out, '}');
}

static const hl__voice VOICE = {.stream_type = "application/x-ndjson",
                                .piece = piece,
                                .whole = whole,
                                .last = last,
                                .write = hl_http_write_line,
                                .short_answer = short_answer};

/* -- the request ------------------------------------------------------------------------------- */

static hl_status read_context(hl__call *c, hl_error *err) {
    struct json_object *array;
    HL_TRY(hl__field_array(&c->body, "context", &array, err));
    size_t n = array ? json_object_array_length(array) : 0;
    uint32_t *ids = HL_ARENA_ARRAY(c->arena, n + 1, uint32_t);
    if (!ids) return hl_fail(err, HL_ENOMEM, "api", "no memory for the context");
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(array, i);
        int64_t id = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;
        if (id < 0 || id > UINT32_MAX)
            return hl_fail(err, HL_EINVAL, "api", "context: element %zu is no token", i);
        ids[i] = (uint32_t)id;
    }
    c->job.context = ids;
    c->job.n_context = n;
    return HL_OK;
}

static hl_status read(hl__call *c, hl_str *ret_suffix, bool *ret_images, hl_error *err) {
    hl_request *req = &c->job.req;
    struct json_object *images;
    HL_TRY(hl__call_read_common(c, err));
    HL_TRY(hl__field_str(&c->body, "prompt", &req->prompt, err));
    HL_TRY(hl__field_str(&c->body, "suffix", ret_suffix, err));
    HL_TRY(hl__field_str(&c->body, "system", &req->system, err));
    HL_TRY(hl__field_str(&c->body, "template", &req->template_override, err));
    HL_TRY(hl__field_bool(&c->body, "raw", &req->raw, err));
    HL_TRY(hl__field_array(&c->body, "images", &images, err));
    *ret_images = images && json_object_array_length(images) > 0;
    return read_context(c, err);
}

static hl_status check(hl__call *c, const hl_model_info *info, hl_str suffix, bool images,
                       hl_error *err) {
    const hl_request *req = &c->job.req;
    if (req->raw && (req->template_override.len > 0 || req->system.len > 0 || c->job.n_context > 0))
        return hl_fail(err, HL_EINVAL, "api",
                       "raw mode does not support template, system, or context");
    HL_TRY(hl__call_check_model(c, info, "generate", err));
    if (suffix.len > 0)
        return hl_fail(err, HL_EINVAL, "api",
                       "registry.ollama.ai/library/%s does not support insert", c->job.package->name);
    if (images)
        return hl_fail(err, HL_EINVAL, "api", "\"%s\" does not support images", c->job.package->name);
    return HL_OK;
}

void hl__handle_generate(hl__visit *v) {
    hl__call *c;
    hl_error err;
    hl_str suffix = {"", 0};
    bool images = false;
    const hl_catalog_entry *e;
    hl__call_make(v, &VOICE, "GenerateRequest", &c);
    if (!c) return;
    c->stream = true;
    if (read(c, &suffix, &images, &err) < 0) {
        hl__call_fail(c, &err);
        return;
    }
    if (c->model.len == 0) {
        hl__call_refuse(c, 404, "model '' not found");
        return;
    }
    if (!hl__call_find_model(c, &e)) return;
    bool empty = c->job.req.prompt.len == 0;
    if (empty && c->job.set_keep && c->job.keep_ns == 0)
        hl__call_unload(c);
    else if (check(c, &e->info, suffix, images, &err) < 0)
        hl__call_fail(c, &err);
    else
        hl__call_start(c, empty);
}
