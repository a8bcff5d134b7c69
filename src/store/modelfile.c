#include "store/modelfile.h"

#include "base/utf8.h"

#include <strings.h>

static const char *const WORDS[] = {
#define X(name, word) word,
    HL_MODELFILE_MAP(X)
#undef X
};
enum { WORDS_N = sizeof WORDS / sizeof *WORDS };

typedef struct reader {
    hl_str s;
    size_t at;
    uint32_t line;
    hl_arena *arena;
} reader;

/* -- characters -------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool at_end(const reader *r) {
    return r->at >= r->s.len;
}

static char peek(const reader *r) {
    HL_ASSERT(!at_end(r));
    return r->s.ptr[r->at];
}

static void step(reader *r) {
    if (peek(r) == '\n') r->line++;
    r->at++;
}

static void skip_blanks(reader *r) {
    while (!at_end(r) && is_blank(peek(r))) step(r);
}

static hl_str trim(hl_str s) {
    while (s.len > 0 && (is_blank(s.ptr[0]) || s.ptr[0] == '\n')) s = hl_str_slice(s, 1, s.len);
    while (s.len > 0 && (is_blank(s.ptr[s.len - 1]) || s.ptr[s.len - 1] == '\n')) s.len--;
    return s;
}

/* -- words ------------------------------------------------------------------------------------- */

static hl_status bad_word(uint32_t line, hl_error *err) {
    return hl_fail(err, HL_EFORMAT, "modelfile",
                   "(line %u): command must be one of \"from\", \"license\", \"template\", "
                   "\"system\", \"adapter\", \"draft\", \"renderer\", \"parser\", \"parameter\", "
                   "\"message\", or \"requires\"",
                   line);
}

static hl_status read_word(reader *r, hl_instruction *ret, hl_error *err) {
    size_t from = r->at;
    ret->line = r->line;
    while (!at_end(r) && !is_blank(peek(r)) && peek(r) != '\n') step(r);
    hl_str word = hl_str_slice(r->s, from, r->at);
    bool has_value = !at_end(r) && is_blank(peek(r));
    for (size_t i = 0; i < WORDS_N; i++) {
        if (word.len != strlen(WORDS[i]) || strncasecmp(word.ptr, WORDS[i], word.len) != 0)
            continue;
        ret->kind = (hl_instruction_kind)i;
        return has_value ? HL_OK : bad_word(ret->line, err);
    }
    return bad_word(ret->line, err);
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static hl_status read_parameter_name(reader *r, hl_instruction *ret, hl_error *err) {
    size_t from = r->at;
    while (!at_end(r) && is_name_char(peek(r))) step(r);
    ret->name = hl_str_slice(r->s, from, r->at);
    if (ret->name.len > 0 && !at_end(r) && is_blank(peek(r))) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "modelfile", "(line %u): PARAMETER wants a name and a value",
                   ret->line);
}

static hl_status read_role(reader *r, hl_instruction *ret, hl_error *err) {
    static const char *const roles[] = {"system", "user", "assistant"};
    size_t from = r->at;
    while (!at_end(r) && !is_blank(peek(r)) && peek(r) != '\n') step(r);
    ret->name = hl_str_slice(r->s, from, r->at);
    for (size_t i = 0; i < 3; i++)
        if (hl_str_is(ret->name, roles[i]) && !at_end(r) && is_blank(peek(r))) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "modelfile",
                   "(line %u): message role must be one of \"system\", \"user\", or \"assistant\"",
                   ret->line);
}

/* -- values ------------------------------------------------------------------------------------ */

/* Whether `mark` is the last thing but blanks before r->at, which stands at the end of a line, and
 * is not the mark that opened the value. */
static bool is_closed(const reader *r, size_t from, hl_str mark) {
    size_t to = r->at;
    while (to > from && is_blank(r->s.ptr[to - 1])) to--;
    return to >= from + mark.len && hl_str_ends(hl_str_slice(r->s, from, to), mark);
}

static hl_status read_quoted(reader *r, hl_str mark, hl_instruction *ret, hl_error *err) {
    for (size_t i = 0; i < mark.len; i++) step(r);
    size_t from = r->at;
    for (;; step(r)) {
        bool end = at_end(r);
        if ((end || peek(r) == '\n') && is_closed(r, from, mark)) break;
        if (end)
            return hl_fail(err, HL_EFORMAT, "modelfile",
                           "unexpected EOF (the value that begins in line %u does not end)",
                           ret->line);
    }
    hl_str inside = hl_str_slice(r->s, from, r->at);
    while (is_blank(inside.ptr[inside.len - 1])) inside.len--;
    inside.len -= mark.len;
    ret->value = inside;
    return HL_OK;
}

static hl_status read_value(reader *r, hl_instruction *ret, hl_error *err) {
    skip_blanks(r);
    hl_str rest = hl_str_slice(r->s, r->at, r->s.len);
    if (hl_str_starts(rest, HL_STR("\"\"\""))) return read_quoted(r, HL_STR("\"\"\""), ret, err);
    if (hl_str_starts(rest, HL_STR("\""))) return read_quoted(r, HL_STR("\""), ret, err);
    size_t from = r->at;
    while (!at_end(r) && peek(r) != '\n') step(r);
    ret->value = trim(hl_str_slice(r->s, from, r->at));
    if (ret->value.len > 0) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "modelfile", "(line %u): a value is missing", ret->line);
}

static hl_status read_instruction(reader *r, hl_instruction *ret, hl_error *err) {
    ret->name = (hl_str){"", 0};
    HL_TRY(read_word(r, ret, err));
    skip_blanks(r);
    if (ret->kind == HL_MODELFILE_PARAMETER) HL_TRY(read_parameter_name(r, ret, err));
    if (ret->kind == HL_MODELFILE_MESSAGE) HL_TRY(read_role(r, ret, err));
    return read_value(r, ret, err);
}

/* -- the file ---------------------------------------------------------------------------------- */

/* To the next instruction; false: the end. */
static bool skip_to_instruction(reader *r) {
    while (!at_end(r)) {
        if (peek(r) == '#')
            while (!at_end(r) && peek(r) != '\n') step(r);
        else if (is_blank(peek(r)) || peek(r) == '\n')
            step(r);
        else
            return true;
    }
    return false;
}

static uint32_t utf16_at(hl_str s, size_t at, bool big) {
    uint8_t a = (uint8_t)s.ptr[at], b = (uint8_t)s.ptr[at + 1];
    return big ? (uint32_t)a << 8 | b : (uint32_t)b << 8 | a;
}

static hl_status from_utf16(hl_str s, bool big, hl_buf *ret) {
    char utf8[4];
    for (size_t at = 2; at + 1 < s.len; at += 2) {
        uint32_t cp = utf16_at(s, at, big);
        if (cp >= 0xD800 && cp < 0xDC00 && at + 3 < s.len) {
            uint32_t low = utf16_at(s, at + 2, big);
            if (low >= 0xDC00 && low < 0xE000) {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
                at += 2;
            }
        }
        if (cp >= 0xD800 && cp < 0xE000) cp = HL_UTF8_BAD;
        hl_buf_append(ret, utf8, hl_utf8_encode(cp, utf8));
    }
    return HL_OK;
}

/* What Go does not print is dropped: control characters and spaces that are not ASCII's. */
static bool is_dropped(uint32_t cp) {
    if (cp == '\n' || cp == '\t') return false;
    return cp < 0x20 || (cp >= 0x7F && cp <= 0xA0) || cp == 0xAD || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200F) || (cp >= 0x2028 && cp <= 0x202F) ||
           (cp >= 0x205F && cp <= 0x206F) || cp == 0x3000 || cp == 0xFEFF ||
           (cp >= 0xE000 && cp <= 0xF8FF);
}

/* The text as UTF-8 without what is dropped. */
static hl_status clean(hl_str s, hl_arena *arena, hl_str *ret, hl_error *err) {
    hl_buf wide, out;
    hl_buf_init(&wide, 4 * (size_t)HL_MODELFILE_BYTES_MAX);
    hl_buf_init(&out, 4 * (size_t)HL_MODELFILE_BYTES_MAX);
    bool big = s.len >= 2 && memcmp(s.ptr, "\xFE\xFF", 2) == 0;
    bool little = s.len >= 2 && memcmp(s.ptr, "\xFF\xFE", 2) == 0;
    hl_status st = big || little ? from_utf16(s, big, &wide) : HL_OK;
    hl_str text = big || little ? hl_buf_str(&wide) : s;
    for (size_t at = 0; at < text.len;) {
        uint32_t cp;
        bool ok;
        char utf8[4];
        at += hl_utf8_decode(text, at, &cp, &ok);
        if (!is_dropped(cp)) hl_buf_append(&out, utf8, hl_utf8_encode(cp, utf8));
    }
    if (st >= 0) st = hl_buf_status(&wide, "the Modelfile", err);
    if (st >= 0) st = hl_buf_status(&out, "the Modelfile", err);
    if (st >= 0) *ret = hl_arena_str(arena, hl_buf_str(&out));
    hl_buf_deinit(&wide);
    hl_buf_deinit(&out);
    if (st < 0 || ret->ptr) return st;
    return hl_fail(err, hl_arena_status(arena), "modelfile", "the Modelfile is too large");
}

static hl_status grow(hl_arena *arena, hl_instruction **list, size_t n, size_t *cap,
                      hl_error *err) {
    if (n < *cap) return HL_OK;
    size_t more = *cap ? 2 * *cap : 16;
    if (n >= HL_INSTRUCTIONS_MAX)
        return hl_fail(err, HL_ELIMIT, "modelfile", "more than %d instructions",
                       HL_INSTRUCTIONS_MAX);
    hl_instruction *grown = HL_ARENA_ARRAY(arena, more, hl_instruction);
    if (!grown)
        return hl_fail(err, hl_arena_status(arena), "modelfile", "the Modelfile is too large");
    if (n > 0) memcpy(grown, *list, n * sizeof *grown);
    *list = grown;
    *cap = more;
    return HL_OK;
}

hl_status hl_modelfile_parse(hl_str text, hl_arena *arena, const hl_instruction **ret,
                             size_t *ret_n, hl_error *err) {
    reader r = {.line = 1, .arena = arena};
    hl_instruction *list = NULL;
    size_t n = 0, cap = 0;
    bool has_from = false;
    if (text.len > HL_MODELFILE_BYTES_MAX)
        return hl_fail(err, HL_ELIMIT, "modelfile", "%zu bytes, limit %d", text.len,
                       HL_MODELFILE_BYTES_MAX);
    HL_TRY(clean(text, arena, &r.s, err));
    while (skip_to_instruction(&r)) {
        HL_TRY(grow(arena, &list, n, &cap, err));
        HL_TRY(read_instruction(&r, &list[n], err));
        has_from = has_from || list[n].kind == HL_MODELFILE_FROM;
        n++;
    }
    if (!has_from) return hl_fail(err, HL_EFORMAT, "modelfile", "no FROM line");
    *ret = list;
    *ret_n = n;
    return HL_OK;
}

/* -- printing ---------------------------------------------------------------------------------- */

void hl_modelfile_print(hl_buf *out, const char *word, hl_str name, hl_str value) {
    bool spans = hl_str_find(value, HL_STR("\n"), 0) != SIZE_MAX ||
                 hl_str_starts(value, HL_STR("\"")) ||
                 (value.len > 0 && (is_blank(value.ptr[0]) || is_blank(value.ptr[value.len - 1])));
    bool quoted = hl_str_find(value, HL_STR("\""), 0) != SIZE_MAX;
    const char *mark = !spans ? "" : quoted ? "\"\"\"" : "\"";
    hl_buf_append_cstr(out, word);
    hl_buf_append_char(out, ' ');
    if (name.len > 0) {
        hl_buf_append_str(out, name);
        hl_buf_append_char(out, ' ');
    }
    hl_buf_append_cstr(out, mark);
    hl_buf_append_str(out, value);
    hl_buf_append_cstr(out, mark);
    hl_buf_append_char(out, '\n');
}
