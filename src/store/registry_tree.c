#include "store/registry_tree.h"

#include "base/json.h"
#include "store/describe.h"

#include <stdio.h>

enum {
    TAIL = sizeof "-00001-of-00003.gguf" - 1,
    FITS = 2,       /* as a tag says; 1: will do for "latest" */
    TRIES_MAX = 64, /* stems that are looked at; each takes a look at all files */
};

/* -- one file ---------------------------------------------------------------------------------- */

static hl_str text_of(struct json_object *o, const char *key) {
    struct json_object *v = NULL;
    if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v) ||
        !json_object_is_type(v, json_type_string))
        return (hl_str){"", 0};
    return (hl_str){json_object_get_string(v), (size_t)json_object_get_string_len(v)};
}

/* A part with a digest: *ret borrows its path from the object. */
static bool read_part(struct json_object *file, hl__tree_part *ret, unsigned *ret_i,
                      unsigned *ret_n) {
    char digest[sizeof "sha256:" + 64];
    struct json_object *lfs = NULL, *size = NULL;
    ret->path = text_of(file, "path");
    if (!hl_part_of_name(ret->path, ret_i, ret_n) || *ret_n > HL__TREE_PARTS_MAX) return false;
    if (memchr(ret->path.ptr, '\0', ret->path.len)) return false;
    if (!json_object_object_get_ex(file, "lfs", &lfs)) return false;
    hl_str oid = text_of(lfs, "oid");
    if (oid.len != 64 || !json_object_object_get_ex(file, "size", &size)) return false;
    snprintf(digest, sizeof digest, "sha256:%.64s", oid.ptr);
    if (!hl_digest_parse(hl_str_from(digest), &ret->digest)) return false;
    if (!json_object_is_type(size, json_type_int) || json_object_get_int64(size) <= 0) return false;
    ret->bytes = json_object_get_uint64(size);
    return true;
}

/* -- what a tag means -------------------------------------------------------------------------- */

/* "DIR/x-Q8_0" of "DIR/x-Q8_0-00001-of-00002.gguf" */
static hl_str stem_of(hl_str path) {
    return hl_str_slice(path, 0, path.len - TAIL);
}

static bool ends_in(hl_str text, hl_str tag) {
    if (tag.len == 0 || text.len < tag.len) return false;
    size_t at = text.len - tag.len;
    return hl_str_eq_nocase(hl_str_slice(text, at, text.len), tag) &&
           (at == 0 || strchr("-./", text.ptr[at - 1]));
}

static bool is_meant(hl_str stem, hl_str tag) {
    size_t slash = stem.len;
    while (slash > 0 && stem.ptr[slash - 1] != '/') slash--;
    return ends_in(stem, tag) || (slash > 0 && ends_in(hl_str_slice(stem, 0, slash - 1), tag));
}

/* FITS, 1 or 0: not at all. */
static int fit(hl_str stem, hl_str tag) {
    if (!hl_str_eq_nocase(tag, HL_STR("latest"))) return is_meant(stem, tag) ? FITS : 0;
    return is_meant(stem, HL_STR("Q4_K_M")) ? FITS : 1;
}

/* -- all of them ------------------------------------------------------------------------------- */

static bool is_among(const hl__tree_part *parts, unsigned n, const hl_digest *d) {
    for (unsigned i = 0; i < n; i++)
        if (strcmp(parts[i].digest.text, d->text) == 0) return true;
    return false;
}

/* Whether `first`, a part 1 of n, has all others, no two of them the same bytes; fills parts [n],
 * paths still borrowed. */
static bool gather(struct json_object *files, const hl__tree_part *first, unsigned n,
                   hl__tree_part *parts) {
    hl_str stem = stem_of(first->path);
    size_t n_found = 0;
    memset(parts, 0, n * sizeof *parts);
    for (size_t f = 0; f < json_object_array_length(files); f++) {
        hl__tree_part p = {0};
        unsigned i, of;
        if (!read_part(json_object_array_get_idx(files, f), &p, &i, &of)) continue;
        if (of != n || !hl_str_eq(stem_of(p.path), stem)) continue;
        if (is_among(parts, n, &p.digest)) return false;
        parts[i - 1] = p;
        n_found++;
    }
    return n_found == n;
}

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "registry", "no memory for a repository's files");
}

static hl_status find(struct json_object *files, hl_str tag, hl_arena *arena, hl__tree_part **ret,
                      size_t *ret_n, hl_error *err) {
    int best = 0, tries = 0;
    if (!json_object_is_type(files, json_type_array))
        return hl_fail(err, HL_EFORMAT, "registry", "the repository's files are no list");
    hl__tree_part *parts = HL_ARENA_ARRAY(arena, HL__TREE_PARTS_MAX, hl__tree_part);
    if (!parts) return no_memory(err);
    for (size_t f = 0; f < json_object_array_length(files) && best < FITS; f++) {
        hl__tree_part first = {0};
        unsigned i, n;
        if (!read_part(json_object_array_get_idx(files, f), &first, &i, &n) || i != 1) continue;
        int found = fit(stem_of(first.path), tag);
        if (found <= best) continue;
        if (++tries > TRIES_MAX) break;
        if (!gather(files, &first, n, parts)) continue;
        best = found;
        *ret_n = n;
        *ret = HL_ARENA_ARRAY(arena, n, hl__tree_part);
        if (!*ret) return no_memory(err);
        memcpy(*ret, parts, n * sizeof *parts);
    }
    if (best == 0)
        return hl_fail(err, HL_ENOTFOUND, "registry", "the repository has no whole model %.*s",
                       HL_STR_ARG(tag));
    for (size_t i = 0; i < *ret_n; i++) {
        (*ret)[i].path = hl_arena_str(arena, (*ret)[i].path);
        if (!(*ret)[i].path.ptr) return no_memory(err);
    }
    return HL_OK;
}

hl_status hl__tree_find(hl_str json, hl_str tag, hl_arena *arena, hl__tree_part **ret,
                        size_t *ret_n, hl_error *err) {
    struct json_object *files = NULL;
    HL_TRY(hl_json_parse(json, &files, err));
    hl_status st = find(files, tag, arena, ret, ret_n, err);
    json_object_put(files);
    return st;
}
