#define _GNU_SOURCE
#include "base/log.h"

#include "base/clock.h"
#include "base/log_json.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const NAMES[] = {"error", "warn", "info", "debug", "trace"};
enum { LINE_MAX_BYTES = 1024 };
static atomic_int format = HL_LOG_TEXT;
static atomic_int level_max = HL_LOG_WARN;
static atomic_uint_fast64_t next_req = 1;

void hl_log_set_format(hl_log_format wanted) {
    atomic_store(&format, (int)wanted);
}

void hl_log_set_level(hl_log_level level) {
    atomic_store(&level_max, (int)level);
}

bool hl_log_set_level_name(const char *name) {
    for (int i = 0; i <= HL_LOG_TRACE; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            atomic_store(&level_max, i);
            return true;
        }
    }
    return false;
}

bool hl_log_enabled(hl_log_level level) {
    return (int)level <= atomic_load_explicit(&level_max, memory_order_relaxed);
}

/* One line, whatever the text; returns its length. */
static size_t one_line(char *line, size_t cap, int printed) {
    size_t len = printed > 0 ? (size_t)printed : 0;
    if (len > cap - 1) len = cap - 1;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20) line[i] = ' ';
    }
    return len;
}

static size_t as_text(const char *when, const char *level, const char *req, hl_str text, char *out,
                      size_t cap) {
    int n = snprintf(out, cap - 1, "time=%s level=%s%s%s %.*s", when, level, req ? " req=" : "",
                     req ? req : "", HL_STR_ARG(text));
    size_t len = one_line(out, cap - 1, n);
    out[len++] = '\n';
    return len;
}

void hl_log(hl_log_level level, const char *req, const char *fmt, ...) {
    if (!hl_log_enabled(level)) return;
    char text[LINE_MAX_BYTES], id[HL_REQ_ID_MAX], line[HL_LOG_JSON_MAX], when[32];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hl_str said = {text, one_line(text, sizeof text, n)};
    if (req) (void)snprintf(id, sizeof id, "%.*s", HL_REQ_ID_MAX - 1, req);
    hl_clock_rfc3339(hl_clock_wall_ns(), when);
    bool json = atomic_load_explicit(&format, memory_order_relaxed) == HL_LOG_JSON;
    size_t len = json ? hl_log_json(when, NAMES[level], req ? id : NULL, said, line, sizeof line)
                      : as_text(when, NAMES[level], req ? id : NULL, said, line, LINE_MAX_BYTES);
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* a log that cannot be written has nobody to tell */
}

void hl_log_next_req(char out[HL_REQ_ID_MAX]) {
    (void)snprintf(out, HL_REQ_ID_MAX, "r%llu", (unsigned long long)atomic_fetch_add(&next_req, 1));
}
