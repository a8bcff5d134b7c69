/* str.isalpha and its like. */
#include "text/template_eval.h"

#include "text/template_strings.h"

/* Whether there are characters and all have one of the flags. */
static hl_status all_have(tpl_run *r, const tpl_call *c, unsigned flags, bool empty,
                          tpl_value *ret) {
    hl_str s = c->a[0].u.s;
    bool all = s.len > 0 || empty;
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    for (size_t at = 0; all && at < s.len;)
        all = (hl__tpl_char_flags(hl__tpl_chars_next(s, &at)) & flags) != 0;
    *ret = hl__tpl_bool(all);
    return HL_OK;
}

enum { NUMBERS = TPL_CHAR_DECIMAL | TPL_CHAR_DIGIT | TPL_CHAR_NUMERIC };

static hl_status str_isalpha(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return all_have(r, c, TPL_CHAR_ALPHA, false, ret);
}
static hl_status str_isalnum(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return all_have(r, c, TPL_CHAR_ALPHA | NUMBERS, false, ret);
}
static hl_status str_isdecimal(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return all_have(r, c, TPL_CHAR_DECIMAL, false, ret);
}
static hl_status str_isdigit(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return all_have(r, c, TPL_CHAR_DIGIT, false, ret);
}
static hl_status str_isnumeric(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return all_have(r, c, TPL_CHAR_NUMERIC, false, ret);
}
static hl_status str_isspace(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return all_have(r, c, TPL_CHAR_SPACE, false, ret);
}
static hl_status str_isprintable(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return all_have(r, c, TPL_CHAR_PRINTABLE, true, ret);
}

static hl_status str_isascii(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = c->a[0].u.s;
    bool all = true;
    HL_TRY(hl__tpl_charge_bytes(r, s.len));
    for (size_t i = 0; all && i < s.len; i++) all = (uint8_t)s.ptr[i] < 0x80;
    *ret = hl__tpl_bool(all);
    return HL_OK;
}

static hl_status str_islower(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(hl__tpl_charge(r, c->a[0].u.s.len / 8));
    *ret = hl__tpl_bool(hl__tpl_is_case(c->a[0].u.s, TPL_CHAR_LOWER));
    return HL_OK;
}
static hl_status str_isupper(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(hl__tpl_charge(r, c->a[0].u.s.len / 8));
    *ret = hl__tpl_bool(hl__tpl_is_case(c->a[0].u.s, TPL_CHAR_UPPER));
    return HL_OK;
}

/* Capitals begin words, small letters follow, and there is at least one of them. */
static hl_status str_istitle(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = c->a[0].u.s;
    bool inside = false, cased = false, ok = true;
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    for (size_t at = 0; ok && at < s.len;) {
        unsigned flags = hl__tpl_char_flags(hl__tpl_chars_next(s, &at));
        bool capital = (flags & (TPL_CHAR_UPPER | TPL_CHAR_TITLE)) != 0;
        bool small = (flags & TPL_CHAR_LOWER) != 0;
        if (capital || small) ok = capital != inside;
        inside = capital || small;
        cased |= inside;
    }
    *ret = hl__tpl_bool(ok && cased);
    return HL_OK;
}

static hl_status str_isidentifier(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = c->a[0].u.s;
    bool ok = s.len > 0;
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    for (size_t at = 0; ok && at < s.len;) {
        bool first = at == 0;
        uint32_t cp = hl__tpl_chars_next(s, &at);
        unsigned flags = hl__tpl_char_flags(cp);
        ok = cp == '_' || (flags & TPL_CHAR_ALPHA) || (!first && flags & TPL_CHAR_DECIMAL);
    }
    *ret = hl__tpl_bool(ok);
    return HL_OK;
}

const tpl_builtin hl__tpl_methods_str_is[] = {
    {"isdigit", "self", str_isdigit},
    {"isalpha", "self", str_isalpha},
    {"isalnum", "self", str_isalnum},
    {"isspace", "self", str_isspace},
    {"isdecimal", "self", str_isdecimal},
    {"isnumeric", "self", str_isnumeric},
    {"isprintable", "self", str_isprintable},
    {"isascii", "self", str_isascii},
    {"islower", "self", str_islower},
    {"isupper", "self", str_isupper},
    {"istitle", "self", str_istitle},
    {"isidentifier", "self", str_isidentifier},
    {0},
};
