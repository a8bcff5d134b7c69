/* The contents of models, and the lives of their files. */
#include "base/clock.h"
#include "base/dir.h"
#include "base/mem.h"
#include "config/env.h"
#include "store/store_parts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000 };

/* -- finding ----------------------------------------------------------------------------------- */

static hl_status path_in(const char *dir, const hl_digest *d, char ret[HL_STORE_PATH_MAX],
                         hl_error *err) {
    return hl__store_path(dir, "blobs/sha256-", hl_digest_hex(d), ret, err);
}

bool hl_store_blob_path(const hl_store *s, const hl_digest *d, char ret[HL_STORE_PATH_MAX]) {
    for (size_t i = 0; i < s->n_dirs; i++)
        if (path_in(s->dirs[i], d, ret, NULL) >= 0 && hl_path_is_file(ret)) return true;
    if (path_in(s->dirs[0], d, ret, NULL) < 0) ret[0] = '\0';
    return false;
}

typedef struct naming {
    const hl_store *store;
    const hl_digest *digest;
    bool found;
} naming;

static hl_status look_for_digest(void *arg, const hl_store_item *item, hl_error *err) {
    naming *n = arg;
    hl_manifest m;
    (void)err;
    if (n->found || hl_store_read(n->store, item, &m, NULL) < 0) return HL_OK;
    n->found = strcmp(m.config.digest.text, n->digest->text) == 0;
    for (size_t i = 0; i < m.n_layers && !n->found; i++)
        n->found = strcmp(m.layers[i].digest.text, n->digest->text) == 0;
    hl_manifest_deinit(&m);
    return HL_OK;
}

bool hl_store_is_named(const hl_store *s, const hl_digest *d) {
    naming n = {s, d, false};
    return hl_store_each(s, look_for_digest, &n, NULL) >= 0 && n.found;
}

static hl_status make_blobs_dir(const hl_store *s, hl_error *err) {
    char dir[HL_STORE_PATH_MAX];
    HL_TRY(hl__store_path(s->dirs[0], "blobs", "", dir, err));
    if (hl_path_is_dir(dir)) return HL_OK;
    HL_TRY(hl_dir_make_all(dir, err));
    return hl_dir_sync_parent(dir, err);
}

hl_status hl__blob_place(const hl_store *s, const hl_digest *d, char ret[HL_STORE_PATH_MAX],
                         hl_error *err) {
    HL_TRY(make_blobs_dir(s, err));
    return path_in(s->dirs[0], d, ret, err);
}

/* Gives the blob of a directory that is only read a second name in ours, where the file system
 * can, so that Ollama finds it here, too. */
static void bring(const hl_store *s, const hl_digest *d, const char *path) {
    char to[HL_STORE_PATH_MAX];
    HL_ASSERT(!hl__path_is_under(path, s->dirs[0]));
    if (hl__blob_place(s, d, to, NULL) < 0) return;
    if (hl_file_link(path, to, NULL) < 0) return; /* it is read where it is */
}

hl_status hl__store_keep(const hl_store *s, const hl_digest *d, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    if (!hl_store_blob_path(s, d, path))
        return hl_fail(err, HL_ENOTFOUND, "store", "open %s: no such file or directory", path);
    if (!hl__path_is_under(path, s->dirs[0])) {
        bring(s, d, path);
        return HL_OK;
    }
    /* A blob of another user's may refuse to be touched: it can be used all the same. */
    if (hl_file_touch(path, NULL) >= 0 || hl_path_is_file(path)) return HL_OK;
    return hl_fail(err, HL_ENOTFOUND, "store", "open %s: no such file or directory", path);
}

/* Under the lock, so that nobody who has just found the blob old deletes it. */
hl_status hl_store_keep(const hl_store *s, const hl_digest *d, hl_error *err) {
    hl_file_lock lock;
    HL_TRY(hl__store_lock(s, &lock, err));
    hl_status st = hl__store_keep(s, d, err);
    hl_file_lock_drop(&lock);
    return st;
}

/* The same before a file takes the place of one with the same bytes, if there is one. */
static hl_status keep_old(const hl_store *s, const hl_digest *d, hl_error *err) {
    hl_status st = hl_store_keep(s, d, err);
    return st == HL_ENOTFOUND ? HL_OK : st;
}

/* -- writing ----------------------------------------------------------------------------------- */

struct hl_blob_out {
    const hl_store *store;
    hl_digest want;
    hl_sha256 *hash;
    hl_file_out *file;
};

hl_status hl_blob_out_open(const hl_store *s, const hl_digest *want, hl_blob_out **ret,
                           hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    HL_TRY(path_in(s->dirs[0], want, path, err));
    HL_TRY(make_blobs_dir(s, err));
    hl_blob_out *b = hl_calloc(1, sizeof *b);
    if (!b) return hl_fail(err, HL_ENOMEM, "store", "no memory to write a blob");
    b->store = s;
    b->want = *want;
    hl_status st = hl_sha256_create(&b->hash, err);
    if (st >= 0) st = hl_file_out_open(path, &b->file, err);
    if (st < 0)
        hl_blob_out_close(b);
    else
        *ret = b;
    return st;
}

hl_status hl_blob_out_write(hl_blob_out *b, hl_bytes data, hl_error *err) {
    HL_ASSERT(b->file && b->hash);
    HL_TRY(hl_file_out_write(b->file, data, err));
    hl_sha256_update(b->hash, data);
    return HL_OK;
}

hl_status hl_blob_out_commit(hl_blob_out *b, hl_error *err) {
    hl_digest got;
    hl_sha256_finish_digest(b->hash, &got);
    if (strcmp(got.text, b->want.text) != 0)
        return hl_fail(err, HL_EINVAL, "store", "digest mismatch, expected \"%s\", got \"%s\"",
                       b->want.text, got.text);
    HL_TRY(keep_old(b->store, &b->want, err));
    return hl_file_out_commit(b->file, err);
}

void hl_blob_out_close(hl_blob_out *b) {
    if (!b) return;
    hl_file_out_close(b->file);
    hl_sha256_destroy(b->hash);
    hl_free(b);
}

hl_status hl_store_put(const hl_store *s, hl_str bytes, hl_layer *ret, hl_error *err) {
    hl_bytes data = {(const uint8_t *)bytes.ptr, bytes.len};
    hl_blob_out *b;
    hl_digest digest;
    HL_TRY(hl_digest_of(data, &digest, err));
    ret->digest = digest;
    ret->bytes = bytes.len;
    if (hl_store_keep(s, &digest, NULL) >= 0) return HL_OK;
    HL_TRY(hl_blob_out_open(s, &digest, &b, err));
    hl_status st = hl_blob_out_write(b, data, err);
    if (st >= 0) st = hl_blob_out_commit(b, err);
    hl_blob_out_close(b);
    return st;
}

/* -- files that are there already -------------------------------------------------------------- */

hl_status hl_store_temp_path(const hl_store *s, char ret[HL_STORE_PATH_MAX], hl_error *err) {
    static atomic_uint n_made;
    char name[64];
    snprintf(name, sizeof name, ".made" HL_FILE_TEMP_MARK "%ld-%u", (long)getpid(),
             atomic_fetch_add(&n_made, 1));
    HL_TRY(make_blobs_dir(s, err));
    return hl__store_path(s->dirs[0], "blobs/", name, ret, err);
}

hl_status hl_store_adopt(const hl_store *s, const char *temp_path, hl_layer *ret, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_status st = hl__describe_file(temp_path, ret, err);
    if (st >= 0) st = path_in(s->dirs[0], &ret->digest, path, err);
    if (st >= 0) st = keep_old(s, &ret->digest, err);
    if (st >= 0) st = hl_file_rename(temp_path, path, err);
    if (st >= 0) st = hl_dir_sync_parent(path, err);
    if (st < 0 && hl_file_remove(temp_path, NULL) < 0) return st; /* pruned some day */
    return st;
}

/* -- pruning ----------------------------------------------------------------------------------- */

typedef struct digest_list {
    hl_digest *digests; /* [n], owned */
    size_t n, cap;
} digest_list;

static hl_status add_digest(digest_list *l, const hl_digest *d, hl_error *err) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        hl_digest *more = hl_realloc(l->digests, cap * sizeof *more);
        if (!more) return hl_fail(err, HL_ENOMEM, "store", "no memory to prune");
        l->digests = more;
        l->cap = cap;
    }
    l->digests[l->n++] = *d;
    return HL_OK;
}

/* A manifest that somebody has just deleted names nothing. */
static hl_status add_named(void *arg, const hl_store_item *item, hl_error *err) {
    hl_manifest m;
    hl_status st = hl_store_read(NULL, item, &m, err);
    if (st < 0) return st == HL_ENOTFOUND ? HL_OK : st;
    st = add_digest(arg, &m.config.digest, err);
    for (size_t i = 0; st >= 0 && i < m.n_layers; i++)
        st = add_digest(arg, &m.layers[i].digest, err);
    hl_manifest_deinit(&m);
    return st;
}

typedef struct pruning {
    const hl_store *store;
    const char *dir;
    const hl_prune *how;
    digest_list named;
    bool synced; /* the names: no manifest that is gone comes back without its blobs */
} pruning;

/* Adds: a manifest that was there before may be back after a power cut. */
static hl_status read_names(pruning *p, hl_error *err) {
    for (size_t i = 0; i < p->store->n_dirs; i++)
        HL_TRY(hl__store_walk(p->store->dirs[i], add_named, &p->named, err));
    return HL_OK;
}

static bool is_named(const digest_list *l, const hl_digest *d) {
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->digests[i].text, d->text) == 0) return true;
    return false;
}

/* Before anything goes, and once only.  Syncing takes time in which somebody who knows nothing of
 * the lock may have named what nobody named before, or have deleted what is not gone for good. */
static hl_status sync_names(pruning *p, hl_error *err) {
    if (p->synced || p->how->dry_run) return HL_OK;
    HL_TRY(hl__store_sync_names(p->store->dirs[0], err));
    p->synced = true;
    return read_names(p, err);
}

/* blob: its digest; NULL: a temporary file. */
static hl_status prune_file(pruning *p, const char *path, const char *name, const hl_digest *blob,
                            uint64_t bytes, hl_error *err) {
    HL_TRY(sync_names(p, err));
    if (blob && is_named(&p->named, blob)) return HL_OK;
    hl_status st = HL_OK;
    if (!p->how->dry_run) st = hl_file_remove(path, err);
    if (st >= 0 && p->how->each) p->how->each(p->how->arg, name, bytes);
    return st == HL_ENOTFOUND ? HL_OK : st;
}

/* Names that a conversion has left. */
static hl_status prune_dir(const pruning *p, char *path, bool is_temp) {
    if (is_temp && !p->how->dry_run) hl__remove_named(path);
    return HL_OK;
}

/* What is neither a blob nor a temporary file of ours is left alone: a partial download of
 * Ollama's, perhaps. */
static hl_status prune_entry(void *arg, const char *name, hl_error *err) {
    pruning *p = arg;
    char path[HL_STORE_PATH_MAX];
    hl_file_facts facts;
    hl_digest d;
    bool is_blob = hl_digest_parse(hl_str_from(name), &d);
    bool is_temp = name[0] == '.' && strstr(name, HL_FILE_TEMP_MARK) != NULL;
    if (!is_temp && (!is_blob || is_named(&p->named, &d))) return HL_OK;
    HL_TRY(hl__store_path(p->dir, "", name, path, err));
    if (hl_file_stat(path, &facts, NULL) < 0) return HL_OK;
    int64_t age_s = (p->how->now_ns - facts.modified_ns) / NS_PER_S;
    if (age_s < (facts.is_dir ? HL__YOUNG_DIR_S : HL__YOUNG_S)) return HL_OK;
    if (facts.is_dir) return prune_dir(p, path, is_temp);
    return prune_file(p, path, name, is_temp ? NULL : &d, facts.bytes, err);
}

static hl_status prune_locked(const hl_store *s, const hl_prune *how, hl_error *err) {
    char dir[HL_STORE_PATH_MAX];
    pruning p = {.store = s, .dir = dir, .how = how};
    if (hl_env_bool("NOPRUNE", false)) return HL_DONE;
    HL_TRY(hl__store_path(s->dirs[0], "blobs", "", dir, err));
    hl_status st = read_names(&p, err);
    if (st >= 0) st = hl_dir_read(dir, prune_entry, &p, err);
    hl_free(p.named.digests);
    return st == HL_ENOTFOUND ? HL_OK : st;
}

hl_status hl__store_prune(const hl_store *s, int64_t now_ns, hl_error *err) {
    return prune_locked(s, &(hl_prune){.now_ns = now_ns}, err);
}

hl_status hl_store_prune_by(const hl_store *s, const hl_prune *how, hl_error *err) {
    hl_file_lock lock;
    if (!hl_path_is_dir(s->dirs[0])) return HL_OK;
    HL_TRY(hl__store_lock(s, &lock, err));
    hl_status st = prune_locked(s, how, err);
    hl_file_lock_drop(&lock);
    return st;
}

hl_status hl_store_prune(const hl_store *s, int64_t now_ns, hl_error *err) {
    return hl_store_prune_by(s, &(hl_prune){.now_ns = now_ns}, err);
}
