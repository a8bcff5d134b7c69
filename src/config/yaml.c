/* config.yaml, read with libyaml: one mapping of settings.def's names to values, lists as
 * sequences or as text with commas.  Anchors, aliases and tags are refused: nothing here needs
 * them. */
#include "base/utf8.h"
#include "config/settings.h"

#include <stdio.h>
#include <yaml.h>

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one that was read last */
    hl_settings *settings;
    const char *name;
    uint64_t seen[(HL_SETTINGS_N + 63) / 64]; /* keys of this file */
    hl_error *err;
} reader;

/* -- errors ------------------------------------------------------------------------------------ */

static int line_of(const reader *r) {
    return (int)r->event.start_mark.line + 1;
}

static hl_status fail_at(const reader *r, int line, hl_str key, const char *what) {
    return hl_fail(r->err, HL_EFORMAT, "config", "%.160s line %d: %.*s %s", r->name, line,
                   HL_STR_ARG(hl_str_slice(key, 0, 80)), what);
}

static hl_status fail_here(const reader *r, const char *what) {
    return hl_fail(r->err, HL_EFORMAT, "config", "%.160s line %d: %s", r->name, line_of(r), what);
}

static hl_status fail_syntax(const reader *r) {
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return hl_fail(r->err, HL_ENOMEM, "config", "no memory for %.160s", r->name);
    return hl_fail(r->err, HL_EFORMAT, "config", "%.160s line %zu: %.200s", r->name,
                   p->problem_mark.line + 1, p->problem ? p->problem : "is no YAML");
}

/* -- events ------------------------------------------------------------------------------------ */

static hl_status next(reader *r) {
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event)) return HL_OK;
    r->event = (yaml_event_t){0};
    return fail_syntax(r);
}

static hl_str scalar_text(const reader *r) {
    return (hl_str){(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
}

/* A scalar without anchor and tag. */
static bool is_plain_scalar(const reader *r) {
    return r->event.type == YAML_SCALAR_EVENT && !r->event.data.scalar.anchor &&
           !r->event.data.scalar.tag;
}

static bool is_null(const reader *r) {
    hl_str text = scalar_text(r);
    return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.len == 0 || hl_str_is(text, "~") || hl_str_is(text, "null"));
}

static bool begins_plain_list(const reader *r) {
    return r->event.type == YAML_SEQUENCE_START_EVENT && !r->event.data.sequence_start.anchor &&
           !r->event.data.sequence_start.tag;
}

/* -- values ------------------------------------------------------------------------------------ */

/* A sequence's entries with commas between them. */
static hl_status join_entries(reader *r, int line, hl_str key, hl_buf *ret) {
    for (;;) {
        HL_TRY(next(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT) return hl_buf_status(ret, "config", r->err);
        if (!is_plain_scalar(r) || is_null(r) ||
            hl_str_find(scalar_text(r), HL_STR(","), 0) != SIZE_MAX)
            return fail_at(r, line, key, "wants entries that are text without commas");
        if (ret->len > 0) hl_buf_append_char(ret, ',');
        hl_buf_append_str(ret, scalar_text(r));
    }
}

static hl_status set(const reader *r, int line, hl_setting_id id, hl_str value) {
    hl_status st = hl_settings_set_text(r->settings, id, value, HL_FROM_FILE, r->err);
    if (st < 0) hl_error_prefix(r->err, "%.160s line %d", r->name, line);
    return st;
}

static hl_status read_value(reader *r, int line, hl_setting_id id) {
    const hl_setting_info *info = hl_setting_info_at(id);
    HL_TRY(next(r));
    if (is_plain_scalar(r)) return is_null(r) ? HL_OK : set(r, line, id, scalar_text(r));
    if (info->kind != HL_SETTING_LIST || !begins_plain_list(r)) {
        char what[64];
        (void)snprintf(what, sizeof what, "wants %s", hl_setting_kind_name(info->kind));
        return fail_at(r, line, hl_str_from(info->name), what);
    }
    hl_buf list;
    hl_buf_init(&list, 64 << 10);
    hl_status st = join_entries(r, line, hl_str_from(info->name), &list);
    if (st >= 0) st = set(r, line, id, hl_buf_str(&list));
    hl_buf_deinit(&list);
    return st;
}

/* -- the mapping ------------------------------------------------------------------------------- */

/* After a key's event. */
static hl_status read_pair(reader *r) {
    hl_setting_id id;
    int line = line_of(r);
    if (!is_plain_scalar(r)) return fail_here(r, "a key is no plain text");
    hl_str name = scalar_text(r);
    if (!hl_setting_find(name, &id)) return fail_at(r, line, name, "is no setting");
    uint64_t bit = 1ull << (id % 64);
    if (r->seen[id / 64] & bit) return fail_at(r, line, name, "is there twice");
    r->seen[id / 64] |= bit;
    return read_value(r, line, id);
}

static hl_status read_root(reader *r) {
    if (is_plain_scalar(r) && is_null(r)) return HL_OK;
    if (r->event.type != YAML_MAPPING_START_EVENT || r->event.data.mapping_start.anchor ||
        r->event.data.mapping_start.tag)
        return hl_fail(r->err, HL_EFORMAT, "config", "%.160s is no list of KEY: VALUE lines",
                       r->name);
    for (;;) {
        HL_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) return HL_OK;
        HL_TRY(read_pair(r));
    }
}

static hl_status expect(reader *r, yaml_event_type_t type, const char *what) {
    HL_TRY(next(r));
    return r->event.type == type ? HL_OK : fail_here(r, what);
}

/* One document, or none: comments only. */
static hl_status read_stream(reader *r) {
    HL_TRY(expect(r, YAML_STREAM_START_EVENT, "is no YAML"));
    HL_TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT) return HL_OK;
    HL_TRY(next(r));
    HL_TRY(read_root(r));
    HL_TRY(expect(r, YAML_DOCUMENT_END_EVENT, "is no YAML"));
    return expect(r, YAML_STREAM_END_EVENT, "a second document begins");
}

/* What no file of settings needs: directives, control characters, another encoding. */
static hl_status check_bytes(const reader *r, hl_str text) {
    size_t good = hl_utf8_check(text);
    int line = 1;
    for (size_t at = 0; at < text.len; at++) {
        unsigned char c = (unsigned char)text.ptr[at];
        bool starts = at == 0 || text.ptr[at - 1] == '\n';
        bool odd = (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F;
        if (at == good || odd || (starts && c == '%'))
            return hl_fail(r->err, HL_EFORMAT, "config", "%.160s line %d: %s", r->name, line,
                           at == good ? "is no UTF-8"
                           : odd      ? "has a control character"
                                      : "begins with %, which is not taken");
        if (c == '\n') line++;
    }
    return HL_OK;
}

hl_status hl_settings_read_yaml(hl_settings *s, hl_str text, const char *name, hl_error *err) {
    reader r = {.settings = s, .name = name, .err = err};
    hl_error unheard;
    if (!err) r.err = &unheard;
    HL_TRY(check_bytes(&r, text));
    if (!yaml_parser_initialize(&r.parser))
        return hl_fail(err, HL_ENOMEM, "config", "no memory for %.160s", name);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.ptr, text.len);
    hl_status st = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return st;
}
