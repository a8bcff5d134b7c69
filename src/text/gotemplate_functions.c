/* The functions that templates can call: Go's own and Ollama's. */
#include "text/gotemplate_run.h"

#include "base/utf8.h"
#include "text/template_chars.h"

typedef hl_status printer(go_run *r, const go_value *args, size_t n, hl_buf *b);

/* What a printer appends to a buffer, as a value. */
static hl_status to_text(go_run *r, printer *print, const go_value *args, size_t n, go_value *ret) {
    hl_buf b = hl__go_text_begin(r);
    hl_status st = print(r, args, n, &b);
    if (st < 0) {
        hl_buf_deinit(&b);
        return st;
    }
    return hl__go_text_end(r, &b, ret);
}

static hl_status print_plain(go_run *r, const go_value *args, size_t n, hl_buf *b) {
    return hl__go_sprint(r, args, n, false, b);
}

static hl_status print_lines(go_run *r, const go_value *args, size_t n, hl_buf *b) {
    return hl__go_sprint(r, args, n, true, b);
}

static hl_status print_json(go_run *r, const go_value *args, size_t n, hl_buf *b) {
    HL_ASSERT(n == 1);
    return hl__go_json(r, &args[0], b);
}

static hl_status call_print(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return to_text(r, print_plain, args, n, ret);
}

static hl_status call_println(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return to_text(r, print_lines, args, n, ret);
}

static hl_status call_printf(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return to_text(r, hl__go_sprintf, args, n, ret);
}

static hl_status call_json(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return to_text(r, print_json, args, n, ret);
}

static hl_status call_not(go_run *r, const go_value *args, size_t n, go_value *ret) {
    (void)r;
    HL_ASSERT(n == 1);
    *ret = hl__go_bool(!hl__go_truth(&args[0]));
    return HL_OK;
}

static hl_status call_call(go_run *r, const go_value *args, size_t n, go_value *ret) {
    (void)ret;
    HL_ASSERT(n >= 1);
    if (hl__go_is_nil(&args[0])) return hl__go_fail(r, HL_EFORMAT, "error calling call: nil");
    return hl__go_fail(r, HL_EFORMAT, "error calling call: non-function of type %s",
                       hl__go_type_name(&args[0]));
}

/* What html, js and urlquery see of their arguments: a text as it is, others as printed. */
static hl_status text_of(go_run *r, const go_value *args, size_t n, hl_str *ret) {
    go_value text;
    if (n == 1 && args[0].kind == GO_STRING) {
        *ret = args[0].u.s;
        return HL_OK;
    }
    void *memory;
    HL_TRY(hl__go_take(r, n, sizeof *args, &memory));
    go_value *copy = memory;
    for (size_t i = 0; i < n; i++)
        copy[i] = hl__go_is_nil(&args[i]) ? hl__go_str(HL_STR("<no value>")) : args[i];
    HL_TRY(to_text(r, print_plain, copy, n, &text));
    *ret = text.u.s;
    return HL_OK;
}

static void escape_html(hl_str s, hl_buf *b) {
    static const char *const ENTITIES[128] = {
        ['\0'] = "\xEF\xBF\xBD", ['"'] = "&#34;", ['\''] = "&#39;",
        ['&'] = "&amp;",         ['<'] = "&lt;",  ['>'] = "&gt;",
    };
    for (size_t i = 0; i < s.len && !b->failed; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 128 && ENTITIES[c])
            hl_buf_append_cstr(b, ENTITIES[c]);
        else
            hl_buf_append_char(b, s.ptr[i]);
    }
}

static void escape_js(hl_str s, hl_buf *b) {
    uint32_t cp;
    bool ok;
    for (size_t at = 0, len; at < s.len && !b->failed; at += len) {
        len = hl_utf8_decode(s, at, &cp, &ok);
        bool plain = cp >= 128 ? (hl__tpl_char_flags(cp) & TPL_CHAR_PRINTABLE) != 0 || !ok
                               : cp >= 32 && !strchr("<>&=", (int)cp);
        if (cp == '\\' || cp == '\'' || cp == '"')
            hl_buf_printf(b, "\\%c", (int)cp);
        else if (plain)
            hl_buf_append(b, s.ptr + at, len);
        else
            hl_buf_printf(b, "\\u%04X", cp);
    }
}

static void escape_query(hl_str s, hl_buf *b) {
    for (size_t i = 0; i < s.len && !b->failed; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && c < 128 && strchr("-_.~", c));
        if (c == ' ')
            hl_buf_append_char(b, '+');
        else if (plain)
            hl_buf_append_char(b, (char)c);
        else
            hl_buf_printf(b, "%%%02X", c);
    }
}

static hl_status escape(go_run *r, void (*how)(hl_str s, hl_buf *b), const go_value *args, size_t n,
                        go_value *ret) {
    hl_str text;
    HL_TRY(text_of(r, args, n, &text));
    hl_buf b = hl__go_text_begin(r);
    how(text, &b);
    return hl__go_text_end(r, &b, ret);
}

static hl_status call_html(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return escape(r, escape_html, args, n, ret);
}

static hl_status call_js(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return escape(r, escape_js, args, n, ret);
}

static hl_status call_urlquery(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return escape(r, escape_query, args, n, ret);
}

/* YYYY-MM-DD of a day since 1970, by the rules of the Gregorian calendar. */
static hl_status date(go_run *r, int64_t day, go_value *ret) {
    enum { ERA_DAYS = 146097, DAYS_0000_03_01 = 719468 }; /* eras of 400 years begin on 1 March */
    int64_t z = day + DAYS_0000_03_01;
    int64_t era = (z >= 0 ? z : z - ERA_DAYS + 1) / ERA_DAYS;
    int64_t of_era = z - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    year += era * 400 + (month <= 2);
    hl_buf b = hl__go_text_begin(r);
    hl_buf_printf(&b, "%04lld-%02lld-%02lld", (long long)year, (long long)month,
                  (long long)of_month);
    return hl__go_text_end(r, &b, ret);
}

static int64_t today(const go_run *r) {
    enum { DAY_S = 86400 };
    int64_t s = r->how->now_s;
    return s >= 0 ? s / DAY_S : -((-(s + 1)) / DAY_S) - 1;
}

static hl_status call_current_date(go_run *r, const go_value *args, size_t n, go_value *ret) {
    (void)args;
    (void)n;
    return date(r, today(r), ret);
}

static hl_status call_yesterday_date(go_run *r, const go_value *args, size_t n, go_value *ret) {
    (void)args;
    (void)n;
    return date(r, today(r) - 1, ret);
}

static const char *typescript_name(hl_str type) {
    static const struct {
        const char *json, *typescript;
    } NAMES[] = {
        {"string", "string"},   {"integer", "number"}, {"number", "number"},
        {"boolean", "boolean"}, {"array", "any[]"},    {"object", "Record<string, any>"},
        {"null", "null"},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (hl_str_is(type, NAMES[i].json)) return NAMES[i].typescript;
    return "any";
}

/* A value's key, or its field of this key when it has a type. */
static go_value property(const go_value *v, const char *key) {
    if (v->kind == GO_MAP) return hl__go_lookup(v, hl_str_from(key));
    for (size_t i = 0; v->kind == GO_STRUCT && i < v->type->n_fields; i++)
        if (strcmp(v->type->fields[i].key, key) == 0)
            return hl__go_field_value(v, &v->type->fields[i]);
    return (go_value){0};
}

static hl_status typescript(go_run *r, const go_value *v, hl_buf *b) {
    HL_TRY(hl__go_deeper(r));
    go_value any_of = property(v, "anyOf"), type = property(v, "type");
    for (size_t i = 0; any_of.kind == GO_LIST && i < any_of.n; i++) {
        go_value item = hl__go_item(&any_of, i);
        if (i) hl_buf_append_cstr(b, " | ");
        HL_TRY(typescript(r, &item, b));
    }
    r->depth--;
    if (any_of.kind == GO_LIST && any_of.n) return HL_OK;
    if (type.kind == GO_STRING) hl_buf_append_cstr(b, typescript_name(type.u.s));
    for (size_t i = 0; type.kind == GO_LIST && i < type.n; i++) {
        go_value item = hl__go_item(&type, i);
        if (i) hl_buf_append_cstr(b, " | ");
        hl_buf_append_cstr(b, item.kind == GO_STRING ? typescript_name(item.u.s) : "any");
    }
    bool any = type.kind == GO_LIST ? !type.n : type.kind != GO_STRING;
    if (any) hl_buf_append_cstr(b, "any");
    return HL_OK;
}

static hl_status print_typescript(go_run *r, const go_value *args, size_t n, hl_buf *b) {
    HL_ASSERT(n == 1);
    return typescript(r, &args[0], b);
}

static hl_status call_typescript(go_run *r, const go_value *args, size_t n, go_value *ret) {
    return to_text(r, print_typescript, args, n, ret);
}

static const go_function FUNCTIONS[] = {
    {.name = "and", .n_fixed = 1, .variadic = true},
    {.name = "or", .n_fixed = 1, .variadic = true},
    {.name = "not", .n_fixed = 1, .call = call_not},
    {.name = "eq", .n_fixed = 1, .variadic = true, .call = hl__go_eq},
    {.name = "ne", .n_fixed = 2, .call = hl__go_ne},
    {.name = "lt", .n_fixed = 2, .call = hl__go_lt},
    {.name = "le", .n_fixed = 2, .call = hl__go_le},
    {.name = "gt", .n_fixed = 2, .call = hl__go_gt},
    {.name = "ge", .n_fixed = 2, .call = hl__go_ge},
    {.name = "len", .n_fixed = 1, .call = hl__go_len},
    {.name = "index", .n_fixed = 1, .variadic = true, .call = hl__go_index},
    {.name = "slice", .n_fixed = 1, .variadic = true, .call = hl__go_slice},
    {.name = "print", .variadic = true, .call = call_print},
    {.name = "println", .variadic = true, .call = call_println},
    {.name = "printf", .n_fixed = 1, .variadic = true, .first_is_text = true, .call = call_printf},
    {.name = "html", .variadic = true, .call = call_html},
    {.name = "js", .variadic = true, .call = call_js},
    {.name = "urlquery", .variadic = true, .call = call_urlquery},
    {.name = "call", .n_fixed = 1, .variadic = true, .call = call_call},
    {.name = "json", .n_fixed = 1, .call = call_json},
    {.name = "currentDate", .variadic = true, .all_are_text = true, .call = call_current_date},
    {.name = "yesterdayDate", .variadic = true, .all_are_text = true, .call = call_yesterday_date},
    {.name = "toTypeScriptType", .n_fixed = 1, .call = call_typescript},
};

const go_function *hl__go_find_function(hl_str name) {
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++)
        if (hl_str_is(name, FUNCTIONS[i].name)) return &FUNCTIONS[i];
    return NULL;
}
