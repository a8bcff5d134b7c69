#include "store/registry_blob.h"

#include "base/dir.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/store_parts.h"

#include <stdio.h>

enum {
    SAVE_BYTES = 128 << 10, /* lost at a kill, at most, of each connection */
    STATE_BYTES_MAX = HL__PARTS_HEAD_BYTES + 8 * HL__PARTS_MAX,
    LOOK_AGAIN_NS = 250000000,
    RESTARTS_MAX = 3,
};

/* -- paths ------------------------------------------------------------------------------------- */

static hl_status path_of(const hl_store *s, const hl_layer *l, const char *suffix,
                         char ret[HL_STORE_PATH_MAX], hl_error *err) {
    char name[HL_DIGEST_HEX + 32];
    snprintf(name, sizeof name, "%s%s", hl_digest_hex(&l->digest), suffix);
    return hl__store_path(s->dirs[0], "blobs/sha256-", name, ret, err);
}

static const char DATA[] = "-partial", STATE[] = "-partial.parts";

/* A blob of the right length; one of another was broken off by something else. */
static bool is_stored(const hl_store *s, const hl_layer *l) {
    char path[HL_STORE_PATH_MAX];
    hl_file_facts facts;
    return hl_store_blob_path(s, &l->digest, path) && hl_file_stat(path, &facts, NULL) >= 0 &&
           facts.bytes == l->bytes;
}

static hl_status remove_file(const hl_store *s, const hl_layer *l, const char *suffix,
                             hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    HL_TRY(path_of(s, l, suffix, path, err));
    hl_status st = hl_file_remove(path, err);
    return st == HL_ENOTFOUND ? HL_OK : st;
}

/* -- what the disk says ------------------------------------------------------------------------ */

static hl_status read_parts(const hl_store *s, const hl_layer *l, hl__parts *ret, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_buf text;
    HL_TRY(path_of(s, l, STATE, path, err));
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(path, STATE_BYTES_MAX, &text, err);
    if (st >= 0)
        st = hl__parts_parse((hl_bytes){(uint8_t *)text.ptr, text.len}, l->bytes, ret, err);
    hl_buf_deinit(&text);
    return st;
}

uint64_t hl__blob_peek(const hl_store *s, const hl_layer *l) {
    hl__parts parts;
    if (read_parts(s, l, &parts, NULL) < 0) return 0;
    uint64_t there = hl__parts_there(&parts);
    hl__parts_deinit(&parts);
    return there;
}

uint64_t hl__blob_missing(const hl_store *s, const hl_layer *l) {
    return is_stored(s, l) ? 0 : l->bytes - hl__blob_peek(s, l);
}

/* -- opening ----------------------------------------------------------------------------------- */

/* A state whose data is not there, or shorter, counts as none. */
static hl_status load_parts(const hl_store *s, hl__blob *b, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_file_facts facts;
    if (read_parts(s, b->layer, &b->parts, NULL) >= 0) {
        HL_TRY(path_of(s, b->layer, DATA, path, err));
        HL_TRY(hl_file_stat(path, &facts, err));
        uint64_t end = 0;
        for (uint32_t i = 0; i < b->parts.n; i++)
            if (b->parts.there[i] > 0) end = hl__part_offset(&b->parts, i) + b->parts.there[i];
        if (end <= facts.bytes) return HL_OK;
        hl__parts_deinit(&b->parts);
    }
    return hl__parts_plan(b->layer->bytes, 0, &b->parts, err);
}

static hl_status write_state(const hl__blob *b, hl_error *err) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl__parts_print(&b->parts, &text);
    hl_status st = hl_buf_status(&text, "a download's state", err);
    if (st >= 0) st = hl_file_rw_resize(&b->state, 0, err);
    if (st >= 0)
        st = hl_file_rw_write(&b->state, 0, (hl_bytes){(uint8_t *)text.ptr, text.len}, err);
    hl_buf_deinit(&text);
    return st;
}

static hl_status set_up(const hl_store *s, hl__blob *b, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    HL_TRY(load_parts(s, b, err));
    HL_TRY(path_of(s, b->layer, STATE, path, err));
    HL_TRY(hl_file_rw_open(path, &b->state, err));
    HL_TRY(hl_file_rw_resize(&b->data, b->layer->bytes, err));
    HL_TRY(write_state(b, err));
    HL_TRY(hl_sha256_create(&b->hash, err));
    b->runs = hl_calloc(b->parts.n, sizeof *b->runs);
    if (!b->runs) return hl_fail(err, HL_ENOMEM, "registry", "no memory for a download");
    b->there = hl__parts_there(&b->parts);
    b->front = hl__parts_front(&b->parts);
    return HL_OK;
}

/* HL_AGAIN: another pull has it.  A file that was renamed between its opening and its locking is
 * no partial one any more. */
static hl_status take_data(const hl_store *s, hl__blob *b, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    HL_TRY(path_of(s, b->layer, DATA, path, err));
    for (int tries = 0; tries < 8; tries++) {
        HL_TRY(hl_file_rw_open(path, &b->data, err));
        hl_status st = hl_file_rw_lock(&b->data, err);
        if (st == HL_OK && hl_file_rw_is_at(&b->data, path)) return HL_OK;
        hl_file_rw_close(&b->data);
        if (st != HL_OK) return st;
    }
    return HL_AGAIN;
}

static hl_status make_dir(const hl_store *s, hl_error *err) {
    char dir[HL_STORE_PATH_MAX];
    HL_TRY(hl__store_path(s->dirs[0], "blobs", "", dir, err));
    return hl_dir_make_all(dir, err);
}

/* A state may be left of a pull that was killed right behind its last step. */
static hl_status use_stored(const hl_store *s, hl__blob *b, hl_error *err) {
    HL_TRY(remove_file(s, b->layer, STATE, err));
    HL_TRY(hl_store_keep(s, &b->layer->digest, err));
    b->stage = HL__STORED;
    b->there = b->layer->bytes;
    return HL_OK;
}

hl_status hl__blob_open(const hl_store *s, hl__blob *b, uint64_t now_ns, hl_error *err) {
    HL_ASSERT(b->stage == HL__WAITING || b->stage == HL__TAKEN);
    if (is_stored(s, b->layer)) return use_stored(s, b, err);
    HL_TRY(make_dir(s, err));
    hl_status st = take_data(s, b, err);
    if (st < 0) return st;
    if (st == HL_AGAIN) {
        b->stage = HL__TAKEN;
        b->look_again = now_ns + LOOK_AGAIN_NS;
        b->there = hl__blob_peek(s, b->layer);
        return HL_OK;
    }
    if (is_stored(s, b->layer)) { /* meanwhile; this file is a new one */
        st = remove_file(s, b->layer, DATA, err);
        if (st >= 0) st = use_stored(s, b, err);
    } else {
        st = set_up(s, b, err);
        if (st >= 0) b->stage = b->there == b->layer->bytes ? HL__ARRIVED : HL__ARRIVING;
    }
    if (st < 0 || b->stage == HL__STORED) hl__blob_close(b);
    return st;
}

void hl__blob_close(hl__blob *b) {
    hl_file_rw_close(&b->data);
    hl_file_rw_close(&b->state);
    hl__parts_deinit(&b->parts);
    hl_sha256_destroy(b->hash);
    hl_free(b->runs);
    hl_free(b->direct);
    b->hash = NULL;
    b->runs = NULL;
    b->direct = NULL;
}

/* -- bytes ------------------------------------------------------------------------------------- */

hl_status hl__blob_save(hl__blob *b, uint32_t part, hl_error *err) {
    uint8_t word[8];
    if (b->runs[part].unsaved == 0) return HL_OK;
    uint64_t at = hl__parts_record(&b->parts, part, word);
    HL_TRY(hl_file_rw_write(&b->state, at, (hl_bytes){word, sizeof word}, err));
    b->runs[part].unsaved = 0;
    return HL_OK;
}

hl_status hl__blob_write(hl__blob *b, uint32_t part, hl_bytes piece, hl_error *err) {
    uint64_t *there = &b->parts.there[part];
    HL_ASSERT(piece.len <= hl__part_bytes(&b->parts, part) - *there);
    HL_TRY(hl_file_rw_write(&b->data, hl__part_offset(&b->parts, part) + *there, piece, err));
    *there += piece.len;
    b->there += piece.len;
    b->runs[part].unsaved += piece.len;
    bool save = b->runs[part].unsaved >= SAVE_BYTES || hl__part_is_whole(&b->parts, part);
    return save ? hl__blob_save(b, part, err) : HL_OK;
}

hl_status hl__blob_restart(hl__blob *b, uint64_t part_bytes, hl_error *err) {
    hl__parts parts;
    if (++b->restarts > RESTARTS_MAX)
        return hl_fail(err, HL_EREMOTE, "registry",
                       "%s cannot be fetched in one piece, and changes or breaks off",
                       b->layer->digest.text);
    HL_TRY(hl__parts_plan(b->layer->bytes, part_bytes, &parts, err));
    hl__part_run *runs = hl_calloc(parts.n, sizeof *runs);
    if (!runs) {
        hl__parts_deinit(&parts);
        return hl_fail(err, HL_ENOMEM, "registry", "no memory for a download");
    }
    hl__parts_deinit(&b->parts);
    hl_free(b->runs);
    b->parts = parts;
    b->runs = runs;
    b->there = b->front = b->hashed = 0;
    hl_sha256_destroy(b->hash);
    b->hash = NULL;
    HL_TRY(hl_sha256_create(&b->hash, err));
    return write_state(b, err);
}

hl_status hl__blob_check_tag(hl__blob *b, hl_str etag, hl_error *err) {
    static const uint8_t none[HL__PARTS_TAG_BYTES];
    uint8_t tag[HL_SHA256_BYTES];
    hl_sha256 *h;
    _Static_assert(sizeof tag == sizeof none, "the mark is a SHA-256");
    if (etag.len == 0 || b->restarts >= RESTARTS_MAX) return HL_OK; /* the digest decides */
    HL_TRY(hl_sha256_create(&h, err));
    hl_sha256_update(h, (hl_bytes){(const uint8_t *)etag.ptr, etag.len});
    hl_sha256_finish(h, tag);
    hl_sha256_destroy(h);
    if (memcmp(b->parts.tag, tag, sizeof tag) == 0) return HL_OK;
    bool known = memcmp(b->parts.tag, none, sizeof none) != 0;
    memcpy(b->parts.tag, tag, sizeof tag);
    if (known && b->there > 0) return HL_AGAIN;
    return write_state(b, err);
}

/* -- the end ----------------------------------------------------------------------------------- */

static hl_status drop_files(const hl_store *s, const hl__blob *b, hl_error *err) {
    HL_TRY(remove_file(s, b->layer, DATA, err));
    return remove_file(s, b->layer, STATE, err);
}

/* After a sync that failed nobody can tell what the disk has: the next one may say that all is well
 * of bytes that are only in memory.  So everything is fetched again. */
static hl_status sync_data(const hl_store *s, const hl__blob *b, hl_error *err) {
    hl_status st = hl_file_rw_sync(&b->data, err);
    if (st >= 0) return st;
    hl_status dropped = drop_files(s, b, NULL);
    (void)dropped;
    return st;
}

hl_status hl__blob_finish(const hl_store *s, hl__blob *b, hl_error *err) {
    char from[HL_STORE_PATH_MAX], to[HL_STORE_PATH_MAX];
    hl_layer made = *b->layer;
    HL_ASSERT(b->hashed == b->layer->bytes);
    hl_sha256_finish_digest(b->hash, &b->got);
    if (b->unnamed) made.digest = b->got;
    if (strcmp(b->got.text, made.digest.text) != 0) {
        HL_TRY(drop_files(s, b, err));
        return hl_fail(err, HL_EINVAL, "registry",
                       "digest mismatch, file must be downloaded again: want %s, got %s",
                       b->layer->digest.text, b->got.text);
    }
    HL_TRY(path_of(s, b->layer, DATA, from, err));
    HL_TRY(path_of(s, &made, "", to, err));
    HL_TRY(sync_data(s, b, err));
    HL_TRY(hl_file_touch(from, err)); /* young, whenever it was begun */
    HL_TRY(hl_file_rename(from, to, err));
    HL_TRY(hl_dir_sync_parent(to, err));
    return remove_file(s, b->layer, STATE, err);
}
