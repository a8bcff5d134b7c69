/* POST /v1/embeddings */
#include "api/embed.h"

/* -- the request ------------------------------------------------------------------------------- */

static bool equals_folded(hl_str s, const char *lower) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (lower[i] == '\0' || (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != lower[i])
            return false;
    }
    return lower[s.len] == '\0';
}

static hl_status read_encoding(hl__embed *e, hl_error *err) {
    hl_str format = {"", 0};
    HL_TRY(hl__field_str(&e->body, "encoding_format", &format, err));
    e->base64 = equals_folded(format, "base64");
    if (e->base64 || format.len == 0 || equals_folded(format, "float")) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api",
                   "Invalid value for 'encoding_format' = %.*s. Supported values: ['float', "
                   "'base64'].",
                   HL_STR_ARG(hl_str_slice(format, 0, 100)));
}

static hl_status read_tokens(hl__embed *e, struct json_object *array, hl__embed_input *ret,
                             hl_error *err) {
    if (json_object_array_length(array) == 0)
        return hl_fail(err, HL_EINVAL, "api", "invalid input: an empty list of tokens");
    return hl__read_tokens(array, "input", e->arena, &ret->tokens, &ret->n_tokens, err);
}

/* [[1, 2], [3]] */
static hl_status read_token_arrays(hl__embed *e, struct json_object *array, hl_error *err) {
    size_t n = json_object_array_length(array);
    HL_TRY(hl__embed_set_inputs(e, n, err));
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(array, i);
        if (json_object_get_type(v) != json_type_array)
            return hl_fail(err, HL_EINVAL, "api", "invalid input type");
        HL_TRY(read_tokens(e, v, &e->inputs[i], err));
    }
    return HL_OK;
}

/* A text, texts, tokens, or lists of tokens. */
static hl_status read_input(hl__embed *e, hl_error *err) {
    struct json_object *input = hl__field(&e->body, "input"), *first = NULL;
    bool is_array = json_object_get_type(input) == json_type_array;
    if (!input || (is_array && json_object_array_length(input) == 0))
        return hl_fail(err, HL_EINVAL, "api", "invalid input");
    if (is_array) first = json_object_array_get_idx(input, 0);
    if (json_object_get_type(first) == json_type_array) return read_token_arrays(e, input, err);
    if (json_object_get_type(first) != json_type_int)
        return hl__embed_read_texts(e, input, true, err);
    HL_TRY(hl__embed_set_inputs(e, 1, err));
    return read_tokens(e, input, &e->inputs[0], err);
}

static hl_status read(hl__embed *e, hl_error *err) {
    HL_TRY(hl__field_str(&e->body, "model", &e->model, err));
    HL_TRY(hl__embed_read_dimensions(e, err));
    HL_TRY(read_encoding(e, err));
    return read_input(e, err);
}

/* -- the answer -------------------------------------------------------------------------------- */

/* Byte i of the vector as little-endian f32. */
static uint32_t byte_of(const hl__embed_input *in, size_t i) {
    uint32_t word;
    memcpy(&word, &in->vector[i / sizeof word], sizeof word);
    return word >> 8 * (i % sizeof word) & 0xFF;
}

static void append_base64(const hl__embed_input *in, hl_buf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = in->n_vector * sizeof(float);
    hl_buf_append_char(out, '"');
    for (size_t i = 0; i < n; i += 3) {
        size_t n_left = n - i < 3 ? n - i : 3;
        uint32_t bits = byte_of(in, i) << 16;
        if (n_left > 1) bits |= byte_of(in, i + 1) << 8;
        if (n_left > 2) bits |= byte_of(in, i + 2);
        for (size_t k = 0; k < 4; k++)
            hl_buf_append_char(out, k <= n_left ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
    hl_buf_append_char(out, '"');
}

static void append_item(const hl__embed *e, size_t i, hl_buf *out) {
    hl_buf_append_cstr(out, "{\"object\":\"embedding\",\"embedding\":");
    if (e->base64)
        append_base64(&e->inputs[i], out);
    else
        hl__embed_append_vector(&e->inputs[i], out);
    hl__json_uint(out, "index", i);
    hl_buf_append_char(out, '}');
}

static void answer(const hl__embed *e, hl_buf *out) {
    uint32_t n_tokens = hl__embed_usage(e).prompt_tokens;
    hl_buf_append_cstr(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < e->n_inputs; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        append_item(e, i, out);
    }
    hl_buf_append_char(out, ']');
    hl__json_text(out, "model", e->model);
    hl_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%u,\"total_tokens\":%u}}", n_tokens,
                  n_tokens);
}

const hl__embed_route hl__embed_openai = {.type = "EmbedRequest", .read = read, .answer = answer};

void hl__handle_openai_embeddings(hl__visit *v) {
    hl__embed *e = hl__embed_make(v, &hl__embed_openai);
    if (e) hl__embed_start(e);
}
