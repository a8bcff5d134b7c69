#include "store/store.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/mem.h"
#include "store/store_parts.h"

#include <stdio.h>
#include <strings.h>

hl_status hl__store_path(const char *dir, const char *middle, const char *rest,
                         char ret[HL_STORE_PATH_MAX], hl_error *err) {
    int len = snprintf(ret, HL_STORE_PATH_MAX, "%s/%s%s", dir, middle, rest);
    if (len > 0 && len < HL_STORE_PATH_MAX) return HL_OK;
    return hl_fail(err, HL_ELIMIT, "store", "the path of %s in the store is too long", rest);
}

bool hl__path_is_under(const char *path, const char *dir) {
    size_t len = strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

hl_status hl__store_lock(const hl_store *s, hl_file_lock *ret, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    HL_TRY(hl__store_path(s->dirs[0], ".hyperllama-lock", "", path, err));
    HL_TRY(hl_dir_make_all(s->dirs[0], err));
    return hl_file_lock_take(path, ret, err);
}

/* -- walking ----------------------------------------------------------------------------------- */

enum { ENTRY_MAX = 256 };

typedef struct walk {
    hl_store_item_fn *each;
    void *arg;
    bool sync;          /* each directory, before it is read */
    hl_store_item item; /* its path grows and shrinks on the way */
    char parts[HL_NAME_PARTS][ENTRY_MAX];
    size_t depth;
    bool stopped; /* by each */
} walk;

static hl_status walk_entry(void *arg, const char *name, hl_error *err);

/* A directory that vanishes meanwhile (somebody deletes a model) is no failure. */
static hl_status walk_dir(walk *w, hl_error *err) {
    hl_status st = w->sync ? hl_dir_sync(w->item.path, err) : HL_OK;
    if (st >= 0) st = hl_dir_read(w->item.path, walk_entry, w, err);
    return st == HL_ENOTFOUND && !w->stopped ? HL_OK : st;
}

static hl_status walk_file(walk *w, hl_error *err) {
    const char *const parts[] = {w->parts[0], w->parts[1], w->parts[2], w->parts[3]};
    if (!hl_name_from_parts(parts, &w->item.name)) return HL_OK;
    hl_status st = hl_file_stat(w->item.path, &w->item.facts, err);
    if (st == HL_ENOTFOUND || (st >= 0 && w->item.facts.is_dir)) return HL_OK;
    if (st >= 0) st = w->each(w->arg, &w->item, err);
    w->stopped = st < 0;
    return st;
}

static hl_status walk_entry(void *arg, const char *name, hl_error *err) {
    walk *w = arg;
    size_t len = strlen(w->item.path), name_len = strlen(name);
    bool fits = name_len < ENTRY_MAX && len + 1 + name_len < HL_STORE_PATH_MAX;
    if (name[0] == '.' || !fits) return HL_OK;
    HL_ASSERT(w->depth < HL_NAME_PARTS);
    memcpy(w->parts[w->depth++], name, name_len + 1);
    w->item.path[len] = '/';
    memcpy(w->item.path + len + 1, name, name_len + 1);
    /* walk_dir: nothing below what is a file */
    hl_status st = w->depth == HL_NAME_PARTS ? walk_file(w, err) : walk_dir(w, err);
    w->item.path[len] = '\0';
    w->depth--;
    return st;
}

static hl_status walk_all(const char *dir, hl_store_item_fn *each, void *arg, bool sync,
                          hl_error *err) {
    walk *w = hl_calloc(1, sizeof *w);
    if (!w) return hl_fail(err, HL_ENOMEM, "store", "no memory to look into %s", dir);
    w->each = each;
    w->arg = arg;
    w->sync = sync;
    hl_status st = hl__store_path(dir, "manifests", "", w->item.path, err);
    if (st >= 0) st = walk_dir(w, err);
    hl_free(w);
    return st;
}

hl_status hl__store_walk(const char *dir, hl_store_item_fn *each, void *arg, hl_error *err) {
    return walk_all(dir, each, arg, false, err);
}

static hl_status pass_over(void *arg, const hl_store_item *item, hl_error *err) {
    (void)arg, (void)item, (void)err;
    return HL_OK;
}

hl_status hl__store_sync_names(const char *dir, hl_error *err) {
    return walk_all(dir, pass_over, NULL, true, err);
}

/* -- all models -------------------------------------------------------------------------------- */

typedef struct listing {
    const hl_store *store;
    size_t place; /* that is being walked */
    hl_store_item_fn *each;
    void *arg;
    hl_status stopped; /* by each */
} listing;

/* Whether an earlier directory has the name, spelled like this. */
static bool is_hidden(const hl_store *s, size_t place, const hl_name *name) {
    char rest[HL_NAME_TEXT_MAX], path[HL_STORE_PATH_MAX];
    hl_name_path(name, rest);
    for (size_t i = 0; i < place; i++)
        if (hl__store_path(s->dirs[i], "manifests/", rest, path, NULL) >= 0 &&
            hl_path_is_file(path))
            return true;
    return false;
}

static hl_status list_item(void *arg, const hl_store_item *item, hl_error *err) {
    listing *l = arg;
    HL_ASSERT(hl__path_is_under(item->path, l->store->dirs[l->place]));
    if (is_hidden(l->store, l->place, &item->name)) return HL_OK;
    hl_status st = l->each(l->arg, item, err);
    if (st < 0) l->stopped = st;
    return st;
}

hl_status hl_store_each(const hl_store *s, hl_store_item_fn *each, void *arg, hl_error *err) {
    listing l = {.store = s, .each = each, .arg = arg};
    for (l.place = 0; l.place < s->n_dirs; l.place++) {
        hl_status st = hl__store_walk(s->dirs[l.place], list_item, &l, err);
        if (l.stopped < 0) return l.stopped;
        if (st == HL_ENOMEM) return st;
    }
    return HL_OK;
}

/* -- one model --------------------------------------------------------------------------------- */

typedef struct wanted {
    const hl_name *name;
    hl_store_item *ret;
    bool found;
} wanted;

static hl_status match_item(void *arg, const hl_store_item *item, hl_error *err) {
    wanted *w = arg;
    (void)err;
    if (w->found || !hl_name_same(&item->name, w->name)) return HL_OK;
    *w->ret = *item;
    w->found = true;
    return HL_OK;
}

/* The common case: spelled as it is stored. */
static bool find_exactly(const hl_store *s, const hl_name *name, hl_store_item *ret) {
    char rest[HL_NAME_TEXT_MAX];
    HL_ASSERT(s->n_dirs > 0 && name->host[0] && name->tag[0]);
    hl_name_path(name, rest);
    for (size_t i = 0; i < s->n_dirs; i++) {
        if (hl__store_path(s->dirs[i], "manifests/", rest, ret->path, NULL) < 0) continue;
        if (hl_file_stat(ret->path, &ret->facts, NULL) < 0 || ret->facts.is_dir) continue;
        ret->name = *name;
        return true;
    }
    return false;
}

hl_status hl_store_find(const hl_store *s, const hl_name *name, hl_store_item *ret, hl_error *err) {
    char shown[HL_NAME_TEXT_MAX];
    wanted w = {name, ret, false};
    if (find_exactly(s, name, ret)) return HL_OK;
    HL_TRY(hl_store_each(s, match_item, &w, err));
    if (w.found) return HL_OK;
    hl_name_text(name, shown);
    return hl_fail(err, HL_ENOTFOUND, "store", "model '%s' not found", shown);
}

hl_status hl_store_read(const hl_store *s, const hl_store_item *item, hl_manifest *ret,
                        hl_error *err) {
    hl_buf text;
    (void)s;
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(item->path, HL_MANIFEST_BYTES_MAX, &text, err);
    if (st >= 0) {
        st = hl_manifest_parse(hl_buf_str(&text), ret, err);
        if (st < 0) hl_error_prefix(err, "%s", item->path);
    }
    if (st >= 0) ret->modified_ns = item->facts.modified_ns;
    hl_buf_deinit(&text);
    return st;
}

/* -- writing ----------------------------------------------------------------------------------- */

typedef struct settling {
    hl_name *name;
    bool whole;                /* a model of this name exists */
    bool exact[HL_NAME_PARTS]; /* a part that is spelled like this somewhere */
    hl_name seen;              /* parts spelled otherwise; empty: none yet */
    hl_name same;              /* of whole */
} settling;

static hl_status settle_item(void *arg, const hl_store_item *item, hl_error *err) {
    settling *g = arg;
    (void)err;
    if (!g->whole && hl_name_same(&item->name, g->name)) {
        g->same = item->name;
        g->whole = true;
    }
    for (size_t i = 0; i < HL_NAME_PARTS; i++) {
        const char *theirs = hl_name_part_of(&item->name, i), *ours = hl_name_part_of(g->name, i);
        if (strcasecmp(theirs, ours) != 0) continue;
        char *seen = hl_name_part(&g->seen, i);
        if (strcmp(theirs, ours) == 0)
            g->exact[i] = true;
        else if (seen[0] == '\0' || strcmp(theirs, seen) < 0) /* whatever the order of the walk */
            memcpy(seen, theirs, strlen(theirs) + 1);
    }
    return HL_OK;
}

hl_status hl__store_settle_name(const hl_store *s, hl_name *name, hl_error *err) {
    settling g = {.name = name};
    hl_store_item exact;
    if (find_exactly(s, name, &exact)) return HL_OK;
    for (size_t i = 0; i < s->n_dirs; i++) {
        hl_status st = hl__store_walk(s->dirs[i], settle_item, &g, err);
        if (st < 0 && (i == 0 || st == HL_ENOMEM)) return st; /* else it might be there twice */
    }
    if (g.whole) {
        *name = g.same;
        return HL_OK;
    }
    /* whose deleting broke off is gone for good, or it might come back in another spelling */
    HL_TRY(hl__store_sync_names(s->dirs[0], err));
    for (size_t i = 0; i < HL_NAME_PARTS; i++) {
        const char *seen = hl_name_part_of(&g.seen, i);
        if (!g.exact[i] && seen[0]) memcpy(hl_name_part(name, i), seen, strlen(seen) + 1);
    }
    return HL_OK;
}

static hl_status remove_temp(void *arg, const char *name, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    if (name[0] != '.' || !strstr(name, HL_FILE_TEMP_MARK)) return HL_OK;
    HL_TRY(hl__store_path(arg, "", name, path, err));
    return hl_file_remove(path, err);
}

/* Whoever of us writes here holds the lock: temporary files are those of the dead. */
static void remove_temps(char *dir) {
    hl_status st = hl_dir_read(dir, remove_temp, dir, NULL);
    (void)st; /* they do no harm */
}

/* A blob may have been given its name by a process that died before it synced the directory. */
static hl_status sync_blobs(const hl_store *s, hl_error *err) {
    char dir[HL_STORE_PATH_MAX];
    HL_TRY(hl__store_path(s->dirs[0], "blobs", "", dir, err));
    hl_status st = hl_dir_sync(dir, err);
    return st == HL_ENOTFOUND ? HL_OK : st; /* all of them are in other places */
}

/* A new file, the directories above it synced up to the root, whoever made them, so that it is
 * there for good. */
static hl_status write_manifest(const hl_store *s, const hl_name *name, hl_str json,
                                hl_error *err) {
    char rest[HL_NAME_TEXT_MAX], path[HL_STORE_PATH_MAX], dir[HL_STORE_PATH_MAX];
    hl_name_path(name, rest);
    HL_TRY(hl__store_path(s->dirs[0], "manifests/", rest, path, err));
    memcpy(dir, path, strlen(path) + 1);
    *strrchr(dir, '/') = '\0';
    HL_TRY(sync_blobs(s, err));
    HL_TRY(hl_dir_make_all(dir, err));
    remove_temps(dir);
    HL_TRY(hl_file_write(path, (hl_bytes){(const uint8_t *)json.ptr, json.len}, err));
    size_t root_len = strlen(s->dirs[0]);
    while (strlen(dir) > root_len) {
        HL_TRY(hl_dir_sync_parent(dir, err));
        *strrchr(dir, '/') = '\0';
    }
    return HL_OK;
}

static hl_status check_blobs(const hl_store *s, const hl_layer *config, const hl_layer *layers,
                             size_t n_layers, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    for (size_t i = 0; i <= n_layers; i++) {
        const hl_layer *l = i < n_layers ? &layers[i] : config;
        if (!hl_store_blob_path(s, &l->digest, path))
            return hl_fail(err, HL_ENOTFOUND, "store", "open %s: no such file or directory", path);
    }
    return HL_OK;
}

static hl_status write_locked(const hl_store *s, const hl_name *name, const hl_layer *config,
                              const hl_layer *layers, size_t n_layers, hl_error *err) {
    hl_name settled = *name;
    hl_buf json;
    HL_ASSERT(name->model[0] && n_layers > 0 && n_layers <= HL_LAYERS_MAX);
    HL_TRY(check_blobs(s, config, layers, n_layers, err));
    HL_TRY(hl__store_settle_name(s, &settled, err));
    hl_buf_init(&json, HL_MANIFEST_BYTES_MAX);
    hl_manifest_print(config, layers, n_layers, &json);
    hl_status st = hl_buf_status(&json, "the manifest", err);
    if (st >= 0) st = write_manifest(s, &settled, hl_buf_str(&json), err);
    hl_buf_deinit(&json);
    return st;
}

hl_status hl_store_write(const hl_store *s, const hl_name *name, const hl_layer *config,
                         const hl_layer *layers, size_t n_layers, hl_error *err) {
    hl_file_lock lock;
    HL_TRY(hl__store_lock(s, &lock, err));
    hl_status st = write_locked(s, name, config, layers, n_layers, err);
    hl_file_lock_drop(&lock);
    return st;
}

static hl_status write_text_locked(const hl_store *s, const hl_name *name, const hl_manifest *m,
                                   hl_str json, hl_error *err) {
    hl_name settled = *name;
    HL_TRY(check_blobs(s, &m->config, m->layers, m->n_layers, err));
    HL_TRY(hl__store_settle_name(s, &settled, err));
    return write_manifest(s, &settled, json, err);
}

hl_status hl_store_write_text(const hl_store *s, const hl_name *name, hl_str json, hl_error *err) {
    hl_file_lock lock;
    hl_manifest m;
    HL_TRY(hl_manifest_parse(json, &m, err));
    hl_status st = hl__store_lock(s, &lock, err);
    if (st >= 0) {
        st = write_text_locked(s, name, &m, json, err);
        hl_file_lock_drop(&lock);
    }
    hl_manifest_deinit(&m);
    return st;
}

/* -- copying and deleting ---------------------------------------------------------------------- */

/* Of a model in a directory that is only read. */
static hl_status keep_blobs(const hl_store *s, const hl_store_item *item, hl_error *err) {
    hl_manifest m;
    if (hl__path_is_under(item->path, s->dirs[0])) return HL_OK;
    HL_TRY(hl_store_read(s, item, &m, err));
    hl_status st = hl__store_keep(s, &m.config.digest, err);
    for (size_t i = 0; st >= 0 && i < m.n_layers; i++)
        st = hl__store_keep(s, &m.layers[i].digest, err);
    hl_manifest_deinit(&m);
    return st;
}

static hl_status copy_locked(const hl_store *s, const hl_name *from, const hl_name *to,
                             hl_error *err) {
    hl_store_item item;
    hl_name settled = *to;
    hl_buf text;
    HL_TRY(hl_store_find(s, from, &item, err));
    HL_TRY(hl__store_settle_name(s, &settled, err));
    HL_TRY(keep_blobs(s, &item, err));
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(item.path, HL_MANIFEST_BYTES_MAX, &text, err);
    if (st >= 0) st = write_manifest(s, &settled, hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    return st;
}

hl_status hl_store_copy(const hl_store *s, const hl_name *from, const hl_name *to, hl_error *err) {
    hl_file_lock lock;
    HL_TRY(hl__store_lock(s, &lock, err));
    hl_status st = copy_locked(s, from, to, err);
    hl_file_lock_drop(&lock);
    return st;
}

/* The directories of a name that is gone, as far as they are empty. */
static void remove_empty_dirs(const hl_store *s, const char *manifest_path) {
    char dir[HL_STORE_PATH_MAX];
    size_t root_len = strlen(s->dirs[0]) + sizeof "/manifests" - 1;
    memcpy(dir, manifest_path, strlen(manifest_path) + 1);
    for (;;) {
        *strrchr(dir, '/') = '\0';
        remove_temps(dir);
        if (strlen(dir) <= root_len || hl_dir_remove(dir, NULL) != HL_OK) return;
    }
}

static hl_status delete_locked(const hl_store *s, const hl_name *name, hl_error *err) {
    hl_store_item item;
    HL_TRY(hl_store_find(s, name, &item, err));
    if (!hl__path_is_under(item.path, s->dirs[0]))
        return hl_fail(err, HL_EUNSUPPORTED, "store", "%s is in a directory that is only read",
                       item.path);
    HL_ASSERT(hl_name_same(&item.name, name));
    HL_TRY(hl_file_remove(item.path, err));
    HL_TRY(hl_dir_sync_parent(item.path, err));
    remove_empty_dirs(s, item.path);
    /* The model is gone whatever comes of this: the next pruning finds what stays. */
    hl_status pruned = hl__store_prune(s, hl_clock_wall_ns(), NULL);
    (void)pruned;
    return HL_OK;
}

hl_status hl_store_delete(const hl_store *s, const hl_name *name, hl_error *err) {
    hl_file_lock lock;
    HL_TRY(hl__store_lock(s, &lock, err));
    hl_status st = delete_locked(s, name, err);
    hl_file_lock_drop(&lock);
    return st;
}
