#define _GNU_SOURCE
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const NAMES[] = {"error", "warn", "info", "debug", "trace"};
static atomic_int level_max = HL_LOG_WARN;
static atomic_uint_fast64_t next_req = 1;

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

void hl_log(hl_log_level level, const char *req, const char *fmt, ...) {
    if (!hl_log_enabled(level)) return;
    char line[1024], when[32];
    hl_clock_rfc3339(hl_clock_wall_ns(), when);
    int n = snprintf(line, sizeof line, "time=%s level=%s%s%.*s ", when, NAMES[level],
                     req ? " req=" : "", HL_REQ_ID_MAX, req ? req : "");
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (len > sizeof line - 2) len = sizeof line - 2;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20) line[i] = ' ';
    }
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* a log that cannot be written has nobody to tell */
}

void hl_log_next_req(char out[HL_REQ_ID_MAX]) {
    (void)snprintf(out, HL_REQ_ID_MAX, "r%llu", (unsigned long long)atomic_fetch_add(&next_req, 1));
}
