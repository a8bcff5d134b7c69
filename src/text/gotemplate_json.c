/* Values as encoding/json writes them. */
#include "text/gotemplate_format.h"

#include "base/utf8.h"

#include <math.h>

static void append_char(hl_buf *b, uint32_t cp) {
    static const char NAMES[] = "btnfr", VALUES[] = "\b\t\n\f\r";
    const char *named = cp && cp < 32 ? memchr(VALUES, (int)cp, sizeof VALUES - 1) : NULL;
    if (cp == '"' || cp == '\\')
        hl_buf_printf(b, "\\%c", (int)cp);
    else if (named)
        hl_buf_printf(b, "\\%c", NAMES[named - VALUES]);
    else if (cp < 32 || cp == '<' || cp == '>' || cp == '&' || cp == 0x2028 || cp == 0x2029)
        hl_buf_printf(b, "\\u%04x", cp);
    else
        hl__go_format_cp(b, cp);
}

static void append_string(hl_buf *b, hl_str s) {
    hl_buf_append_char(b, '"');
    for (size_t at = 0; at < s.len && !b->failed;) {
        uint32_t cp;
        bool ok;
        at += hl_utf8_decode(s, at, &cp, &ok);
        if (ok)
            append_char(b, cp);
        else
            hl_buf_append_cstr(b, "\\ufffd");
    }
    hl_buf_append_char(b, '"');
}

static hl_status encode(go_run *r, const go_value *v, hl_buf *b);

static hl_status encode_list(go_run *r, const go_value *v, hl_buf *b) {
    bool joins = v->type && v->type->kind == GO_T_LIST && v->type->joins && v->n == 1;
    if (!v->u.json) {
        hl_buf_append_cstr(b, "null");
        return HL_OK;
    }
    if (!joins) hl_buf_append_char(b, '[');
    for (size_t i = 0; i < v->n; i++) {
        go_value item = hl__go_item(v, i);
        if (i) hl_buf_append_char(b, ',');
        HL_TRY(encode(r, &item, b));
    }
    if (!joins) hl_buf_append_char(b, ']');
    return HL_OK;
}

/* A map that keeps its order is written so; arguments that are not there are none. */
static hl_status encode_map(go_run *r, const go_value *v, hl_buf *b) {
    bool empty = v->type && v->type->kind == GO_T_MAP && v->type->item &&
                 v->type->item->kind == GO_T_ANY;
    if (!v->u.json) {
        hl_buf_append_cstr(b, empty ? "{}" : "null");
        return HL_OK;
    }
    go_entry *entries;
    HL_TRY(hl__go_entries_of(r, v, &entries));
    hl_buf_append_char(b, '{');
    for (size_t i = 0; i < v->n; i++) {
        if (i) hl_buf_append_char(b, ',');
        append_string(b, entries[i].key);
        hl_buf_append_char(b, ':');
        HL_TRY(encode(r, &entries[i].value, b));
    }
    hl_buf_append_char(b, '}');
    return HL_OK;
}

static hl_status encode_struct(go_run *r, const go_value *v, hl_buf *b) {
    bool first = true;
    hl_buf_append_char(b, '{');
    for (size_t i = 0; i < v->type->n_fields; i++) {
        const go_field *field = &v->type->fields[i];
        go_value value = hl__go_field_value(v, field);
        if (field->omit_empty &&
            (hl__go_is_nil(&value) || (!hl__go_truth(&value) && field->type->kind != GO_T_ANY)))
            continue;
        if (!first) hl_buf_append_char(b, ',');
        first = false;
        append_string(b, hl_str_from(field->key));
        hl_buf_append_char(b, ':');
        HL_TRY(encode(r, &value, b));
    }
    hl_buf_append_char(b, '}');
    return HL_OK;
}

static hl_status encode_kind(go_run *r, const go_value *v, hl_buf *b) {
    switch (v->kind) {
    case GO_NONE:
    case GO_NIL: hl_buf_append_cstr(b, "null"); return HL_OK;
    case GO_BOOL: hl_buf_append_cstr(b, v->u.b ? "true" : "false"); return HL_OK;
    case GO_INT:
    case GO_BYTE: hl_buf_printf(b, "%lld", (long long)v->u.i); return HL_OK;
    case GO_FLOAT:
        /* JSON has no others, and neither has a template a way to make them */
        if (isfinite(v->u.f)) hl__go_float_json(b, v->u.f);
        return HL_OK;
    case GO_STRING: append_string(b, v->u.s); return HL_OK;
    case GO_LIST: return encode_list(r, v, b);
    case GO_MAP: return encode_map(r, v, b);
    case GO_STRUCT: return encode_struct(r, v, b);
    }
    return HL_OK;
}

static hl_status encode(go_run *r, const go_value *v, hl_buf *b) {
    HL_TRY(hl__go_deeper(r));
    HL_TRY(encode_kind(r, v, b));
    HL_TRY(hl_buf_status(b, "a text", r->err));
    r->depth--;
    return HL_OK;
}

hl_status hl__go_json(go_run *r, const go_value *v, hl_buf *b) {
    return encode(r, v, b);
}
