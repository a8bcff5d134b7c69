/* The weights of a model in the making, from a directory of safetensors: the uploaded files get
 * back their names in a temporary directory, as store/convert.h reads them. */
#include "base/clock.h"
#include "base/dir.h"
#include "base/fs.h"
#include "store/convert.h"
#include "store/create_parts.h"
#include "store/store_parts.h"

#include <stdio.h>

enum { NS_PER_S = 1000000000, COPY_CHUNK = 4 << 20 };

/* -- names ------------------------------------------------------------------------------------- */

static hl_str last_part(hl_str name) {
    size_t at = name.len;
    while (at > 0 && name.ptr[at - 1] != '/') at--;
    return hl_str_slice(name, at, name.len);
}

static hl_status path_in(const char *dir, const hl_create_file *f, char ret[HL_STORE_PATH_MAX],
                         hl_error *err) {
    hl_str name = last_part(f->name);
    int len = snprintf(ret, HL_STORE_PATH_MAX, "%s/%.*s", dir, HL_STR_ARG(name));
    bool fits = len > 0 && len < HL_STORE_PATH_MAX && name.len > 0 && name.len < 256;
    if (fits && name.ptr[0] != '.' && !memchr(name.ptr, '\0', name.len)) return HL_OK;
    return hl_fail(err, HL_EINVAL, "create", "%.*s is no name of a file",
                   HL_STR_ARG(hl_str_slice(f->name, 0, 200)));
}

static hl_status copy_file(const char *from, const char *to, hl_error *err) {
    hl_file_map map;
    hl_file_out *out = NULL;
    HL_TRY(hl_file_map_open(from, &map, err));
    hl_status st = hl_file_out_open(to, &out, err);
    for (size_t at = 0; st >= 0 && at < map.bytes.len; at += COPY_CHUNK) {
        size_t n = map.bytes.len - at < COPY_CHUNK ? map.bytes.len - at : COPY_CHUNK;
        st = hl_file_out_write(out, (hl_bytes){map.bytes.ptr + at, n}, err);
        hl_file_map_forget(&map, at, n);
    }
    if (st >= 0) st = hl_file_out_commit(out, err);
    hl_file_out_close(out);
    hl_file_map_close(&map);
    return st;
}

hl_status hl__name_blob(const hl__making *m, const hl_digest *d, const char *to, hl_error *err) {
    char path[HL_STORE_PATH_MAX], real[HL_STORE_PATH_MAX];
    if (!hl_store_blob_path(m->store, d, path))
        return hl_fail(err, HL_ENOTFOUND, "create", "open %s: no such file or directory", path);
    HL_TRY(hl_store_keep(m->store, d, err));
    (void)hl_store_blob_path(m->store, d, path);        /* ours by now, perhaps */
    HL_TRY(hl_path_real(path, real, sizeof real, err)); /* a blob may be a link itself */
    hl_status st = hl_file_link(real, to, NULL);
    if (st >= 0) return st;
    return hl_file_clone(real, to, NULL) >= 0 ? HL_OK : copy_file(real, to, err);
}

static hl_status name_file(const hl__making *m, const char *dir, const hl_create_file *f,
                           hl_error *err) {
    char to[HL_STORE_PATH_MAX];
    HL_TRY(path_in(dir, f, to, err));
    hl_status st = hl__name_blob(m, &f->digest, to, err);
    if (st != HL_DONE) return st;
    return hl_fail(err, HL_EINVAL, "create", "two files named %.*s",
                   HL_STR_ARG(hl_str_slice(last_part(f->name), 0, 200)));
}

/* -- the conversion ---------------------------------------------------------------------------- */

typedef struct converting {
    const hl__making *making;
    const char *status; /* of the last step; NULL: none yet */
    uint64_t said_ns;
} converting;

/* A step's beginning, and a line every second. */
static bool report(void *arg, const hl_convert_progress *p) {
    converting *g = arg;
    uint64_t now_ns = hl_clock_ns();
    bool is_new = !g->status || strcmp(g->status, p->status) != 0;
    hl_create_progress line = {
        .status = p->status, .total = is_new ? 0 : p->total, .completed = is_new ? 0 : p->done};
    if (!is_new && now_ns - g->said_ns < NS_PER_S) return true;
    g->status = p->status;
    g->said_ns = now_ns;
    g->making->report(g->making->arg, &line);
    return true;
}

static hl_status convert(hl__making *m, const char *dir, hl_error *err) {
    char out[HL_STORE_PATH_MAX];
    converting g = {.making = m};
    hl_convert_options o = {.type = hl__full_type(m->request->quantize)};
    HL_TRY(hl_store_temp_path(m->store, out, err));
    hl_status st = hl_convert_directory(dir, &o, out, report, &g, err);
    return st < 0 ? st : hl__adopt_weights(m, out, err);
}

static hl_status remove_entry(void *arg, const char *name, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", (const char *)arg, name) >= (int)sizeof path)
        return HL_OK;
    return hl_file_remove(path, err);
}

void hl__remove_named(char *dir) {
    if (hl_dir_read(dir, remove_entry, dir, NULL) < 0) return; /* pruned some day */
    if (hl_dir_remove(dir, NULL) < 0) return;
}

/* The directory is nobody's business: a message names the files in it alone. */
static void forget_directory(const char *dir, hl_error *err) {
    size_t n = strlen(dir);
    char *at;
    HL_ASSERT(n > 0);
    if (!err) return;
    while ((at = strstr(err->text, dir)) != NULL) {
        size_t cut = n + (at[n] == '/');
        memmove(at, at + cut, strlen(at + cut) + 1);
    }
}

static hl_status convert_in(hl__making *m, const char *dir, hl_error *err) {
    char real[HL_STORE_PATH_MAX];
    const hl_create *c = m->request;
    HL_TRY(hl_path_real(dir, real, sizeof real, err));
    hl_status st = HL_OK;
    for (size_t f = 0; f < c->n_files && st >= 0; f++)
        if (!hl_str_ends(c->files[f].name, HL_STR(".gguf")))
            st = name_file(m, real, &c->files[f], err);
    if (st >= 0) st = convert(m, real, err);
    if (st < 0) forget_directory(real, err);
    return st;
}

hl_status hl__make_converted(hl__making *m, hl_error *err) {
    char dir[HL_STORE_PATH_MAX];
    HL_TRY(hl_store_temp_path(m->store, dir, err));
    hl_status st = hl_dir_make_all(dir, err);
    if (st >= 0) st = convert_in(m, dir, err);
    hl__remove_named(dir);
    return st;
}
