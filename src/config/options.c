#include "config/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(HL_OPTIONS_N <= 64, "hl_options.set has a bit for each option");

static const hl_option_info infos[HL_OPTIONS_N] = {
#define X(name, kind, fallback, min, max, text)                                                    \
    {#name, HL_OPTION_##kind, (double)(fallback), (double)(min), (double)(max), (text)},
#include "config/options.def"
#undef X
};

static const size_t offsets[HL_OPTIONS_N] = {
#define X(name, kind, fallback, min, max, text) offsetof(hl_options, name),
#include "config/options.def"
#undef X
};

/* Writes a value that is known to fit. */
static void store(hl_options *o, hl_option_id id, double value) {
    void *field = (char *)o + offsets[id];
    switch (infos[id].kind) {
    case HL_OPTION_INT: *(hl_option_type_INT *)field = (hl_option_type_INT)value; break;
    case HL_OPTION_FLOAT: *(hl_option_type_FLOAT *)field = (hl_option_type_FLOAT)value; break;
    case HL_OPTION_BOOL: *(hl_option_type_BOOL *)field = value != 0; break;
    }
}

void hl_options_init(hl_options *o) {
    *o = (hl_options){0};
    for (int id = 0; id < HL_OPTIONS_N; id++) store(o, (hl_option_id)id, infos[id].fallback);
}

const hl_option_info *hl_option_info_at(hl_option_id id) {
    HL_ASSERT(id < HL_OPTIONS_N);
    return &infos[id];
}

bool hl_option_find(hl_str name, hl_option_id *ret) {
    for (int id = 0; id < HL_OPTIONS_N; id++) {
        if (!hl_str_is(name, infos[id].name)) continue;
        *ret = (hl_option_id)id;
        return true;
    }
    return false;
}

double hl_options_get(const hl_options *o, hl_option_id id) {
    HL_ASSERT(id < HL_OPTIONS_N);
    const void *field = (const char *)o + offsets[id];
    switch (infos[id].kind) {
    case HL_OPTION_INT: return *(const hl_option_type_INT *)field;
    case HL_OPTION_FLOAT: return (double)*(const hl_option_type_FLOAT *)field;
    case HL_OPTION_BOOL: break;
    }
    return *(const hl_option_type_BOOL *)field;
}

static hl_status refuse(hl_option_id id, hl_str given, hl_error *err) {
    enum { GIVEN_SHOWN = 40 }; /* what is wanted must still fit the message */
    const hl_option_info *info = &infos[id];
    given = hl_str_slice(given, 0, GIVEN_SHOWN);
    if (info->kind == HL_OPTION_BOOL)
        return hl_fail(err, HL_EINVAL, "options", "option \"%s\" is \"%.*s\", wants true or false",
                       info->name, HL_STR_ARG(given));
    return hl_fail(err, HL_EINVAL, "options",
                   "option \"%s\" is \"%.*s\", wants %s from %.10g to %.10g", info->name,
                   HL_STR_ARG(given), info->kind == HL_OPTION_INT ? "an integer" : "a number",
                   info->min, info->max);
}

/* NaN is outside every range. */
static bool fits(hl_option_id id, double value) {
    const hl_option_info *info = &infos[id];
    if (!(value >= info->min && value <= info->max)) return false;
    return info->kind == HL_OPTION_FLOAT || value == floor(value);
}

hl_status hl_options_set_number(hl_options *o, hl_option_id id, double value, hl_error *err) {
    HL_ASSERT(id < HL_OPTIONS_N);
    if (!fits(id, value)) {
        char given[32];
        (void)snprintf(given, sizeof given, "%.10g", value);
        return refuse(id, hl_str_from(given), err);
    }
    store(o, id, value);
    o->set |= 1ull << id;
    return HL_OK;
}

/* A whole decimal number; no white space, hexadecimal, "inf" or "nan", which strtod would take. */
static bool parse_number(hl_str text, hl_option_kind kind, double *ret) {
    char copy[64];
    if (text.len == 0 || text.len >= sizeof copy) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, kind == HL_OPTION_INT ? "+-0123456789" : "+-.eE0123456789") != text.len)
        return false;
    char *end;
    *ret = strtod(copy, &end);
    return end == copy + text.len;
}

static bool parse_bool(hl_str text, double *ret) {
    *ret = hl_str_is(text, "true") || hl_str_is(text, "1");
    return *ret != 0 || hl_str_is(text, "false") || hl_str_is(text, "0");
}

hl_status hl_options_set_text(hl_options *o, hl_str name, hl_str value, hl_error *err) {
    hl_option_id id;
    if (!hl_option_find(name, &id))
        return hl_fail(err, HL_EINVAL, "options", "unknown parameter '%.*s'", HL_STR_ARG(name));
    double number;
    bool parsed = infos[id].kind == HL_OPTION_BOOL ? parse_bool(value, &number)
                                                   : parse_number(value, infos[id].kind, &number);
    if (!parsed || !fits(id, number)) return refuse(id, value, err);
    return hl_options_set_number(o, id, number, err);
}

void hl_options_merge(hl_options *o, const hl_options *under) {
    for (int i = 0; i < HL_OPTIONS_N; i++) {
        hl_option_id id = (hl_option_id)i;
        if (o->set >> id & 1 || !(under->set >> id & 1)) continue;
        store(o, id, hl_options_get(under, id));
    }
    o->set |= under->set;
    if (!o->stop) {
        o->stop = under->stop;
        o->n_stop = under->n_stop;
    }
    if (!o->logit_bias) {
        o->logit_bias = under->logit_bias;
        o->n_logit_bias = under->n_logit_bias;
    }
}
