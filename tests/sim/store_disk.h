/* A disk in memory, for the simulation of the store: what programs see of it now, and beside that
 * what it has been told to keep (fsync).  A power cut leaves what is kept; of the rest anything.
 *
 *     a file's bytes are kept by a sync of the file
 *     a name is kept, or its absence, by a sync of the directory that it is in
 *
 * Everything begins with "/sim", which is node 0. */
#pragma once

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SIM_ROOT "/sim"

enum { DISK_NAME_MAX = 128, DISK_NODES_MAX = 4096, DISK_NONE = -1 };

typedef struct disk_entry {
    char name[DISK_NAME_MAX];
    int node;
} disk_entry;

typedef struct disk_entries {
    disk_entry *at; /* [n], owned */
    uint32_t n, cap;
} disk_entries;

typedef struct disk_bytes {
    uint8_t *ptr; /* [len], owned */
    size_t len;
} disk_bytes;

typedef struct disk_node {
    bool is_dir;
    bool lost;    /* a sync failed: the next ones of the same bytes do nothing and say nothing */
    bool dirty;   /* bytes that no sync has kept */
    bool foreign; /* the user's: one that is lost so could not be told from others by anybody */
    int64_t mtime_ns, kept_mtime_ns;
    disk_bytes bytes, kept_bytes;
    disk_entries names, kept_names;
    int lock; /* the open file that has it locked; DISK_NONE */
} disk_node;

typedef struct disk {
    disk_node nodes[DISK_NODES_MAX]; /* [n] */
    int n;
} disk;

/* How much of what nobody has synced survives a power cut. */
typedef enum disk_mercy { MERCY_NONE, MERCY_NAMES, MERCY_SOME, MERCIES_N } disk_mercy;

/* -- parts of nodes ---------------------------------------------------------------------------- */

static inline void bytes_set(disk_bytes *b, const void *ptr, size_t len) {
    uint8_t *copy = hl_alloc(len + 1);
    HL_ASSERT(copy);
    if (len > 0) memcpy(copy, ptr, len);
    hl_free(b->ptr);
    *b = (disk_bytes){copy, len};
}

/* With zeros where it grows. */
static inline void bytes_resize(disk_bytes *b, size_t len) {
    uint8_t *more = hl_realloc(b->ptr, len + 1);
    HL_ASSERT(more);
    if (len > b->len) memset(more + b->len, 0, len - b->len);
    *b = (disk_bytes){more, len};
}

static inline void entries_copy(disk_entries *to, const disk_entries *from) {
    if (to->cap < from->n) {
        hl_free(to->at);
        to->cap = from->n + 4;
        to->at = hl_calloc(to->cap, sizeof *to->at);
        HL_ASSERT(to->at);
    }
    if (from->n > 0) memcpy(to->at, from->at, from->n * sizeof *to->at);
    to->n = from->n;
}

static inline int entries_find(const disk_entries *e, const char *name) {
    for (uint32_t i = 0; i < e->n; i++)
        if (strcmp(e->at[i].name, name) == 0) return e->at[i].node;
    return DISK_NONE;
}

/* node DISK_NONE: the name goes. */
static inline void entries_set(disk_entries *e, const char *name, int node) {
    uint32_t i = 0;
    while (i < e->n && strcmp(e->at[i].name, name) != 0) i++;
    if (node == DISK_NONE) {
        if (i < e->n) e->at[i] = e->at[--e->n];
        return;
    }
    if (i == e->cap) {
        e->cap = e->cap ? 2 * e->cap : 8;
        e->at = hl_realloc(e->at, e->cap * sizeof *e->at);
        HL_ASSERT(e->at);
    }
    if (i == e->n) e->n++;
    e->at[i].node = node;
    HL_ASSERT(strlen(name) < DISK_NAME_MAX);
    memcpy(e->at[i].name, name, strlen(name) + 1);
}

/* -- the disk ---------------------------------------------------------------------------------- */

static inline int disk_add(disk *d, bool is_dir, int64_t now_ns) {
    HL_ASSERT(d->n < DISK_NODES_MAX);
    d->nodes[d->n] = (disk_node){
        .is_dir = is_dir, .mtime_ns = now_ns, .kept_mtime_ns = now_ns, .lock = DISK_NONE};
    return d->n++;
}

static inline void disk_clear(disk *d) {
    for (int i = 0; i < d->n; i++) {
        hl_free(d->nodes[i].bytes.ptr);
        hl_free(d->nodes[i].kept_bytes.ptr);
        hl_free(d->nodes[i].names.at);
        hl_free(d->nodes[i].kept_names.at);
    }
    d->n = 0;
}

static inline void node_keep(disk_node *n) {
    n->kept_mtime_ns = n->mtime_ns;
    n->dirty = n->lost = false;
    if (n->is_dir)
        entries_copy(&n->kept_names, &n->names);
    else
        bytes_set(&n->kept_bytes, n->bytes.ptr, n->bytes.len);
}

/* `to` becomes what `from` is, all of it kept. */
static inline void disk_copy(disk *to, const disk *from) {
    disk_clear(to);
    for (int i = 0; i < from->n; i++) {
        const disk_node *n = &from->nodes[i];
        int at = disk_add(to, n->is_dir, n->mtime_ns);
        entries_copy(&to->nodes[at].names, &n->names);
        if (!n->is_dir) bytes_set(&to->nodes[at].bytes, n->bytes.ptr, n->bytes.len);
        node_keep(&to->nodes[at]);
    }
}

/* The directory that the path's last part is in, and that part; DISK_NONE with errno. */
static inline int disk_parent(const disk *d, const char *path, char ret_leaf[DISK_NAME_MAX]) {
    int dir = 0;
    const char *p = path + sizeof SIM_ROOT - 1;
    ret_leaf[0] = '\0';
    while (*p == '/') {
        const char *end = strchr(++p, '/');
        size_t len = end ? (size_t)(end - p) : strlen(p);
        HL_ASSERT(len < DISK_NAME_MAX);
        if (ret_leaf[0]) dir = entries_find(&d->nodes[dir].names, ret_leaf);
        if (dir == DISK_NONE || !d->nodes[dir].is_dir) {
            errno = dir == DISK_NONE ? ENOENT : ENOTDIR;
            return DISK_NONE;
        }
        memcpy(ret_leaf, p, len);
        ret_leaf[len] = '\0';
        p += len;
    }
    return dir;
}

/* DISK_NONE with errno: nothing is there. */
static inline int disk_find(const disk *d, const char *path) {
    char leaf[DISK_NAME_MAX];
    int dir = disk_parent(d, path, leaf);
    if (dir == DISK_NONE) return DISK_NONE;
    int node = leaf[0] ? entries_find(&d->nodes[dir].names, leaf) : 0;
    if (node == DISK_NONE) errno = ENOENT;
    return node;
}

/* -- a power cut ------------------------------------------------------------------------------- */

/* Bytes that nobody synced: the old ones, a part of the new ones, or zeros. */
static inline void cut_file(disk_node *n, hl_rng *rng) {
    if (!n->dirty) return;
    uint64_t how = hl_rng_below(rng, 3);
    if (how == 0) {
        bytes_set(&n->bytes, n->kept_bytes.ptr, n->kept_bytes.len);
    } else if (how == 1) {
        bytes_resize(&n->bytes, (size_t)hl_rng_below(rng, n->bytes.len + 1));
    } else {
        size_t from = (size_t)hl_rng_below(rng, n->bytes.len + 1);
        if (n->bytes.ptr) memset(n->bytes.ptr + from, 0, n->bytes.len - from);
    }
}

static inline bool survives(disk_mercy mercy, hl_rng *rng) {
    return mercy == MERCY_NAMES || (mercy == MERCY_SOME && hl_rng_below(rng, 2));
}

/* Each name is as it was kept or as it is. */
static inline void cut_names(disk_node *n, disk_mercy mercy, hl_rng *rng) {
    disk_entries left = {0};
    entries_copy(&left, &n->kept_names);
    for (uint32_t i = 0; i < n->kept_names.n; i++) {
        const char *name = n->kept_names.at[i].name;
        int now = entries_find(&n->names, name);
        if (now != n->kept_names.at[i].node && survives(mercy, rng)) entries_set(&left, name, now);
    }
    for (uint32_t i = 0; i < n->names.n; i++) {
        const disk_entry *e = &n->names.at[i];
        if (entries_find(&n->kept_names, e->name) == DISK_NONE && survives(mercy, rng))
            entries_set(&left, e->name, e->node);
    }
    hl_free(n->names.at);
    n->names = left;
}

static inline void disk_cut(disk *d, disk_mercy mercy, hl_rng *rng) {
    for (int i = 0; i < d->n; i++) {
        disk_node *n = &d->nodes[i];
        if (n->is_dir)
            cut_names(n, mercy, rng);
        else
            cut_file(n, rng);
        if (!survives(mercy, rng)) n->mtime_ns = n->kept_mtime_ns;
        n->lock = DISK_NONE;
        node_keep(n);
    }
}
