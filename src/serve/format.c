#include "serve/format.h"

#include "serve/tools_grammar.h"

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

/* Compiling counts references of the schema's parts, and answers that share one may be prepared on
 * several threads. */
static hl_status compile_schema(struct json_object *schema, const hl_grammar_thinking *thinking,
                                hl_grammar **ret, hl_error *err) {
    struct json_object *copy = NULL;
    if (schema && json_object_deep_copy(schema, &copy, NULL) != 0)
        return hl_fail(err, HL_ENOMEM, "format", "no memory for the schema");
    hl_status st = hl_grammar_schema(copy, thinking, ret, err);
    json_object_put(copy);
    return st;
}

static bool must_call(const hl_request *req, const hl_prepared *p) {
    bool forced = req->tool_choice == HL_TOOLS_REQUIRED || req->tool_choice == HL_TOOLS_NAMED;
    return forced && p->tools;
}

hl_status hl_format_grammar(const hl_tokenizer *t, const hl_request *req,
                            const hl_prepared *prepared, hl_grammar **ret, hl_error *err) {
    hl_grammar_thinking thinking = {.inside = prepared->thinking_open};
    *ret = NULL;
    if (may_think(req, prepared)) {
        thinking.open = prepared->tags->open;
        thinking.close = prepared->tags->close;
        thinking.open_control = is_control(t, thinking.open);
        thinking.close_control = is_control(t, thinking.close);
    }
    if (must_call(req, prepared)) return hl__tools_grammar(t, req, prepared, &thinking, ret, err);
    if (req->grammar_text.len > 0) return hl_grammar_gbnf(req->grammar_text, &thinking, ret, err);
    if (req->format == HL_FORMAT_JSON) return hl_grammar_json(&thinking, ret, err);
    if (req->format == HL_FORMAT_SCHEMA) return compile_schema(req->schema, &thinking, ret, err);
    return HL_OK;
}

hl_status hl__format_compile(hl__loaded *l, const hl_request *req, const hl_prepared *prepared,
                             hl_grammar **ret, hl_error *err) {
    hl_grammar *g;
    HL_ASSERT(l->tokenizer);
    HL_TRY(hl_format_grammar(l->tokenizer, req, prepared, &g, err));
    hl_status st = g ? hl__loaded_need_vocab(l, err) : HL_OK;
    if (st < 0)
        hl_grammar_destroy(g);
    else
        *ret = g;
    return st;
}
