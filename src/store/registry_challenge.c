#include "store/registry_challenge.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

static void skip_spaces(hl_str *s) {
    while (s->len > 0 && is_space(s->ptr[0])) *s = hl_str_slice(*s, 1, s->len);
}

static hl_str take_word(hl_str *s) {
    size_t n = 0;
    while (n < s->len && !is_space(s->ptr[n]) && s->ptr[n] != '=' && s->ptr[n] != ',') n++;
    hl_str word = hl_str_slice(*s, 0, n);
    *s = hl_str_slice(*s, n, s->len);
    return word;
}

static bool put(char *out, size_t *at, char c) {
    bool ok = *at + 1 < HL__CHALLENGE_TEXT_MAX && (unsigned char)c >= ' ' && c != 0x7f;
    if (ok) out[(*at)++] = c;
    return ok;
}

/* A word or a quoted text; out is NULL for what nobody asks about. */
static bool take_value(hl_str *s, char *out) {
    char unused[HL__CHALLENGE_TEXT_MAX];
    size_t at = 0;
    if (!out) out = unused;
    if (s->len == 0 || s->ptr[0] != '"') {
        hl_str word = take_word(s);
        for (size_t i = 0; i < word.len; i++)
            if (!put(out, &at, word.ptr[i])) return false;
        out[at] = '\0';
        return true;
    }
    for (size_t i = 1; i < s->len; i++) {
        char c = s->ptr[i];
        if (c == '"') {
            *s = hl_str_slice(*s, i + 1, s->len);
            out[at] = '\0';
            return true;
        }
        if (c == '\\' && i + 1 < s->len) c = s->ptr[++i];
        if (!put(out, &at, c)) return false;
    }
    return false; /* no closing quote */
}

static char *place_of(hl__challenge *c, hl_str key) {
    if (hl_str_eq_nocase(key, HL_STR("realm"))) return c->realm;
    if (hl_str_eq_nocase(key, HL_STR("service"))) return c->service;
    if (hl_str_eq_nocase(key, HL_STR("scope"))) return c->scope;
    return NULL;
}

bool hl__challenge_parse(hl_str s, hl__challenge *ret) {
    *ret = (hl__challenge){0};
    skip_spaces(&s);
    if (!hl_str_eq_nocase(take_word(&s), HL_STR("Bearer"))) return false;
    for (;;) {
        while (s.len > 0 && (is_space(s.ptr[0]) || s.ptr[0] == ',')) s = hl_str_slice(s, 1, s.len);
        if (s.len == 0) return ret->realm[0] != '\0';
        hl_str key = take_word(&s);
        skip_spaces(&s);
        if (key.len == 0 || s.len == 0 || s.ptr[0] != '=') return false;
        s = hl_str_slice(s, 1, s.len);
        skip_spaces(&s);
        if (!take_value(&s, place_of(ret, key))) return false;
    }
}
