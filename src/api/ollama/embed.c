/* POST /api/embed, and its older form POST /api/embeddings */
#include "api/embed.h"
#include "api/floats.h"

/* -- /api/embed -------------------------------------------------------------------------------- */

static hl_status read(hl__embed *e, hl_error *err) {
    bool truncate = true;
    HL_TRY(hl__embed_read_common(e, err));
    HL_TRY(hl__embed_read_dimensions(e, err));
    HL_TRY(hl__field_bool(&e->body, "truncate", &truncate, err));
    e->req.no_truncate = !truncate;
    return hl__embed_read_texts(e, hl__field(&e->body, "input"), false, err);
}

static void append_usage(const hl__embed *e, hl_buf *out) {
    hl_usage u = hl__embed_usage(e);
    hl__json_uint(out, "total_duration", u.total_ns);
    if (u.load_ns > 0) hl__json_uint(out, "load_duration", u.load_ns);
    if (u.prompt_tokens > 0) hl__json_uint(out, "prompt_eval_count", u.prompt_tokens);
}

static void answer(const hl__embed *e, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "model", e->model);
    hl__json_key(out, "embeddings");
    hl_buf_append_char(out, '[');
    for (size_t i = 0; i < e->n_inputs; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        hl__embed_append_vector(&e->inputs[i], out);
    }
    hl_buf_append_char(out, ']');
    if (e->n_inputs > 0) append_usage(e, out);
    hl_buf_append_char(out, '}');
}

const hl__embed_route hl__embed_ollama = {.type = "EmbedRequest", .read = read, .answer = answer};

void hl__handle_embed(hl__visit *v) {
    hl__embed *e = hl__embed_make(v, &hl__embed_ollama);
    if (e) hl__embed_start(e);
}

/* -- /api/embeddings --------------------------------------------------------------------------- */

/* Never cuts. */
static hl_status read_one(hl__embed *e, hl_error *err) {
    hl_str prompt = {"", 0};
    HL_TRY(hl__embed_read_common(e, err));
    if (e->model.len == 0) return hl_fail(err, HL_EINVAL, "api", "model is required");
    HL_TRY(hl__field_str(&e->body, "prompt", &prompt, err));
    HL_TRY(hl__embed_set_inputs(e, prompt.len > 0, err));
    e->inputs[0].text = prompt;
    e->req.no_truncate = true;
    return HL_OK;
}

static void answer_one(const hl__embed *e, hl_buf *out) {
    hl_buf_append_cstr(out, "{\"embedding\":[");
    for (uint32_t i = 0; e->n_inputs > 0 && i < e->inputs[0].n_vector; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        hl__json_f64(out, (double)e->inputs[0].vector[i]);
    }
    hl_buf_append_cstr(out, "]}");
}

const hl__embed_route hl__embed_ollama_one = {
    .type = "EmbeddingRequest", .read = read_one, .answer = answer_one};

void hl__handle_embed_one(hl__visit *v) {
    hl__embed *e = hl__embed_make(v, &hl__embed_ollama_one);
    if (e) hl__embed_start(e);
}
