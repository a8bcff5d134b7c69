#include "store/verify.h"

#include "base/mem.h"

typedef struct known {
    hl_digest digest;
    hl_verified result;
} known;

typedef struct verifying {
    const hl_store *store;
    hl_verified_fn *each;
    void *arg;
    known *list; /* [n], owned: files that have been read */
    size_t n, cap;
} verifying;

const char *hl_verified_word(hl_verified v) {
    static const char *const words[] = {"good",    "missing",    "wrong size",
                                        "damaged", "unreadable", "bad manifest"};
    HL_ASSERT(v <= HL_VERIFIED_MANIFEST);
    return words[v];
}

static const known *find(const verifying *v, const hl_digest *d) {
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->list[i].digest.text, d->text) == 0) return &v->list[i];
    return NULL;
}

static hl_status remember(verifying *v, const hl_digest *d, hl_verified result, hl_error *err) {
    if (v->n == v->cap) {
        size_t cap = v->cap ? 2 * v->cap : 64;
        known *more = hl_realloc(v->list, cap * sizeof *more);
        if (!more) return hl_fail(err, HL_ENOMEM, "verify", "no memory");
        v->list = more;
        v->cap = cap;
    }
    v->list[v->n++] = (known){*d, result};
    return HL_OK;
}

static hl_verified judge(const hl_layer *l, const char *path, hl_error *why) {
    hl_file_facts facts;
    hl_digest got;
    hl_status st = hl_file_stat(path, &facts, why);
    if (st < 0) return st == HL_ENOTFOUND ? HL_VERIFIED_MISSING : HL_VERIFIED_UNREADABLE;
    if (facts.bytes != l->bytes) return HL_VERIFIED_SIZE;
    if (hl_digest_of_file(path, &got, why) < 0) return HL_VERIFIED_UNREADABLE;
    return strcmp(got.text, l->digest.text) == 0 ? HL_VERIFIED_GOOD : HL_VERIFIED_DAMAGED;
}

static hl_status check_layer(verifying *v, const char *model, const hl_layer *l, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_error why = {0};
    (void)hl_store_blob_path(v->store, &l->digest, path); /* if not, it is missing */
    const known *k = find(v, &l->digest);
    hl_verified result = k ? k->result : judge(l, path, &why);
    if (!k) HL_TRY(remember(v, &l->digest, result, err));
    v->each(v->arg, &(hl_verified_file){.result = result,
                                        .model = model,
                                        .digest = l->digest.text,
                                        .path = path,
                                        .bytes = l->bytes,
                                        .why = why.text});
    return HL_OK;
}

static hl_status check_model(void *arg, const hl_store_item *item, hl_error *err) {
    verifying *v = arg;
    hl_manifest m;
    hl_error why = {0};
    char name[HL_NAME_TEXT_MAX];
    hl_name_text(&item->name, name);
    if (hl_store_read(v->store, item, &m, &why) < 0) {
        v->each(v->arg, &(hl_verified_file){.result = HL_VERIFIED_MANIFEST,
                                            .model = name,
                                            .digest = "",
                                            .path = item->path,
                                            .why = why.text});
        return HL_OK;
    }
    hl_status st = check_layer(v, name, &m.config, err);
    for (size_t i = 0; st >= 0 && i < m.n_layers; i++) st = check_layer(v, name, &m.layers[i], err);
    hl_manifest_deinit(&m);
    return st;
}

hl_status hl_store_verify(const hl_store *s, hl_verified_fn *each, void *arg, hl_error *err) {
    verifying v = {.store = s, .each = each, .arg = arg};
    HL_ASSERT(each);
    hl_status st = hl_store_each(s, check_model, &v, err);
    hl_free(v.list);
    return st;
}
