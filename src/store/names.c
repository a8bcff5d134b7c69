#include "store/names.h"

#include <stdio.h>
#include <strings.h>

static const char *const DEFAULTS[HL_NAME_PARTS] = {"registry.ollama.ai", "library", "", "latest"};
enum { HOST, SPACE, MODEL, TAG };

char *hl_name_part(hl_name *n, size_t i) {
    HL_ASSERT(i < HL_NAME_PARTS);
    return i == HOST ? n->host : i == SPACE ? n->space : i == MODEL ? n->model : n->tag;
}

const char *hl_name_part_of(const hl_name *n, size_t i) {
    HL_ASSERT(i < HL_NAME_PARTS);
    return i == HOST ? n->host : i == SPACE ? n->space : i == MODEL ? n->model : n->tag;
}

/* -- reading ----------------------------------------------------------------------------------- */

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_part(size_t i, hl_str s) {
    size_t max = i == HOST ? HL_NAME_HOST_MAX : HL_NAME_PART_MAX;
    if (s.len == 0 || s.len > max) return false;
    if (!is_alnum(s.ptr[0]) && s.ptr[0] != '_') return false;
    for (size_t at = 1; at < s.len; at++) {
        char c = s.ptr[at];
        bool ok = is_alnum(c) || c == '_' || c == '-' || (c == '.' && i != SPACE) ||
                  (c == ':' && i == HOST);
        if (!ok) return false;
    }
    return true;
}

static bool take_part(hl_name *n, size_t i, hl_str s) {
    if (!is_part(i, s)) return false;
    char *to = hl_name_part(n, i);
    memcpy(to, s.ptr, s.len);
    to[s.len] = '\0';
    return true;
}

/* What stands behind the last `mark`, which is cut off; false: there is none. */
static bool cut_last(hl_str *s, char mark, hl_str *ret_tail) {
    for (size_t at = s->len; at > 0; at--) {
        if (s->ptr[at - 1] != mark) continue;
        *ret_tail = hl_str_slice(*s, at, s->len);
        s->len = at - 1;
        return true;
    }
    return false;
}

static bool parse(hl_str s, hl_name *n) {
    hl_str tail, rest;
    size_t scheme = hl_str_find(s, HL_STR("://"), 0);
    if (scheme != SIZE_MAX) s = hl_str_slice(s, scheme + 3, s.len);
    (void)cut_last(&s, '@', &tail);
    rest = s;
    if (cut_last(&rest, ':', &tail) && hl_str_find(tail, HL_STR("/"), 0) == SIZE_MAX) {
        if (!take_part(n, TAG, tail)) return false;
        s = rest;
    }
    for (size_t i = MODEL; i > HOST; i--) {
        bool more = cut_last(&s, '/', &tail);
        if (!take_part(n, i, more ? tail : s)) return false;
        if (!more) return true;
    }
    return take_part(n, HOST, s);
}

hl_status hl_name_parse(hl_str text, hl_name *ret, hl_error *err) {
    hl_name n;
    memset(&n, 0, sizeof n);
    for (size_t i = 0; i < HL_NAME_PARTS; i++)
        memcpy(hl_name_part(&n, i), DEFAULTS[i], strlen(DEFAULTS[i]));
    if (!parse(text, &n)) return hl_fail(err, HL_EINVAL, "name", "invalid model name");
    *ret = n;
    return HL_OK;
}

bool hl_name_from_parts(const char *const parts[HL_NAME_PARTS], hl_name *ret) {
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < HL_NAME_PARTS; i++)
        if (!take_part(ret, i, hl_str_from(parts[i]))) return false;
    return true;
}

/* -- showing ----------------------------------------------------------------------------------- */

static void print(char ret[HL_NAME_TEXT_MAX], const hl_name *n, size_t first, char before_tag) {
    size_t at = 0;
    for (size_t i = first; i < HL_NAME_PARTS; i++) {
        const char *part = hl_name_part_of(n, i);
        size_t len = strlen(part);
        HL_ASSERT(at + len + 2 <= HL_NAME_TEXT_MAX);
        if (i > first) ret[at++] = i == TAG ? before_tag : '/';
        memcpy(ret + at, part, len);
        at += len;
    }
    ret[at] = '\0';
}

void hl_name_text(const hl_name *n, char ret[HL_NAME_TEXT_MAX]) {
    size_t first = HOST;
    if (strcasecmp(n->host, DEFAULTS[HOST]) == 0)
        first = strcasecmp(n->space, DEFAULTS[SPACE]) == 0 ? MODEL : SPACE;
    print(ret, n, first, ':');
}

void hl_name_full_text(const hl_name *n, char ret[HL_NAME_TEXT_MAX]) {
    print(ret, n, HOST, ':');
}

void hl_name_path(const hl_name *n, char ret[HL_NAME_TEXT_MAX]) {
    print(ret, n, HOST, '/');
}

bool hl_name_same(const hl_name *a, const hl_name *b) {
    for (size_t i = 0; i < HL_NAME_PARTS; i++)
        if (strcasecmp(hl_name_part_of(a, i), hl_name_part_of(b, i)) != 0) return false;
    return true;
}

bool hl_name_is_cloud(const hl_name *n) {
    size_t len = strlen(n->tag);
    return strcasecmp(n->tag, "cloud") == 0 ||
           (len > 6 && strcasecmp(n->tag + len - 6, "-cloud") == 0);
}
