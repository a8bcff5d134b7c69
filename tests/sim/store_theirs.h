/* A program on the same store that knows nothing of our lock, as Ollama does: it writes a blob and
 * then a manifest that names it, in place; it deletes manifests; blobs vanish.
 *
 * A blob that it finds it takes if it is young, and names what it has within the hour: more nobody
 * can promise without a lock (docs/internals/store.md). */
#pragma once

#include "sim/store_turns.h"

static const char *const THEIR_NAMES[2] = {"their1", "host.x/their2/z:t"};

/* -- files ------------------------------------------------------------------------------------- */

static inline hl_status no_luck(hl_error *err) {
    return hl_fail(err, HL_EIO, "theirs", "%s", strerror(errno));
}

static inline hl_status their_bytes(int fd, hl_str bytes, hl_error *err) {
    size_t at = 0;
    while (at < bytes.len) {
        ssize_t n = write(fd, bytes.ptr + at, bytes.len - at);
        if (n < 0 && errno != EINTR) return no_luck(err);
        if (n > 0) at += (size_t)n;
    }
    return fsync(fd) == 0 ? HL_OK : no_luck(err);
}

/* In place. */
static inline hl_status their_file(const char *path, hl_str bytes, hl_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) return no_luck(err);
    hl_status st = their_bytes(fd, bytes, err);
    (void)close(fd);
    return st;
}

static inline hl_status their_sync_of(const char *dir, hl_error *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return no_luck(err);
    hl_status st = fsync(fd) == 0 ? HL_OK : no_luck(err);
    (void)close(fd);
    return st;
}

/* -- a model ----------------------------------------------------------------------------------- */

static inline hl_status their_blob(world *w, const sim_file *f, hl_error *err) {
    static const char temp[] = MODELS "/blobs/their-temporary";
    char path[128];
    struct stat facts;
    (void)snprintf(path, sizeof path, MODELS "/blobs/sha256-%s", hl_digest_hex(&f->digest));
    w->naming = true;
    if (stat(path, &facts) == 0) {
        int64_t made_ns = facts.st_mtim.tv_sec * SECOND_NS + facts.st_mtim.tv_nsec;
        bool is_young = w->calls.now_ns - made_ns < HOUR_NS / 2;
        return is_young ? HL_OK : hl_fail(err, HL_EINVAL, "theirs", "the blob is old");
    }
    HL_TRY(their_file(temp, (hl_str){f->bytes, f->len}, err));
    if (rename(temp, path) != 0) return no_luck(err);
    return their_sync_of(MODELS "/blobs", err);
}

static inline hl_status their_manifest(const hl_name *name, const hl_layer *config,
                                       const hl_layer *model, hl_error *err) {
    char path[HL_NAME_TEXT_MAX + 64] = MODELS "/manifests/";
    hl_buf text;
    hl_name_path(name, path + strlen(path));
    for (char *p = path + sizeof MODELS "/manifests/" - 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        int made = mkdir(path, 0755);
        *p = '/';
        if (made != 0 && errno != EEXIST) return no_luck(err);
    }
    hl_buf_init(&text, 0);
    hl_manifest_print(config, model, 1, &text);
    hl_status st = their_file(path, hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    return st;
}

static inline hl_status their_create(world *w, hl_error *err) {
    const sim_file *f = &w->files[FILES_N + 1 + below(w, THEIR_FILES_N)];
    hl_layer l = {.media = HL_STR(HL_LAYER_PREFIX "model"), .digest = f->digest, .bytes = f->len};
    hl_name name = stored_name(THEIR_NAMES[below(w, 2)]);
    hl_status st = their_blob(w, f, err);
    if (st >= 0) st = their_manifest(&name, &l, &l, err);
    w->naming = false;
    return st;
}

/* -- what goes --------------------------------------------------------------------------------- */

typedef struct choice {
    char path[HL_NAME_TEXT_MAX];
    uint32_t n; /* to choose from, so far */
} choice;

static inline bool is_base(const char *path) {
    return strstr(path, "/base") != NULL;
}

static inline void choose(world *w, const char *path, const disk_node *n, void *arg) {
    choice *c = arg;
    (void)n;
    if (!is_base(path) && below(w, ++c->n) == 0)
        (void)snprintf(c->path, sizeof c->path, "%s", path);
}

/* With the directories that are empty then, where the power does not go: who syncs the names while
 * one of them goes misses it. */
static inline hl_status their_delete(world *w, hl_error *err) {
    choice c = {.n = 0};
    char path[HL_NAME_TEXT_MAX + 64];
    each_manifest(w, choose, &c);
    if (c.n == 0) return HL_OK;
    (void)snprintf(path, sizeof path, MODELS "/manifests/%s", c.path);
    if (unlink(path) != 0) return no_luck(err);
    disturb(w, NULL);
    for (int i = 0; i < HL_NAME_PARTS - 1 && w->rates.cuts == 0; i++) {
        *strrchr(path, '/') = '\0';
        if (rmdir(path) != 0) break;
        disturb(w, NULL);
    }
    return HL_OK;
}

static inline void look_at_base(world *w, const char *path, const disk_node *n, void *arg) {
    naming_arg *a = arg;
    (void)w;
    if (is_base(path) || is_theirs(path)) a->found = a->found || bytes_contain(n, a->hex);
}

/* A blob of ours that no model needs that has to stay. */
static inline hl_status their_vanishing(world *w, hl_error *err) {
    char path[128];
    const sim_file *f = &w->files[below(w, FILES_N)];
    naming_arg a = {hl_digest_hex(&f->digest), false};
    each_manifest(w, look_at_base, &a);
    if (a.found || has_vanished(w, &f->digest) || w->n_gone == GONE_MAX) return HL_OK;
    (void)snprintf(path, sizeof path, MODELS "/blobs/sha256-%s", a.hex);
    w->gone[w->n_gone++] = f->digest; /* before: others run in the call */
    disturb(w, NULL);
    if (unlink(path) != 0) return no_luck(err);
    w->counts.vanished++;
    disturb(w, NULL);
    return HL_OK;
}

static inline hl_status run_their_op(world *w, hl_error *err) {
    switch (below(w, 5)) {
    case 0:
    case 1: return their_create(w, err);
    case 2:
    case 3: return their_delete(w, err);
    default: return their_vanishing(w, err);
    }
}

/* What it was writing when it died: it cannot be read, and whoever prunes may delete nothing. */
static inline void remove_their_halves(world *w) {
    for (int i = 0; i < 2; i++) {
        char path[HL_NAME_TEXT_MAX + 64] = MODELS "/manifests/";
        hl_name name = stored_name(THEIR_NAMES[i]);
        hl_manifest m;
        hl_name_path(&name, path + strlen(path));
        int node = disk_find(&w->disk, path);
        if (node == DISK_NONE) continue;
        const disk_bytes *b = &w->disk.nodes[node].bytes;
        if (hl_manifest_parse((hl_str){(const char *)b->ptr, b->len}, &m, NULL) >= 0)
            hl_manifest_deinit(&m);
        else
            (void)unlink(path);
    }
    (void)unlink(MODELS "/blobs/their-temporary");
}
