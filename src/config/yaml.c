/* config.yaml, read with libfyaml: one mapping of settings.def's names to values, lists as
 * sequences or as text with commas.  Aliases and tags are refused: nothing here needs them. */
#include "base/utf8.h"
#include "config/settings.h"

#include <libfyaml.h>

typedef struct reader {
    hl_settings *settings;
    const char *name;
    uint64_t seen[(HL_SETTINGS_N + 63) / 64]; /* keys of this file */
    hl_error *err;
} reader;

static int line_of(struct fy_node *node) {
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    return mark ? mark->line + 1 : 0;
}

static hl_status fail_at(const reader *r, int line, hl_str key, const char *what) {
    return hl_fail(r->err, HL_EFORMAT, "config", "%.160s line %d: %.*s %s", r->name, line,
                   HL_STR_ARG(hl_str_slice(key, 0, 80)), what);
}

static bool is_plain_scalar(struct fy_node *node) {
    return fy_node_is_scalar(node) && !fy_node_is_alias(node) &&
           (!node || !fy_node_get_tag_token(node));
}

static hl_str scalar_text(struct fy_node *node) {
    size_t len = 0;
    const char *text = node ? fy_node_get_scalar(node, &len) : NULL;
    return (hl_str){text ? text : "", text ? len : 0};
}

static bool is_null(struct fy_node *node) {
    hl_str text = scalar_text(node);
    bool plain = !node || fy_node_get_style(node) == FYNS_PLAIN;
    return plain && (text.len == 0 || hl_str_is(text, "~") || hl_str_is(text, "null"));
}

/* A sequence's entries with commas between them. */
static hl_status join_entries(const reader *r, int line, hl_str key, struct fy_node *sequence,
                              hl_buf *ret) {
    void *at = NULL;
    struct fy_node *entry;
    while ((entry = fy_node_sequence_iterate(sequence, &at)) != NULL) {
        hl_str text = scalar_text(entry);
        if (!is_plain_scalar(entry) || is_null(entry) ||
            hl_str_find(text, HL_STR(","), 0) != SIZE_MAX)
            return fail_at(r, line, key, "wants entries that are text without commas");
        if (ret->len > 0) hl_buf_append_char(ret, ',');
        hl_buf_append_str(ret, text);
    }
    return hl_buf_status(ret, "config", r->err);
}

static hl_status set(const reader *r, int line, hl_setting_id id, hl_str value) {
    hl_status st = hl_settings_set_text(r->settings, id, value, HL_FROM_FILE, r->err);
    if (st < 0) hl_error_prefix(r->err, "%.160s line %d", r->name, line);
    return st;
}

static hl_status read_value(const reader *r, int line, hl_setting_id id, struct fy_node *value) {
    const hl_setting_info *info = hl_setting_info_at(id);
    if (is_plain_scalar(value))
        return is_null(value) ? HL_OK : set(r, line, id, scalar_text(value));
    if (info->kind != HL_SETTING_LIST || !fy_node_is_sequence(value)) {
        char what[64];
        (void)snprintf(what, sizeof what, "wants %s", hl_setting_kind_name(info->kind));
        return fail_at(r, line, hl_str_from(info->name), what);
    }
    hl_buf list;
    hl_buf_init(&list, 64 << 10);
    hl_status st = join_entries(r, line, hl_str_from(info->name), value, &list);
    if (st >= 0) st = set(r, line, id, hl_buf_str(&list));
    hl_buf_deinit(&list);
    return st;
}

static hl_status read_pair(reader *r, struct fy_node_pair *pair) {
    struct fy_node *key = fy_node_pair_key(pair);
    hl_setting_id id;
    if (!key || !is_plain_scalar(key))
        return hl_fail(r->err, HL_EFORMAT, "config", "%.160s: a key is no plain text", r->name);
    hl_str name = scalar_text(key);
    int line = line_of(key);
    if (!hl_setting_find(name, &id)) return fail_at(r, line, name, "is no setting");
    uint64_t bit = 1ull << (id % 64);
    if (r->seen[id / 64] & bit) return fail_at(r, line, name, "is there twice");
    r->seen[id / 64] |= bit;
    return read_value(r, line, id, fy_node_pair_value(pair));
}

static hl_status read_document(reader *r, struct fy_document *doc) {
    struct fy_node *root = fy_document_root(doc);
    void *at = NULL;
    struct fy_node_pair *pair;
    if (!root || (fy_node_is_scalar(root) && is_null(root))) return HL_OK; /* comments only */
    if (!fy_node_is_mapping(root))
        return hl_fail(r->err, HL_EFORMAT, "config", "%.160s is no list of KEY: VALUE lines",
                       r->name);
    while ((pair = fy_node_mapping_iterate(root, &at)) != NULL) HL_TRY(read_pair(r, pair));
    return HL_OK;
}

static hl_status fail_syntax(const reader *r, struct fy_diag *diag) {
    void *at = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
    return hl_fail(r->err, HL_EFORMAT, "config", "%.160s line %d: %.200s", r->name, e ? e->line : 0,
                   e && e->msg ? e->msg : "is no YAML");
}

/* Nothing but white space and comments; the library calls that an error. */
static bool is_empty(hl_str text) {
    bool comment = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n') comment = false;
        if (c == '#') comment = true;
        if (!comment && c != ' ' && c != '\t' && c != '\n' && c != '\r') return false;
    }
    return true;
}

/* What the library is not given: it hangs on malformed UTF-8 in directives, and no file of settings
 * needs directives or control characters. */
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

static hl_status parse(reader *r, hl_str text, struct fy_diag *diag) {
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_DISABLE_MMAP_OPT |
                                           FYPCF_ALLOW_DUPLICATE_KEYS | FYPCF_JSON_NONE,
                                  .diag = diag};
    struct fy_document *doc = fy_document_build_from_string(&config, text.ptr, text.len);
    if (!doc) return fail_syntax(r, diag);
    hl_status st = read_document(r, doc);
    fy_document_destroy(doc);
    return st;
}

hl_status hl_settings_read_yaml(hl_settings *s, hl_str text, const char *name, hl_error *err) {
    reader r = {.settings = s, .name = name, .err = err};
    hl_error unheard;
    if (!err) r.err = &unheard;
    if (is_empty(text)) return HL_OK;
    HL_TRY(check_bytes(&r, text));
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    quiet.level = FYET_ERROR;
    struct fy_diag *diag = fy_diag_create(&quiet);
    if (!diag) return hl_fail(err, HL_ENOMEM, "config", "no memory for %.160s", name);
    fy_diag_set_collect_errors(diag, true);
    hl_status st = parse(&r, text, diag);
    fy_diag_destroy(diag);
    return st;
}
