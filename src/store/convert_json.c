#include "store/convert_json.h"

#include "base/fs.h"
#include "base/inside.h"

#include <math.h>

/* Digits of the integer at text[at], 0 where none begins or a fraction or an exponent follows. */
static size_t integer_len(hl_str text, size_t at) {
    size_t n = 0;
    while (at + n < text.len && text.ptr[at + n] >= '0' && text.ptr[at + n] <= '9') n++;
    return at + n < text.len && strchr(".eE", text.ptr[at + n]) ? 0 : n;
}

/* Python writes integers of any length: a length without limit is 1000000000000000019884624838656.
 * Those that fit no 64 bits get an exponent, with which they are floats. */
static void widen_integers(hl_str text, hl_buf *out) {
    enum { DIGITS_MAX = 18 };
    bool quoted = false;
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i];
        bool in_number = c >= '0' && c <= '9' && !quoted;
        size_t digits = in_number ? integer_len(text, i) : 0, n = digits ? digits : 1;
        if (c == '"') quoted = !quoted;
        if (quoted && c == '\\' && i + 1 < text.len) n = 2;
        if (in_number && !digits) /* the rest of a float, as it is */
            while (i + n < text.len && strchr("0123456789.eE+-", text.ptr[i + n])) n++;
        hl_buf_append(out, text.ptr + i, n);
        if (digits > DIGITS_MAX) hl_buf_append_cstr(out, "e0");
        i += n;
    }
}

static hl_status parse(hl_str text, struct json_object **ret, hl_error *err) {
    hl_buf wide;
    hl_status st = hl_json_parse(text, ret, err);
    if (st != HL_ELIMIT) return st;
    hl_buf_init(&wide, 0);
    widen_integers(text, &wide);
    st = hl_buf_status(&wide, "a JSON file", err);
    if (st >= 0) st = hl_json_parse(hl_buf_str(&wide), ret, err);
    hl_buf_deinit(&wide);
    return st;
}

hl_status hl__doc_parse(hl_str text, const char *file, hl__doc *ret, hl_error *err) {
    struct json_object *root = NULL;
    hl_status st = parse(text, &root, err);
    if (st >= 0 && !json_object_is_type(root, json_type_object)) {
        json_object_put(root);
        st = hl_fail(err, HL_EFORMAT, "convert", "it is not a JSON object");
    }
    if (st < 0) {
        hl_error_prefix(err, "%s", file);
        return st;
    }
    *ret = (hl__doc){file, root};
    return HL_OK;
}

hl_status hl__doc_read(const char *dir, const char *file, size_t bytes_max, hl__doc *ret,
                       hl_error *err) {
    char path[HL_INSIDE_PATH_MAX];
    hl_buf text;
    *ret = (hl__doc){.file = file};
    hl_status st = hl_path_inside(dir, file, path, err);
    if (st == HL_ENOTFOUND) return HL_DONE;
    HL_TRY(st);
    hl_buf_init(&text, 0);
    st = hl_file_read(path, bytes_max, &text, err);
    if (st >= 0) st = hl__doc_parse(hl_buf_str(&text), file, ret, err);
    hl_buf_deinit(&text);
    return st;
}

void hl__doc_close(hl__doc *d) {
    json_object_put(d->root);
    d->root = NULL;
}

/* -- values ------------------------------------------------------------------------------------ */

hl_status hl__node_failed(hl__node n, hl_status st, const char *key, const char *what,
                          hl_error *err) {
    HL_ASSERT(n.file && key && what);
    return hl_fail(err, st, "convert", "%s: %s%s%s %s", n.file, n.at ? n.at : "", n.at ? "." : "",
                   key, what);
}

struct json_object *hl__node_get(hl__node n, const char *key) {
    struct json_object *v = NULL;
    if (!n.object || !json_object_object_get_ex(n.object, key, &v)) return NULL;
    return v;
}

static hl_status find(hl__node n, const char *key, enum json_type type, const char *what,
                      struct json_object **ret, hl_error *err) {
    *ret = hl__node_get(n, key);
    if (!*ret || json_object_is_type(*ret, type)) return HL_OK;
    return hl__node_fail(n, HL_EFORMAT, key, what, err);
}

hl_status hl__node_object(hl__node n, const char *key, hl__node *ret, hl_error *err) {
    struct json_object *v;
    HL_TRY(find(n, key, json_type_object, "is no object", &v, err));
    *ret = (hl__node){n.file, key, v};
    return HL_OK;
}

hl_status hl__node_array(hl__node n, const char *key, struct json_object **ret, hl_error *err) {
    return find(n, key, json_type_array, "is no array", ret, err);
}

hl_status hl__node_bool(hl__node n, const char *key, bool fallback, bool *ret, hl_error *err) {
    struct json_object *v;
    HL_TRY(find(n, key, json_type_boolean, "is neither true nor false", &v, err));
    *ret = v ? json_object_get_boolean(v) : fallback;
    return HL_OK;
}

hl_status hl__node_u32(hl__node n, const char *key, uint32_t fallback, uint32_t *ret,
                       hl_error *err) {
    struct json_object *v;
    HL_TRY(find(n, key, json_type_int, "is no whole number", &v, err));
    int64_t i = v ? json_object_get_int64(v) : fallback;
    if (i < 0 || i > UINT32_MAX)
        return hl__node_fail(n, HL_EFORMAT, key, "is not a number of 32 bits", err);
    *ret = (uint32_t)i;
    return HL_OK;
}

hl_status hl__node_count(hl__node n, const char *key, uint32_t max, uint32_t *ret, hl_error *err) {
    if (!hl__node_get(n, key)) return hl__node_fail(n, HL_EFORMAT, key, "is missing", err);
    HL_TRY(hl__node_u32(n, key, 0, ret, err));
    if (*ret >= 1 && *ret <= max) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "convert", "%s: %s is %u, expected 1 to %u", n.file, key, *ret,
                   max);
}

hl_status hl__node_f64(hl__node n, const char *key, double fallback, double *ret, hl_error *err) {
    struct json_object *v = hl__node_get(n, key);
    bool number = json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
    if (v && !number) return hl__node_fail(n, HL_EFORMAT, key, "is no number", err);
    *ret = v ? json_object_get_double(v) : fallback;
    if (!isfinite(*ret)) return hl__node_fail(n, HL_EFORMAT, key, "is not finite", err);
    return HL_OK;
}

hl_str hl__convert_json_str(struct json_object *string) {
    HL_ASSERT(json_object_is_type(string, json_type_string));
    return (hl_str){json_object_get_string(string), (size_t)json_object_get_string_len(string)};
}

hl_status hl__node_str(hl__node n, const char *key, hl_str *ret, hl_error *err) {
    struct json_object *v;
    HL_TRY(find(n, key, json_type_string, "is no string", &v, err));
    *ret = v ? hl__convert_json_str(v) : (hl_str){0};
    return HL_OK;
}
