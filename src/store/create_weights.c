/* The weights of a model in the making: GGUF files as they are, joined, or in another type. */
#include "base/clock.h"
#include "base/mem.h"
#include "gguf/quantize.h"
#include "gguf/writer.h"
#include "store/create_parts.h"
#include "store/describe.h"
#include "store/sources.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum { SHARDS_MAX = 1024, NS_PER_S = 1000000000 };

/* -- what is known of a file ------------------------------------------------------------------- */

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "create", "no memory to make the model");
}

/* The first model says what the config says; families are those of all its files. */
static hl_status note_in_config(hl__making *m, const hl_gguf *g, const char *kind, hl_error *err) {
    struct json_object *families = NULL, *family;
    char size[16];
    hl_str arch;
    HL_TRY(hl_gguf_require_str(g, "general.architecture", &arch, err));
    family = json_object_new_string_len(arch.ptr, (int)hl_str_slice(arch, 0, 128).len);
    HL_ASSERT(m->config);
    /* a parent's config may say anything */
    (void)json_object_object_get_ex(m->config, "model_families", &families);
    if (!json_object_is_type(families, json_type_array)) {
        hl_parameters_text(hl_gguf_n_parameters(g), size);
        families = json_object_new_array();
        json_object_object_add(m->config, "model_format", json_object_new_string("gguf"));
        json_object_object_add(m->config, "model_family", json_object_get(family));
        json_object_object_add(m->config, "model_families", families);
        json_object_object_add(m->config, "model_type", json_object_new_string(size));
        json_object_object_add(m->config, "file_type",
                               json_object_new_string(hl_gguf_quantization(g)));
    }
    bool counts = strcmp(kind, "adapter") != 0;
    if (family && families && counts && json_object_array_add(families, family) == 0) return HL_OK;
    json_object_put(family);
    return family && families ? HL_OK : no_memory(err);
}

/* -- another type ------------------------------------------------------------------------------ */

hl_str hl__full_type(hl_str name) {
    bool is_short = name.len == 4 && strncasecmp(name.ptr, "Q4_K", 4) == 0;
    return is_short ? HL_STR("Q4_K_M") : name;
}

hl_status hl__check_quantize(hl_str name, hl_error *err) {
#define X(type, file_type, dtype) ", " #type
    static const char TYPES[] = HL_QUANT_MAP(X);
#undef X
    char upper[33] = "";
    hl_quant mix;
    if (name.len == 0 || hl_quant_parse(hl__full_type(name), &mix, NULL) >= 0) return HL_OK;
    for (size_t i = 0; i < name.len && i < sizeof upper - 1; i++)
        upper[i] = (char)(name.ptr[i] >= 'a' && name.ptr[i] <= 'z' ? name.ptr[i] - 32
                                                                   : name.ptr[i]);
    return hl_fail(err, HL_EUNSUPPORTED, "create",
                   "unsupported quantization type %s - supported types are %s", upper, TYPES + 2);
}

/* What may be quantised; Q8_0 with a warning. */
static bool is_source(const char *type) {
    static const char *const SOURCES[] = {"F32", "F16", "BF16", "Q8_0"};
    for (size_t i = 0; i < sizeof SOURCES / sizeof SOURCES[0]; i++)
        if (strcmp(type, SOURCES[i]) == 0) return true;
    return false;
}

typedef struct quantizing {
    const hl__making *making;
    char status[96];
    uint64_t said_ns;
} quantizing;

/* A line every second. */
static void report_quantizing(void *user, const hl_gguf_tensor *t, uint64_t done, uint64_t total) {
    quantizing *q = user;
    uint64_t now_ns = hl_clock_ns();
    hl_create_progress p = {.status = q->status, .total = total, .completed = done};
    (void)t;
    if (now_ns - q->said_ns < NS_PER_S) return;
    q->said_ns = now_ns;
    q->making->report(q->making->arg, &p);
}

/* HL_DONE: it has that type already. */
static hl_status quantize(hl__making *m, const hl_gguf *g, hl_layer *ret, hl_error *err) {
    hl_str want = hl__full_type(m->request->quantize);
    const char *have = hl_gguf_quantization(g);
    char path[HL_STORE_PATH_MAX];
    hl_quant mix;
    if (want.len == strlen(have) && strncasecmp(want.ptr, have, want.len) == 0) return HL_DONE;
    if (!is_source(have))
        return hl_fail(err, HL_EUNSUPPORTED, "create",
                       "quantization is only supported for F16, BF16, F32 and Q8_0 models");
    HL_TRY(hl_quant_parse(want, &mix, err));
    quantizing q = {.making = m, .said_ns = hl_clock_ns()};
    snprintf(q.status, sizeof q.status, "quantizing %s model to %s", have,
             hl_quant_file_type_name(mix));
    hl_quant_progress progress = {report_quantizing, &q};
    HL_TRY(hl_store_temp_path(m->store, path, err));
    if (strcmp(have, "Q8_0") == 0)
        hl__making_say(m, "warning: Q8_0 has lost precision already, F16 would be better");
    hl__making_say(m, q.status);
    HL_TRY(hl_gguf_quantize(g, mix, path, &progress, err));
    return hl_store_adopt(m->store, path, ret, err);
}

/* -- one file ---------------------------------------------------------------------------------- */

/* A blob of the store, opened and judged. */
static hl_status open_blob(const hl__making *m, const hl_digest *d, hl_gguf **ret, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    if (!hl_store_blob_path(m->store, d, path))
        return hl_fail(err, HL_ENOTFOUND, "create", "open %s: no such file or directory", path);
    return hl_gguf_open(path, ret, err);
}

hl_status hl__adopt_weights(hl__making *m, const char *path, hl_error *err) {
    hl_layer l = {0};
    hl_gguf *g = NULL;
    HL_TRY(hl_store_adopt(m->store, path, &l, err));
    hl_status st = open_blob(m, &l.digest, &g, err);
    if (st >= 0) st = note_in_config(m, g, "model", err);
    hl_gguf_close(g);
    return st < 0 ? st : hl__making_add(m, "model", &l, err);
}

/* The layer of an open file, whose blob *l is; in the type that the request wants. */
static hl_status take_weights(hl__making *m, const hl_gguf *g, hl_layer *l, const char *kind,
                              hl_error *err) {
    hl_gguf *made = NULL;
    HL_ASSERT(g && l->digest.text[0]);
    bool wants = m->request->quantize.len > 0 && strcmp(kind, "model") == 0;
    hl_status st = wants ? quantize(m, g, l, err) : HL_DONE;
    if (st == HL_OK) st = open_blob(m, &l->digest, &made, err);
    if (st >= 0) st = note_in_config(m, made ? made : g, kind, err);
    hl_gguf_close(made);
    return st < 0 ? st : hl__making_add(m, kind, l, err);
}

static hl_status layer_of_blob(const hl__making *m, const hl_digest *d, hl_layer *ret,
                               hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_file_facts facts;
    HL_TRY(hl_store_keep(m->store, d, err));
    (void)hl_store_blob_path(m->store, d, path);
    HL_TRY(hl_file_stat(path, &facts, err));
    *ret = (hl_layer){.digest = *d, .bytes = facts.bytes};
    return HL_OK;
}

/* What a file without GGUF's beginning, or too short for one, is called. */
static bool is_no_gguf(hl_status st, const hl_error *why) {
    return st == HL_EFORMAT &&
           (strstr(why->text, "not a GGUF file") || strstr(why->text, "magic number"));
}

static hl_status open_upload(const hl__making *m, const hl_create_file *f, hl_gguf **ret,
                             hl_error *err) {
    hl_error why = {0};
    hl_status st = open_blob(m, &f->digest, ret, &why);
    if (st >= 0) return st;
    if (is_no_gguf(st, &why))
        return hl_source_is_pytorch(f->name)
                   ? hl_source_refuse_pytorch(f->name, err)
                   : hl_fail(err, st, "create", "supplied file was not in GGUF format");
    if (err) *err = why;
    return st;
}

static hl_status take_file(hl__making *m, const hl_create_file *f, bool adapter, hl_error *err) {
    hl_gguf *g;
    hl_layer l;
    HL_TRY(open_upload(m, f, &g, err));
    const char *kind = hl_gguf_layer_kind(g);
    hl_status st = layer_of_blob(m, &f->digest, &l, err);
    if (st >= 0 && adapter && strcmp(kind, "adapter") != 0)
        st = hl_fail(err, HL_EINVAL, "create", "%.*s is no adapter", HL_STR_ARG(f->name));
    if (st >= 0) st = take_weights(m, g, &l, kind, err);
    hl_gguf_close(g);
    return st;
}

hl_status hl__make_outside_weights(hl__making *m, const char *path, hl_error *err) {
    hl_gguf *g;
    hl_layer l = {0};
    hl__making_say(m, "parsing GGUF");
    HL_TRY(hl_gguf_open(path, &g, err));
    hl_status st = hl_store_import(m->store, path, &l, err);
    if (st >= 0) st = take_weights(m, g, &l, hl_gguf_layer_kind(g), err);
    hl_gguf_close(g);
    return st;
}

hl_status hl__requantize(hl__making *m, hl_error *err) {
    size_t at = 0;
    const hl_layer *old = hl_manifest_next(&m->parent, "model", &at);
    hl_gguf *g;
    if (!old) return hl_fail(err, HL_EINVAL, "create", "the parent has no weights to quantise");
    hl_layer l = *old;
    HL_TRY(open_blob(m, &old->digest, &g, err));
    json_object_object_del(m->config, "model_families");
    hl_status st = take_weights(m, g, &l, "model", err);
    hl_gguf_close(g);
    return st;
}

/* -- parts of one model ------------------------------------------------------------------------ */

/* The files' blobs under names by which gguf/ knows that they belong together. */
typedef struct shard_links {
    char base[HL_STORE_PATH_MAX]; /* + "-00001-of-00003.gguf" */
    unsigned n;
} shard_links;

static void link_path(const shard_links *k, unsigned i, char ret[HL_STORE_PATH_MAX + 32]) {
    snprintf(ret, HL_STORE_PATH_MAX + 32, "%s-%05u-of-%05u.gguf", k->base, i, k->n);
}

static void remove_links(const shard_links *k) {
    char path[HL_STORE_PATH_MAX + 32];
    for (unsigned i = 1; i <= k->n; i++) {
        link_path(k, i, path);
        if (hl_file_remove(path, NULL) < 0) continue; /* pruned some day */
    }
}

static hl_status link_shards(const hl__making *m, shard_links *k, hl_error *err) {
    char to[HL_STORE_PATH_MAX + 32];
    unsigned i, n;
    HL_TRY(hl_store_temp_path(m->store, k->base, err));
    for (size_t f = 0; f < m->request->n_files; f++) {
        const hl_create_file *file = &m->request->files[f];
        if (!hl_part_of_name(file->name, &i, &n)) continue;
        if (n != k->n)
            return hl_fail(err, HL_EINVAL, "create", "%.*s is not one of %u parts",
                           HL_STR_ARG(file->name), k->n);
        link_path(k, i, to);
        hl_status st = hl__name_blob(m, &file->digest, to, err);
        HL_TRY(st);
        if (st == HL_DONE)
            return hl_fail(err, HL_EINVAL, "create", "%.*s is part %u once more",
                           HL_STR_ARG(hl_str_slice(file->name, 0, 200)), i);
    }
    return HL_OK;
}

static hl_status write_joined(const hl_gguf *g, const char *path, hl_error *err) {
    hl_gguf_writer *w;
    HL_TRY(hl_gguf_writer_create(&w, err));
    hl_status st = hl_gguf_writer_copy_values(w, g, err);
    for (size_t i = 0; st >= 0 && i < hl_gguf_n_tensors(g); i++)
        st = hl_gguf_writer_add_tensor(w, hl_gguf_tensor_at(g, i), err);
    if (st >= 0) st = hl_gguf_writer_open(w, path, err);
    for (size_t i = 0; st >= 0 && i < hl_gguf_n_tensors(g); i++) {
        st = hl_gguf_writer_write(w, hl_gguf_tensor_at(g, i)->data, err);
        hl_gguf_forget(g, hl_gguf_tensor_at(g, i)->data);
    }
    if (st >= 0) st = hl_gguf_writer_commit(w, err);
    hl_gguf_writer_destroy(w);
    return st;
}

static hl_status join(hl__making *m, const shard_links *k, hl_error *err) {
    char first[HL_STORE_PATH_MAX + 32], path[HL_STORE_PATH_MAX];
    hl_gguf *g;
    hl_layer l = {0};
    link_path(k, 1, first);
    HL_TRY(hl_gguf_open(first, &g, err));
    hl_status st = hl_store_temp_path(m->store, path, err);
    if (st >= 0) st = write_joined(g, path, err);
    if (st >= 0) st = hl_store_adopt(m->store, path, &l, err);
    if (st >= 0) st = take_weights(m, g, &l, "model", err);
    hl_gguf_close(g);
    return st;
}

static hl_status take_shards(hl__making *m, unsigned n, size_t n_given, hl_error *err) {
    shard_links k = {.n = n};
    if (n_given != n || n > SHARDS_MAX)
        return hl_fail(err, HL_EINVAL, "create", "%zu files of a model in %u parts", n_given, n);
    hl_status st = link_shards(m, &k, err);
    if (st >= 0) st = join(m, &k, err);
    remove_links(&k);
    return st;
}

/* Files that are parts make one model; the others are a layer each. */
static hl_status take_files(hl__making *m, hl_error *err) {
    const hl_create *c = m->request;
    unsigned i, n = 0, last;
    size_t n_given = 0;
    for (size_t f = 0; f < c->n_files && c->n_files > 1; f++)
        if (hl_part_of_name(c->files[f].name, &i, &last)) {
            n_given++;
            n = last;
        }
    if (n_given > 0) HL_TRY(take_shards(m, n, n_given, err));
    for (size_t f = 0; f < c->n_files; f++)
        if (n_given == 0 || !hl_part_of_name(c->files[f].name, &i, &n))
            HL_TRY(take_file(m, &c->files[f], false, err));
    return HL_OK;
}

/* Before another file of the directory is found to be no GGUF. */
static hl_status refuse_pytorch(const hl__making *m, hl_error *err) {
    const hl_create *c = m->request;
    for (size_t f = 0; f < c->n_files; f++) {
        hl_gguf *g;
        if (!hl_source_is_pytorch(c->files[f].name)) continue;
        HL_TRY(open_upload(m, &c->files[f], &g, err));
        hl_gguf_close(g);
    }
    return HL_OK;
}

static hl_status take_gguf(hl__making *m, hl_error *err) {
    hl__making_say(m, "parsing GGUF");
    HL_TRY(refuse_pytorch(m, err));
    return take_files(m, err);
}

/* A projector, say, beside what is converted. */
static hl_status take_beside(hl__making *m, hl_error *err) {
    const hl_create *c = m->request;
    for (size_t f = 0; f < c->n_files; f++) {
        if (!hl_str_ends(c->files[f].name, HL_STR(".gguf"))) continue;
        hl__making_say(m, "parsing GGUF");
        HL_TRY(take_file(m, &c->files[f], false, err));
        HL_ASSERT(m->n_layers > 0);
        if (hl_layer_is(&m->layers[m->n_layers - 1], "model"))
            return hl_fail(err, HL_EINVAL, "create", "%.*s is another model beside *.safetensors",
                           HL_STR_ARG(hl_str_slice(c->files[f].name, 0, 200)));
    }
    return HL_OK;
}

static bool has_safetensors(const hl_create *c) {
    for (size_t f = 0; f < c->n_files; f++)
        if (hl_str_ends(c->files[f].name, HL_STR(".safetensors"))) return true;
    return false;
}

hl_status hl__make_weights(hl__making *m, hl_error *err) {
    const hl_create *c = m->request;
    bool convert = has_safetensors(c);
    if (convert) HL_TRY(hl__make_converted(m, err));
    if (convert) HL_TRY(take_beside(m, err));
    if (c->n_files > 0 && !convert) HL_TRY(take_gguf(m, err));
    if (c->n_files > 0) hl__making_say(m, "verifying conversion");
    if (c->n_adapters > 0) hl__making_say(m, "converting adapter");
    for (size_t f = 0; f < c->n_adapters; f++) HL_TRY(take_file(m, &c->adapters[f], true, err));
    return HL_OK;
}
