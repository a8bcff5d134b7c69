/* Values under a verb: lists, maps, structs, and the choice for the others. */
#include "text/gotemplate_format.h"

#include "base/utf8.h"

static size_t count_chars(hl_str s) {
    size_t n = 0;
    uint32_t cp;
    bool ok;
    for (size_t at = 0; at < s.len; n++) at += hl_utf8_decode(s, at, &cp, &ok);
    return n;
}

static void pad(go_format *f, size_t n, char c) {
    for (size_t i = 0; i < n && !f->b->failed; i++) hl_buf_append_char(f->b, c);
}

void hl__go_format_pad(go_format *f, hl_str s) {
    size_t width = f->has_width ? (size_t)f->width : 0;
    size_t n = width ? count_chars(s) : 0;
    size_t missing = width > n ? width - n : 0;
    if (!f->minus) pad(f, missing, f->zero ? '0' : ' ');
    hl_buf_append_str(f->b, s);
    if (f->minus) pad(f, missing, ' ');
}

void hl__go_format_cp(hl_buf *b, uint32_t cp) {
    char utf8[4];
    hl_buf_append(b, utf8, hl_utf8_encode(cp, utf8));
}

hl_status hl__go_format_bad(go_format *f, const go_value *v, uint32_t verb) {
    bool erroring = f->erroring;
    f->erroring = true;
    hl_buf_append_cstr(f->b, "%!");
    hl__go_format_cp(f->b, verb);
    hl_buf_append_char(f->b, '(');
    if (hl__go_is_nil(v)) {
        hl_buf_append_cstr(f->b, "<nil>");
    } else {
        hl_buf_append_cstr(f->b, hl__go_type_name(v));
        hl_buf_append_char(f->b, '=');
        HL_TRY(hl__go_format_value(f, v, 'v'));
    }
    hl_buf_append_char(f->b, ')');
    f->erroring = erroring;
    return HL_OK;
}

static const char *separator(const go_format *f) {
    return f->sharp_v ? ", " : " ";
}

/* A value inside of another: null is a nil interface there. */
static hl_status format_inner(go_format *f, const go_value *v, uint32_t verb) {
    if (!hl__go_is_nil(v)) return hl__go_format_value(f, v, verb);
    hl_buf_append_cstr(f->b, f->sharp_v ? "interface {}(nil)" : "<nil>");
    return HL_OK;
}

static bool is_typed_nil(const go_value *v) {
    return !v->u.json && v->kind != GO_STRUCT;
}

static hl_status format_list(go_format *f, const go_value *v, uint32_t verb) {
    if (f->sharp_v) {
        hl_buf_append_cstr(f->b, hl__go_type_name(v));
        hl_buf_append_cstr(f->b, is_typed_nil(v) ? "(nil)" : "{");
        if (is_typed_nil(v)) return HL_OK;
    } else {
        hl_buf_append_char(f->b, '[');
    }
    for (size_t i = 0; i < v->n; i++) {
        go_value item = hl__go_item(v, i);
        if (i) hl_buf_append_cstr(f->b, separator(f));
        HL_TRY(format_inner(f, &item, verb));
    }
    hl_buf_append_char(f->b, f->sharp_v ? '}' : ']');
    return HL_OK;
}

static hl_status format_map(go_format *f, const go_value *v, uint32_t verb) {
    go_entry *entries;
    HL_TRY(hl__go_entries_of(f->r, v, &entries));
    if (f->sharp_v) {
        hl_buf_append_cstr(f->b, hl__go_type_name(v));
        hl_buf_append_cstr(f->b, is_typed_nil(v) ? "(nil)" : "{");
        if (is_typed_nil(v)) return HL_OK;
    } else {
        hl_buf_append_cstr(f->b, "map[");
    }
    for (size_t i = 0; i < v->n; i++) {
        go_value key = hl__go_str(entries[i].key);
        if (i) hl_buf_append_cstr(f->b, separator(f));
        HL_TRY(format_inner(f, &key, verb));
        hl_buf_append_char(f->b, ':');
        HL_TRY(format_inner(f, &entries[i].value, verb));
    }
    hl_buf_append_char(f->b, f->sharp_v ? '}' : ']');
    return HL_OK;
}

static hl_status format_struct(go_format *f, const go_value *v, uint32_t verb) {
    if (f->sharp_v) hl_buf_append_cstr(f->b, v->type->name);
    hl_buf_append_char(f->b, '{');
    for (size_t i = 0; i < v->type->n_fields; i++) {
        const go_field *field = &v->type->fields[i];
        go_value value = hl__go_field_value(v, field);
        if (i) hl_buf_append_cstr(f->b, separator(f));
        if (f->plus_v || f->sharp_v) hl_buf_printf(f->b, "%s:", field->name);
        HL_TRY(format_inner(f, &value, verb));
    }
    hl_buf_append_char(f->b, '}');
    return HL_OK;
}

static bool is_stringer(const go_format *f, const go_value *v, uint32_t verb) {
    if (f->erroring || f->sharp_v || v->kind < GO_LIST || !v->type) return false;
    if (v->type->kind != GO_T_LIST && v->type->kind != GO_T_MAP && v->type->kind != GO_T_STRUCT)
        return false;
    return (v->type->prints_json || v->type->joins) && verb < 128 && strchr("vsxXq", (int)verb);
}

/* What a value's String method gives. */
static hl_status to_string(go_run *r, const go_value *v, hl_buf *b) {
    if (v->type->prints_json) return hl__go_json(r, v, b);
    go_format plain = {.r = r, .b = b};
    go_value item = v->n == 1 ? hl__go_item(v, 0) : (go_value){0};
    if (v->n == 0) return HL_OK;
    return v->n == 1 ? format_inner(&plain, &item, 'v') : format_list(&plain, v, 'v');
}

static hl_status format_stringer(go_format *f, const go_value *v, uint32_t verb) {
    go_value text;
    hl_buf b = hl__go_text_begin(f->r);
    hl_status st = to_string(f->r, v, &b);
    if (st < 0) {
        hl_buf_deinit(&b);
        return st;
    }
    HL_TRY(hl__go_text_end(f->r, &b, &text));
    return hl__go_format_value(f, &text, verb);
}

static hl_status format_kind(go_format *f, const go_value *v, uint32_t verb) {
    bool right = false;
    switch (v->kind) {
    case GO_NONE:
    case GO_NIL:
        right = verb == 'v';
        if (right) hl__go_format_pad(f, HL_STR("<nil>"));
        break;
    case GO_BOOL:
        right = verb == 't' || verb == 'v';
        if (right) hl__go_format_pad(f, v->u.b ? HL_STR("true") : HL_STR("false"));
        break;
    case GO_INT:
    case GO_BYTE: right = hl__go_format_int(f, v, verb); break;
    case GO_FLOAT: right = hl__go_format_float(f, v->u.f, verb); break;
    case GO_STRING: right = hl__go_format_string(f, v->u.s, verb); break;
    case GO_LIST: return format_list(f, v, verb);
    case GO_MAP: return format_map(f, v, verb);
    case GO_STRUCT: return format_struct(f, v, verb);
    }
    return right ? HL_OK : hl__go_format_bad(f, v, verb);
}

hl_status hl__go_format_value(go_format *f, const go_value *v, uint32_t verb) {
    HL_TRY(hl__go_deeper(f->r));
    HL_TRY(hl_buf_status(f->b, "a text", f->r->err));
    hl_status st = HL_OK;
    if (verb == 'T')
        (void)hl__go_format_string(f, hl_str_from(hl__go_type_name(v)), 's');
    else if (is_stringer(f, v, verb))
        st = format_stringer(f, v, verb);
    else
        st = format_kind(f, v, verb);
    HL_TRY(st);
    f->r->depth--;
    return HL_OK;
}

hl_status hl__go_print_value(go_run *r, const go_value *v, hl_buf *b) {
    if (v->kind == GO_STRING) {
        hl_buf_append_str(b, v->u.s);
        return hl__go_charge_bytes(r, v->u.s.len);
    }
    go_format f = {.r = r, .b = b};
    if (v->kind == GO_NONE) {
        hl_buf_append_cstr(b, "<no value>");
        return HL_OK;
    }
    return hl__go_format_value(&f, v, 'v');
}

hl_status hl__go_sprint(go_run *r, const go_value *args, size_t n, bool lines, hl_buf *b) {
    bool after_text = true;
    go_format f = {.r = r, .b = b};
    for (size_t i = 0; i < n; i++) {
        bool text = args[i].kind == GO_STRING;
        if (i && (lines || (!text && !after_text))) hl_buf_append_char(b, ' ');
        HL_TRY(hl__go_format_value(&f, &args[i], 'v'));
        after_text = text;
    }
    if (lines) hl_buf_append_char(b, '\n');
    return HL_OK;
}
