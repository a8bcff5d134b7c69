/* stored_model.h: a store in a directory of its own, and small models to put into it. */
#pragma once

#include "gguf/writer.h"
#include "store/create.h"
#include "temp_dir.h"

typedef struct stored {
    char dir[64];
    hl_store *store;
    hl_error err;
    char said[4096]; /* by the last create: statuses, each with a line's end */
    uint64_t steps;  /* with an amount */
} stored;

static inline void stored_ok(const stored *s, hl_status st) {
    if (st < 0) fail_msg("%s", s->err.text);
}

static inline void stored_init(stored *s) {
    memset(s, 0, sizeof *s);
    temp_dir_make(s->dir);
    const char *dirs[] = {s->dir};
    stored_ok(s, hl_store_open(dirs, 1, &s->store, &s->err));
}

static inline void stored_deinit(stored *s) {
    hl_store_close(s->store);
    temp_dir_remove(s->dir);
}

static inline hl_name stored_name(const char *text) {
    hl_name n;
    hl_error err;
    if (hl_name_parse(hl_str_from(text), &n, &err) < 0) fail_msg("%s: %s", text, err.text);
    return n;
}

/* A GGUF file of one tensor [32, 4] with a chat template (NULL: none), written to path.  `seed`
 * makes files differ. */
static inline void stored_write_gguf(const char *path, hl_dtype type, const char *chat,
                                     uint32_t seed) {
    hl_error err = {0};
    hl_gguf_writer *w;
    uint8_t data[32 * 4 * 4] = {0};
    hl_gguf_tensor t = {
        .name = HL_STR("blk.0.ffn_up.weight"), .type = type, .n_dims = 2, .dims = {32, 4}};
    uint32_t file_type = type == HL_DTYPE_F16 ? 1 : type == HL_DTYPE_Q8_0 ? 7 : 0;
    hl_status st = hl_gguf_writer_create(&w, &err);
    if (st >= 0) st = hl_gguf_writer_set_str(w, "general.architecture", HL_STR("llama"), &err);
    if (st >= 0) st = hl_gguf_writer_set_u32(w, "general.file_type", file_type, &err);
    if (st >= 0) st = hl_gguf_writer_set_u32(w, "llama.context_length", 64, &err);
    if (st >= 0) st = hl_gguf_writer_set_u32(w, "test.seed", seed, &err);
    if (st >= 0 && chat)
        st = hl_gguf_writer_set_str(w, "tokenizer.chat_template", hl_str_from(chat), &err);
    if (st >= 0) st = hl_gguf_writer_add_tensor(w, &t, &err);
    if (st >= 0) st = hl_gguf_writer_open(w, path, &err);
    if (st >= 0) st = hl_gguf_writer_write(w, (hl_bytes){data, hl_dtype_bytes(type, 128)}, &err);
    if (st >= 0) st = hl_gguf_writer_commit(w, &err);
    hl_gguf_writer_destroy(w);
    if (st < 0) fail_msg("%s", err.text);
}

/* The same as a blob of the store. */
static inline hl_digest stored_blob(stored *s, hl_dtype type, const char *chat, uint32_t seed) {
    char path[96];
    hl_layer l = {0};
    (void)snprintf(path, sizeof path, "%s/upload.gguf", s->dir);
    stored_write_gguf(path, type, chat, seed);
    stored_ok(s, hl_store_import(s->store, path, &l, &s->err));
    assert_int_equal(unlink(path), 0);
    return l.digest;
}

static inline void stored_report(void *arg, const hl_create_progress *p) {
    stored *s = arg;
    size_t at = strlen(s->said);
    assert_true(p->completed <= p->total);
    s->steps += p->total > 0;
    (void)snprintf(s->said + at, sizeof s->said - at, "%s\n", p->status);
}

static inline hl_status stored_create(stored *s, const hl_create *c) {
    s->said[0] = '\0';
    return hl_store_create(s->store, c, stored_report, s, &s->err);
}

/* A model of one file. */
static inline hl_digest stored_make(stored *s, const char *name, const char *chat, uint32_t seed) {
    hl_create_file file = {HL_STR("x.gguf"), stored_blob(s, HL_DTYPE_Q8_0, chat, seed)};
    hl_create c = {.name = stored_name(name), .files = &file, .n_files = 1};
    stored_ok(s, stored_create(s, &c));
    return file.digest;
}

static inline bool stored_has(const stored *s, const char *name) {
    hl_store_item item;
    hl_name n = stored_name(name);
    return hl_store_find(s->store, &n, &item, NULL) >= 0;
}

/* The model's manifest, which is the caller's. */
static inline hl_manifest stored_manifest(stored *s, const char *name) {
    hl_store_item item;
    hl_manifest m;
    hl_name n = stored_name(name);
    stored_ok(s, hl_store_find(s->store, &n, &item, &s->err));
    stored_ok(s, hl_store_read(s->store, &item, &m, &s->err));
    return m;
}

/* The text of the first layer of a kind, into ret; "" when there is none. */
static inline const char *stored_text(stored *s, const char *name, const char *kind, char *ret,
                                      size_t cap) {
    hl_manifest m = stored_manifest(s, name);
    size_t at = 0;
    const hl_layer *l = hl_manifest_next(&m, kind, &at);
    char path[HL_STORE_PATH_MAX];
    ret[0] = '\0';
    if (l) {
        hl_buf b;
        assert_true(hl_store_blob_path(s->store, &l->digest, path));
        hl_buf_init(&b, cap - 1);
        stored_ok(s, hl_file_read(path, cap - 1, &b, &s->err));
        memcpy(ret, b.ptr ? b.ptr : "", b.len);
        ret[b.len] = '\0';
        hl_buf_deinit(&b);
    }
    hl_manifest_deinit(&m);
    return ret;
}
