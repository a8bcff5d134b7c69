/* Files that exist already, as blobs. */
#include "base/dir.h"
#include "base/file_rw.h"
#include "store/store_parts.h"

enum { COPY_CHUNK = 4 << 20 };

const char *hl_taken_word(hl_taken how) {
    static const char *const words[] = {"existing", "linked", "copied"};
    HL_ASSERT(how <= HL_TAKEN_COPIED);
    return words[how];
}

hl_status hl__describe_file(const char *path, hl_layer *ret, hl_error *err) {
    hl_file_facts facts;
    HL_TRY(hl_file_stat(path, &facts, err));
    ret->bytes = facts.bytes;
    return hl_digest_of_file(path, &ret->digest, err);
}

static hl_status copy_blob(const hl_store *s, const char *path, const hl_layer *l, hl_error *err) {
    hl_file_map map;
    hl_blob_out *b = NULL;
    HL_TRY(hl_file_map_open(path, &map, err));
    hl_status st = hl_blob_out_open(s, &l->digest, &b, err);
    for (size_t at = 0; st >= 0 && at < map.bytes.len; at += COPY_CHUNK) {
        size_t n = map.bytes.len - at < COPY_CHUNK ? map.bytes.len - at : COPY_CHUNK;
        st = hl_blob_out_write(b, (hl_bytes){map.bytes.ptr + at, n}, err);
        hl_file_map_forget(&map, at, n);
    }
    if (st >= 0) st = hl_blob_out_commit(b, err);
    hl_blob_out_close(b);
    hl_file_map_close(&map);
    return st;
}

/* Somebody else has written it, perhaps a moment ago. */
static hl_status sync_file(const char *path) {
    hl_file_rw f;
    HL_TRY(hl_file_rw_open_read(path, &f, NULL));
    hl_status st = hl_file_rw_sync(&f, NULL);
    hl_file_rw_close(&f);
    return st;
}

/* A reflink is better than a second name: the blob stays whatever is written into the file later.
 * A second name is as old as the file; touched, it is not pruned before a model names it. */
static bool link_blob(const hl_store *s, const hl_digest *d, const char *path, const char *to) {
    if (hl_file_clone(path, to, NULL) >= 0) return true;
    return sync_file(path) >= 0 && hl_file_link(path, to, NULL) >= 0 &&
           hl_store_keep(s, d, NULL) >= 0 && hl_dir_sync_parent(to, NULL) >= 0;
}

static hl_status describe(const char *path, const hl_digest *digest, hl_layer *ret, hl_error *err) {
    hl_file_facts facts;
    if (!digest) return hl__describe_file(path, ret, err);
    HL_TRY(hl_file_stat(path, &facts, err));
    ret->digest = *digest;
    ret->bytes = facts.bytes;
    return HL_OK;
}

hl_status hl_store_take(const hl_store *s, const char *path, const hl_digest *digest, bool may_copy,
                        hl_layer *ret, hl_taken *ret_how, hl_error *err) {
    char real[HL_STORE_PATH_MAX], to[HL_STORE_PATH_MAX];
    HL_TRY(hl_path_real(path, real, sizeof real, err)); /* a link's own inode is no blob */
    HL_TRY(describe(real, digest, ret, err));
    *ret_how = HL_TAKEN_BEFORE;
    if (hl_store_keep(s, &ret->digest, NULL) >= 0) return HL_OK;
    HL_TRY(hl__blob_place(s, &ret->digest, to, err));
    *ret_how = HL_TAKEN_LINKED;
    if (link_blob(s, &ret->digest, real, to)) return HL_OK;
    *ret_how = HL_TAKEN_COPIED;
    if (may_copy) return copy_blob(s, real, ret, err);
    return hl_fail(err, HL_EUNSUPPORTED, "store",
                   "%s cannot be linked into %s, it would have to be copied", path, s->dirs[0]);
}

hl_status hl_store_import(const hl_store *s, const char *path, hl_layer *ret, hl_error *err) {
    hl_taken how;
    return hl_store_take(s, path, NULL, true, ret, &how, err);
}
