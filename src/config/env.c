#include "config/env.h"

#include "config/flags.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const PREFIXES[] = {"HYPERLLAMA_", "OLLAMA_"};

static bool is_padding(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_quote(char c) {
    return c == '"' || c == '\'';
}

static hl_str strip(hl_str s, bool (*drop)(char)) {
    while (s.len > 0 && drop(s.ptr[0])) s = hl_str_slice(s, 1, s.len);
    while (s.len > 0 && drop(s.ptr[s.len - 1])) s.len--;
    return s;
}

hl_str hl_env_trim(hl_str s) {
    return strip(strip(s, is_padding), is_quote);
}

/* Under one prefix; .len 0: unset. */
static hl_str read_under(const char *prefix, const char *name) {
    char full[96];
    int n = snprintf(full, sizeof full, "%s%s", prefix, name);
    HL_ASSERT(n > 0 && (size_t)n < sizeof full);
    return hl_env_trim(hl_str_from(getenv(full)));
}

const char *hl_env_prefix(const char *name) {
    for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES; i++)
        if (read_under(PREFIXES[i], name).len > 0) return PREFIXES[i];
    return "";
}

hl_str hl_env_text(const char *name) {
    const char *prefix = hl_env_prefix(name);
    return prefix[0] ? read_under(prefix, name) : (hl_str){"", 0};
}

bool hl_env_bool(const char *name, bool fallback) {
    hl_str text = hl_env_text(name);
    if (text.len == 0) return fallback;
    bool value;
    return hl_bool_parse(text, &value) ? value : true;
}

uint64_t hl_env_uint(const char *name, uint64_t fallback) {
    hl_str text = hl_env_text(name);
    if (text.len == 0 || text.len > 18) return fallback;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return fallback;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return value;
}
