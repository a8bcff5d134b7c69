/* JSON Schema to an automaton: a rule for each schema that is a value of its own, alternatives
 * within their rule, so that they share what they begin with. */
#include "text/grammar_schema.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MEMBERS_MAX = 4000,   /* properties of one object, and required ones */
    NAME_BYTES_MAX = 128, /* of a property beside additional ones */
};
enum { TASKS_MAX = 20 * 1000, BODIES_MAX = 50 * 1000, PATH_MAX_BYTES = 64 * 1024 };

/* A rule whose body is to be made. */
typedef struct task {
    struct json_object *schema;
    uint32_t rule;
    hl_str path; /* in the arena */
} task;

typedef struct compiler {
    hl__schema s;                       /* first */
    task *tasks;                        /* [n_tasks] made and waiting */
    uint32_t *table;                    /* [TABLE] by schema: a task's number and 1 */
    uint32_t n_tasks, n_made, n_bodies; /* n_made: tasks whose bodies are there */
} compiler;

enum { TABLE = 64 * 1024 };
_Static_assert(TABLE > 2 * TASKS_MAX, "the table stays half empty");

static compiler *compiler_of(hl__schema *s) {
    return (compiler *)s;
}

/* -- rules for schemas ------------------------------------------------------------------------- */

static uint32_t *find_slot(compiler *c, struct json_object *schema) {
    uint64_t h = (uint64_t)(uintptr_t)schema * 0x9E3779B97F4A7C15u;
    for (uint32_t at = (uint32_t)(h >> 40);; at++) {
        uint32_t *slot = &c->table[at % TABLE];
        if (!*slot || c->tasks[*slot - 1].schema == schema) return slot;
    }
}

/* The path with a step behind it; the old length takes it back. */
static size_t path_push(hl__schema *s, const char *step, const char *name) {
    size_t was = s->path.len;
    hl_buf_printf(&s->path, "/%s", step);
    if (name) hl_buf_printf(&s->path, "/%s", name);
    return was;
}

static void path_pop(hl__schema *s, size_t len) {
    if (s->path.failed >= 0) s->path.len = len;
}

/* The rule of a schema; its body is made later, so that schemas may contain themselves. */
static hl_status rule_of(hl__schema *s, struct json_object *schema, uint32_t *ret) {
    compiler *c = compiler_of(s);
    uint32_t *slot = find_slot(c, schema);
    if (*slot) {
        *ret = c->tasks[*slot - 1].rule;
        return HL_OK;
    }
    if (c->n_tasks == TASKS_MAX) return hl__schema_fail(s, HL_ELIMIT, "too many schemas");
    HL_ASSERT(c->n_tasks < TASKS_MAX);
    task t = {.schema = schema, .rule = hl__nfa_rule_new(s->b)};
    t.path = hl_arena_str(s->b->arena, hl_buf_str(&s->path));
    if (!t.path.ptr) return hl__schema_fail(s, HL_ELIMIT, "too many schemas");
    c->tasks[c->n_tasks++] = t;
    *slot = c->n_tasks;
    *ret = t.rule;
    return HL_OK;
}

static bool is_true(struct json_object *schema) {
    return json_object_is_type(schema, json_type_boolean) && json_object_get_boolean(schema);
}

/* A value of the schema, by a call. */
static hl_status emit_call(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema) {
    uint32_t rule;
    if (!schema || is_true(schema))
        rule = hl__gjson_rule_get(s->b, HL__GJSON_VALUE);
    else
        HL_TRY(rule_of(s, schema, &rule));
    hl__nfa_call(s->b, from, to, rule);
    return HL_OK;
}

/* -- strings ----------------------------------------------------------------------------------- */

/* A count, or `none` where there is none. */
static hl_status read_count(hl__schema *s, struct json_object *schema, const char *key,
                            uint32_t none, uint32_t *ret) {
    struct json_object *value = hl__schema_get(schema, key);
    *ret = none;
    if (!hl__schema_has(schema, key)) return HL_OK;
    double n = json_object_get_double(value);
    bool number = json_object_is_type(value, json_type_int) ||
                  json_object_is_type(value, json_type_double);
    if (!number || n < 0 || n != (double)(uint64_t)n)
        return hl__schema_fail(s, HL_EINVAL, "%s is no count", key);
    if (n > HL_GRAMMAR_REPEAT_MAX)
        return hl__schema_fail(s, HL_ELIMIT, "%s is above %d", key, HL_GRAMMAR_REPEAT_MAX);
    *ret = (uint32_t)n;
    return HL_OK;
}

#define MONTH_DAY                                                                                  \
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|"     \
    "1[0-9]|2[0-8]))"
#define DATE "[0-9]{4}-" MONTH_DAY
#define TIME                                                                                       \
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]" \
    ")"
#define BYTE  "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

static const struct {
    const char *name, *pattern;
} FORMATS[] = {
    {"date", "^" DATE "$"},
    {"time", "^" TIME "$"},
    {"date-time", "^" DATE "T" TIME "$"},
    {"uuid", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"},
    {"ipv4", "^" BYTE "(\\." BYTE "){3}$"},
    {"email", "^[A-Za-z0-9_+-]{1,32}(\\.[A-Za-z0-9_+-]{1,16}){0,2}@" LABEL "(\\." LABEL "){1,4}$"},
    {"hostname", "^" LABEL "(\\." LABEL "){0,3}$"},
};

static hl_status find_format(hl__schema *s, struct json_object *schema, hl_str *ret) {
    struct json_object *format = hl__schema_get(schema, "format");
    const char *name = json_object_is_type(format, json_type_string)
                           ? json_object_get_string(format)
                           : "";
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (strcmp(name, FORMATS[i].name) != 0) continue;
        *ret = hl_str_from(FORMATS[i].pattern);
        return HL_OK;
    }
    return hl__schema_fail(s, HL_EUNSUPPORTED, "the format \"%.80s\" is not supported", name);
}

static hl_status emit_pattern(hl__schema *s, uint32_t from, uint32_t to,
                              struct json_object *schema) {
    struct json_object *value = hl__schema_get(schema, "pattern");
    hl_str pattern;
    if (hl__schema_has(schema, "pattern")) {
        if (!json_object_is_type(value, json_type_string))
            return hl__schema_fail(s, HL_EINVAL, "pattern is no text");
        pattern = (hl_str){json_object_get_string(value),
                           (size_t)json_object_get_string_len(value)};
    } else {
        HL_TRY(find_format(s, schema, &pattern));
    }
    hl_status st = hl__regex_pattern(s->b, from, to, pattern, s->err);
    if (st < 0)
        hl_error_prefix(s->err, "JSON schema at %.*s",
                        HL_STR_ARG(hl_str_slice(hl_buf_str(&s->path), 0, 100)));
    return st;
}

static hl_status emit_string(hl__schema *s, uint32_t from, uint32_t to,
                             struct json_object *schema) {
    static const char *const ONE_OF[] = {"pattern", "format"};
    uint32_t min, max, n = 0;
    HL_TRY(read_count(s, schema, "minLength", 0, &min));
    HL_TRY(read_count(s, schema, "maxLength", HL__NONE, &max));
    for (size_t i = 0; i < 2; i++) n += hl__schema_has(schema, ONE_OF[i]);
    if (n == 0 && min == 0 && max == HL__NONE) {
        hl__nfa_call(s->b, from, to, hl__gjson_rule_get(s->b, HL__GJSON_STRING));
        return HL_OK;
    }
    if (n + (min > 0 || max != HL__NONE) > 1)
        return hl__schema_fail(s, HL_EUNSUPPORTED,
                               "more than one of pattern, format and minLength/maxLength");
    uint32_t inside = hl__nfa_state(s->b), close = hl__nfa_state(s->b);
    hl__nfa_text(s->b, from, inside, HL_STR("\""));
    hl__nfa_text(s->b, close, to, HL_STR("\""));
    if (n) return emit_pattern(s, inside, close, schema);
    hl__gjson_chars(s->b, inside, close, min, max);
    return HL_OK;
}

/* -- numbers ----------------------------------------------------------------------------------- */

/* The narrower of a bound and an exclusive one. */
static hl_status read_bound(hl__schema *s, struct json_object *schema, const char *key,
                            const char *exclusive_key, bool lower, hl__decimal *ret) {
    *ret = (hl__decimal){.present = false};
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        const char *name = exclusive ? exclusive_key : key;
        struct json_object *value = hl__schema_get(schema, name);
        hl__decimal d;
        if (!hl__schema_has(schema, name)) continue;
        if (exclusive && json_object_is_type(value, json_type_boolean)) { /* as in draft 4 */
            ret->exclusive = ret->present && json_object_get_boolean(value);
            continue;
        }
        if (!json_object_is_type(value, json_type_int) &&
            !json_object_is_type(value, json_type_double))
            return hl__schema_fail(s, HL_EINVAL, "%s is no number", name);
        if (!hl__decimal_read(value, &d))
            return hl__schema_fail(s, HL_ELIMIT, "%s is too large or has too many digits", name);
        d.exclusive = exclusive;
        struct json_object *other = hl__schema_get(schema, key);
        double x = json_object_get_double(value), y = json_object_get_double(other);
        if (!ret->present || (lower ? x >= y : x <= y)) *ret = d;
    }
    return HL_OK;
}

static hl_status emit_number(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                             bool integer) {
    hl__decimal lo, hi;
    HL_TRY(read_bound(s, schema, "minimum", "exclusiveMinimum", true, &lo));
    HL_TRY(read_bound(s, schema, "maximum", "exclusiveMaximum", false, &hi));
    if (lo.present || hi.present)
        hl__gjson_between(s->b, from, to, &lo, &hi, integer);
    else
        hl__nfa_call(s->b, from, to,
                     hl__gjson_rule_get(s->b, integer ? HL__GJSON_INTEGER : HL__GJSON_NUMBER));
    return HL_OK;
}

/* -- arrays ------------------------------------------------------------------------------------ */

/* What an array may hold. */
typedef struct items {
    struct json_object *prefix, *rest; /* NULL: none; any */
    uint32_t n_prefix, min, max;
    bool open; /* more than the prefix */
} items;

static hl_status read_items(hl__schema *s, struct json_object *schema, items *ret) {
    struct json_object *all = hl__schema_get(schema, "items"), *rest = all;
    items it = {.prefix = hl__schema_get(schema, "prefixItems"), .open = true};
    bool given = hl__schema_has(schema, "items");
    if (json_object_is_type(all, json_type_array)) { /* older drafts */
        it.prefix = all;
        rest = hl__schema_get(schema, "additionalItems");
        given = hl__schema_has(schema, "additionalItems");
    }
    if (it.prefix && !json_object_is_type(it.prefix, json_type_array))
        return hl__schema_fail(s, HL_EINVAL, "prefixItems is no array");
    if (it.prefix && json_object_array_length(it.prefix) > HL_GRAMMAR_REPEAT_MAX)
        return hl__schema_fail(s, HL_ELIMIT, "prefixItems is too long");
    HL_TRY(read_count(s, schema, "minItems", 0, &it.min));
    HL_TRY(read_count(s, schema, "maxItems", HL__NONE, &it.max));
    it.n_prefix = it.prefix ? (uint32_t)json_object_array_length(it.prefix) : 0;
    it.rest = rest;
    it.open = given ? !json_object_is_type(rest, json_type_boolean) || is_true(rest)
                    : !it.prefix || it.min > it.n_prefix;
    if (!it.open && it.max > it.n_prefix) it.max = it.n_prefix;
    *ret = it;
    return HL_OK;
}

static hl_status emit_item(hl__schema *s, uint32_t from, uint32_t to, const items *it, uint32_t i) {
    char number[16];
    snprintf(number, sizeof number, "%u", i);
    bool fixed = i < it->n_prefix;
    size_t was = path_push(s, fixed ? "prefixItems" : "items", fixed ? number : NULL);
    struct json_object *schema = fixed ? json_object_array_get_idx(it->prefix, i) : it->rest;
    hl_status st = emit_call(s, from, to, schema);
    path_pop(s, was);
    return st;
}

static hl_status emit_array(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema) {
    hl__nfa *b = s->b;
    items it;
    HL_TRY(read_items(s, schema, &it));
    uint32_t open = hl__nfa_state(b), at = hl__nfa_state(b), last = hl__nfa_state(b);
    uint32_t close = hl__nfa_state(b);
    hl__nfa_text(b, from, open, HL_STR("["));
    hl__gjson_space(b, open, at);
    if (it.min == 0) hl__nfa_empty(b, at, close);
    uint32_t n = it.max;
    if (n == HL__NONE) n = it.min > it.n_prefix ? it.min : it.n_prefix + 1;
    for (uint32_t i = 0; i < n && hl__nfa_ok(b); i++) {
        uint32_t item = i ? hl__nfa_state(b) : at, behind = hl__nfa_state(b);
        if (i) {
            uint32_t comma = hl__nfa_state(b);
            hl__nfa_text(b, at, comma, HL_STR(","));
            hl__gjson_space(b, comma, item);
        }
        HL_TRY(emit_item(s, item, behind, &it, i));
        if (i + 1 >= it.min) hl__nfa_empty(b, behind, last);
        if (it.max == HL__NONE && i + 1 == n) { /* and more of the same */
            uint32_t comma = hl__nfa_state(b), again = hl__nfa_state(b);
            hl__nfa_text(b, behind, comma, HL_STR(","));
            hl__gjson_space(b, comma, again);
            HL_TRY(emit_item(s, again, behind, &it, n));
        }
        at = behind;
    }
    hl__gjson_space(b, last, close);
    hl__nfa_text(b, close, to, HL_STR("]"));
    return HL_OK;
}

/* -- objects ----------------------------------------------------------------------------------- */

typedef struct members {
    struct json_object *properties, *required; /* NULL: none */
    struct json_object *extra;                 /* schema of further ones; NULL: any */
    bool open;                                 /* further ones are allowed */
} members;

static bool is_required(const members *m, const char *key) {
    size_t n = m->required ? json_object_array_length(m->required) : 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(m->required, i)), key) == 0)
            return true;
    return false;
}

static hl_status read_members(hl__schema *s, struct json_object *schema, members *ret) {
    members m = {.properties = hl__schema_get(schema, "properties"),
                 .required = hl__schema_get(schema, "required"),
                 .extra = hl__schema_get(schema, "additionalProperties")};
    if (hl__schema_has(schema, "properties") &&
        !json_object_is_type(m.properties, json_type_object))
        return hl__schema_fail(s, HL_EINVAL, "properties is no object");
    if (json_object_is_type(m.required, json_type_boolean)) m.required = NULL; /* as in draft 3 */
    if (m.required && !json_object_is_type(m.required, json_type_array))
        return hl__schema_fail(s, HL_EINVAL, "required is no array");
    for (size_t i = 0; m.required && i < json_object_array_length(m.required); i++)
        if (!json_object_is_type(json_object_array_get_idx(m.required, i), json_type_string))
            return hl__schema_fail(s, HL_EINVAL, "required has something that is no text");
    bool given = hl__schema_has(schema, "additionalProperties");
    bool closed = json_object_is_type(m.extra, json_type_boolean) && !is_true(m.extra);
    m.open = given ? !closed : !m.properties || json_object_object_length(m.properties) == 0;
    *ret = m;
    return HL_OK;
}

/* The names that were given, one character after another; `rest`: any other name. */
static void other_names(hl__nfa *b, uint32_t from, uint32_t to, const hl_str *names, size_t n,
                        size_t depth, uint32_t rest) {
    hl__chars known = {0};
    bool is_name = false;
    for (size_t i = 0; i < n && hl__nfa_ok(b);) {
        uint32_t c, d;
        bool ok;
        if (depth == names[i].len) {
            is_name = true;
            i++;
            continue;
        }
        size_t len = hl_utf8_decode(names[i], depth, &c, &ok), k = i + 1;
        while (k < n && names[k].len > depth && hl_utf8_decode(names[k], depth, &d, &ok) && d == c)
            k++;
        hl__chars one = {0};
        uint32_t next = hl__nfa_state(b);
        hl__chars_add(b, &known, c, c);
        hl__chars_add(b, &one, c, c);
        hl__chars_emit(b, from, next, &one, true);
        other_names(b, next, to, names + i, k - i, depth + len, rest);
        i = k;
    }
    hl__chars_invert(b, &known);
    hl__chars_emit(b, from, rest, &known, true);
    if (!is_name) hl__nfa_empty(b, from, to);
}

static int by_text(const void *a, const void *b) {
    const hl_str *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* A key that is none of the properties, its colon and the value. */
static hl_status emit_extra(hl__schema *s, uint32_t from, uint32_t to, const hl_str *names,
                            size_t n, const members *m) {
    hl__nfa *b = s->b;
    hl__chars any = {0};
    uint32_t inside = hl__nfa_state(b), rest = hl__nfa_state(b), close = hl__nfa_state(b);
    uint32_t name = hl__nfa_state(b), colon = hl__nfa_state(b), value = hl__nfa_state(b);
    hl__nfa_text(b, from, inside, HL_STR("\""));
    other_names(b, inside, close, names, n, 0, rest);
    hl__chars_invert(b, &any);
    hl__chars_emit(b, rest, rest, &any, true);
    hl__nfa_empty(b, rest, close);
    hl__nfa_text(b, close, name, HL_STR("\""));
    hl__nfa_text(b, name, colon, HL_STR(":"));
    hl__gjson_space(b, colon, value);
    size_t was = path_push(s, "additionalProperties", NULL);
    hl_status st = emit_call(s, value, to, m->extra);
    path_pop(s, was);
    return st;
}

/* Members one behind the other: `none` is where none was written yet, `some` behind one.  Both move
 * on past a member, and stay where it may be left out. */
typedef struct row {
    uint32_t none, some;
} row;

static uint32_t behind_comma(hl__nfa *b, uint32_t from) {
    uint32_t comma = hl__nfa_state(b), key = hl__nfa_state(b);
    hl__nfa_text(b, from, comma, HL_STR(","));
    hl__gjson_space(b, comma, key);
    return key;
}

static hl_status emit_member(hl__schema *s, row *r, const char *key, struct json_object *schema,
                             bool required) {
    hl__nfa *b = s->b;
    row next = {hl__nfa_state(b), hl__nfa_state(b)};
    uint32_t start = behind_comma(b, r->some);
    hl__nfa_empty(b, r->none, start);
    uint32_t value = hl__gjson_key(b, start, hl_str_from(key));
    size_t was = path_push(s, "properties", key);
    hl_status st = emit_call(s, value, next.some, schema);
    path_pop(s, was);
    if (!required) {
        hl__nfa_empty(b, r->none, next.none);
        hl__nfa_empty(b, r->some, next.some);
    }
    *r = next;
    return st;
}

/* The properties' names; those that are required and no property come last. */
static hl_status emit_known(hl__schema *s, row *r, const members *m, hl_str *names, size_t *n) {
    if (m->properties) {
        json_object_object_foreach(m->properties, key, schema) {
            if (!hl__nfa_ok(s->b)) return HL_OK;
            if (!schema)
                return hl__schema_fail(s, HL_EINVAL, "property \"%.80s\" is no schema", key);
            names[(*n)++] = hl_str_from(key);
            HL_TRY(emit_member(s, r, key, schema, is_required(m, key)));
        }
    }
    for (size_t i = 0; m->required && i < json_object_array_length(m->required); i++) {
        const char *key = json_object_get_string(json_object_array_get_idx(m->required, i));
        bool known = false;
        for (size_t k = 0; k < *n && !known; k++) known = hl_str_is(names[k], key);
        if (known) continue;
        bool closed = json_object_is_type(m->extra, json_type_boolean) && !is_true(m->extra);
        if (closed)
            return hl__schema_fail(s, HL_EINVAL,
                                   "\"%.80s\" is required and not among the properties", key);
        names[(*n)++] = hl_str_from(key);
        HL_TRY(emit_member(s, r, key, m->extra, true));
    }
    return HL_OK;
}

static hl_status emit_members(hl__schema *s, uint32_t from, uint32_t to, const members *m,
                              hl_str *names) {
    hl__nfa *b = s->b;
    size_t n = 0;
    row r = {hl__nfa_state(b), hl__nfa_state(b)};
    uint32_t open = hl__nfa_state(b), close = hl__nfa_state(b);
    hl__nfa_text(b, from, open, HL_STR("{"));
    hl__gjson_space(b, open, r.none);
    HL_TRY(emit_known(s, &r, m, names, &n));
    if (m->open) {
        qsort(names, n, sizeof *names, by_text);
        for (size_t i = 0; i < n; i++)
            if (names[i].len > NAME_BYTES_MAX)
                return hl__schema_fail(s, HL_ELIMIT, "a long name beside additionalProperties");
        uint32_t key = behind_comma(b, r.some);
        hl__nfa_empty(b, r.none, key);
        HL_TRY(emit_extra(s, key, r.some, names, n, m));
    }
    hl__gjson_space(b, r.some, close);
    hl__nfa_empty(b, r.none, close);
    hl__nfa_text(b, close, to, HL_STR("}"));
    return HL_OK;
}

/* Objects without properties, whose members are counted. */
static hl_status emit_counted(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                              const members *m) {
    uint32_t min, max, rule = hl__nfa_rule_new(s->b);
    HL_TRY(read_count(s, schema, "minProperties", 0, &min));
    HL_TRY(read_count(s, schema, "maxProperties", HL__NONE, &max));
    if (m->required || !m->open || (m->properties && json_object_object_length(m->properties) > 0))
        return hl__schema_fail(s, HL_EUNSUPPORTED,
                               "minProperties or maxProperties beside properties or required");
    size_t was = path_push(s, "additionalProperties", NULL);
    hl_status st = hl__nfa_ok(s->b)
                       ? emit_call(s, s->b->rules[rule].start, s->b->rules[rule].end, m->extra)
                       : HL_OK;
    path_pop(s, was);
    if (st >= 0 && min <= max) hl__gjson_object(s->b, from, to, rule, min, max);
    return st;
}

static hl_status emit_object(hl__schema *s, uint32_t from, uint32_t to,
                             struct json_object *schema) {
    members m;
    HL_TRY(read_members(s, schema, &m));
    if (hl__schema_has(schema, "minProperties") || hl__schema_has(schema, "maxProperties"))
        return emit_counted(s, from, to, schema, &m);
    size_t n = m.properties ? (size_t)json_object_object_length(m.properties) : 0;
    n += m.required ? json_object_array_length(m.required) : 0;
    if (n > MEMBERS_MAX)
        return hl__schema_fail(s, HL_ELIMIT, "more than %d properties", MEMBERS_MAX);
    hl_str *names = HL_ARENA_ARRAY(s->b->arena, n + 1, hl_str);
    if (!names) return hl__schema_fail(s, HL_ELIMIT, "too many properties");
    return emit_members(s, from, to, &m, names);
}

/* -- one schema -------------------------------------------------------------------------------- */

static hl_status emit_body(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                           uint32_t depth);

static hl_status emit_type(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                           const char *name) {
    if (strcmp(name, "object") == 0) return emit_object(s, from, to, schema);
    if (strcmp(name, "array") == 0) return emit_array(s, from, to, schema);
    if (strcmp(name, "string") == 0) return emit_string(s, from, to, schema);
    if (strcmp(name, "number") == 0) return emit_number(s, from, to, schema, false);
    if (strcmp(name, "integer") == 0) return emit_number(s, from, to, schema, true);
    if (strcmp(name, "boolean") == 0)
        hl__regex_emit(s->b, from, to, "true|false");
    else if (strcmp(name, "null") == 0)
        hl__regex_emit(s->b, from, to, "null");
    else
        return hl__schema_fail(s, HL_EINVAL, "the type \"%.80s\" is not known", name);
    return HL_OK;
}

/* Without a type: those that the keywords speak of. */
static hl_status emit_guessed(hl__schema *s, uint32_t from, uint32_t to,
                              struct json_object *schema) {
    static const struct {
        const char *key, *type;
    } GUESSES[] = {{"properties", "object"},
                   {"required", "object"},
                   {"additionalProperties", "object"},
                   {"minProperties", "object"},
                   {"maxProperties", "object"},
                   {"items", "array"},
                   {"prefixItems", "array"},
                   {"minItems", "array"},
                   {"maxItems", "array"},
                   {"minLength", "string"},
                   {"maxLength", "string"},
                   {"pattern", "string"},
                   {"format", "string"},
                   {"minimum", "number"},
                   {"maximum", "number"},
                   {"exclusiveMinimum", "number"},
                   {"exclusiveMaximum", "number"}};
    const char *last = "";
    for (size_t i = 0; i < sizeof GUESSES / sizeof GUESSES[0]; i++) {
        if (!hl__schema_has(schema, GUESSES[i].key) || strcmp(last, GUESSES[i].type) == 0) continue;
        last = GUESSES[i].type;
        HL_TRY(emit_type(s, from, to, schema, last));
    }
    if (!*last) hl__nfa_call(s->b, from, to, hl__gjson_rule_get(s->b, HL__GJSON_VALUE));
    return HL_OK;
}

static hl_status emit_types(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema) {
    struct json_object *types = hl__schema_get(schema, "type");
    if (!hl__schema_has(schema, "type")) return emit_guessed(s, from, to, schema);
    if (json_object_is_type(types, json_type_string))
        return emit_type(s, from, to, schema, json_object_get_string(types));
    if (!json_object_is_type(types, json_type_array))
        return hl__schema_fail(s, HL_EINVAL, "type is neither a name nor a list");
    for (size_t i = 0; i < json_object_array_length(types); i++) {
        struct json_object *t = json_object_array_get_idx(types, i);
        if (!json_object_is_type(t, json_type_string))
            return hl__schema_fail(s, HL_EINVAL, "type has something that is no name");
        HL_TRY(emit_type(s, from, to, schema, json_object_get_string(t)));
    }
    return HL_OK;
}

static bool value_has_type(struct json_object *value, const char *name) {
    switch (json_object_get_type(value)) {
    case json_type_null: return strcmp(name, "null") == 0;
    case json_type_boolean: return strcmp(name, "boolean") == 0;
    case json_type_double: return strcmp(name, "number") == 0;
    case json_type_int: return strcmp(name, "number") == 0 || strcmp(name, "integer") == 0;
    case json_type_object: return strcmp(name, "object") == 0;
    case json_type_array: return strcmp(name, "array") == 0;
    case json_type_string: return strcmp(name, "string") == 0;
    }
    return false;
}

static bool value_is_allowed(struct json_object *value, struct json_object *types) {
    if (!types) return true;
    if (json_object_is_type(types, json_type_string))
        return value_has_type(value, json_object_get_string(types));
    for (size_t i = 0;
         json_object_is_type(types, json_type_array) && i < json_object_array_length(types); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(types, i));
        if (name && value_has_type(value, name)) return true;
    }
    return false;
}

/* enum or const, of which the type may leave some out. */
static hl_status emit_values(hl__schema *s, uint32_t from, uint32_t to,
                             struct json_object *schema) {
    static const char *const WITH[] = {"enum", "const", "type", "nullable"};
    struct json_object *list = hl__schema_get(schema, "enum");
    struct json_object *types = hl__schema_get(schema, "type");
    struct json_object *one = hl__schema_get(schema, "const");
    bool has_list = hl__schema_has(schema, "enum"), has_one = hl__schema_has(schema, "const");
    if (hl__schema_asserts_more(schema, WITH, 4))
        return hl__schema_fail(s, HL_EUNSUPPORTED, "enum or const beside other keywords");
    if (has_list && !json_object_is_type(list, json_type_array))
        return hl__schema_fail(s, HL_EINVAL, "enum is no array");
    size_t n = has_list ? json_object_array_length(list) : 1;
    for (size_t i = 0; i < n && hl__nfa_ok(s->b); i++) {
        struct json_object *value = has_list ? json_object_array_get_idx(list, i) : one;
        if (has_one && !json_object_equal(value, one)) continue;
        if (value_is_allowed(value, types)) hl__gjson_literal(s->b, from, to, value);
    }
    return HL_OK;
}

/* allOf: all of them and the rest as one. */
static hl_status emit_all_of(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                             uint32_t depth) {
    struct json_object *list = hl__schema_get(schema, "allOf"), *all = schema;
    if (!json_object_is_type(list, json_type_array))
        return hl__schema_fail(s, HL_EINVAL, "allOf is no array");
    size_t n = json_object_array_length(list);
    if (n == 0) return hl__schema_fail(s, HL_EINVAL, "allOf is empty");
    for (size_t i = 0; i < n; i++) {
        struct json_object *part = json_object_array_get_idx(list, i), *ref;
        for (uint32_t k = 0; (ref = hl__schema_get(part, "$ref")) != NULL; k++) {
            struct json_object *target;
            if (k == HL__REF_DEPTH_MAX) return hl__schema_fail(s, HL_EINVAL, "$ref in a circle");
            HL_TRY(hl__schema_resolve(s, ref, &target));
            HL_TRY(hl__schema_merge(s, part, "$ref", target, &part));
        }
        HL_TRY(hl__schema_merge(s, all, i ? NULL : "allOf", part, &all));
    }
    return emit_body(s, from, to, all, depth + 1);
}

/* A reference to a schema that is none of several itself stands for it: then alternatives share
 * what they begin with. */
static hl_status look_through(hl__schema *s, struct json_object *part, struct json_object **ret) {
    static const char *const ONLY[] = {"$ref"}, *const SEVERAL[] = {"$ref", "anyOf", "oneOf",
                                                                    "allOf"};
    struct json_object *ref = hl__schema_get(part, "$ref"), *target;
    *ret = part;
    if (!ref || hl__schema_asserts_more(part, ONLY, 1)) return HL_OK;
    HL_TRY(hl__schema_resolve(s, ref, &target));
    for (size_t i = 0; i < sizeof SEVERAL / sizeof SEVERAL[0]; i++)
        if (hl__schema_has(target, SEVERAL[i])) return HL_OK;
    *ret = target;
    return HL_OK;
}

static hl_status emit_any_of(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                             const char *key, uint32_t depth) {
    static const char *const ONLY[] = {"anyOf", "oneOf"};
    struct json_object *list = hl__schema_get(schema, key);
    if (!json_object_is_type(list, json_type_array))
        return hl__schema_fail(s, HL_EINVAL, "%s is no array", key);
    bool more = hl__schema_asserts_more(schema, strcmp(key, "anyOf") == 0 ? ONLY : ONLY + 1, 1);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *part = json_object_array_get_idx(list, i), *both = part, *ref;
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        for (uint32_t k = 0; more && (ref = hl__schema_get(both, "$ref")) != NULL; k++) {
            struct json_object *target;
            if (k == HL__REF_DEPTH_MAX) return hl__schema_fail(s, HL_EINVAL, "$ref in a circle");
            HL_TRY(hl__schema_resolve(s, ref, &target));
            HL_TRY(hl__schema_merge(s, both, "$ref", target, &both));
        }
        if (more)
            HL_TRY(hl__schema_merge(s, schema, key, both, &both));
        else
            HL_TRY(look_through(s, part, &both));
        size_t was = path_push(s, key, number);
        hl_status st = emit_body(s, from, to, both, depth + 1);
        path_pop(s, was);
        HL_TRY(st);
    }
    return HL_OK;
}

static hl_status emit_ref(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                          uint32_t depth) {
    static const char *const ONLY[] = {"$ref"};
    struct json_object *ref = hl__schema_get(schema, "$ref"), *target, *merged;
    HL_TRY(hl__schema_resolve(s, ref, &target));
    if (!hl__schema_asserts_more(schema, ONLY, 1)) {
        hl_buf here = s->path;
        hl_buf_init(&s->path, PATH_MAX_BYTES);
        hl_buf_append_cstr(&s->path, json_object_get_string(ref));
        hl_status st = emit_call(s, from, to, target);
        hl_buf_deinit(&s->path);
        s->path = here;
        return st;
    }
    HL_TRY(hl__schema_merge(s, schema, "$ref", target, &merged));
    return emit_body(s, from, to, merged, depth + 1);
}

/* Everything that satisfies the schema. */
static hl_status emit_body(hl__schema *s, uint32_t from, uint32_t to, struct json_object *schema,
                           uint32_t depth) {
    compiler *c = compiler_of(s);
    if (!hl__nfa_ok(s->b)) return HL_OK;
    if (depth > HL__REF_DEPTH_MAX || ++c->n_bodies > BODIES_MAX)
        return hl__schema_fail(s, HL_ELIMIT, "schemas inside schemas without end");
    if (json_object_is_type(schema, json_type_boolean)) { /* false allows nothing */
        if (is_true(schema)) return emit_call(s, from, to, schema);
        return HL_OK;
    }
    if (!json_object_is_type(schema, json_type_object))
        return hl__schema_fail(s, HL_EINVAL, "a schema that is no object");
    HL_TRY(hl__schema_check_keywords(s, schema));
    struct json_object *nullable = hl__schema_get(schema, "nullable");
    if (nullable && json_object_get_boolean(nullable)) hl__regex_emit(s->b, from, to, "null");
    if (hl__schema_has(schema, "$ref")) return emit_ref(s, from, to, schema, depth);
    if (hl__schema_has(schema, "allOf")) return emit_all_of(s, from, to, schema, depth);
    if (hl__schema_has(schema, "anyOf")) return emit_any_of(s, from, to, schema, "anyOf", depth);
    if (hl__schema_has(schema, "oneOf")) return emit_any_of(s, from, to, schema, "oneOf", depth);
    if (hl__schema_has(schema, "enum") || hl__schema_has(schema, "const"))
        return emit_values(s, from, to, schema);
    return emit_types(s, from, to, schema);
}

/* -- all of them ------------------------------------------------------------------------------- */

static hl_status emit_tasks(compiler *c) {
    hl__nfa *b = c->s.b;
    while (c->n_made < c->n_tasks && hl__nfa_ok(b)) {
        task t = c->tasks[c->n_made++];
        hl_buf_reset(&c->s.path);
        hl_buf_append_str(&c->s.path, t.path);
        HL_TRY(emit_body(&c->s, b->rules[t.rule].start, b->rules[t.rule].end, t.schema, 0));
    }
    return hl_buf_status(&c->s.path, "the schema's path", c->s.err);
}

static hl_status emit_root(compiler *c, struct json_object *schema, uint32_t *ret) {
    c->s.root = schema;
    hl_buf_reset(&c->s.path);
    hl_buf_append_char(&c->s.path, '#');
    HL_TRY(rule_of(&c->s, schema, ret));
    return emit_tasks(c);
}

/* A rule with one path for each frame. */
static hl_status emit_frames(compiler *c, const hl_grammar_frame *frames, size_t n, uint32_t *ret) {
    hl__nfa *b = c->s.b;
    uint32_t root = hl__nfa_rule_new(b);
    for (size_t i = 0; i < n && hl__nfa_ok(b); i++) {
        uint32_t value, from = hl__nfa_state(b), to = hl__nfa_state(b);
        HL_TRY(emit_root(c, frames[i].schema, &value));
        if (!hl__nfa_ok(b)) break;
        hl__nfa_text(b, b->rules[root].start, from, frames[i].before);
        hl__nfa_call(b, from, to, value);
        hl__nfa_text(b, to, b->rules[root].end, frames[i].after);
    }
    *ret = root;
    return HL_OK;
}

static hl_status compile(compiler *c, const hl_grammar_frame *frames, size_t n,
                         const hl_grammar_thinking *thinking, hl_grammar **ret) {
    bool bare = n == 1 && frames[0].before.len == 0 && frames[0].after.len == 0;
    uint32_t root = 0;
    HL_ASSERT(ret && n > 0 && !c->tasks);
    c->tasks = hl_calloc(TASKS_MAX, sizeof *c->tasks);
    c->table = hl_calloc(TABLE, sizeof *c->table);
    c->s.merged = hl_calloc(HL__MERGED_MAX, sizeof *c->s.merged);
    if (!c->tasks || !c->table || !c->s.merged)
        return hl_fail(c->s.err, HL_ENOMEM, "grammar", "no memory for a schema");
    HL_TRY(bare ? emit_root(c, frames[0].schema, &root) : emit_frames(c, frames, n, &root));
    hl_status st = hl__nfa_finish(c->s.b, hl__nfa_thinking(c->s.b, thinking, root), ret, c->s.err);
    if (st < 0) hl_error_prefix(c->s.err, "JSON schema");
    return st;
}

hl_status hl_grammar_framed(const hl_grammar_frame *frames, size_t n,
                            const hl_grammar_thinking *thinking, hl_grammar **ret, hl_error *err) {
    hl__nfa b;
    hl_error ignored;
    compiler c = {.s = {.b = &b, .err = err ? err : &ignored}};
    HL_TRY(hl__nfa_init(&b, HL_JSON_DEPTH_MAX - 2, c.s.err));
    hl_buf_init(&c.s.path, PATH_MAX_BYTES);
    hl_status st = compile(&c, frames, n, thinking, ret);
    for (uint32_t i = 0; i < c.s.n_merged; i++) json_object_put(c.s.merged[i]);
    hl_free(c.s.merged);
    hl_free(c.tasks);
    hl_free(c.table);
    hl_buf_deinit(&c.s.path);
    hl__nfa_deinit(&b);
    return st;
}

hl_status hl_grammar_schema(struct json_object *schema, const hl_grammar_thinking *thinking,
                            hl_grammar **ret, hl_error *err) {
    hl_grammar_frame frame = {.schema = schema};
    return hl_grammar_framed(&frame, 1, thinking, ret, err);
}
