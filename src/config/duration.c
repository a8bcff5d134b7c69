#include "config/duration.h"

#include <stdio.h>

typedef struct unit {
    const char *name;
    double ns;
} unit;

/* Longer names before their beginnings. */
static const unit UNITS[] = {
    {"ns", 1},   {"us", 1e3}, {"\xC2\xB5s", 1e3}, {"\xCE\xBCs", 1e3},
    {"ms", 1e6}, {"s", 1e9},  {"m", 60e9},        {"h", 3600e9},
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Digits with at most one point; false when there is no digit. */
static bool read_number(hl_str s, size_t *at, double *ret) {
    double value = 0, scale = 1;
    bool digits = false, point = false;
    for (; *at < s.len; (*at)++) {
        char c = s.ptr[*at];
        if (c == '.' && !point) {
            point = true;
        } else if (is_digit(c)) {
            digits = true;
            value = value * 10 + (c - '0');
            if (point) scale *= 10;
        } else {
            break;
        }
    }
    *ret = value / scale;
    return digits;
}

static bool read_unit(hl_str s, size_t *at, double *ret_ns) {
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        hl_str name = hl_str_from(UNITS[i].name);
        if (!hl_str_starts(hl_str_slice(s, *at, s.len), name)) continue;
        *at += name.len;
        *ret_ns = UNITS[i].ns;
        return true;
    }
    return false;
}

/* The whole of s as number-unit pairs, or as one number of seconds. */
static bool read_all(hl_str s, double *ret_ns) {
    size_t at = 0;
    double total = 0, number, unit_ns;
    do {
        bool first = at == 0;
        if (!read_number(s, &at, &number)) return false;
        if (first && at == s.len) {
            *ret_ns = number * 1e9;
            return true;
        }
        if (!read_unit(s, &at, &unit_ns)) return false;
        total += number * unit_ns;
    } while (at < s.len);
    *ret_ns = total;
    return true;
}

hl_status hl_duration_parse(hl_str text, int64_t *ret, hl_error *err) {
    hl_str s = text;
    bool negative = s.len > 0 && s.ptr[0] == '-';
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) s = hl_str_slice(s, 1, s.len);
    double ns = 0;
    if (s.len > 64 || !read_all(s, &ns))
        return hl_fail(err, HL_EINVAL, "config",
                       "invalid duration \"%.*s\": wanted something like 5m, 1h30m, 300 (seconds) "
                       "or -1 (forever)",
                       HL_STR_ARG(hl_str_slice(text, 0, 80)));
    if (negative && ns > 0)
        *ret = HL_DURATION_FOREVER;
    else
        *ret = ns >= 9.2e18 ? INT64_MAX : (int64_t)ns;
    return HL_OK;
}
