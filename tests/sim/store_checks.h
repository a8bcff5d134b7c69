/* What has to hold in the simulation of the store. */
#pragma once

#include "sim/store_world.h"

/* -- manifests --------------------------------------------------------------------------------- */

static inline uint64_t hash_of(const disk_node *n) {
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    for (size_t i = 0; i < n->bytes.len; i++) hash = (hash ^ n->bytes.ptr[i]) * 0x100000001B3u;
    return hash ? hash : 1;
}

static inline void to_small(char *text) {
    for (; *text; text++) *text = (char)tolower((unsigned char)*text);
}

typedef void manifest_fn(world *w, const char *path, const disk_node *n, void *arg);

static inline void walk_manifests(world *w, int dir, char *path, uint32_t depth, manifest_fn *each,
                                  void *arg) {
    const disk_entries *e = &w->disk.nodes[dir].names;
    size_t len = strlen(path);
    for (uint32_t i = 0; i < e->n; i++) {
        const disk_node *n = &w->disk.nodes[e->at[i].node];
        if (e->at[i].name[0] == '.') continue;
        (void)snprintf(path + len, HL_NAME_TEXT_MAX - len, "%s%s", depth ? "/" : "", e->at[i].name);
        if (n->is_dir && depth < HL_NAME_PARTS - 1)
            walk_manifests(w, e->at[i].node, path, depth + 1, each, arg);
        else if (!n->is_dir && depth == HL_NAME_PARTS - 1)
            each(w, path, n, arg);
        path[len] = '\0';
    }
}

static inline void each_manifest_of(world *w, const char *root, manifest_fn *each, void *arg) {
    char path[HL_NAME_TEXT_MAX] = "";
    int dir = disk_find(&w->disk, root);
    if (dir != DISK_NONE) walk_manifests(w, dir, path, 0, each, arg);
}

static inline void each_manifest(world *w, manifest_fn *each, void *arg) {
    each_manifest_of(w, MODELS "/manifests", each, arg);
}

/* The other program's: written in place and so in halves, now and then. */
static inline bool is_theirs(const char *path) {
    return strstr(path, "/their") != NULL;
}

static inline bool bytes_contain(const disk_node *n, const char *text) {
    hl_str all = {(const char *)n->bytes.ptr, n->bytes.len};
    return n->bytes.len > 0 && hl_str_find(all, hl_str_from(text), 0) != SIZE_MAX;
}

typedef struct naming_arg {
    const char *hex;
    bool found;
} naming_arg;

static inline void look_for_name(world *w, const char *path, const disk_node *n, void *arg) {
    naming_arg *a = arg;
    (void)w, (void)path;
    a->found = a->found || bytes_contain(n, a->hex);
}

static inline bool is_named(world *w, const char *hex) {
    naming_arg a = {hex, false};
    each_manifest(w, look_for_name, &a);
    if (w->two_dirs) each_manifest_of(w, BEHIND "/manifests", look_for_name, &a);
    return a.found;
}

/* -- what names can be ------------------------------------------------------------------------- */

static inline tracked *tracked_of(world *w, const char *path) {
    for (uint32_t i = 0; i < w->n_names; i++)
        if (strcmp(w->names[i].path, path) == 0) return &w->names[i];
    HL_ASSERT(w->n_names < sizeof w->names / sizeof *w->names);
    tracked *t = &w->names[w->n_names++];
    *t = (tracked){.n_seen = 1}; /* nothing, at first */
    (void)snprintf(t->path, sizeof t->path, "%s", path);
    return t;
}

static inline void see(tracked *t, uint64_t hash) {
    for (uint32_t i = 0; i < t->n_seen; i++)
        if (t->seen[i] == hash) return;
    HL_ASSERT(t->n_seen < SEEN_MAX);
    t->seen[t->n_seen++] = hash;
}

typedef struct finding {
    const char *path;
    uint64_t hash;
    uint32_t n;
} finding;

static inline void find_manifest(world *w, const char *path, const disk_node *n, void *arg) {
    finding *f = arg;
    char small[HL_NAME_TEXT_MAX];
    (void)w;
    (void)snprintf(small, sizeof small, "%s", path);
    to_small(small);
    if (strcmp(small, f->path) != 0) return;
    f->hash = hash_of(n);
    f->n++;
}

static inline uint64_t hash_now(world *w, const char *path) {
    finding f = {.path = path};
    each_manifest(w, find_manifest, &f);
    if (f.n > 1) wrong(w, "%s is there in %u spellings", path, f.n);
    return f.hash;
}

static inline bool name_is_there(world *w, const char *path) {
    finding f = {.path = path};
    if (w->two_dirs) each_manifest_of(w, BEHIND "/manifests", find_manifest, &f);
    return f.n > 0 || hash_now(w, path) != 0;
}

/* Nothing but what it is now: an operation has told that it went well. */
static inline void settle(world *w, const char *path) {
    tracked *t = tracked_of(w, path);
    if (t->loose) return;
    t->seen[0] = hash_now(w, path);
    t->n_seen = 1;
}

static inline void check_name(world *w, tracked *t) {
    uint64_t hash = hash_now(w, t->path);
    for (uint32_t i = 0; i < t->n_seen; i++)
        if (t->seen[i] == hash) return;
    wrong(w, "%s is %s", t->path, hash ? "none of its manifests" : "gone");
}

/* -- what holds at every moment ---------------------------------------------------------------- */

static inline bool bytes_are(const disk_node *n, const char *hex) {
    hl_digest d;
    hl_status st = hl_digest_of((hl_bytes){n->bytes.ptr, n->bytes.len}, &d, NULL);
    return st >= 0 && strcmp(hl_digest_hex(&d), hex) == 0;
}

static inline int find_blob(world *w, const char *root, const hl_digest *d) {
    char blob[128];
    (void)snprintf(blob, sizeof blob, "%s/blobs/sha256-%s", root, hl_digest_hex(d));
    return disk_find(&w->disk, blob);
}

static inline bool has_vanished(const world *w, const hl_digest *d) {
    for (uint32_t i = 0; i < w->n_gone; i++)
        if (strcmp(w->gone[i].text, d->text) == 0) return true;
    return false;
}

static inline void check_layer(world *w, const char *path, const hl_layer *l) {
    int node = find_blob(w, MODELS, &l->digest);
    if (node == DISK_NONE && w->two_dirs) node = find_blob(w, BEHIND, &l->digest);
    if (node == DISK_NONE && has_vanished(w, &l->digest)) return;
    if (node == DISK_NONE)
        wrong(w, "%s is there without its blob %.8s", path, hl_digest_hex(&l->digest));
    else if (w->disk.nodes[node].bytes.len != l->bytes)
        wrong(w, "%s has a blob of the wrong length", path);
}

static inline void check_manifest(world *w, const char *path, const disk_node *n, void *arg) {
    hl_manifest m;
    (void)arg;
    if (hl_manifest_parse((hl_str){(const char *)n->bytes.ptr, n->bytes.len}, &m, NULL) < 0) {
        if (!is_theirs(path)) wrong(w, "%s is torn", path);
        return;
    }
    for (size_t i = 0; i < m.n_layers; i++) check_layer(w, path, &m.layers[i]);
    check_layer(w, path, &m.config);
    hl_manifest_deinit(&m);
}

static inline void check_blobs(world *w) {
    hl_digest d;
    int dir = disk_find(&w->disk, MODELS "/blobs");
    if (dir == DISK_NONE) return;
    const disk_entries *e = &w->disk.nodes[dir].names;
    for (uint32_t i = 0; i < e->n; i++)
        if (hl_digest_parse(hl_str_from(e->at[i].name), &d) &&
            !bytes_are(&w->disk.nodes[e->at[i].node], hl_digest_hex(&d)))
            wrong(w, "the bytes of blob %.8s are not its own", hl_digest_hex(&d));
}

static inline void check_world(world *w) {
    each_manifest(w, check_manifest, NULL);
    check_blobs(w);
    for (uint32_t i = 0; i < w->n_names; i++) check_name(w, &w->names[i]);
}

/* Below blobs/: its digest's hexadecimal digits; NULL: no blob. */
static inline const char *hex_of_blob(const char *path) {
    static const char prefix[] = MODELS "/blobs/sha256-";
    hl_digest d;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0) return NULL;
    const char *name = path + sizeof MODELS "/blobs/" - 1;
    return hl_digest_parse(hl_str_from(name), &d) ? path + sizeof prefix - 1 : NULL;
}

/* Below manifests/; NULL: no manifest. */
static inline const char *rest_of_manifest(const char *path) {
    static const char prefix[] = MODELS "/manifests/";
    uint32_t n = 0;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0) return NULL;
    for (const char *p = path + sizeof prefix - 1; *p; p++) n += *p == '/';
    return n == HL_NAME_PARTS - 1 && strrchr(path, '/')[1] != '.' ? path + sizeof prefix - 1 : NULL;
}

/* -- what changes ------------------------------------------------------------------------------ */

/* Whoever is at something may find that it is not there, or other than a moment ago. */
static inline void disturb(world *w, const char *small) {
    for (int i = 0; i < WRITERS_N; i++)
        if (!small || strcmp(w->writers[i].wants, small) == 0) w->writers[i].may_lack = true;
}

static inline void note_manifest(world *w, const char *rest, const disk_node *n) {
    char small[HL_NAME_TEXT_MAX];
    (void)snprintf(small, sizeof small, "%s", rest);
    to_small(small);
    disturb(w, small);
    if (is_theirs(small)) return;
    tracked *t = tracked_of(w, small);
    see(t, n ? hash_of(n) : 0);
    t->loose = t->loose || w->calls.owner == THEIRS;
}

static void changed(const char *path, int node) {
    world *w = the_world;
    const char *hex = hex_of_blob(path), *rest = rest_of_manifest(path);
    const disk_node *n = node == DISK_NONE ? NULL : &w->disk.nodes[node];
    if (hex && n && !bytes_are(n, hex)) wrong(w, "blob %.8s has come with other bytes", hex);
    if (rest && n) check_manifest(w, rest, n, NULL);
    if (rest) note_manifest(w, rest, n);
}

static bool going(const char *path, int node) {
    world *w = the_world;
    const char *hex = hex_of_blob(path);
    if (!hex || w->calls.owner == THEIRS) return true;
    w->counts.deleted_blobs++;
    if (w->calls.now_ns - w->disk.nodes[node].mtime_ns < HOUR_NS)
        wrong(w, "a blob goes that is not an hour old: %.8s", hex);
    if (is_named(w, hex)) wrong(w, "a blob goes that a manifest names: %.8s", hex);
    return !w->wrong[0];
}

static bool may_change(const char *path) {
    world *w = the_world;
    if (w->calls.owner < 0 || strncmp(path, BEHIND "/", sizeof BEHIND) != 0) return true;
    wrong(w, "%s is changed, which is only read", path);
    return false;
}
