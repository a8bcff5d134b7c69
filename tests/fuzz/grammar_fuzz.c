/* A schema or GBNF (by the first byte), a NUL byte, and a text.  Whatever they are, compiling ends
 * with a grammar or a status, and the text is taken byte by byte as it is taken at once. */
#include "text/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static hl_grammar *compile(hl_str source) {
    hl_grammar *g = NULL;
    hl_error err;
    struct json_object *schema = NULL;
    hl_status st = HL_EINVAL;
    if (source.len > 0 && source.ptr[0] == 'g') {
        st = hl_grammar_gbnf(hl_str_slice(source, 1, SIZE_MAX), NULL, &g, &err);
    } else if (hl_json_parse(source, &schema, NULL) == HL_OK) {
        st = hl_grammar_schema(schema, NULL, &g, &err);
        json_object_put(schema);
    } else {
        return NULL;
    }
    HL_ASSERT((st == HL_OK) == (g != NULL));
    HL_ASSERT(st == HL_OK || (err.status == st && err.text[0]));
    return g;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_str all = {(const char *)data, size};
    size_t nul = hl_str_find(all, (hl_str){"", 1}, 0);
    hl_str source = hl_str_slice(all, 0, nul), text = hl_str_slice(all, source.len + 1, size);
    if (source.len > 4096) return 0;
    hl_grammar *g = compile(source);
    hl_grammar_state *s = NULL;
    if (!g) return 0;
    HL_ASSERT(hl_grammar_state_create(&s, NULL) == HL_OK);
    hl_grammar_begin(s, g);
    text = hl_str_slice(text, 0, HL_GRAMMAR_TOKEN_MAX);
    bool at_once = text.len > 0 && hl_grammar_accepts(s, text);
    size_t n = 0;
    while (n < text.len && hl_grammar_advance(s, hl_str_slice(text, n, n + 1))) n++;
    HL_ASSERT(text.len == 0 || at_once == (n == text.len));
    hl_grammar_state_destroy(s);
    hl_grammar_destroy(g);
    return 0;
}
