/* Keywords, references, and two schemas that must both hold. */
#include "base/mem.h"
#include "text/grammar_schema.h"

#include <stdarg.h>
#include <stdio.h>

/* -- keywords ---------------------------------------------------------------------------------- */

/* Those that say something of a value. */
static const char *const ASSERTIONS[] = {
    "$ref",
    "type",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "additionalItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "nullable",
};
/* Those that only tell people something, or are where others are looked up. */
static const char *const NOTES[] = {
    "$schema",    "$id",         "$defs",     "definitions",     "$comment",
    "title",      "description", "default",   "examples",        "example",
    "deprecated", "readOnly",    "writeOnly", "contentEncoding", "contentMediaType",
};

static bool is_in(const char *key, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(key, list[i]) == 0) return true;
    return false;
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

bool hl__schema_has(struct json_object *schema, const char *key) {
    return json_object_is_type(schema, json_type_object) &&
           json_object_object_get_ex(schema, key, NULL);
}

hl_status hl__schema_failed(hl__schema *s, hl_status st, const char *fmt, ...) {
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return hl_fail(s->err, st, "grammar", "JSON schema: %s at %.*s", text,
                   HL_STR_ARG(hl_str_slice(hl_buf_str(&s->path), 0, 200)));
}

/* Keywords that change nothing with this value. */
static bool is_harmless(const char *key, struct json_object *value) {
    if (strncmp(key, "x-", 2) == 0) return true;
    return strcmp(key, "uniqueItems") == 0 && json_object_is_type(value, json_type_boolean) &&
           !json_object_get_boolean(value);
}

hl_status hl__schema_check_keywords(hl__schema *s, struct json_object *schema) {
    json_object_object_foreach(schema, key, value) {
        if (is_in(key, ASSERTIONS, COUNT(ASSERTIONS)) || is_in(key, NOTES, COUNT(NOTES)) ||
            is_harmless(key, value))
            continue;
        return hl__schema_fail(s, HL_EUNSUPPORTED, "the keyword \"%.80s\" is not supported", key);
    }
    return HL_OK;
}

bool hl__schema_asserts_more(struct json_object *schema, const char *const *than, size_t n) {
    json_object_object_foreach(schema, key, value) {
        (void)value;
        if (is_in(key, ASSERTIONS, COUNT(ASSERTIONS)) && !is_in(key, than, n)) return true;
    }
    return false;
}

/* -- references -------------------------------------------------------------------------------- */

/* One step of a JSON pointer: its escapes taken back. */
static bool read_step(hl_str in, char *out, size_t cap) {
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (n + 1 >= cap || c == '\0') return false;
        if (c == '~' && i + 1 < in.len && (in.ptr[i + 1] == '0' || in.ptr[i + 1] == '1'))
            c = in.ptr[++i] == '0' ? '~' : '/';
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static struct json_object *step_into(struct json_object *at, const char *step) {
    if (json_object_is_type(at, json_type_object)) return hl__schema_get(at, step);
    if (!json_object_is_type(at, json_type_array) || !*step) return NULL;
    size_t index = 0;
    for (const char *p = step; *p; p++) {
        if (*p < '0' || *p > '9' || index > 100 * 1000) return NULL;
        index = index * 10 + (size_t)(*p - '0');
    }
    return json_object_array_get_idx(at, index);
}

hl_status hl__schema_resolve(hl__schema *s, struct json_object *ref, struct json_object **ret) {
    char step[256];
    if (!json_object_is_type(ref, json_type_string))
        return hl__schema_fail(s, HL_EINVAL, "$ref is no text");
    hl_str text = {json_object_get_string(ref), (size_t)json_object_get_string_len(ref)};
    if (text.len == 0 || text.ptr[0] != '#' || (text.len > 1 && text.ptr[1] != '/'))
        return hl__schema_fail(s, HL_EUNSUPPORTED, "$ref \"%.*s\", which is not \"#/…\",",
                               HL_STR_ARG(hl_str_slice(text, 0, 80)));
    struct json_object *at = s->root;
    for (size_t from = 2; from <= text.len && at && text.len > 1;) {
        size_t to = hl_str_find(text, HL_STR("/"), from);
        hl_str part = hl_str_slice(text, from, to);
        at = read_step(part, step, sizeof step) ? step_into(at, step) : NULL;
        from += part.len + 1;
    }
    if (!at)
        return hl__schema_fail(s, HL_EINVAL, "$ref \"%.*s\" points to nothing",
                               HL_STR_ARG(hl_str_slice(text, 0, 80)));
    *ret = at;
    return HL_OK;
}

/* -- merging ----------------------------------------------------------------------------------- */

static hl_status no_memory(hl__schema *s) {
    return hl_fail(s->err, HL_ENOMEM, "grammar", "no memory for a schema");
}

/* Takes value. */
static hl_status put(hl__schema *s, struct json_object *o, const char *key,
                     struct json_object *value) {
    bool much = ++s->merge_work > HL__MERGE_WORK_MAX;
    if (!much && json_object_object_add(o, key, value) == 0) return HL_OK;
    json_object_put(value);
    return much ? hl__schema_fail(s, HL_ELIMIT, "too many schemas to combine") : no_memory(s);
}

static hl_status keep(hl__schema *s, struct json_object *o) {
    if (o && s->n_merged < HL__MERGED_MAX) {
        s->merged[s->n_merged++] = o;
        return HL_OK;
    }
    if (!o) return no_memory(s);
    json_object_put(o);
    return hl__schema_fail(s, HL_ELIMIT, "too many schemas to combine");
}

/* {"allOf": [a, b]}. */
static hl_status both(hl__schema *s, struct json_object *o, const char *key, struct json_object *a,
                      struct json_object *b) {
    struct json_object *pair = json_object_new_object(), *list = json_object_new_array();
    if (!pair || !list || json_object_array_add(list, json_object_get(a)) != 0 ||
        json_object_array_add(list, json_object_get(b)) != 0) {
        json_object_put(pair);
        json_object_put(list);
        return no_memory(s);
    }
    hl_status st = put(s, pair, "allOf", list);
    if (st >= 0) return put(s, o, key, pair);
    json_object_put(pair);
    return st;
}

static hl_status merge_properties(hl__schema *s, struct json_object *o, struct json_object *a,
                                  struct json_object *b) {
    if (!json_object_is_type(a, json_type_object) || !json_object_is_type(b, json_type_object))
        return hl__schema_fail(s, HL_EINVAL, "properties is no object");
    struct json_object *all = json_object_new_object();
    if (!all) return no_memory(s);
    HL_TRY(put(s, o, "properties", all));
    {
        json_object_object_foreach(a, key, value) HL_TRY(put(s, all, key, json_object_get(value)));
    }
    json_object_object_foreach(b, key, value) {
        struct json_object *known;
        if (json_object_object_get_ex(all, key, &known))
            HL_TRY(both(s, all, key, known, value));
        else
            HL_TRY(put(s, all, key, json_object_get(value)));
    }
    return HL_OK;
}

static bool list_has(struct json_object *list, struct json_object *value) {
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (json_object_equal(json_object_array_get_idx(list, i), value)) return true;
    return false;
}

/* The lists one behind the other, or what is in both. */
static hl_status merge_lists(hl__schema *s, struct json_object *o, const char *key,
                             struct json_object *a, struct json_object *b, bool in_both) {
    if (!json_object_is_type(a, json_type_array) || !json_object_is_type(b, json_type_array))
        return hl__schema_fail(s, HL_EINVAL, "%s is no array", key);
    s->merge_work += (uint64_t)json_object_array_length(a) * json_object_array_length(b);
    struct json_object *all = json_object_new_array();
    if (!all) return no_memory(s);
    HL_TRY(put(s, o, key, all));
    for (int second = 0; second < 2; second++) {
        struct json_object *list = second ? b : a;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            struct json_object *value = json_object_array_get_idx(list, i);
            if (in_both ? second || !list_has(b, value) : second && list_has(a, value)) continue;
            if (json_object_array_add(all, json_object_get(value)) != 0) return no_memory(s);
        }
    }
    return HL_OK;
}

static bool type_allows(struct json_object *types, const char *name) {
    if (json_object_is_type(types, json_type_string))
        return strcmp(json_object_get_string(types), name) == 0;
    for (size_t i = 0;
         json_object_is_type(types, json_type_array) && i < json_object_array_length(types); i++) {
        struct json_object *t = json_object_array_get_idx(types, i);
        if (json_object_is_type(t, json_type_string) &&
            strcmp(json_object_get_string(t), name) == 0)
            return true;
    }
    return false;
}

static hl_status merge_types(hl__schema *s, struct json_object *o, struct json_object *a,
                             struct json_object *b) {
    static const char *const NAMES[] = {"object",  "array",   "string", "number",
                                        "integer", "boolean", "null"};
    struct json_object *all = json_object_new_array();
    if (!all) return no_memory(s);
    HL_TRY(put(s, o, "type", all));
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        bool integer = strcmp(NAMES[i], "integer") == 0;
        bool in_a = type_allows(a, NAMES[i]) || (integer && type_allows(a, "number"));
        bool in_b = type_allows(b, NAMES[i]) || (integer && type_allows(b, "number"));
        if (!in_a || !in_b) continue;
        struct json_object *name = json_object_new_string(NAMES[i]);
        if (!name || json_object_array_add(all, name) != 0) return no_memory(s);
    }
    return HL_OK;
}

/* Of two bounds the narrower one. */
static hl_status merge_bounds(hl__schema *s, struct json_object *o, const char *key,
                              struct json_object *a, struct json_object *b) {
    bool numbers = true;
    for (int i = 0; i < 2; i++)
        numbers &= json_object_is_type(i ? b : a, json_type_int) ||
                   json_object_is_type(i ? b : a, json_type_double);
    if (!numbers) return hl__schema_fail(s, HL_EINVAL, "%s is no number", key);
    bool lower = strncmp(key, "min", 3) == 0 || strcmp(key, "exclusiveMinimum") == 0;
    double x = json_object_get_double(a), y = json_object_get_double(b);
    return put(s, o, key, json_object_get((x > y) == lower ? a : b));
}

static bool is_false(struct json_object *value) {
    return json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value);
}

static hl_status merge_key(hl__schema *s, struct json_object *o, const char *key,
                           struct json_object *a, struct json_object *b) {
    static const char *const BOUNDS[] = {
        "minItems",  "maxItems", "minProperties", "maxProperties",    "minLength",
        "maxLength", "minimum",  "maximum",       "exclusiveMinimum", "exclusiveMaximum"};
    if (!is_in(key, ASSERTIONS, COUNT(ASSERTIONS)) || json_object_equal(a, b)) return HL_OK;
    if (strcmp(key, "properties") == 0) return merge_properties(s, o, a, b);
    if (strcmp(key, "required") == 0) return merge_lists(s, o, key, a, b, false);
    if (strcmp(key, "enum") == 0) return merge_lists(s, o, key, a, b, true);
    if (strcmp(key, "type") == 0) return merge_types(s, o, a, b);
    if (strcmp(key, "items") == 0) return both(s, o, key, a, b);
    if (is_in(key, BOUNDS, COUNT(BOUNDS))) return merge_bounds(s, o, key, a, b);
    return hl__schema_fail(s, HL_EUNSUPPORTED, "two different \"%s\" that must both hold", key);
}

/* Properties that one side has and the other, closed by additionalProperties, has not. */
static hl_status check_closed(hl__schema *s, struct json_object *closed,
                              struct json_object *other) {
    struct json_object *extra = hl__schema_get(closed, "additionalProperties");
    struct json_object *has = hl__schema_get(other, "properties");
    if (!extra || (json_object_is_type(extra, json_type_boolean) && !is_false(extra)) ||
        !json_object_is_type(has, json_type_object))
        return HL_OK;
    json_object_object_foreach(has, key, value) {
        (void)value;
        if (!hl__schema_has(hl__schema_get(closed, "properties"), key))
            return hl__schema_fail(s, HL_EUNSUPPORTED,
                                   "additionalProperties beside \"%.80s\" of another schema", key);
    }
    return HL_OK;
}

static hl_status merge_into(hl__schema *s, struct json_object *o, struct json_object *a,
                            const char *skip, struct json_object *b) {
    {
        json_object_object_foreach(a, key, value) if (!skip || strcmp(key, skip) != 0)
            HL_TRY(put(s, o, key, json_object_get(value)));
    }
    json_object_object_foreach(b, key, value) {
        struct json_object *known = NULL;
        if (!json_object_object_get_ex(o, key, &known)) {
            HL_TRY(put(s, o, key, json_object_get(value)));
            continue;
        }
        struct json_object *held = json_object_get(known); /* o may let it go */
        hl_status st = merge_key(s, o, key, held, value);
        json_object_put(held);
        HL_TRY(st);
    }
    return HL_OK;
}

hl_status hl__schema_merge(hl__schema *s, struct json_object *a, const char *skip,
                           struct json_object *b, struct json_object **ret) {
    if (json_object_is_type(b, json_type_boolean)) { /* true adds nothing, false allows nothing */
        struct json_object *none = json_object_new_object();
        HL_TRY(keep(s, none));
        if (is_false(b)) HL_TRY(put(s, none, "enum", json_object_new_array()));
        *ret = none;
        return is_false(b) ? HL_OK : merge_into(s, none, a, skip, none);
    }
    if (!json_object_is_type(b, json_type_object))
        return hl__schema_fail(s, HL_EINVAL, "a schema that is no object");
    struct json_object *o = json_object_new_object();
    HL_TRY(keep(s, o));
    HL_TRY(check_closed(s, a, b));
    HL_TRY(check_closed(s, b, a));
    *ret = o;
    return merge_into(s, o, a, skip, b);
}
