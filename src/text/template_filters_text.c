/* Filters that make texts.  Values that are no strings are turned into one first, as Jinja does. */
#include "text/template_eval.h"

#include "text/template_strings.h"

static hl_status text_of(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return hl__tpl_to_str(r, &c->a[0], ret);
}

static hl_status filter_upper(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(hl__tpl_change_case(r, s.u.s, TPL_CASE_UPPER, ret));
    ret->safe = s.safe;
    return HL_OK;
}

static hl_status filter_lower(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(hl__tpl_change_case(r, s.u.s, TPL_CASE_LOWER, ret));
    ret->safe = s.safe;
    return HL_OK;
}

static hl_status filter_capitalize(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(hl__tpl_capitalize(r, s.u.s, ret));
    ret->safe = s.safe;
    return HL_OK;
}

/* Words begin behind white space and opening brackets: not as str.title has it. */
static hl_status filter_title(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(hl__tpl_charge(r, s.u.s.len / 8));
    size_t begin = hl__tpl_text_begin(r), at = 0;
    bool begins = true;
    while (at < s.u.s.len) {
        uint32_t cp = hl__tpl_chars_next(s.u.s, &at);
        bool separates = (hl__tpl_char_flags(cp) & TPL_CHAR_SPACE) ||
                         (cp && cp < 0x80 && strchr("-({[<", (int)cp));
        hl__tpl_append_case(r, cp, begins || separates ? TPL_CASE_UPPER : TPL_CASE_LOWER);
        begins = separates;
    }
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status filter_trim(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    hl_str chars;
    HL_TRY(text_of(r, c, &s));
    bool given = hl__tpl_given(&c->a[1]);
    if (given) HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &chars));
    *ret = s;
    return hl__tpl_strip(r, s.u.s, given ? &chars : NULL, true, true, &ret->u.s);
}

static hl_status filter_replace(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s, old, with;
    int64_t count = -1;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(hl__tpl_to_str(r, &c->a[1], &old));
    HL_TRY(hl__tpl_to_str(r, &c->a[2], &with));
    if (hl__tpl_given(&c->a[3])) HL_TRY(hl__tpl_arg_int(r, &c->a[3], -1, &count));
    return hl__tpl_replace(r, s.u.s, old.u.s, with.u.s, count, ret);
}

static hl_status filter_center(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    int64_t width;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 80, &width));
    HL_TRY(hl__tpl_justify(r, s.u.s, width, HL_STR(" "), '^', ret));
    ret->safe = s.safe;
    return HL_OK;
}

static hl_status filter_string(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return text_of(r, c, ret);
}

static hl_status filter_safe(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(text_of(r, c, ret));
    ret->safe = true;
    return HL_OK;
}

static hl_status filter_escape(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return hl__tpl_escape(r, &c->a[0], ret);
}

static hl_status filter_forceescape(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    HL_TRY(text_of(r, c, &s));
    s.safe = false;
    return hl__tpl_escape(r, &s, ret);
}

/* ---- lines and words ---- */

static hl_status indentation(tpl_run *r, const tpl_value *width, tpl_value *ret) {
    int64_t n;
    *ret = *width;
    if (width->kind == TPL_STR) return HL_OK;
    HL_TRY(hl__tpl_arg_int(r, width, 4, &n));
    return hl__tpl_repeat(r, HL_STR(" "), n, ret);
}

static hl_status filter_indent(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s, line, end;
    tpl_value by;
    HL_TRY(hl__tpl_arg_str(r, &c->a[0], (hl_str){0}, &s));
    HL_TRY(indentation(r, &c->a[1], &by));
    bool first = hl__tpl_arg_bool(&c->a[2], false), blank = hl__tpl_arg_bool(&c->a[3], false);
    size_t begin = hl__tpl_text_begin(r), at = 0;
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    if (first) hl_buf_append_str(&r->out, by.u.s);
    /* a newline is put behind s before it is split: one at its end stays there */
    for (bool more = true, begins = true; more; begins = false) {
        bool ended = false;
        line = end = (hl_str){0};
        if (hl__tpl_next_line(s, &at, &line, &end)) ended = end.len > 0;
        more = ended;
        if (!begins) hl_buf_append_char(&r->out, '\n');
        if (!begins && (blank || line.len)) hl_buf_append_str(&r->out, by.u.s);
        hl_buf_append_str(&r->out, line);
        HL_TRY(hl__tpl_charge(r, 1 + by.u.s.len / 64));
    }
    HL_TRY(hl__tpl_text_end(r, begin, ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}

static hl_status filter_truncate(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s, mark;
    int64_t length, leeway = 5, n;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 255, &length));
    HL_TRY(hl__tpl_arg_str(r, &c->a[3], HL_STR("..."), &mark));
    if (hl__tpl_given(&c->a[4])) HL_TRY(hl__tpl_arg_int(r, &c->a[4], 5, &leeway));
    int64_t mark_n = (int64_t)hl__tpl_chars_count(mark);
    if (length < mark_n || leeway < 0)
        return hl__tpl_fail(r, HL_EFORMAT, "truncate: a length below that of the end mark");
    HL_TRY(hl__tpl_len(r, &c->a[0], &n));
    *ret = c->a[0];
    if (length >= n || n - length <= leeway) return HL_OK;
    HL_TRY(hl__tpl_arg_str(r, &c->a[0], (hl_str){0}, &s));
    hl_str cut = hl_str_slice(s, 0, hl__tpl_chars_skip(s, 0, (size_t)(length - mark_n)));
    if (!hl__tpl_arg_bool(&c->a[2], false)) {
        size_t space = cut.len;
        while (space > 0 && cut.ptr[space - 1] != ' ') space--;
        if (space > 0) cut.len = space - 1;
    }
    return hl__tpl_concat(r, cut, mark, ret);
}

static hl_status filter_wordcount(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    bool inside = false;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(hl__tpl_charge(r, s.u.s.len / 8));
    *ret = hl__tpl_int(0);
    for (size_t at = 0; at < s.u.s.len;) {
        uint32_t cp = hl__tpl_chars_next(s.u.s, &at);
        bool word = cp == '_' || (hl__tpl_char_flags(cp) & (TPL_CHAR_ALPHA | TPL_CHAR_NUMERIC));
        ret->u.i += word && !inside;
        inside = word;
    }
    return HL_OK;
}

/* ---- markup ---- */

/* What a reference like "amp" stands for, or 0. */
static uint32_t reference(hl_str name) {
    static const struct {
        const char *name;
        uint32_t cp;
    } KNOWN[] = {{"amp", '&'},  {"lt", '<'},    {"gt", '>'},
                 {"quot", '"'}, {"apos", '\''}, {"nbsp", 0xA0}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (hl_str_is(name, KNOWN[i].name)) return KNOWN[i].cp;
    }
    if (name.len < 2 || name.ptr[0] != '#') return 0;
    bool hex = (name.ptr[1] | 32) == 'x';
    uint32_t cp = 0;
    for (size_t i = hex ? 2 : 1; i < name.len; i++) {
        char ch = name.ptr[i];
        int d = ch >= '0' && ch <= '9'                        ? ch - '0'
                : hex && (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10
                                                              : -1;
        if (d < 0 || cp > 0x10FFFF) return 0;
        cp = cp * (hex ? 16 : 10) + (uint32_t)d;
    }
    return cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000) ? 0 : cp;
}

static void append_unescaped(tpl_run *r, hl_str s) {
    for (size_t at = 0; at < s.len;) {
        size_t end = s.ptr[at] == '&' ? hl_str_find(hl_str_slice(s, 0, at + 12), HL_STR(";"), at)
                                      : SIZE_MAX;
        uint32_t cp = end == SIZE_MAX ? 0 : reference(hl_str_slice(s, at + 1, end));
        if (cp) {
            hl__tpl_append_case(r, cp, TPL_CASE_LOWER);
            at = end + 1;
        } else {
            hl_buf_append_char(&r->out, s.ptr[at++]);
        }
    }
}

/* Takes away from s what lies between open and close, again and again. */
static hl_status without(tpl_run *r, hl_str s, const char *open, const char *close,
                         tpl_value *ret) {
    size_t begin = hl__tpl_text_begin(r), at = 0;
    HL_TRY(hl__tpl_charge_bytes(r, s.len));
    for (;;) {
        size_t from = hl_str_find(s, hl_str_from(open), at);
        size_t to = from == SIZE_MAX ? SIZE_MAX : hl_str_find(s, hl_str_from(close), from);
        if (to == SIZE_MAX) break;
        hl_buf_append_str(&r->out, hl_str_slice(s, at, from));
        at = to + strlen(close);
    }
    hl_buf_append_str(&r->out, hl_str_slice(s, at, s.len));
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status filter_striptags(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s;
    hl_str word;
    HL_TRY(text_of(r, c, &s));
    HL_TRY(without(r, s.u.s, "<!--", "-->", &s));
    HL_TRY(without(r, s.u.s, "<", ">", &s));
    size_t begin = hl__tpl_text_begin(r);
    bool first = true;
    for (size_t at = 0; hl__tpl_next_word(s.u.s, &at, &word); first = false) {
        if (!first) hl_buf_append_char(&r->out, ' ');
        append_unescaped(r, word);
    }
    return hl__tpl_text_end(r, begin, ret);
}

static bool is_attribute_name(hl_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!s.ptr[i] || strchr(" \t\n\r\f\v/>=", s.ptr[i])) return s.ptr[i] == '\0';
    }
    return true;
}

static hl_status filter_xmlattr(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    if (c->a[0].kind != TPL_DICT) return hl__tpl_fail(r, HL_EFORMAT, "xmlattr needs a mapping");
    size_t begin = hl__tpl_text_begin(r), at = 0;
    bool space = hl__tpl_arg_bool(&c->a[1], true);
    for (const tpl_entry *e; (e = hl__tpl_dict_next(c->a[0].u.dict, &at));) {
        tpl_value key, v;
        if (e->value.kind == TPL_NONE || e->value.kind == TPL_UNDEFINED) continue;
        HL_TRY(hl__tpl_escape(r, &e->key, &key));
        HL_TRY(hl__tpl_escape(r, &e->value, &v));
        if (!is_attribute_name(key.u.s))
            return hl__tpl_fail(r, HL_EFORMAT, "invalid character in attribute name");
        if (space) hl_buf_append_char(&r->out, ' ');
        space = true;
        hl_buf_append_str(&r->out, key.u.s);
        hl_buf_append_cstr(&r->out, "=\"");
        hl_buf_append_str(&r->out, v.u.s);
        hl_buf_append_char(&r->out, '"');
    }
    return hl__tpl_text_end(r, begin, ret);
}

static void append_url(tpl_run *r, hl_str s, bool query) {
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];
        bool plain = (ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') ||
                     (ch && strchr("_.-~", ch)) || (ch == '/' && !query);
        if (plain)
            hl_buf_append_char(&r->out, ch);
        else if (ch == ' ' && query)
            hl_buf_append_char(&r->out, '+');
        else
            hl_buf_printf(&r->out, "%%%02X", (unsigned)(uint8_t)ch);
    }
}

static hl_status append_query_pair(tpl_run *r, const tpl_value *key, const tpl_value *v) {
    tpl_value text;
    HL_TRY(hl__tpl_to_str(r, key, &text));
    append_url(r, text.u.s, true);
    hl_buf_append_char(&r->out, '=');
    HL_TRY(hl__tpl_to_str(r, v, &text));
    append_url(r, text.u.s, true);
    return hl__tpl_out_check(r);
}

static hl_status append_query(tpl_run *r, const tpl_value *of) {
    tpl_value view = *of, item, pair;
    tpl_iter it;
    if (of->kind == TPL_DICT)
        view = (tpl_value){.kind = TPL_VIEW, .aux = TPL_VIEW_ITEMS, .u = of->u};
    HL_TRY(hl__tpl_iter_open(r, &view, &it));
    for (bool more, first = true;; first = false) {
        HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
        if (!more) return HL_OK;
        HL_TRY(hl__tpl_collect(r, &item, &pair));
        if (pair.u.list->n != 2) return hl__tpl_fail(r, HL_EFORMAT, "urlencode needs pairs");
        if (!first) hl_buf_append_char(&r->out, '&');
        HL_TRY(append_query_pair(r, &pair.u.list->items[0], &pair.u.list->items[1]));
    }
}

static hl_status filter_urlencode(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    size_t begin;
    tpl_value s;
    bool text = c->a[0].kind == TPL_STR || !hl__tpl_iterable(&c->a[0]);
    if (text) HL_TRY(text_of(r, c, &s));
    begin = hl__tpl_text_begin(r);
    if (text) {
        HL_TRY(hl__tpl_charge(r, s.u.s.len / 8));
        append_url(r, s.u.s, false);
    } else {
        HL_TRY(append_query(r, &c->a[0]));
    }
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status filter_format(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value s, values;
    HL_TRY(text_of(r, c, &s));
    if (c->n_rest && c->all->n_named)
        return hl__tpl_fail(r, HL_EFORMAT, "format takes plain or named arguments, not both");
    if (c->all->n_named) {
        HL_TRY(hl__tpl_dict_new(r, &values));
        for (size_t i = 0; i < c->all->n_named; i++)
            HL_TRY(hl__tpl_dict_set(r, values.u.dict, hl__tpl_str(c->all->named[i].name),
                                    c->all->named[i].value));
    } else {
        HL_TRY(hl__tpl_list_new(r, TPL_TUPLE, c->n_rest, &values));
        for (size_t i = 0; i < c->n_rest; i++)
            HL_TRY(hl__tpl_list_push(r, values.u.list, c->rest[i]));
    }
    return hl__tpl_percent(r, &s, &values, ret);
}

const tpl_builtin hl__tpl_filters_text[] = {
    {"trim", "value chars?", filter_trim},
    {"string", "object", filter_string},
    {"replace", "s old new count?", filter_replace},
    {"upper", "s", filter_upper},
    {"lower", "s", filter_lower},
    {"capitalize", "s", filter_capitalize},
    {"title", "s", filter_title},
    {"safe", "value", filter_safe},
    {"escape", "s", filter_escape},
    {"e", "s", filter_escape},
    {"forceescape", "value", filter_forceescape},
    {"indent", "s width? first? blank?", filter_indent},
    {"truncate", "s length? killwords? end? leeway?", filter_truncate},
    {"wordcount", "s", filter_wordcount},
    {"center", "value width?", filter_center},
    {"format", "value **", filter_format},
    {"striptags", "value", filter_striptags},
    {"urlencode", "value", filter_urlencode},
    {"xmlattr", "d autospace?", filter_xmlattr},
    {0},
};
