/* Earlier calls of tools, and whose answer a tool's message is, as Jinja templates want them. */
#include "serve/prepare_talk.h"

enum { SHORT_ID = 9, ANSWERS_MAX = 256 };

static struct json_object *get(struct json_object *o, const char *key) {
    struct json_object *value = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &value)
               ? value
               : NULL;
}

static hl_str text_of(struct json_object *value) {
    if (!json_object_is_type(value, json_type_string)) return (hl_str){"", 0};
    return (hl_str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

static struct json_object *function_of(struct json_object *call) {
    struct json_object *function = get(call, "function");
    return function ? function : call;
}

/* -- ids --------------------------------------------------------------------------------------- */

static bool is_short(hl_str id) {
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return id.len == SHORT_ID;
}

/* Mistral's templates want nine letters and digits; the same for the same id. */
static void make_short(hl_str id, size_t message, size_t call, char out[SHORT_ID + 1]) {
    static const char DIGITS[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t h = 0xCBF29CE484222325u ^ (id.len > 0 ? 0 : message * 1000 + call + 1);
    for (size_t i = 0; i < id.len; i++) h = (h ^ (uint8_t)id.ptr[i]) * 0x100000001B3u;
    h = (h ^ h >> 31) * 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < SHORT_ID; i++, h /= 36) out[i] = DIGITS[h % 36];
    out[SHORT_ID] = '\0';
}

static hl_status put_id(struct json_object *o, const char *key, hl_str id, size_t message,
                        size_t call, bool short_ids, hl_error *err) {
    char made[SHORT_ID + 1];
    if (short_ids && !is_short(id)) {
        make_short(id, message, call, made);
        id = (hl_str){made, SHORT_ID};
    }
    return id.len > 0 ? hl__var_put_str(o, key, id, err) : HL_OK;
}

/* -- calls ------------------------------------------------------------------------------------- */

static hl_status arguments_as_text(struct json_object *function, hl_error *err) {
    enum { HOW = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE };
    struct json_object *arguments = get(function, "arguments");
    if (!arguments || json_object_is_type(arguments, json_type_string)) return HL_OK;
    const char *text = json_object_to_json_string_ext(arguments, HOW);
    return text ? hl__var_put_str(function, "arguments", hl_str_from(text), err)
                : hl__var_no_memory(err);
}

hl_status hl__talk_put_calls(struct json_object *o, const hl__talk *t, size_t i,
                             const hl__call_style *style, hl_error *err) {
    struct json_object *from = t->messages[i]->tool_calls;
    if (!from) return HL_OK;
    HL_TRY(hl__var_put_copy(o, "tool_calls", from, err));
    struct json_object *calls = get(o, "tool_calls");
    size_t n = json_object_is_type(calls, json_type_array) ? json_object_array_length(calls) : 0;
    for (size_t k = 0; k < n; k++) {
        struct json_object *call = json_object_array_get_idx(calls, k);
        if (!json_object_is_type(call, json_type_object)) continue;
        if (style->as_text) HL_TRY(arguments_as_text(function_of(call), err));
        HL_TRY(put_id(call, "id", text_of(get(call, "id")), i, k, style->short_ids, err));
    }
    return HL_OK;
}

/* -- answers ----------------------------------------------------------------------------------- */

/* The call that message i answers, of `calls`: the next one of its name, else the next one.  from:
 * the message with the calls. */
static size_t answered(const hl__talk *t, size_t i, size_t from, struct json_object *calls) {
    hl_str name = t->messages[i]->tool_name;
    size_t n = json_object_array_length(calls), earlier = 0;
    if (n > ANSWERS_MAX) n = ANSWERS_MAX;
    for (size_t k = from + 1; k < i; k++) earlier += hl_str_eq(t->messages[k]->tool_name, name);
    for (size_t k = 0; k < n && name.len > 0; k++) {
        struct json_object *function = function_of(json_object_array_get_idx(calls, k));
        if (hl_str_eq(text_of(get(function, "name")), name) && earlier-- == 0) return k;
    }
    return i - from - 1;
}

/* Of answers that come in longer rows, which no model's turn has, those behind get no id: each
 * looks back at all before it. */
hl_status hl__talk_put_call_id(struct json_object *o, const hl__talk *t, size_t i,
                               const hl__call_style *style, hl_error *err) {
    size_t from = i;
    if (!hl__talk_is(t, i, "tool")) return HL_OK;
    while (from > 0 && i - from <= ANSWERS_MAX && hl__talk_is(t, from, "tool")) from--;
    struct json_object *calls = t->messages[from]->tool_calls;
    if (from == i || !json_object_is_type(calls, json_type_array)) return HL_OK;
    size_t k = answered(t, i, from, calls);
    struct json_object *call = json_object_array_get_idx(calls, k);
    return put_id(o, "tool_call_id", text_of(get(call, "id")), from, k, style->short_ids, err);
}
