/* Which directories make a store. */
#include "base/mem.h"
#include "config/env.h"
#include "store/store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char PACKAGE_DIR[] = "/usr/share/ollama/.ollama/models";

hl_status hl_store_open(const char *const *dirs, size_t n_dirs, hl_store **ret, hl_error *err) {
    HL_ASSERT(n_dirs > 0);
    hl_store *s = hl_calloc(1, sizeof *s);
    if (!s) return hl_fail(err, HL_ENOMEM, "store", "no memory");
    for (size_t i = 0; i < n_dirs && i < HL_STORE_PLACES_MAX; i++) {
        s->dirs[i] = hl_strdup(dirs[i]);
        if (!s->dirs[i]) {
            hl_store_close(s);
            return hl_fail(err, HL_ENOMEM, "store", "no memory");
        }
        s->n_dirs++;
    }
    *ret = s;
    return HL_OK;
}

void hl_store_close(hl_store *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_dirs; i++) hl_free(s->dirs[i]);
    hl_free(s);
}

const char *hl_store_root(const hl_store *s) {
    HL_ASSERT(s->n_dirs > 0);
    return s->dirs[0];
}

/* -- the default ------------------------------------------------------------------------------- */

typedef struct places {
    char paths[HL_STORE_PLACES_MAX][HL_STORE_PATH_MAX];
    const char *dirs[HL_STORE_PLACES_MAX];
    size_t n;
} places;

static void add(places *p, hl_str dir, const char *rest) {
    if (p->n == HL_STORE_PLACES_MAX || dir.len == 0) return;
    char *path = p->paths[p->n];
    int len = snprintf(path, HL_STORE_PATH_MAX, "%.*s%s", HL_STR_ARG(dir), rest);
    if (len <= 0 || len >= HL_STORE_PATH_MAX) return;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->paths[i], path) == 0) return;
    p->dirs[p->n] = path;
    p->n++;
}

/* Those that exist, the writable first; without one, our own goes first. */
static void add_usual(places *p) {
    hl_str home = hl_str_from(getenv("HOME"));
    static const char *const rest[] = {"/.ollama/models", "", "/.hyperllama/models"};
    char paths[3][HL_STORE_PATH_MAX];
    bool exists[3];
    for (size_t i = 0; i < 3; i++) {
        hl_str base = i == 1 ? hl_str_from(PACKAGE_DIR) : home;
        int len = snprintf(paths[i], sizeof paths[i], "%.*s%s", HL_STR_ARG(base), rest[i]);
        exists[i] = base.len > 0 && len > 0 && len < HL_STORE_PATH_MAX && hl_path_is_dir(paths[i]);
    }
    size_t root = 0;
    while (root < 2 && !(exists[root] && access(paths[root], W_OK) == 0)) root++;
    add(p, hl_str_from(root < 2 || home.len > 0 ? paths[root] : "/var/lib/hyperllama/models"), "");
    for (size_t i = 0; i < 3; i++)
        if (exists[i]) add(p, hl_str_from(paths[i]), "");
}

static void add_read_only(places *p) {
    hl_str list = hl_env_text("MODELS_READ");
    while (list.len > 0) {
        size_t colon = hl_str_find(list, HL_STR(":"), 0);
        add(p, hl_str_slice(list, 0, colon), "");
        list = hl_str_slice(list, colon == SIZE_MAX ? list.len : colon + 1, list.len);
    }
}

hl_status hl_store_open_default(const char *models_dir, hl_store **ret, hl_error *err) {
    places *p = hl_calloc(1, sizeof *p);
    if (!p) return hl_fail(err, HL_ENOMEM, "store", "no memory");
    hl_str given = hl_str_from(models_dir);
    add(p, given, "");
    if (given.len == 0) add_usual(p);
    add_read_only(p);
    hl_status st = p->n > 0 ? hl_store_open(p->dirs, p->n, ret, err)
                            : hl_fail(err, HL_EINVAL, "store",
                                      "the directory of models has too long a path");
    hl_free(p);
    return st;
}
