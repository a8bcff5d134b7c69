#include "store/sources.h"

#include "base/dir.h"
#include "base/file_rw.h"
#include "base/inside.h"
#include "store/describe.h"
#include "store/names.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* -- paths ------------------------------------------------------------------------------------- */

static hl_status join(hl_str dir, hl_str rest, char ret[HL_SOURCE_PATH_MAX], hl_error *err) {
    bool apart = dir.len > 0 && rest.len > 0 && !hl_str_ends(dir, HL_STR("/"));
    const char *slash = apart ? "/" : "";
    int len = snprintf(ret, HL_SOURCE_PATH_MAX, "%.*s%s%.*s", HL_STR_ARG(dir), slash,
                       HL_STR_ARG(rest));
    if (len >= 0 && len < HL_SOURCE_PATH_MAX) return HL_OK;
    return hl_fail(err, HL_ELIMIT, "source", "the path is longer than %d bytes",
                   HL_SOURCE_PATH_MAX - 1);
}

/* "" is this user. */
static hl_status find_home(hl_str user, char ret[HL_SOURCE_PATH_MAX], hl_error *err) {
    char name[256], room[4096];
    struct passwd entry, *found = NULL;
    hl_str home = hl_str_from(user.len == 0 ? getenv("HOME") : NULL);
    if (home.len > 0) return join(home, (hl_str){"", 0}, ret, err);
    snprintf(name, sizeof name, "%.*s", HL_STR_ARG(user));
    if (user.len == 0)
        (void)getpwuid_r(geteuid(), &entry, room, sizeof room, &found);
    else if (user.len < sizeof name)
        (void)getpwnam_r(name, &entry, room, sizeof room, &found);
    if (found) return join(hl_str_from(found->pw_dir), (hl_str){"", 0}, ret, err);
    return hl_fail(err, HL_ENOTFOUND, "source", "~%.200s: no such user", name);
}

hl_status hl_path_expand(hl_str path, const char *base, char ret[HL_SOURCE_PATH_MAX],
                         hl_error *err) {
    char home[HL_SOURCE_PATH_MAX];
    if (path.len > 0 && memchr(path.ptr, '\0', path.len))
        return hl_fail(err, HL_EINVAL, "source", "a path with a zero byte");
    if (hl_str_starts(path, HL_STR("/"))) return join(path, (hl_str){"", 0}, ret, err);
    if (!hl_str_starts(path, HL_STR("~"))) return join(hl_str_from(base), path, ret, err);
    size_t slash = hl_str_find(path, HL_STR("/"), 0);
    HL_TRY(find_home(hl_str_slice(path, 1, slash), home, err));
    size_t rest = slash == SIZE_MAX ? path.len : slash + 1;
    return join(hl_str_from(home), hl_str_slice(path, rest, path.len), ret, err);
}

static hl_str name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return hl_str_from(slash ? slash + 1 : path);
}

/* -- a list of files --------------------------------------------------------------------------- */

typedef struct listing {
    const char *dir;
    hl_arena *arena;
    hl_source_file *files; /* [n], by name */
    size_t n;
} listing;

static hl_status no_memory(const hl_arena *arena, hl_error *err) {
    return hl_fail(err, hl_arena_status(arena), "source", "no memory for the files' names");
}

static hl_status listing_init(listing *l, hl_arena *arena, hl_error *err) {
    *l = (listing){.arena = arena};
    l->files = HL_ARENA_ARRAY(arena, HL_SOURCE_FILES_MAX, hl_source_file);
    return l->files ? HL_OK : no_memory(arena, err);
}

static hl_status add_file(listing *l, hl_str name, const char *path, hl_error *err) {
    if (l->n == HL_SOURCE_FILES_MAX)
        return hl_fail(err, HL_ELIMIT, "source", "more than %d files", HL_SOURCE_FILES_MAX);
    hl_source_file f = {hl_arena_str(l->arena, name),
                        hl_arena_str(l->arena, hl_str_from(path)).ptr};
    if (!f.name.ptr || !f.path) return no_memory(l->arena, err);
    size_t at = l->n++;
    for (; at > 0 && strcmp(l->files[at - 1].name.ptr, f.name.ptr) > 0; at--)
        l->files[at] = l->files[at - 1];
    l->files[at] = f;
    return HL_OK;
}

static void give(const listing *l, hl_source *ret) {
    HL_ASSERT(l->n > 0);
    *ret = (hl_source){.model = {"", 0}, .files = l->files, .n_files = l->n};
}

/* -- one file ---------------------------------------------------------------------------------- */

static bool ends(hl_str name, const char *suffix) {
    return hl_str_ends(name, hl_str_from(suffix));
}

bool hl_source_is_pytorch(hl_str name) {
    return ends(name, ".bin") || ends(name, ".pt") || ends(name, ".pth") || ends(name, ".ckpt");
}

hl_status hl_source_refuse_pytorch(hl_str name, hl_error *err) {
    return hl_fail(
        err, HL_EUNSUPPORTED, "source",
        "%.*s is a PyTorch file, which can hold programs and is not read: save the model "
        "as safetensors, or convert it to GGUF",
        HL_STR_ARG(hl_str_slice(name, 0, 200)));
}

static hl_status read_magic(const char *path, char ret[4], hl_error *err) {
    hl_file_rw f;
    size_t n = 0;
    HL_TRY(hl_file_rw_open_read(path, &f, err));
    hl_status st = hl_file_rw_read(&f, 0, ret, 4, &n, err);
    hl_file_rw_close(&f);
    if (n < 4) memset(ret, 0, 4);
    return st;
}

static hl_status check_gguf(const char *path, hl_str name, hl_error *err) {
    char magic[4];
    HL_TRY(read_magic(path, magic, err));
    if (memcmp(magic, "GGUF", 4) == 0) return HL_OK;
    if (hl_source_is_pytorch(name)) return hl_source_refuse_pytorch(name, err);
    if (ends(name, ".safetensors"))
        return hl_fail(err, HL_EINVAL, "source",
                       "%.*s alone is no model: name the directory that it is in",
                       HL_STR_ARG(name));
    return hl_fail(err, HL_EFORMAT, "source", "%.*s is not a GGUF file", HL_STR_ARG(name));
}

/* All parts of the model that the file is one of. */
static hl_status add_parts(listing *l, const char *path, unsigned n, hl_error *err) {
    enum { TAIL = sizeof "00001-of-00003.gguf" - 1 };
    char part[HL_SOURCE_PATH_MAX], real[HL_SOURCE_PATH_MAX];
    int stem = (int)(strlen(path) - TAIL);
    HL_ASSERT(stem > 0);
    for (unsigned i = 1; i <= n; i++) {
        snprintf(part, sizeof part, "%.*s%05u-of-%05u.gguf", stem, path, i, n);
        HL_TRY(hl_path_real(part, real, sizeof real, err));
        HL_TRY(check_gguf(real, name_of(part), err));
        HL_TRY(add_file(l, name_of(part), real, err));
    }
    return HL_OK;
}

static hl_status take_file(listing *l, const char *path, hl_error *err) {
    char real[HL_SOURCE_PATH_MAX];
    unsigned i, n;
    if (hl_part_of_name(name_of(path), &i, &n) && n > 1) return add_parts(l, path, n, err);
    HL_TRY(hl_path_real(path, real, sizeof real, err));
    HL_TRY(check_gguf(real, name_of(path), err));
    return add_file(l, name_of(path), real, err);
}

/* -- a directory ------------------------------------------------------------------------------- */

typedef enum weights { WEIGHTS_GGUF, WEIGHTS_MODEL, WEIGHTS_ANY } weights;

/* model.safetensors or a part of it; others hold the same weights in another form, mostly. */
static bool is_model(hl_str name) {
    return hl_str_starts(name, HL_STR("model")) && ends(name, ".safetensors");
}

static bool is_wanted(hl_str name, weights w) {
    if (w == WEIGHTS_GGUF) return ends(name, ".gguf");
    if (ends(name, ".safetensors")) return w == WEIGHTS_ANY || is_model(name);
    return ends(name, ".json") || ends(name, ".jinja") || hl_str_is(name, "tokenizer.model");
}

typedef struct seen {
    bool model, safetensors, gguf;
    char pytorch[256]; /* the first such file's name */
} seen;

static hl_status look_at(void *arg, const char *entry, hl_error *err) {
    seen *s = arg;
    hl_str name = hl_str_from(entry);
    (void)err;
    if (entry[0] == '.') return HL_OK;
    s->model = s->model || is_model(name);
    s->safetensors = s->safetensors || ends(name, ".safetensors");
    s->gguf = s->gguf || ends(name, ".gguf");
    bool first = hl_source_is_pytorch(name) && (!s->pytorch[0] || strcmp(entry, s->pytorch) < 0);
    if (first) snprintf(s->pytorch, sizeof s->pytorch, "%s", entry);
    return HL_OK;
}

static hl_status add_entry(listing *l, const char *entry, weights w, hl_error *err) {
    char path[HL_INSIDE_PATH_MAX];
    if (entry[0] == '.' || !is_wanted(hl_str_from(entry), w)) return HL_OK;
    HL_TRY(hl_path_inside(l->dir, entry, path, err));
    return hl_path_is_dir(path) ? HL_OK : add_file(l, hl_str_from(entry), path, err);
}

static hl_status add_model(void *arg, const char *entry, hl_error *err) {
    return add_entry(arg, entry, WEIGHTS_MODEL, err);
}

static hl_status add_safetensors(void *arg, const char *entry, hl_error *err) {
    return add_entry(arg, entry, WEIGHTS_ANY, err);
}

static hl_status add_gguf(void *arg, const char *entry, hl_error *err) {
    return add_entry(arg, entry, WEIGHTS_GGUF, err);
}

/* Of each kind one file, or the parts of one. */
static hl_status check_one_model(const listing *l, hl_error *err) {
    hl_str names[3] = {{"", 0}, {"", 0}, {"", 0}};
    for (size_t f = 0; f < l->n; f++) {
        unsigned i, n;
        hl_gguf *g;
        if (hl_part_of_name(l->files[f].name, &i, &n) && i > 1) continue;
        HL_TRY(check_gguf(l->files[f].path, l->files[f].name, err));
        HL_TRY(hl_gguf_open(l->files[f].path, &g, err));
        const char *kind = hl_gguf_layer_kind(g);
        hl_str *name = &names[strcmp(kind, "model") == 0     ? 0
                              : strcmp(kind, "adapter") == 0 ? 1
                                                             : 2];
        hl_gguf_close(g);
        if (name->len > 0)
            return hl_fail(err, HL_EINVAL, "source",
                           "%.200s holds several models (%.*s, %.*s): name one of the files",
                           l->dir, HL_STR_ARG(*name), HL_STR_ARG(l->files[f].name));
        *name = l->files[f].name;
    }
    return HL_OK;
}

static hl_status no_model(const char *dir, hl_error *err) {
    return hl_fail(err, HL_ENOTFOUND, "source",
                   "%.400s holds no model: no file *.safetensors or *.gguf", dir);
}

static hl_status take_directory(listing *l, const char *dir, hl_error *err) {
    seen s = {0};
    l->dir = dir;
    HL_TRY(hl_dir_read(dir, look_at, &s, err));
    if (s.model) return hl_dir_read(dir, add_model, l, err);
    if (s.safetensors) return hl_dir_read(dir, add_safetensors, l, err);
    if (s.gguf) {
        HL_TRY(hl_dir_read(dir, add_gguf, l, err));
        return check_one_model(l, err);
    }
    if (s.pytorch[0]) return hl_source_refuse_pytorch(hl_str_from(s.pytorch), err);
    return no_model(dir, err);
}

/* -- what a value names ------------------------------------------------------------------------ */

/* What nobody writes who means a model. */
static bool can_only_be_path(hl_str value) {
    return hl_str_starts(value, HL_STR("/")) || hl_str_starts(value, HL_STR(".")) ||
           hl_str_starts(value, HL_STR("~")) || ends(value, ".gguf") ||
           hl_source_is_pytorch(value) || ends(value, ".safetensors");
}

static hl_status take_model(hl_str value, hl_arena *arena, hl_source *ret, hl_error *err) {
    hl_name name;
    HL_TRY(hl_name_parse(value, &name, err));
    *ret = (hl_source){.model = hl_arena_str(arena, value)};
    return ret->model.ptr ? HL_OK : no_memory(arena, err);
}

hl_status hl_source_find(hl_str value, const char *base, hl_arena *arena, hl_source *ret,
                         hl_error *err) {
    char path[HL_SOURCE_PATH_MAX];
    listing l;
    HL_ASSERT(base && arena);
    HL_TRY(hl_path_expand(value, base, path, err));
    bool is_dir = hl_path_is_dir(path);
    if (!is_dir && !hl_path_is_file(path)) {
        if (!can_only_be_path(value)) return take_model(value, arena, ret, err);
        return hl_fail(err, HL_ENOTFOUND, "source", "%.400s: no such file or directory", path);
    }
    HL_TRY(listing_init(&l, arena, err));
    hl_status st = is_dir ? take_directory(&l, path, err) : take_file(&l, path, err);
    if (st >= 0 && l.n == 0) st = no_model(path, err);
    if (st == HL_ENOTFOUND && is_dir && !can_only_be_path(value) &&
        take_model(value, arena, ret, NULL) >= 0)
        return HL_OK;
    if (st < 0) return st;
    give(&l, ret);
    return HL_OK;
}
