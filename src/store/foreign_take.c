/* Other programs' models, into the store. */
#include "base/mem.h"
#include "store/create.h"
#include "store/describe.h"
#include "store/foreign.h"
#include "store/store_parts.h"

#include <stdio.h>

static hl_status fail_taken_name(const hl_foreign *f, hl_error *err) {
    char shown[HL_NAME_TEXT_MAX];
    hl_name_text(&f->name, shown);
    return hl_fail(err, HL_EUNSUPPORTED, "import", "there is another model named %s", shown);
}

static void note(hl_foreign_taken *t, hl_taken how, uint64_t bytes) {
    if (how > t->how) t->how = how;
    t->bytes += bytes;
}

/* -- GGUF files -------------------------------------------------------------------------------- */

static void ignore_progress(void *arg, const hl_create_progress *p) {
    (void)arg;
    (void)p;
}

/* Whether the store's model of that name has these weights. */
static hl_status compare(const hl_store *s, const hl_foreign *f, const hl_store_item *item,
                         const hl_digest *weights, hl_error *err) {
    hl_manifest m;
    size_t at = 0;
    HL_TRY(hl_store_read(s, item, &m, err));
    const hl_layer *l = hl_manifest_next(&m, "model", &at);
    bool same = l && strcmp(l->digest.text, weights->text) == 0;
    hl_manifest_deinit(&m);
    return same ? HL_DONE : fail_taken_name(f, err);
}

enum { PART_NAME_MAX = 32 };

typedef struct taking {
    const hl_foreign *foreign;
    bool may_copy;
    hl_create_file *files; /* [n] */
    size_t n;
    char (*part_names)[PART_NAME_MAX]; /* [n_parts] */
} taking;

static hl_status take_file(const hl_store *s, taking *t, const char *path, hl_foreign_taken *ret,
                           hl_error *err) {
    hl_layer l = {0};
    hl_taken how;
    HL_TRY(hl_store_take(s, path, NULL, t->may_copy, &l, &how, err));
    note(ret, how, l.bytes);
    t->files[t->n++] = (hl_create_file){.name = HL_STR("model.gguf"), .digest = l.digest};
    return HL_OK;
}

/* Parts are joined into one file, which is a copy. */
static hl_status take_parts(const hl_store *s, taking *t, hl_foreign_taken *ret, hl_error *err) {
    enum { TAIL = sizeof "00001-of-00003.gguf" - 1 };
    const hl_foreign *f = t->foreign;
    char path[HL_STORE_PATH_MAX];
    if (!t->may_copy)
        return hl_fail(err, HL_EUNSUPPORTED, "import",
                       "%.300s has %u parts, which would have to be copied", f->path, f->n_parts);
    for (unsigned i = 1; i <= f->n_parts; i++) {
        snprintf(path, sizeof path, "%.*s%05u-of-%05u.gguf", (int)(strlen(f->path) - TAIL), f->path,
                 i, f->n_parts);
        HL_TRY(take_file(s, t, path, ret, err));
        snprintf(t->part_names[i - 1], PART_NAME_MAX, "part-%05u-of-%05u.gguf", i, f->n_parts);
        t->files[t->n - 1].name = hl_str_from(t->part_names[i - 1]);
    }
    ret->how = HL_TAKEN_COPIED;
    return HL_OK;
}

static hl_status make_model(const hl_store *s, const taking *t, hl_foreign_taken *ret,
                            hl_error *err) {
    hl_store_item item;
    hl_create c = {.name = t->foreign->name, .files = t->files, .n_files = t->n};
    if (hl_store_find(s, &t->foreign->name, &item, NULL) < 0) {
        note(ret, HL_TAKEN_LINKED, 0);
        return hl_store_create(s, &c, ignore_progress, NULL, err);
    }
    if (t->foreign->n_parts > 1) return fail_taken_name(t->foreign, err);
    hl_status st = compare(s, t->foreign, &item, &t->files[0].digest, err);
    ret->how = HL_TAKEN_BEFORE;
    return st;
}

static hl_status take_gguf(const hl_store *s, taking *t, hl_foreign_taken *ret, hl_error *err) {
    const hl_foreign *f = t->foreign;
    HL_TRY(f->n_parts > 1 ? take_parts(s, t, ret, err) : take_file(s, t, f->path, ret, err));
    if (f->projector) HL_TRY(take_file(s, t, f->projector, ret, err));
    return make_model(s, t, ret, err);
}

/* -- Ollama's ---------------------------------------------------------------------------------- */

/* DIR of DIR/manifests/HOST/NAMESPACE/MODEL/TAG. */
static void root_of(const char *manifest, char ret[HL_STORE_PATH_MAX]) {
    snprintf(ret, HL_STORE_PATH_MAX, "%s", manifest);
    for (size_t up = 0; up < HL_NAME_PARTS + 1; up++) {
        char *slash = strrchr(ret, '/');
        HL_ASSERT(slash);
        *slash = '\0';
    }
}

static hl_status take_layer(const hl_store *s, const char *root, const hl_layer *l, bool may_copy,
                            hl_foreign_taken *ret, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_file_facts facts;
    hl_layer taken = {0};
    hl_taken how;
    HL_TRY(hl__store_path(root, "blobs/sha256-", hl_digest_hex(&l->digest), path, err));
    HL_TRY(hl_file_stat(path, &facts, err));
    if (facts.bytes != l->bytes)
        return hl_fail(err, HL_EFORMAT, "import", "%s has %llu bytes instead of %llu", path,
                       (unsigned long long)facts.bytes, (unsigned long long)l->bytes);
    HL_TRY(hl_store_take(s, path, &l->digest, may_copy, &taken, &how, err));
    note(ret, how, l->bytes);
    return HL_OK;
}

static hl_status take_layers(const hl_store *s, const hl_foreign *f, const hl_manifest *m,
                             bool may_copy, hl_foreign_taken *ret, hl_error *err) {
    char root[HL_STORE_PATH_MAX];
    root_of(f->path, root);
    HL_TRY(take_layer(s, root, &m->config, may_copy, ret, err));
    for (size_t i = 0; i < m->n_layers; i++)
        HL_TRY(take_layer(s, root, &m->layers[i], may_copy, ret, err));
    return HL_OK;
}

/* HL_DONE: it is there. */
static hl_status look_for_same(const hl_store *s, const hl_foreign *f, const hl_manifest *m,
                               hl_error *err) {
    hl_store_item item;
    hl_manifest ours;
    if (hl_store_find(s, &f->name, &item, NULL) < 0) return HL_OK;
    HL_TRY(hl_store_read(s, &item, &ours, err));
    bool same = strcmp(ours.digest.text, m->digest.text) == 0;
    hl_manifest_deinit(&ours);
    return same ? HL_DONE : fail_taken_name(f, err);
}

static hl_status take_manifest(const hl_store *s, const hl_foreign *f, hl_str json, bool may_copy,
                               hl_foreign_taken *ret, hl_error *err) {
    hl_manifest m;
    HL_TRY(hl_manifest_parse(json, &m, err));
    hl_status st = look_for_same(s, f, &m, err);
    if (st == HL_OK) {
        note(ret, HL_TAKEN_LINKED, 0); /* also when all of its blobs are here */
        st = take_layers(s, f, &m, may_copy, ret, err);
        if (st >= 0) st = hl_store_write_text(s, &f->name, json, err);
    } else if (st == HL_DONE) {
        ret->bytes = hl_manifest_bytes(&m);
    }
    hl_manifest_deinit(&m);
    return st;
}

static hl_status take_ollama(const hl_store *s, const hl_foreign *f, bool may_copy,
                             hl_foreign_taken *ret, hl_error *err) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(f->path, HL_MANIFEST_BYTES_MAX, &text, err);
    if (st >= 0) st = take_manifest(s, f, hl_buf_str(&text), may_copy, ret, err);
    hl_buf_deinit(&text);
    return st;
}

/* -- either ------------------------------------------------------------------------------------ */

hl_status hl_foreign_take(const hl_store *s, const hl_foreign *f, bool may_copy,
                          hl_foreign_taken *ret, hl_error *err) {
    *ret = (hl_foreign_taken){.how = HL_TAKEN_BEFORE};
    if (f->n_parts == 0) return take_ollama(s, f, may_copy, ret, err);
    taking t = {.foreign = f,
                .may_copy = may_copy,
                .files = hl_calloc((size_t)f->n_parts + 1, sizeof *t.files),
                .part_names = hl_calloc(f->n_parts, sizeof *t.part_names)};
    hl_status st = t.files && t.part_names
                       ? take_gguf(s, &t, ret, err)
                       : hl_fail(err, HL_ENOMEM, "import", "no memory to take a model");
    hl_free(t.files);
    hl_free(t.part_names);
    return st < 0 ? st : HL_OK;
}
