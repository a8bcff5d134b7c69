#include "store/foreign.h"

#include "base/dir.h"
#include "store/describe.h"
#include "store/store_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES_MAX = 65536, ARENA_BYTES_MAX = 256 << 20 };

typedef struct search {
    hl_foreign_fn *each;
    void *arg;
    hl_arena *arena;
    hl_status stopped; /* by each */
} search;

/* -- directories in order ---------------------------------------------------------------------- */

typedef struct names {
    search *owner;
    const char **list; /* [n], sorted */
    size_t n, cap;
} names;

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "import", "no memory to look for models");
}

static hl_status add_name(void *arg, const char *entry, hl_error *err) {
    names *l = arg;
    if (entry[0] == '.') return HL_OK;
    if (l->n == ENTRIES_MAX)
        return hl_fail(err, HL_ELIMIT, "import", "a directory of more than %d entries",
                       ENTRIES_MAX);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        const char **more = HL_ARENA_ARRAY(l->owner->arena, cap, const char *);
        if (!more) return no_memory(err);
        if (l->n > 0) memcpy(more, l->list, l->n * sizeof *more);
        l->list = more;
        l->cap = cap;
    }
    l->list[l->n] = hl_arena_str(l->owner->arena, hl_str_from(entry)).ptr;
    return l->list[l->n++] ? HL_OK : no_memory(err);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of a directory that cannot be read, none. */
static hl_status read_names(search *s, const char *dir, names *ret, hl_error *err) {
    *ret = (names){.owner = s};
    hl_status st = hl_dir_read(dir, add_name, ret, err);
    if (st == HL_ENOMEM || st == HL_ELIMIT) return st;
    if (ret->n > 1) qsort(ret->list, ret->n, sizeof *ret->list, by_text);
    return HL_OK;
}

static bool path_of(const char *dir, const char *name, char ret[HL_STORE_PATH_MAX]) {
    return hl__store_path(dir, "", name, ret, NULL) >= 0;
}

static bool has_dir(const char *dir, const char *name, char ret[HL_STORE_PATH_MAX]) {
    return path_of(dir, name, ret) && hl_path_is_dir(ret);
}

static hl_status tell(search *s, const hl_foreign *f, hl_error *err) {
    HL_ASSERT(f->path && f->name.model[0]);
    s->stopped = s->each(s->arg, f, err);
    return s->stopped;
}

/* -- GGUF files of one directory --------------------------------------------------------------- */

/* "Model-Name-Q4_K_M", "model.f16": what is behind the last '-' or '.', if it is a type. */
static hl_str quant_of(hl_str stem) {
    size_t at = stem.len;
    while (at > 0 && stem.ptr[at - 1] != '-' && stem.ptr[at - 1] != '.') at--;
    hl_str last = hl_str_slice(stem, at, stem.len);
    static const char *const kinds[] = {"Q", "IQ", "TQ", "F", "BF", "MXFP"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i]);
        bool same = hl_str_eq_nocase(hl_str_slice(last, 0, n), hl_str_from(kinds[i]));
        if (same && last.len > n && last.ptr[n] >= '1' && last.ptr[n] <= '9') return last;
    }
    return (hl_str){"", 0};
}

static hl_str stem_of(hl_str file) {
    unsigned i, n;
    size_t tail = hl_part_of_name(file, &i, &n) ? sizeof "-00001-of-00001.gguf" - 1
                                                : sizeof ".gguf" - 1;
    return hl_str_slice(file, 0, file.len - tail);
}

static void copy_upper(char *to, size_t cap, hl_str text) {
    size_t n = text.len < cap - 1 ? text.len : cap - 1;
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? text.ptr[i] - 32 : text.ptr[i]);
    to[n] = '\0';
}

/* A repository's directory, and what it is called. */
typedef struct repo {
    const char *dir, *org, *name;
} repo;

typedef struct found {
    const char *path, *kind; /* kind: static; NULL: it cannot be read */
    char tag[HL_NAME_PART_MAX + 1], stem[HL_NAME_PART_MAX + 1];
    unsigned n_parts;
} found;

static void judge(const char *file, const char *path, found *ret) {
    hl_gguf *g;
    unsigned i = 1, n = 1;
    *ret = (found){.path = path, .n_parts = 1};
    if (hl_part_of_name(hl_str_from(file), &i, &n)) ret->n_parts = n;
    if (i > 1 || hl_gguf_open(path, &g, NULL) < 0) return;
    hl_str stem = stem_of(hl_str_from(file)), quant = quant_of(stem);
    ret->kind = hl_gguf_layer_kind(g);
    copy_upper(ret->tag, sizeof ret->tag,
               quant.len > 0 ? quant : hl_str_from(hl_gguf_quantization(g)));
    snprintf(ret->stem, sizeof ret->stem, "%.*s", HL_STR_ARG(stem));
    hl_gguf_close(g);
}

/* Two files of one type are told apart by their names. */
static bool shares_tag(const found *all, size_t n, size_t at) {
    for (size_t i = 0; i < n; i++)
        if (i != at && all[i].kind && strcmp(all[i].kind, "model") == 0 &&
            strcmp(all[i].tag, all[at].tag) == 0)
            return true;
    return false;
}

static hl_status tell_files(search *s, const repo *r, const found *all, size_t n, hl_error *err) {
    const char *projector = NULL;
    for (size_t i = 0; i < n && !projector; i++)
        if (all[i].kind && strcmp(all[i].kind, "projector") == 0) projector = all[i].path;
    for (size_t i = 0; i < n; i++) {
        if (!all[i].kind || strcmp(all[i].kind, "model") != 0) continue;
        const char *tag = shares_tag(all, n, i) ? all[i].stem : all[i].tag;
        const char *const parts[] = {"hf.co", r->org, r->name, tag};
        hl_foreign f = {.path = all[i].path, .projector = projector, .n_parts = all[i].n_parts};
        if (hl_name_from_parts(parts, &f.name)) HL_TRY(tell(s, &f, err));
    }
    return HL_OK;
}

/* depth: of directories below that are looked into. */
static hl_status search_repo(search *s, const repo *r, int depth, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    names l;
    size_t n = 0;
    HL_TRY(read_names(s, r->dir, &l, err));
    found *all = HL_ARENA_ARRAY(s->arena, l.n + 1, found);
    if (!all) return no_memory(err);
    for (size_t i = 0; i < l.n; i++) {
        if (!path_of(r->dir, l.list[i], path)) continue;
        bool dir = hl_path_is_dir(path);
        if (dir ? depth == 0 : !hl_str_ends(hl_str_from(l.list[i]), HL_STR(".gguf"))) continue;
        const char *kept = hl_arena_str(s->arena, hl_str_from(path)).ptr;
        if (!kept) return no_memory(err);
        if (dir)
            HL_TRY(search_repo(s, &(repo){kept, r->org, r->name}, depth - 1, err));
        else
            judge(l.list[i], kept, &all[n++]);
    }
    return tell_files(s, r, all, n, err);
}

/* -- LM Studio --------------------------------------------------------------------------------- */

static hl_status search_publisher(search *s, const char *dir, const char *publisher,
                                  hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    names l;
    HL_TRY(read_names(s, dir, &l, err));
    for (size_t i = 0; i < l.n; i++)
        if (has_dir(dir, l.list[i], path))
            HL_TRY(search_repo(s, &(repo){path, publisher, l.list[i]}, 0, err));
    return HL_OK;
}

static hl_status search_lm_studio(search *s, const char *dir, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    names l;
    HL_TRY(read_names(s, dir, &l, err));
    for (size_t i = 0; i < l.n; i++)
        if (has_dir(dir, l.list[i], path)) HL_TRY(search_publisher(s, path, l.list[i], err));
    return HL_OK;
}

/* -- Hugging Face ------------------------------------------------------------------------------ */

static const char HF_PREFIX[] = "models--";

/* The snapshot that refs/main names, else the last by name. */
static bool find_snapshot(search *s, const char *dir, char ret[HL_STORE_PATH_MAX]) {
    char snapshots[HL_STORE_PATH_MAX], main_ref[HL_STORE_PATH_MAX], name[128] = "";
    hl_buf text;
    names l;
    if (!has_dir(dir, "snapshots", snapshots)) return false;
    hl_buf_init(&text, 0);
    if (path_of(dir, "refs/main", main_ref) && hl_file_read(main_ref, 100, &text, NULL) >= 0)
        snprintf(name, sizeof name, "%.*s", HL_STR_ARG(hl_buf_str(&text)));
    hl_buf_deinit(&text);
    name[strcspn(name, " \r\n")] = '\0';
    if (name[0] && name[0] != '.' && !strchr(name, '/') && has_dir(snapshots, name, ret))
        return true;
    if (read_names(s, snapshots, &l, NULL) < 0 || l.n == 0) return false;
    return has_dir(snapshots, l.list[l.n - 1], ret);
}

/* "models--ORG--REPO" */
static hl_status search_cached(search *s, const char *dir, const char *entry, hl_error *err) {
    char path[HL_STORE_PATH_MAX], org[256];
    const char *name = entry + sizeof HF_PREFIX - 1, *end = strstr(name, "--");
    if (!end || !find_snapshot(s, dir, path)) return HL_OK;
    snprintf(org, sizeof org, "%.*s", (int)(end - name), name);
    return search_repo(s, &(repo){path, org, end + 2}, 1, err);
}

static bool is_cached(const char *entry) {
    return hl_str_starts(hl_str_from(entry), hl_str_from(HF_PREFIX));
}

static hl_status search_hugging_face(search *s, const char *dir, const names *l, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    for (size_t i = 0; i < l->n; i++)
        if (is_cached(l->list[i]) && has_dir(dir, l->list[i], path))
            HL_TRY(search_cached(s, path, l->list[i], err));
    return HL_OK;
}

/* -- Ollama ------------------------------------------------------------------------------------ */

static hl_status tell_manifest(void *arg, const hl_store_item *item, hl_error *err) {
    hl_foreign f = {.name = item->name, .path = item->path};
    return tell(arg, &f, err);
}

static hl_status search_ollama(search *s, const char *dir, hl_error *err) {
    hl_status st = hl__store_walk(dir, tell_manifest, s, err);
    return s->stopped < 0 || st == HL_ENOMEM ? st : HL_OK;
}

/* -- what a directory is ----------------------------------------------------------------------- */

static hl_status search_dir(search *s, const char *dir, hl_error *err) {
    char path[HL_STORE_PATH_MAX], blobs[HL_STORE_PATH_MAX];
    names l;
    if (has_dir(dir, "manifests", path) && has_dir(dir, "blobs", blobs))
        return search_ollama(s, dir, err);
    HL_TRY(read_names(s, dir, &l, err));
    for (size_t i = 0; i < l.n; i++)
        if (is_cached(l.list[i])) return search_hugging_face(s, dir, &l, err);
    if (has_dir(dir, "models", path) || has_dir(dir, "hub", path)) return search_dir(s, path, err);
    return search_lm_studio(s, dir, err);
}

hl_status hl_foreign_each(const char *dir, hl_foreign_fn *each, void *arg, hl_error *err) {
    if (!hl_path_is_dir(dir))
        return hl_fail(err, HL_ENOTFOUND, "import", "%.400s is no directory", dir);
    search s = {.each = each, .arg = arg, .arena = hl_arena_create(ARENA_BYTES_MAX)};
    if (!s.arena) return no_memory(err);
    hl_status st = search_dir(&s, dir, err);
    hl_arena_destroy(s.arena);
    return st;
}

size_t hl_foreign_places(char ret[HL_FOREIGN_PLACES_MAX][HL_STORE_PATH_MAX]) {
    static const struct {
        const char *variable, *rest;
    } all[] = {{"HOME", "/.ollama/models"},
               {NULL, "/usr/share/ollama/.ollama/models"},
               {"HOME", "/.lmstudio/models"},
               {"HOME", "/.cache/lm-studio/models"},
               {"HF_HUB_CACHE", ""},
               {"HF_HOME", "/hub"},
               {"XDG_CACHE_HOME", "/huggingface/hub"},
               {"HOME", "/.cache/huggingface/hub"}};
    _Static_assert(sizeof all / sizeof *all == HL_FOREIGN_PLACES_MAX, "room for all");
    size_t n = 0;
    for (size_t i = 0; i < HL_FOREIGN_PLACES_MAX; i++) {
        const char *base = all[i].variable ? getenv(all[i].variable) : "";
        if (!base || (all[i].variable && !base[0])) continue;
        int len = snprintf(ret[n], HL_STORE_PATH_MAX, "%s%s", base, all[i].rest);
        bool known = len <= 0 || len >= HL_STORE_PATH_MAX || !hl_path_is_dir(ret[n]);
        for (size_t k = 0; k < n && !known; k++) known = strcmp(ret[k], ret[n]) == 0;
        if (!known) n++;
    }
    return n;
}
