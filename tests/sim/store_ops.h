/* What the writers of the simulation do to the store, and how it is drawn. */
#pragma once

#include "sim/store_theirs.h"
#include "store/registry_blob.h"

/* -- operations -------------------------------------------------------------------------------- */

static const char *const NAMES[NAMES_N] = {"a", "A", "b", "me/c:1", "host.x/y/z:t", "me/c:2"};
static const char *const BASES[2] = {"base1", "base2"};
static const char BEHIND_NAME[] = "behind";

static inline hl_name some_name(world *w) {
    return stored_name(NAMES[below(w, NAMES_N)]);
}

/* That is to be there; now and then one that we only read, or theirs. */
static inline hl_name some_other(world *w) {
    if (w->two_dirs && one_in(w, 4)) return stored_name(BEHIND_NAME);
    return w->others && one_in(w, 4) ? stored_name(THEIR_NAMES[below(w, 2)]) : some_name(w);
}

static inline hl_name some_source(world *w) {
    return one_in(w, 2) ? stored_name(BASES[below(w, 2)]) : some_other(w);
}

/* The operation needs this model. */
static inline void want(world *w, writer *me, const hl_name *name) {
    hl_name_path(name, me->wants);
    to_small(me->wants);
    if (!name_is_there(w, me->wants)) me->may_lack = true;
}

static inline void aim(writer *me, const hl_name *name) {
    hl_name_path(name, me->target);
    to_small(me->target);
}

static inline hl_status op_upload(world *w, writer *me, const sim_file *f, hl_error *err) {
    hl_blob_out *b;
    size_t at = 0;
    HL_TRY(hl_blob_out_open(me->store, &f->digest, &b, err));
    hl_status st = HL_OK;
    while (st >= 0 && at < f->len) {
        size_t n = 1 + below(w, (uint32_t)(f->len - at));
        st = hl_blob_out_write(b, (hl_bytes){(const uint8_t *)f->bytes + at, n}, err);
        at += n;
    }
    if (st >= 0) st = hl_blob_out_commit(b, err);
    hl_blob_out_close(b);
    return st;
}

static inline hl_status op_create(world *w, writer *me, hl_error *err) {
    static const char *const systems[] = {"", "S", "T"};
    const sim_file *f = &w->files[below(w, FILES_N)];
    hl_create_file file = {HL_STR("x.gguf"), f->digest};
    hl_create c = {.name = some_name(w), .system = hl_str_from(systems[below(w, 3)])};
    uint32_t kind = below(w, 4);
    if (kind == 0) {
        c.has_from = true;
        c.from_path = OUTSIDE;
    } else if (kind == 1) {
        c.has_from = true;
        c.from = some_source(w);
        want(w, me, &c.from);
        if (one_in(w, 4)) c.quantize = HL_STR("Q8_0");
    } else {
        c.files = &file;
        c.n_files = 1;
    }
    if (c.n_files > 0 && hl_store_keep(me->store, &f->digest, NULL) < 0)
        HL_TRY(op_upload(w, me, f, err));
    aim(me, &c.name);
    return hl_store_create(me->store, &c, stored_report, &me->said, err);
}

static inline hl_status op_copy(world *w, writer *me, hl_error *err) {
    hl_name from = some_source(w), to = some_name(w);
    hl_name_path(&from, me->wants);
    if (is_theirs(me->wants)) from = stored_name(BASES[0]); /* a half is copied as it is */
    want(w, me, &from);
    aim(me, &to);
    return hl_store_copy(me->store, &from, &to, err);
}

static inline hl_status op_delete(world *w, writer *me, hl_error *err) {
    hl_name name = some_other(w);
    want(w, me, &name);
    aim(me, &name);
    return hl_store_delete(me->store, &name, err);
}

static inline hl_status list_one(void *arg, const hl_store_item *item, hl_error *err) {
    world *w = arg;
    hl_manifest m;
    hl_status st = hl_store_read(NULL, item, &m, err);
    if (st >= 0) hl_manifest_deinit(&m);
    if (st == HL_EFORMAT && !is_theirs(item->path)) wrong(w, "a manifest was read that is torn");
    return HL_OK;
}

/* -- a pull ------------------------------------------------------------------------------------ */

/* Without its network: the bytes come as they would from a registry, in pieces, and a pull that was
 * cut off goes on where it was. */
static inline hl_status pull_part(world *w, hl__blob *b, const sim_file *f, uint32_t part,
                                  hl_error *err) {
    uint64_t end = hl__part_bytes(&b->parts, part);
    while (b->parts.there[part] < end) {
        uint64_t at = hl__part_offset(&b->parts, part) + b->parts.there[part];
        uint64_t n = 1 + below(w, (uint32_t)(end - b->parts.there[part]));
        hl_bytes piece = {(const uint8_t *)f->bytes + at, (size_t)n};
        HL_TRY(hl__blob_write(b, part, piece, err));
        if (one_in(w, 3)) HL_TRY(hl__blob_save(b, part, err));
    }
    return HL_OK;
}

static inline hl_status pull_bytes(world *w, hl__blob *b, const sim_file *f, hl_error *err) {
    uint8_t bytes[sizeof f->bytes];
    size_t n;
    for (uint32_t i = 0; i < b->parts.n; i++) HL_TRY(pull_part(w, b, f, i, err));
    HL_TRY(hl_file_rw_read(&b->data, 0, bytes, sizeof bytes, &n, err));
    if (n != b->layer->bytes) return hl_fail(err, HL_EIO, "pull", "%zu bytes are there", n);
    hl_sha256_update(b->hash, (hl_bytes){bytes, n});
    b->hashed = n;
    return HL_OK;
}

/* ENOTFOUND: the other one pulls it. */
static inline hl_status pull_blob(world *w, writer *me, const hl_layer *l, const sim_file *f,
                                  hl_error *err) {
    hl__blob b = {.layer = l, .data = {-1}, .state = {-1}};
    hl_status st = hl__blob_open(me->store, &b, 0, err);
    if (st == HL_ENOTFOUND) st = hl__blob_open(me->store, &b, 0, err); /* pruned while it looked */
    if (st >= 0 && b.stage == HL__TAKEN) {
        me->may_lack = true;
        st = hl_fail(err, HL_ENOTFOUND, "pull", "it is taken");
    }
    if (st >= 0 && b.stage != HL__STORED) {
        st = pull_bytes(w, &b, f, err);
        if (st >= 0) st = hl__blob_finish(me->store, &b, err);
    }
    hl__blob_close(&b);
    return st;
}

/* A model of a file and a config. */
static inline hl_status op_pull(world *w, writer *me, hl_error *err) {
    const sim_file *f = &w->files[below(w, FILES_N)], *c = &w->files[FILES_N];
    hl_layer model = {
        .media = HL_STR(HL_LAYER_PREFIX "model"), .digest = f->digest, .bytes = f->len};
    hl_layer config = {.media = HL_STR(HL_CONFIG_MEDIA), .digest = c->digest, .bytes = c->len};
    hl_name name = some_name(w);
    hl_buf text;
    HL_TRY(pull_blob(w, me, &model, f, err));
    HL_TRY(pull_blob(w, me, &config, c, err));
    hl_buf_init(&text, 0);
    hl_manifest_print(&config, &model, 1, &text);
    aim(me, &name);
    hl_status st = hl_buf_status(&text, "a manifest", err);
    if (st >= 0) st = hl_store_write_text(me->store, &name, hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    return st;
}

/* -- one of them ------------------------------------------------------------------------------- */

static inline op_kind some_op(world *w) {
    static const op_kind some[] = {OP_CREATE, OP_CREATE, OP_CREATE, OP_CREATE, OP_COPY,
                                   OP_COPY,   OP_DELETE, OP_DELETE, OP_DELETE, OP_PRUNE,
                                   OP_PULL,   OP_PULL,   OP_LIST,   OP_UPLOAD};
    return some[below(w, sizeof some / sizeof *some)];
}

static hl_status run_op(world *w, writer *me, hl_error *err) {
    bool is_theirs = me == &w->writers[THEIRS];
    me->op = is_theirs ? OP_THEIRS : w->only < OPS_N ? w->only : some_op(w);
    switch (me->op) {
    case OP_CREATE: return op_create(w, me, err);
    case OP_COPY: return op_copy(w, me, err);
    case OP_DELETE: return op_delete(w, me, err);
    case OP_PRUNE: return hl_store_prune(me->store, w->calls.now_ns, err);
    case OP_PULL: return op_pull(w, me, err);
    case OP_LIST: return hl_store_each(me->store, list_one, w, err);
    case OP_UPLOAD: return op_upload(w, me, &w->files[below(w, FILES_N)], err);
    default: return run_their_op(w, err);
    }
}
