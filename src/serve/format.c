#include "serve/format.h"

static hl_status no_format(hl_str text, hl_error *err) {
    return hl_fail(err, HL_EINVAL, "format",
                   "invalid format: \"%.*s\"; expected \"json\" or a valid JSON Schema object",
                   HL_STR_ARG(hl_str_slice(text, 0, 200)));
}

hl_status hl_format_parse(hl_str text, hl_format *ret, struct json_object **ret_schema,
                          hl_error *err) {
    *ret = HL_FORMAT_TEXT;
    *ret_schema = NULL;
    if (text.len == 0) return HL_OK;
    if (hl_str_is(text, "json") || hl_str_is(text, "\"json\"")) {
        *ret = HL_FORMAT_JSON;
        return HL_OK;
    }
    struct json_object *schema = NULL;
    if (text.ptr[0] != '{') return no_format(text, err);
    hl_status st = hl_json_parse(text, &schema, err);
    if (st < 0) {
        hl_error_prefix(err, "invalid format");
        return st;
    }
    *ret = HL_FORMAT_SCHEMA;
    *ret_schema = schema;
    return HL_OK;
}

static bool is_control(const hl_tokenizer *t, hl_str tag) {
    hl_token id = hl_tokenizer_find(t, tag);
    return id != HL_TOKEN_NONE && hl_tokenizer_kind(t, id) == HL_TOKEN_CONTROL;
}

/* Reasoning may come unless it was switched off. */
static bool may_think(const hl_request *req, const hl_prepared *prepared) {
    return prepared->tags && (prepared->thinking_open || req->think != HL_THINK_OFF);
}

hl_status hl__format_compile(hl__loaded *l, const hl_request *req, const hl_prepared *prepared,
                             hl_grammar **ret, hl_error *err) {
    hl_grammar_thinking thinking = {.inside = prepared->thinking_open};
    *ret = NULL;
    if (req->format == HL_FORMAT_TEXT) return HL_OK;
    HL_ASSERT(l->tokenizer);
    if (!l->vocab) HL_TRY(hl_grammar_vocab_create(l->tokenizer, &l->vocab, err));
    if (may_think(req, prepared)) {
        thinking.open = prepared->tags->open;
        thinking.close = prepared->tags->close;
        thinking.open_control = is_control(l->tokenizer, thinking.open);
        thinking.close_control = is_control(l->tokenizer, thinking.close);
    }
    if (req->format == HL_FORMAT_JSON) return hl_grammar_json(&thinking, ret, err);
    return hl_grammar_schema(req->schema, &thinking, ret, err);
}
