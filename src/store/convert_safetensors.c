#include "store/convert_safetensors.h"

#include "base/dir.h"
#include "base/file_rw.h"
#include "base/fs.h"
#include "base/inside.h"
#include "base/mem.h"
#include "gguf/reader.h"
#include "store/convert_json.h"
#include "store/sources.h"

#include <stdlib.h>

#define INDEX_FILE "model.safetensors.index.json"
#define METADATA   "__metadata__"

enum { LENGTH_BYTES = 8, TENSORS_MAX = 1 << 20, NAME_BYTES_MAX = 255 };

struct hl__weights {
    const char *dir; /* borrowed */
    hl_arena *arena; /* names */
    hl_str *files;
    size_t n_files, files_cap;
    hl__st_tensor *tensors;
    size_t n, cap;
    hl_map by_name;
    hl_file_rw file; /* the one that was read last */
    uint32_t i_open;
};

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "convert", "no memory to read the weights");
}

hl_status hl__weights_create(const char *dir, hl__weights **ret, hl_error *err) {
    hl__weights *w = hl_calloc(1, sizeof *w);
    if (!w) return no_memory(err);
    w->dir = dir;
    w->file.fd = -1;
    w->arena = hl_arena_create(0); /* bounded by the files' headers */
    hl_status st = w->arena ? hl_map_init(&w->by_name, 0, err) : no_memory(err);
    if (st < 0) {
        hl__weights_close(w);
        return st;
    }
    *ret = w;
    return HL_OK;
}

void hl__weights_close(hl__weights *w) {
    if (!w) return;
    hl_file_rw_close(&w->file);
    hl_map_deinit(&w->by_name);
    hl_arena_destroy(w->arena);
    hl_free(w->files);
    hl_free(w->tensors);
    hl_free(w);
}

/* The items with room for one more behind n, perhaps moved; NULL and no change without memory. */
static void *with_room(void *items, size_t size, size_t n, size_t *cap) {
    if (n < *cap) return items;
    size_t larger = *cap ? *cap * 2 : 64;
    void *p = hl_realloc(items, larger * size);
    if (p) *cap = larger;
    return p;
}

static hl_status add_file(hl__weights *w, hl_str name, hl_error *err) {
    if (w->n_files == HL__ST_FILES_MAX)
        return hl_fail(err, HL_ELIMIT, "convert", "more than %d files of weights",
                       HL__ST_FILES_MAX);
    hl_str *files = with_room(w->files, sizeof *files, w->n_files, &w->files_cap);
    if (!files) return no_memory(err);
    w->files = files;
    hl_str copy = hl_arena_str(w->arena, name);
    if (!copy.ptr) return no_memory(err);
    w->files[w->n_files++] = copy;
    return HL_OK;
}

/* -- one tensor of a header -------------------------------------------------------------------- */

static const struct {
    const char *name;
    hl__st_type type;
    uint32_t bytes;
} TYPES[] = {
    {"F32", HL__ST_F32, 4},       {"F16", HL__ST_F16, 2},       {"BF16", HL__ST_BF16, 2},
    {"F64", HL__ST_OTHER, 8},     {"F8_E4M3", HL__ST_OTHER, 1}, {"F8_E5M2", HL__ST_OTHER, 1},
    {"F8_E8M0", HL__ST_OTHER, 1}, {"BOOL", HL__ST_OTHER, 1},    {"U8", HL__ST_OTHER, 1},
    {"I8", HL__ST_OTHER, 1},      {"U16", HL__ST_OTHER, 2},     {"I16", HL__ST_OTHER, 2},
    {"U32", HL__ST_OTHER, 4},     {"I32", HL__ST_OTHER, 4},     {"U64", HL__ST_OTHER, 8},
    {"I64", HL__ST_OTHER, 8},     {"C64", HL__ST_OTHER, 8},
};

static hl_status read_type(hl__node n, hl__st_tensor *t, uint32_t *ret_bytes, hl_error *err) {
    hl_str name;
    HL_TRY(hl__node_str(n, "dtype", &name, err));
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (!hl_str_is(name, TYPES[i].name)) continue;
        t->type = TYPES[i].type;
        t->type_name = TYPES[i].name;
        *ret_bytes = TYPES[i].bytes;
        return HL_OK;
    }
    return hl_fail(err, HL_EUNSUPPORTED, "convert", "the type \"%.*s\" is not known",
                   HL_STR_ARG(hl_str_slice(name, 0, 40)));
}

/* A whole number from 0 on that fits an offset. */
static bool read_size(struct json_object *v, uint64_t *ret) {
    if (!json_object_is_type(v, json_type_int)) return false;
    int64_t i = json_object_get_int64(v);
    *ret = (uint64_t)i;
    return i >= 0 && i < INT64_MAX;
}

/* *ret_n is the number of elements. */
static hl_status read_shape(hl__node n, hl__st_tensor *t, uint64_t *ret_n, hl_error *err) {
    struct json_object *shape;
    HL_TRY(hl__node_array(n, "shape", &shape, err));
    if (!shape) return hl_fail(err, HL_EFORMAT, "convert", "it has no shape");
    size_t n_dims = json_object_array_length(shape);
    if (n_dims > HL__ST_DIMS_MAX)
        return hl_fail(err, HL_EUNSUPPORTED, "convert", "it has %zu dimensions", n_dims);
    t->n_dims = (uint32_t)n_dims;
    *ret_n = 1;
    for (size_t i = 0; i < n_dims; i++) {
        if (!read_size(json_object_array_get_idx(shape, i), &t->dims[i]) ||
            __builtin_mul_overflow(*ret_n, t->dims[i], ret_n))
            return hl_fail(err, HL_EFORMAT, "convert", "its shape is not possible");
    }
    return HL_OK;
}

/* The offsets count from the end of the header, which is at data_at. */
static hl_status read_place(hl__node n, hl__st_tensor *t, uint64_t data_at, uint64_t file_bytes,
                            hl_error *err) {
    struct json_object *offsets;
    uint64_t from = 0, to = 0;
    HL_TRY(hl__node_array(n, "data_offsets", &offsets, err));
    bool good = offsets && json_object_array_length(offsets) == 2 &&
                read_size(json_object_array_get_idx(offsets, 0), &from) &&
                read_size(json_object_array_get_idx(offsets, 1), &to) && from <= to;
    if (!good) return hl_fail(err, HL_EFORMAT, "convert", "its data_offsets are not two in order");
    if (to > file_bytes - data_at)
        return hl_fail(err, HL_EFORMAT, "convert", "its bytes run past the end of the file");
    t->at = data_at + from;
    t->bytes = to - from;
    return HL_OK;
}

static hl_status read_tensor(hl__node n, hl__st_tensor *t, uint64_t data_at, uint64_t file_bytes,
                             hl_error *err) {
    uint32_t size;
    uint64_t count, bytes;
    if (!json_object_is_type(n.object, json_type_object))
        return hl_fail(err, HL_EFORMAT, "convert", "it is no object");
    HL_TRY(read_type(n, t, &size, err));
    HL_TRY(read_shape(n, t, &count, err));
    HL_TRY(read_place(n, t, data_at, file_bytes, err));
    if (__builtin_mul_overflow(count, (uint64_t)size, &bytes) || bytes != t->bytes)
        return hl_fail(err, HL_EFORMAT, "convert", "its shape and type do not fit %llu bytes",
                       (unsigned long long)t->bytes);
    return HL_OK;
}

static hl_status add_tensor(hl__weights *w, const hl__st_tensor *t, hl_error *err) {
    if (w->n == TENSORS_MAX)
        return hl_fail(err, HL_ELIMIT, "convert", "more than %d tensors", TENSORS_MAX);
    hl__st_tensor *tensors = with_room(w->tensors, sizeof *t, w->n, &w->cap);
    if (!tensors) return no_memory(err);
    w->tensors = tensors;
    tensors[w->n] = *t;
    hl_str name = hl_arena_str(w->arena, t->name);
    if (!name.ptr) return no_memory(err);
    tensors[w->n].name = name;
    hl_status st = hl_map_add(&w->by_name, name, (uint32_t)w->n, err);
    HL_TRY(st);
    if (st == HL_DONE) return hl_fail(err, HL_EFORMAT, "convert", "another file has it as well");
    w->n++;
    return HL_OK;
}

/* -- one header -------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b) {
    const hl__st_tensor *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* The format wants the data covered, without gaps and without a byte in two tensors. */
static hl_status check_places(const hl__st_tensor *first, size_t n, uint64_t data_at,
                              uint64_t file_bytes, hl_error *err) {
    hl__st_tensor *sorted = hl_alloc(n * sizeof *sorted);
    if (!sorted) return no_memory(err);
    if (n) memcpy(sorted, first, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_place);
    hl_status st = HL_OK;
    uint64_t at = data_at;
    for (size_t i = 0; i < n && st == HL_OK; i++) {
        if (sorted[i].at != at)
            st = hl_fail(err, HL_EFORMAT, "convert", "tensor %.*s %s", HL_STR_ARG(sorted[i].name),
                         sorted[i].at < at ? "overlaps another" : "has a gap before it");
        at = sorted[i].at + sorted[i].bytes;
    }
    hl_free(sorted);
    if (st == HL_OK && at != file_bytes)
        st = hl_fail(err, HL_EFORMAT, "convert", "%llu bytes at its end belong to no tensor",
                     (unsigned long long)(file_bytes - at));
    return st;
}

static hl_status parse_tensors(hl__weights *w, const hl__doc *d, uint64_t data_at,
                               uint64_t file_bytes, hl_error *err) {
    size_t first = w->n;
    json_object_object_foreach(d->root, key, value) {
        if (strcmp(key, METADATA) == 0) continue;
        hl__st_tensor t = {.name = hl_str_from(key), .file = (uint32_t)w->n_files - 1};
        hl_status st = read_tensor((hl__node){d->file, key, value}, &t, data_at, file_bytes, err);
        if (st >= 0) st = add_tensor(w, &t, err);
        if (st < 0) {
            hl_error_prefix(err, "tensor %.200s", key);
            return st;
        }
    }
    if (w->n == first) return hl_fail(err, HL_EFORMAT, "convert", "it has no tensors");
    return check_places(w->tensors + first, w->n - first, data_at, file_bytes, err);
}

hl_status hl__weights_parse(hl__weights *w, hl_str name, hl_str header, uint64_t file_bytes,
                            hl_error *err) {
    hl__doc d = {0};
    HL_ASSERT(file_bytes >= LENGTH_BYTES && header.len <= file_bytes - LENGTH_BYTES);
    HL_TRY(add_file(w, name, err));
    HL_TRY(hl__doc_parse(header, "the header", &d, err));
    hl_status st = parse_tensors(w, &d, LENGTH_BYTES + header.len, file_bytes, err);
    hl__doc_close(&d);
    return st;
}

/* -- files ------------------------------------------------------------------------------------- */

static hl_status read_exactly(const hl_file_rw *f, uint64_t at, void *out, size_t n,
                              hl_error *err) {
    size_t got;
    HL_TRY(hl_file_rw_read(f, at, out, n, &got, err));
    if (got < n) return hl_fail(err, HL_EFORMAT, "convert", "it ends early");
    return HL_OK;
}

static hl_status read_header(hl__weights *w, hl_str name, const hl_file_rw *f, uint64_t file_bytes,
                             hl_error *err) {
    uint8_t length[LENGTH_BYTES];
    HL_TRY(read_exactly(f, 0, length, sizeof length, err));
    if (file_bytes < LENGTH_BYTES) return hl_fail(err, HL_EFORMAT, "convert", "it is changing");
    uint64_t n = hl_le64(length);
    if (n > HL__ST_HEADER_MAX || n > file_bytes - LENGTH_BYTES)
        return hl_fail(err, HL_EFORMAT, "convert",
                       "its header of %llu bytes does not fit (not a safetensors file?)",
                       (unsigned long long)n);
    char *header = hl_alloc((size_t)n);
    if (!header) return no_memory(err);
    hl_status st = read_exactly(f, LENGTH_BYTES, header, (size_t)n, err);
    if (st >= 0) st = hl__weights_parse(w, name, (hl_str){header, (size_t)n}, file_bytes, err);
    hl_free(header);
    return st;
}

static hl_status open_file(const hl__weights *w, const char *name, hl_file_rw *ret,
                           uint64_t *ret_bytes, hl_error *err) {
    char path[HL_INSIDE_PATH_MAX];
    hl_file_facts facts;
    HL_TRY(hl_path_inside(w->dir, name, path, err));
    HL_TRY(hl_file_stat(path, &facts, err));
    *ret_bytes = facts.bytes;
    return hl_file_rw_open_read(path, ret, err);
}

static hl_status take_file(hl__weights *w, hl_str name, hl_error *err) {
    hl_file_rw f = {-1};
    uint64_t bytes;
    hl_status st = open_file(w, name.ptr, &f, &bytes, err);
    if (st >= 0) st = read_header(w, name, &f, bytes, err);
    hl_file_rw_close(&f);
    if (st < 0) hl_error_prefix(err, "%s", name.ptr);
    return st;
}

hl_status hl__weights_read(hl__weights *w, const hl__st_tensor *t, uint64_t from, void *out,
                           size_t n, hl_error *err) {
    HL_ASSERT(t->file < w->n_files && from <= t->bytes && n <= t->bytes - from);
    hl_str name = w->files[t->file];
    hl_status st = HL_OK;
    if (w->file.fd < 0 || w->i_open != t->file) {
        uint64_t bytes;
        hl_file_rw_close(&w->file);
        st = open_file(w, name.ptr, &w->file, &bytes, err);
        w->i_open = t->file;
    }
    if (st >= 0) st = read_exactly(&w->file, t->at + from, out, n, err);
    if (st < 0) hl_error_prefix(err, "%s", name.ptr);
    return st;
}

/* -- which files ------------------------------------------------------------------------------- */

typedef struct listing {
    hl__weights *w;
    const char *prefix, *suffix;
    hl_str *names;
    size_t n, cap;
} listing;

static bool fits(const listing *l, hl_str name) {
    return hl_str_starts(name, hl_str_from(l->prefix)) &&
           hl_str_ends(name, hl_str_from(l->suffix)) && name.ptr[0] != '.';
}

static hl_status list_one(void *arg, const char *name, hl_error *err) {
    listing *l = arg;
    if (!fits(l, hl_str_from(name))) return HL_OK;
    hl_str *names = with_room(l->names, sizeof *names, l->n, &l->cap);
    if (!names) return no_memory(err);
    l->names = names;
    hl_str copy = hl_arena_str(l->w->arena, hl_str_from(name));
    if (!copy.ptr) return no_memory(err);
    l->names[l->n++] = copy;
    return HL_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const hl_str *)a)->ptr, ((const hl_str *)b)->ptr);
}

/* All files PREFIX…SUFFIX of the directory, or HL_DONE when there are none. */
static hl_status take_matching(hl__weights *w, const char *prefix, const char *suffix,
                               hl_error *err) {
    listing l = {.w = w, .prefix = prefix, .suffix = suffix};
    hl_status st = hl_dir_read(w->dir, list_one, &l, err);
    if (l.n) qsort(l.names, l.n, sizeof *l.names, by_name);
    for (size_t i = 0; st >= 0 && i < l.n; i++) st = take_file(w, l.names[i], err);
    hl_free(l.names);
    return st < 0 ? st : l.n ? HL_OK : HL_DONE;
}

/* The file of each tensor, as the index says: each file is read once. */
static hl_status take_indexed(hl__weights *w, const hl__doc *d, hl_error *err) {
    hl__node map;
    hl_map seen = {0};
    HL_TRY(hl__node_object(hl__doc_node(d), "weight_map", &map, err));
    if (!map.object)
        return hl__node_fail(hl__doc_node(d), HL_EFORMAT, "weight_map", "is missing", err);
    HL_TRY(hl_map_init(&seen, 0, err));
    hl_status st = HL_OK;
    json_object_object_foreach(map.object, key, value) {
        hl_str name = json_object_is_type(value, json_type_string) ? hl__convert_json_str(value)
                                                                   : HL_STR("");
        uint32_t ignored;
        if (!hl_str_ends(name, HL_STR(".safetensors")) || strlen(name.ptr) != name.len ||
            name.len > NAME_BYTES_MAX)
            st = hl_fail(err, HL_EFORMAT, "convert",
                         INDEX_FILE ": tensor %.200s has no file *.safetensors", key);
        else if (!hl_map_find(&seen, name, &ignored))
            st = take_file(w, name, err);
        if (st >= 0) st = hl_map_add(&seen, name, 0, err);
        if (st < 0) break;
    }
    hl_map_deinit(&seen);
    return st < 0 ? st : HL_OK;
}

/* What the index promises has to be there, in the file that it says. */
static hl_status check_index(const hl__weights *w, const hl__doc *d, hl_error *err) {
    hl__node map;
    HL_TRY(hl__node_object(hl__doc_node(d), "weight_map", &map, err));
    json_object_object_foreach(map.object, key, value) {
        const hl__st_tensor *t = hl__weights_find(w, hl_str_from(key));
        if (t && hl_str_eq(w->files[t->file], hl__convert_json_str(value))) continue;
        return hl_fail(err, HL_EFORMAT, "convert", INDEX_FILE ": tensor %.200s is not in %s", key,
                       json_object_get_string(value));
    }
    return HL_OK;
}

static hl_status refuse_empty(hl__weights *w, hl_error *err) {
    static const char *const OTHERS[] = {".bin", ".pth", ".pt", ".ckpt"};
    listing l = {.w = w, .prefix = ""};
    hl_status st = HL_OK;
    for (size_t i = 0; st >= 0 && !l.n && i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        l.suffix = OTHERS[i];
        st = hl_dir_read(w->dir, list_one, &l, err);
    }
    if (st >= 0 && l.n) st = hl_source_refuse_pytorch(l.names[0], err);
    if (st >= 0) st = hl_fail(err, HL_ENOTFOUND, "convert", "there is no *.safetensors");
    hl_free(l.names);
    return st;
}

static hl_status take_files(hl__weights *w, hl_error *err) {
    hl__doc index;
    hl_status st = hl__doc_read(w->dir, INDEX_FILE, HL__ST_HEADER_MAX, &index, err);
    if (st == HL_OK) {
        st = take_indexed(w, &index, err);
        if (st >= 0) st = check_index(w, &index, err);
        hl__doc_close(&index);
        return st;
    }
    if (st == HL_DONE) st = take_matching(w, "model", ".safetensors", err);
    if (st == HL_DONE) st = take_matching(w, "", ".safetensors", err);
    return st == HL_DONE ? refuse_empty(w, err) : st;
}

hl_status hl__weights_open(const char *dir, hl__weights **ret, hl_error *err) {
    hl__weights *w;
    HL_TRY(hl__weights_create(dir, &w, err));
    hl_status st = take_files(w, err);
    if (st < 0) {
        hl__weights_close(w);
        return st;
    }
    *ret = w;
    return HL_OK;
}

/* -- look-up ----------------------------------------------------------------------------------- */

size_t hl__weights_n(const hl__weights *w) {
    return w->n;
}

const hl__st_tensor *hl__weights_at(const hl__weights *w, size_t i) {
    HL_ASSERT(i < w->n);
    return &w->tensors[i];
}

const hl__st_tensor *hl__weights_find(const hl__weights *w, hl_str name) {
    uint32_t i;
    return hl_map_find(&w->by_name, name, &i) ? &w->tensors[i] : NULL;
}
