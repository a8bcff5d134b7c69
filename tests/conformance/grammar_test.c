/* Masks against trying every token, and random schemas against a validator of our own: whatever a
 * model prefers, what the masks let through satisfies the schema. */
#include "testing.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "text/grammar.h"

#include <stdio.h>

static const char MODEL[] = "models/tiny/tiny-q4_k_m.gguf";

static hl_tokenizer *tokenizer;
static hl_grammar_vocab *vocab;
static hl_grammar_masks *masks;
static hl_grammar_state *walker;
static hl_error error;

static int set_up(void **state) {
    (void)state;
    hl_gguf *g = NULL;
    if (hl_gguf_open(MODEL, &g, &error) < 0) return 0;
    assert_int_equal(hl_tokenizer_create(g, &tokenizer, &error), HL_OK);
    hl_gguf_close(g);
    assert_int_equal(hl_grammar_vocab_create(tokenizer, &vocab, &error), HL_OK);
    assert_int_equal(hl_grammar_masks_create(hl_tokenizer_n_vocab(tokenizer), &masks, &error),
                     HL_OK);
    assert_int_equal(hl_grammar_state_create(&walker, &error), HL_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_grammar_state_destroy(walker);
    hl_grammar_masks_destroy(masks);
    hl_grammar_vocab_destroy(vocab);
    hl_tokenizer_destroy(tokenizer);
    return 0;
}

static void need_model(void) {
    if (tokenizer) return;
    print_message("%s is not there: skipped\n", MODEL);
    skip();
}

/* ---- random schemas ---- */

static void put_schema(hl_buf *b, hl_rng *rng, int depth);

static void put_object(hl_buf *b, hl_rng *rng, int depth) {
    uint64_t n = hl_rng_below(rng, 5), comma = 0;
    hl_buf_append_cstr(b, "{\"type\":\"object\",\"properties\":{");
    for (uint64_t i = 0; i < n; i++) {
        hl_buf_printf(b, "%s\"%c%.*s\":", i ? "," : "", (int)('a' + i), (int)(i % 3), "xy");
        put_schema(b, rng, depth + 1);
    }
    hl_buf_append_cstr(b, "},\"required\":[");
    for (uint64_t i = 0; i < n; i++)
        if (hl_rng_below(rng, 2))
            hl_buf_printf(b, "%s\"%c%.*s\"", comma++ ? "," : "", (int)('a' + i), (int)(i % 3),
                          "xy");
    hl_buf_append_cstr(b, "]");
    if (hl_rng_below(rng, 3) == 0)
        hl_buf_append_cstr(b, ",\"additionalProperties\":{\"type\":\"integer\"}");
    hl_buf_append_cstr(b, "}");
}

static void put_schema(hl_buf *b, hl_rng *rng, int depth) {
    long long lo = (long long)hl_rng_below(rng, 2000) - 1000;
    long long hi = lo + (long long)hl_rng_below(rng, 1500);
    unsigned n = (unsigned)hl_rng_below(rng, 3), more = (unsigned)hl_rng_below(rng, 3);
    switch (hl_rng_below(rng, depth < 3 ? 9 : 6)) {
    case 0:
        hl_buf_printf(b, "{\"type\":\"integer\",\"minimum\":%lld,\"maximum\":%lld}", lo, hi);
        break;
    case 1:
        hl_buf_printf(b, "{\"type\":\"number\",\"minimum\":%lld.%u,\"maximum\":%lld.%u5}", lo, n,
                      hi, lo < 0 && hi == lo ? 0 : n);
        break;
    case 2:
        hl_buf_printf(b, "{\"type\":\"string\",\"minLength\":%u,\"maxLength\":%u}", n, n + more);
        break;
    case 3: hl_buf_append_cstr(b, "{\"enum\":[\"red\",\"green\",7,null,[1]]}"); break;
    case 4: hl_buf_append_cstr(b, "{\"type\":[\"boolean\",\"null\"]}"); break;
    case 5:
        hl_buf_printf(b, "{\"type\":\"number\",\"exclusiveMinimum\":%u.5,\"exclusiveMaximum\":%u}",
                      n, n + 1 + more);
        break;
    case 6: put_object(b, rng, depth); break;
    case 7:
        hl_buf_append_cstr(b, "{\"type\":\"array\",\"items\":");
        put_schema(b, rng, depth + 1);
        hl_buf_printf(b, ",\"minItems\":%u,\"maxItems\":%u}", n, n + more);
        break;
    default:
        hl_buf_append_cstr(b, "{\"anyOf\":[");
        put_schema(b, rng, depth + 1);
        hl_buf_append_cstr(b, ",");
        put_schema(b, rng, depth + 1);
        hl_buf_append_cstr(b, "]}");
        break;
    }
}

/* ---- a validator of what put_schema makes ---- */

static struct json_object *get(struct json_object *o, const char *key) {
    struct json_object *v = NULL;
    (void)json_object_object_get_ex(o, key, &v);
    return v;
}

static bool has_type(struct json_object *v, const char *name) {
    enum json_type t = json_object_get_type(v);
    if (strcmp(name, "number") == 0) return t == json_type_int || t == json_type_double;
    const char *is = t == json_type_null      ? "null"
                     : t == json_type_boolean ? "boolean"
                     : t == json_type_int     ? "integer"
                     : t == json_type_string  ? "string"
                     : t == json_type_array   ? "array"
                     : t == json_type_object  ? "object"
                                              : "";
    return strcmp(name, is) == 0;
}

static bool type_fits(struct json_object *schema, struct json_object *v) {
    struct json_object *type = get(schema, "type");
    if (!type) return true;
    if (json_object_is_type(type, json_type_string))
        return has_type(v, json_object_get_string(type));
    for (size_t i = 0; i < json_object_array_length(type); i++)
        if (has_type(v, json_object_get_string(json_object_array_get_idx(type, i)))) return true;
    return false;
}

static bool number_fits(struct json_object *schema, double v) {
    struct json_object *x;
    if ((x = get(schema, "minimum")) && v < json_object_get_double(x)) return false;
    if ((x = get(schema, "maximum")) && v > json_object_get_double(x)) return false;
    if ((x = get(schema, "exclusiveMinimum")) && v <= json_object_get_double(x)) return false;
    return !(x = get(schema, "exclusiveMaximum")) || v < json_object_get_double(x);
}

static bool count_fits(struct json_object *schema, const char *min, const char *max, size_t n) {
    struct json_object *lo = get(schema, min), *hi = get(schema, max);
    return (!lo || n >= (size_t)json_object_get_int64(lo)) &&
           (!hi || n <= (size_t)json_object_get_int64(hi));
}

static size_t n_chars(struct json_object *v) {
    hl_str s = {json_object_get_string(v), (size_t)json_object_get_string_len(v)};
    size_t n = 0;
    for (size_t at = 0; at < s.len; n++) {
        uint32_t c;
        bool ok;
        at += hl_utf8_decode(s, at, &c, &ok);
    }
    return n;
}

static bool fits(struct json_object *schema, struct json_object *v);

static bool object_fits(struct json_object *schema, struct json_object *v) {
    struct json_object *props = get(schema, "properties"), *required = get(schema, "required");
    struct json_object *extra = get(schema, "additionalProperties");
    for (size_t i = 0; i < json_object_array_length(required); i++)
        if (!json_object_object_get_ex(
                v, json_object_get_string(json_object_array_get_idx(required, i)), NULL))
            return false;
    json_object_object_foreach(v, key, member) {
        struct json_object *known = get(props, key);
        if (known ? !fits(known, member) : extra && !fits(extra, member)) return false;
    }
    return true;
}

static bool fits(struct json_object *schema, struct json_object *v) {
    struct json_object *list;
    if (!type_fits(schema, v)) return false;
    if ((list = get(schema, "enum"))) {
        for (size_t i = 0; i < json_object_array_length(list); i++)
            if (json_object_equal(json_object_array_get_idx(list, i), v)) return true;
        return false;
    }
    if ((list = get(schema, "anyOf"))) {
        for (size_t i = 0; i < json_object_array_length(list); i++)
            if (fits(json_object_array_get_idx(list, i), v)) return true;
        return false;
    }
    switch (json_object_get_type(v)) {
    case json_type_int:
    case json_type_double: return number_fits(schema, json_object_get_double(v));
    case json_type_string: return count_fits(schema, "minLength", "maxLength", n_chars(v));
    case json_type_object: return object_fits(schema, v);
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(v); i++)
            if (!fits(get(schema, "items"), json_object_array_get_idx(v, i))) return false;
        return count_fits(schema, "minItems", "maxItems", json_object_array_length(v));
    default: return true;
    }
}

/* ---- walks ---- */

/* Every token tried by itself. */
static void check_mask(const uint32_t *mask) {
    for (hl_token id = 0; id < hl_tokenizer_n_vocab(tokenizer); id++) {
        bool expected = hl_tokenizer_is_end(tokenizer, id)
                            ? hl_grammar_can_end(walker)
                            : hl_grammar_accepts(walker, hl_grammar_vocab_piece(vocab, id));
        if (expected != hl_grammar_mask_has(mask, id))
            print_error("token %u: mask says %d\n", id, !expected);
        assert_true(expected == hl_grammar_mask_has(mask, id));
    }
}

/* An allowed token: any, or after a while one that brings the end nearer if there is one. */
static hl_token choose(const uint32_t *mask, hl_rng *rng, bool hurry) {
    uint32_t n = hl_tokenizer_n_vocab(tokenizer), from = (uint32_t)hl_rng_below(rng, n);
    hl_token any = HL_TOKEN_NONE;
    for (uint32_t i = 0; i < n; i++) {
        hl_token id = (from + i) % n;
        if (!hl_grammar_mask_has(mask, id)) continue;
        hl_str piece = hl_grammar_vocab_piece(vocab, id);
        any = id;
        if (!hurry || hl_tokenizer_is_end(tokenizer, id) ||
            (piece.len == 1 && strchr("\"}]", piece.ptr[0])))
            return id;
    }
    return any;
}

/* Whether the text came to an end; it is then in out. */
static bool walk(const hl_grammar *g, hl_rng *rng, uint32_t check_each, hl_buf *out) {
    enum { STEPS_MAX = 300, HURRY = 40 };
    hl_grammar_begin(walker, g);
    for (uint32_t i = 0; i < STEPS_MAX; i++) {
        if (hl_grammar_is_complete(walker)) return true;
        const uint32_t *mask = hl_grammar_mask(masks, vocab, walker);
        if (i % check_each == 0) check_mask(mask);
        hl_token id = choose(mask, rng, i > HURRY);
        assert_true(id != HL_TOKEN_NONE); /* never a dead end */
        if (hl_tokenizer_is_end(tokenizer, id)) return true;
        hl_str piece = hl_grammar_vocab_piece(vocab, id);
        assert_true(hl_grammar_advance(walker, piece));
        hl_buf_append_str(out, piece);
    }
    return false;
}

static void walks_satisfy_their_schema(void **state) {
    (void)state;
    need_model();
    enum { SCHEMAS = 100 };
    uint32_t n_ended = 0;
    hl_buf text = {0}, out = {0};
    for (uint64_t seed = 0; seed < SCHEMAS; seed++) {
        hl_rng rng;
        hl_grammar *g;
        struct json_object *schema, *value;
        hl_rng_init(&rng, seed);
        hl_buf_reset(&text);
        hl_buf_reset(&out);
        put_schema(&text, &rng, 0);
        assert_int_equal(hl_json_parse(hl_buf_str(&text), &schema, &error), HL_OK);
        hl_status st = hl_grammar_schema(schema, NULL, &g, &error);
        if (st == HL_EINVAL && strstr(error.text, "no text can satisfy")) {
            json_object_put(schema);
            continue;
        }
        if (st < 0) print_error("%s: %s\n", text.ptr, error.text);
        assert_int_equal(st, HL_OK);
        if (walk(g, &rng, 40, &out)) {
            n_ended++;
            st = hl_json_parse(hl_buf_str(&out), &value, &error);
            bool good = st == HL_OK && fits(schema, value);
            if (!good) print_error("seed %u: %s\n%s\n", (unsigned)seed, text.ptr, out.ptr);
            assert_true(good);
            json_object_put(value);
        }
        hl_grammar_destroy(g);
        json_object_put(schema);
    }
    print_message("%u of %d walks came to an end\n", n_ended, SCHEMAS);
    assert_true(n_ended > SCHEMAS / 2);
    hl_buf_deinit(&text);
    hl_buf_deinit(&out);
}

static void masks_equal_brute_force(void **state) {
    (void)state;
    need_model();
    static const char *const GBNF[] = {
        "root ::= [a-z]+ (\" \" [a-z]+)* \".\"",
        "root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" expr \")\"",
        "root ::= item+\nitem ::= \"a\" root? | [b-z ]",
    };
    hl_buf out = {0};
    for (uint64_t seed = 0; seed < 12; seed++) {
        hl_rng rng;
        hl_grammar *g;
        hl_rng_init(&rng, seed);
        hl_buf_reset(&out);
        size_t i = seed % 4;
        hl_status st = i < 3 ? hl_grammar_gbnf(hl_str_from(GBNF[i]), NULL, &g, &error)
                             : hl_grammar_json(NULL, &g, &error);
        assert_int_equal(st, HL_OK);
        (void)walk(g, &rng, 60, &out);
        hl_grammar_destroy(g);
    }
    hl_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_equal_brute_force),
        cmocka_unit_test(walks_satisfy_their_schema),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
