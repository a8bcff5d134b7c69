#include "base/status.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct status_row {
    hl_status status;
    const char *name, *text;
    int http, exit_code;
    bool retry;
} status_row;

static const status_row ROWS[] = {
#define X(name, value, http, exit, retry, text) {HL_##name, #name, text, http, exit, retry},
    HL_STATUS_MAP(X)
#undef X
};

static const status_row *row_of(hl_status st) {
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (ROWS[i].status == st) return &ROWS[i];
    }
    hl_assert_failed(__FILE__, __LINE__, "a status of the table");
}

const char *hl_status_name(hl_status st) {
    return row_of(st)->name;
}

const char *hl_status_text(hl_status st) {
    return row_of(st)->text;
}

int hl_status_http(hl_status st) {
    return row_of(st)->http;
}

int hl_status_exit(hl_status st) {
    return row_of(st)->exit_code;
}

bool hl_status_retry(hl_status st) {
    return row_of(st)->retry;
}

/* What a terminal could obey (C0, C1) or not show becomes '?'; a character cut in two goes. */
static void one_line(char *text) {
    hl_str s = hl_str_from(text);
    s.len -= hl_utf8_tail(s);
    text[s.len] = '\0';
    for (size_t at = 0; at < s.len;) {
        uint32_t cp;
        bool ok;
        size_t n = hl_utf8_decode(s, at, &cp, &ok);
        if (!ok || cp < 0x20 || (cp >= 0x7F && cp < 0xA0)) memset(text + at, '?', n);
        at += n;
    }
}

hl_status hl__fail(hl_error *err, hl_status st, const char *area, const char *fmt, ...) {
    HL_ASSERT(st < 0);
    if (!err) return st;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    one_line(err->text);
    err->status = st;
    err->area = area;
    return st;
}

void hl_error_prefix(hl_error *err, const char *fmt, ...) {
    if (!err) return;
    char old[HL_ERROR_TEXT_MAX], what[HL_ERROR_TEXT_MAX];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    int n = snprintf(err->text, sizeof err->text, "%s: %s", what, old);
    HL_ASSERT(n >= 0);
    one_line(err->text);
}

_Noreturn void hl_assert_failed(const char *file, int line, const char *expr) {
    fprintf(stderr, "hyperllama: internal error at %s:%d: %s does not hold\n", file, line, expr);
    abort();
}
