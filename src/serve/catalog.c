#include "serve/catalog.h"

#include "base/dir.h"
#include "base/mem.h"
#include "base/rng.h"
#include "serve/load.h"
#include "serve/show.h"

#include <stdio.h>
#include <sys/stat.h>

enum { ENTRIES_MAX = 256, NS_PER_S = 1000000000 };

struct hl_catalog {
    hl_catalog_entry *entries[ENTRIES_MAX]; /* [n], owned */
    size_t n;
};

hl_status hl_catalog_open(hl_catalog **ret, hl_error *err) {
    *ret = hl_calloc(1, sizeof **ret);
    return *ret ? HL_OK : hl_fail(err, HL_ENOMEM, "catalog", "no memory");
}

static void drop(hl_catalog *c, size_t i) {
    HL_ASSERT(i < c->n);
    hl_model_info_deinit(&c->entries[i]->info);
    hl_package_drop(c->entries[i]->package);
    hl_free(c->entries[i]);
    c->entries[i] = c->entries[--c->n];
}

void hl_catalog_close(hl_catalog *c) {
    if (!c) return;
    while (c->n > 0) drop(c, c->n - 1);
    hl_free(c);
}

/* -- names ------------------------------------------------------------------------------------- */

/* NAME:TAG in small letters, without the prefixes that everybody may leave out. */
static hl_status plain_name(hl_str given, char ret[HL_MODEL_NAME_MAX], hl_error *err) {
    static const char *const prefixes[] = {"registry.ollama.ai/", "library/"};
    hl_str name = given;
    for (size_t i = 0; i < 2; i++)
        if (hl_str_starts(name, hl_str_from(prefixes[i])))
            name = hl_str_slice(name, strlen(prefixes[i]), name.len);
    if (name.len == 0 || name.len >= HL_MODEL_NAME_MAX)
        return hl_fail(err, HL_EINVAL, "catalog", "invalid model name");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c <= ' ' || c > '~') return hl_fail(err, HL_EINVAL, "catalog", "invalid model name");
        ret[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    ret[name.len] = '\0';
    bool is_path = name.ptr[0] == '/' || name.ptr[0] == '.';
    if (is_path) return hl_fail(err, HL_EINVAL, "catalog", "invalid model name");
    hl_str plain = hl_str_from(ret);
    if (hl_str_find(plain, HL_STR("/"), 0) != SIZE_MAX || hl_str_ends(plain, HL_STR(".gguf")))
        return hl_fail(err, HL_ENOTFOUND, "catalog", "model '%.*s' not found", HL_STR_ARG(name));
    return HL_OK;
}

/* The name as it is written, else in small letters. */
static hl_status resolve(hl_str given, const char *plain, char path[HL_MODEL_PATH_MAX],
                         hl_error *err) {
    hl_str tail = hl_str_slice(given, given.len - strlen(plain), given.len);
    if (hl_model_resolve(tail, path, NULL) >= 0) return HL_OK;
    hl_status st = hl_model_resolve(hl_str_from(plain), path, err);
    if (st == HL_EINVAL) return hl_fail(err, HL_EINVAL, "catalog", "invalid model name");
    return st;
}

/* -- entries ----------------------------------------------------------------------------------- */

/* 64 hexadecimal digits that change with the file. */
static void make_digest(hl_catalog_entry *e) {
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    for (const char *p = e->path; *p; p++) hash = (hash ^ (uint8_t)*p) * 0x100000001B3u;
    hl_rng rng;
    hl_rng_init(&rng, hash ^ e->bytes * 0x9E3779B97F4A7C15u ^ (uint64_t)e->modified_ns);
    for (size_t i = 0; i < 4; i++)
        snprintf(e->digest + 16 * i, 17, "%016llx", (unsigned long long)hl_rng_u64(&rng));
}

static hl_status describe(const hl_catalog_entry *e, bool verbose, hl_model_info *ret,
                          hl_error *err) {
    hl__loaded *l;
    HL_TRY(hl__loaded_open(e->path, e->name, &l, err));
    hl_status st = hl__show(l, verbose, ret, err);
    hl__loaded_close(l);
    return st;
}

hl_status hl_catalog_details(const hl_catalog_entry *e, hl_model_info *ret, hl_error *err) {
    return describe(e, true, ret, err);
}

static hl_status make(const char *path, const char *plain, const struct stat *s,
                      hl_catalog_entry **ret, hl_error *err) {
    hl_catalog_entry *e = hl_calloc(1, sizeof *e);
    if (!e) return hl_fail(err, HL_ENOMEM, "catalog", "no memory for %s", plain);
    memcpy(e->path, path, strlen(path) + 1);
    hl_model_display(hl_str_from(plain), e->name, sizeof e->name);
    e->bytes = (uint64_t)s->st_size;
    e->modified_ns = (int64_t)s->st_mtim.tv_sec * NS_PER_S + s->st_mtim.tv_nsec;
    make_digest(e);
    hl_status st = hl_package_open(e->path, e->name, &e->package, err);
    if (st >= 0) st = describe(e, false, &e->info, err);
    if (st < 0) {
        hl_package_drop(e->package);
        hl_free(e);
        return st;
    }
    *ret = e;
    return HL_OK;
}

/* What is remembered of a file, if it is still that file. */
static const hl_catalog_entry *recall(hl_catalog *c, const char *path, const struct stat *s) {
    for (size_t i = 0; i < c->n; i++) {
        const hl_catalog_entry *e = c->entries[i];
        if (strcmp(e->path, path) != 0) continue;
        if (e->bytes == (uint64_t)s->st_size &&
            e->modified_ns == (int64_t)s->st_mtim.tv_sec * NS_PER_S + s->st_mtim.tv_nsec)
            return e;
        drop(c, i);
        break;
    }
    return NULL;
}

hl_status hl_catalog_find(hl_catalog *c, hl_str name, const hl_catalog_entry **ret, hl_error *err) {
    char plain[HL_MODEL_NAME_MAX], path[HL_MODEL_PATH_MAX];
    struct stat s;
    HL_TRY(plain_name(name, plain, err));
    HL_TRY(resolve(name, plain, path, err));
    if (stat(path, &s) != 0)
        return hl_fail(err, HL_ENOTFOUND, "catalog", "model '%s' not found", plain);
    *ret = recall(c, path, &s);
    if (*ret) return HL_OK;
    if (c->n == ENTRIES_MAX) drop(c, 0);
    HL_ASSERT(c->n < ENTRIES_MAX);
    HL_TRY(make(path, plain, &s, &c->entries[c->n], err));
    *ret = c->entries[c->n++];
    return HL_OK;
}

/* -- the list ---------------------------------------------------------------------------------- */

typedef struct listing {
    hl_catalog *catalog;
    const hl_catalog_entry **entries;
    size_t n, cap;
} listing;

static void add_name(void *arg, const char *name) {
    listing *l = arg;
    const hl_catalog_entry *e;
    if (l->n == l->cap || hl_catalog_find(l->catalog, hl_str_from(name), &e, NULL) < 0) return;
    size_t at = l->n;
    for (size_t i = 0; i < l->n; i++)
        if (l->entries[i] == e) return; /* an earlier place has it */
    for (; at > 0 && l->entries[at - 1]->modified_ns < e->modified_ns; at--)
        l->entries[at] = l->entries[at - 1];
    l->entries[at] = e;
    l->n++;
}

static bool add_place(void *arg, const char *place) {
    hl_dir_each(place, add_name, arg);
    return false;
}

size_t hl_catalog_list(hl_catalog *c, const hl_catalog_entry **ret, size_t cap) {
    listing l = {
        .catalog = c, .entries = ret, .cap = cap < ENTRIES_MAX / 2 ? cap : ENTRIES_MAX / 2};
    if (c->n > ENTRIES_MAX / 2) /* so that nothing in the list is dropped while it is made */
        while (c->n > 0) drop(c, c->n - 1);
    hl_model_places(add_place, &l);
    return l.n;
}
