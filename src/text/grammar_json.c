/* The parts that JSON is made of, and "json" itself. */
#include "text/grammar_nfa.h"

/* One character of a string.  Escaped surrogates come in pairs only. */
static const char CHAR[] =
    "[^\"\\\\\\x00-\\x1f]|\\\\([\"\\\\/bfnrt]|u([0-9a-cA-Ce-fE-F][0-9a-fA-F]{3}|"
    "[dD][0-7][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}))";

/* Digits are bounded: what is written can be read as int64 and double, and a model that repeats
 * itself comes to an end. */
static const char INTEGER[] = "-?(0|[1-9][0-9]{0,17})";
static const char NUMBER[] = "-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,16})?([eE][+-]?[0-9]{1,2})?";

/* One space, or a line end with indentation. */
static const char SPACE[] = "( |\\n[ \\t]{0,20})?";

static void emit_string(hl__nfa *b, uint32_t from, uint32_t to) {
    uint32_t inside = hl__nfa_state(b);
    hl__nfa_text(b, from, inside, HL_STR("\""));
    hl__regex_emit(b, inside, inside, CHAR);
    hl__nfa_text(b, inside, to, HL_STR("\""));
}

/* [ values ]. */
static void emit_array(hl__nfa *b, uint32_t from, uint32_t to, uint32_t value) {
    uint32_t open = hl__nfa_state(b), first = hl__nfa_state(b), item = hl__nfa_state(b);
    uint32_t behind = hl__nfa_state(b), comma = hl__nfa_state(b), close = hl__nfa_state(b);
    hl__nfa_text(b, from, open, HL_STR("["));
    hl__gjson_space(b, open, first);
    hl__nfa_empty(b, first, close);
    hl__nfa_empty(b, first, item);
    hl__nfa_call(b, item, behind, value);
    hl__nfa_text(b, behind, comma, HL_STR(","));
    hl__gjson_space(b, comma, item);
    hl__gjson_space(b, behind, close);
    hl__nfa_text(b, close, to, HL_STR("]"));
}

static void emit_rule(hl__nfa *b, hl__gjson_rule kind, uint32_t rule) {
    uint32_t from = b->rules[rule].start, to = b->rules[rule].end;
    switch (kind) {
    case HL__GJSON_SPACE: hl__regex_emit(b, from, to, SPACE); break;
    case HL__GJSON_CHAR: hl__regex_emit(b, from, to, CHAR); break;
    case HL__GJSON_STRING: emit_string(b, from, to); break;
    case HL__GJSON_NUMBER: hl__regex_emit(b, from, to, NUMBER); break;
    case HL__GJSON_INTEGER: hl__regex_emit(b, from, to, INTEGER); break;
    case HL__GJSON_VALUE:
        hl__gjson_object(b, from, to, rule, 0, HL__NONE);
        emit_array(b, from, to, rule);
        emit_string(b, from, to);
        hl__regex_emit(b, from, to, NUMBER);
        hl__regex_emit(b, from, to, "true|false|null");
        break;
    case HL__GJSON_N: HL_ASSERT(false); break;
    }
}

uint32_t hl__gjson_rule_get(hl__nfa *b, hl__gjson_rule kind) {
    if (b->json[kind] != HL__NONE) return b->json[kind];
    uint32_t rule = hl__nfa_rule_new(b);
    if (!hl__nfa_ok(b)) return 0;
    b->json[kind] = rule;
    emit_rule(b, kind, rule);
    return rule;
}

void hl__gjson_space(hl__nfa *b, uint32_t from, uint32_t to) {
    hl__nfa_call(b, from, to, hl__gjson_rule_get(b, HL__GJSON_SPACE));
}

/* A rule's own characters make masks that are remembered whole (grammar_mask.c); of long strings,
 * whose automaton would be too large, each character is a call. */
static void one_char(hl__nfa *b, uint32_t from, uint32_t to, bool by_call) {
    if (by_call)
        hl__nfa_call(b, from, to, hl__gjson_rule_get(b, HL__GJSON_CHAR));
    else
        hl__regex_emit(b, from, to, CHAR);
}

void hl__gjson_chars(hl__nfa *b, uint32_t from, uint32_t to, uint32_t min, uint32_t max) {
    enum { OWN_MAX = 256 };
    HL_ASSERT(min <= HL_GRAMMAR_REPEAT_MAX);
    uint32_t n = max == HL__NONE ? min : max;
    if (min > n) return;
    for (uint32_t i = 0; i < n && hl__nfa_ok(b); i++) {
        uint32_t next = hl__nfa_state(b);
        if (i >= min) hl__nfa_empty(b, from, to);
        one_char(b, from, next, n > OWN_MAX);
        from = next;
    }
    hl__nfa_empty(b, from, to);
    if (max == HL__NONE) one_char(b, from, from, false);
}

/* -- literals ---------------------------------------------------------------------------------- */

static void put_text(hl__nfa *b, uint32_t from, uint32_t to, hl_str s) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_json_append_string(&text, s);
    if (text.failed < 0) hl__nfa_fail(b, text.failed, "no memory for a grammar");
    hl__nfa_text(b, from, to, hl_buf_str(&text));
    hl_buf_deinit(&text);
}

static hl_str str_of(struct json_object *value) {
    return (hl_str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

uint32_t hl__gjson_key(hl__nfa *b, uint32_t from, hl_str key) {
    uint32_t name = hl__nfa_state(b), colon = hl__nfa_state(b), behind = hl__nfa_state(b);
    put_text(b, from, name, key);
    hl__nfa_text(b, name, colon, HL_STR(":"));
    hl__gjson_space(b, colon, behind);
    return behind;
}

static uint32_t next_member(hl__nfa *b, uint32_t from) {
    uint32_t comma = hl__nfa_state(b), behind = hl__nfa_state(b);
    hl__nfa_text(b, from, comma, HL_STR(","));
    hl__gjson_space(b, comma, behind);
    return behind;
}

static void literal_members(hl__nfa *b, uint32_t from, uint32_t to, struct json_object *value) {
    uint32_t at = from, n = 0;
    bool object = json_object_is_type(value, json_type_object);
    if (object) {
        json_object_object_foreach(value, key, member) {
            uint32_t behind = hl__nfa_state(b);
            if (n++) at = next_member(b, at);
            hl__gjson_literal(b, hl__gjson_key(b, at, hl_str_from(key)), behind, member);
            at = behind;
        }
    }
    for (size_t i = 0; !object && i < json_object_array_length(value); i++) {
        uint32_t behind = hl__nfa_state(b);
        if (n++) at = next_member(b, at);
        hl__gjson_literal(b, at, behind, json_object_array_get_idx(value, i));
        at = behind;
    }
    if (n)
        hl__gjson_space(b, at, to);
    else
        hl__nfa_empty(b, at, to);
}

/* Depth is that of parsed JSON. */
void hl__gjson_literal(hl__nfa *b, uint32_t from, uint32_t to, struct json_object *value) {
    if (!hl__nfa_ok(b)) return;
    if (json_object_is_type(value, json_type_string)) {
        put_text(b, from, to, str_of(value));
        return;
    }
    bool object = json_object_is_type(value, json_type_object);
    if (!object && !json_object_is_type(value, json_type_array)) {
        const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
        if (!text) hl__nfa_fail(b, HL_ENOMEM, "no memory for a grammar");
        hl__nfa_text(b, from, to, hl_str_from(text ? text : ""));
        return;
    }
    uint32_t open = hl__nfa_state(b), first = hl__nfa_state(b), close = hl__nfa_state(b);
    hl__nfa_text(b, from, open, object ? HL_STR("{") : HL_STR("["));
    hl__gjson_space(b, open, first);
    literal_members(b, first, close, value);
    hl__nfa_text(b, close, to, object ? HL_STR("}") : HL_STR("]"));
}

/* -- objects ----------------------------------------------------------------------------------- */

static void any_key(hl__nfa *b, uint32_t from, uint32_t to) {
    uint32_t name = hl__nfa_state(b), colon = hl__nfa_state(b);
    hl__nfa_call(b, from, name, hl__gjson_rule_get(b, HL__GJSON_STRING));
    hl__nfa_text(b, name, colon, HL_STR(":"));
    hl__gjson_space(b, colon, to);
}

void hl__gjson_object(hl__nfa *b, uint32_t from, uint32_t to, uint32_t value, uint32_t min,
                      uint32_t max) {
    uint32_t open = hl__nfa_state(b), first = hl__nfa_state(b), last = hl__nfa_state(b);
    uint32_t close = hl__nfa_state(b), at = first;
    hl__nfa_text(b, from, open, HL_STR("{"));
    hl__gjson_space(b, open, first);
    if (min == 0) hl__nfa_empty(b, first, close);
    uint32_t n = max != HL__NONE ? max : min > 1 ? min : 1;
    for (uint32_t i = 0; i < n && hl__nfa_ok(b); i++) {
        uint32_t key = i ? next_member(b, at) : at, colon = hl__nfa_state(b);
        uint32_t behind = hl__nfa_state(b);
        any_key(b, key, colon);
        hl__nfa_call(b, colon, behind, value);
        if (i + 1 >= min) hl__nfa_empty(b, behind, last);
        if (max == HL__NONE && i + 1 == n) {
            uint32_t again = next_member(b, behind), again_colon = hl__nfa_state(b);
            any_key(b, again, again_colon);
            hl__nfa_call(b, again_colon, behind, value);
        }
        at = behind;
    }
    hl__gjson_space(b, last, close);
    hl__nfa_text(b, close, to, HL_STR("}"));
}

/* -- "json" ------------------------------------------------------------------------------------ */

hl_status hl_grammar_json(const hl_grammar_thinking *thinking, hl_grammar **ret, hl_error *err) {
    hl__nfa b;
    HL_TRY(hl__nfa_init(&b, HL_JSON_DEPTH_MAX - 2, err));
    uint32_t root = hl__nfa_rule_new(&b), value = hl__gjson_rule_get(&b, HL__GJSON_VALUE);
    if (hl__nfa_ok(&b))
        hl__gjson_object(&b, b.rules[root].start, b.rules[root].end, value, 0, HL__NONE);
    hl_status st = hl__nfa_finish(&b, hl__nfa_thinking(&b, thinking, root), ret, err);
    hl__nfa_deinit(&b);
    return st;
}
