#include "store/registry_file.h"

#include "base/mem.h"
#include "store/registry_fetch.h"
#include "store/registry_fetch_parts.h"

static const hl_str SUFFIX = {".gguf", 5};

bool hl_registry_is_file(hl_str model) {
    return hl_str_find(model, HL_STR("://"), 0) != SIZE_MAX && hl_str_ends(model, SUFFIX);
}

hl_status hl__file_name(hl_str url, hl_name *ret, hl_error *err) {
    size_t end = url.len - SUFFIX.len, begin = end;
    while (begin > 0 && url.ptr[begin - 1] != '/') begin--;
    return hl_name_parse(hl_str_slice(url, begin, end), ret, err);
}

/* The first byte, for the length of all and the mark of this version. */
static hl_status look(hl__link *l, hl_layer *ret, hl_error *err) {
    hl__reply reply;
    hl__request r = {.method = "GET", .url = l->file_url.ptr, .headers = {"Range: bytes=0-0"}};
    uint64_t from, to;
    HL_TRY(hl__link_ask(l, &r, &reply, err));
    hl_status st = HL_OK;
    if (reply.http >= 400) {
        *err = reply.error;
        st = reply.error.status;
    } else if (!hl__content_range_parse(hl_str_from(reply.range), &from, &to, &ret->bytes)) {
        st = hl_fail(err, HL_EREMOTE, "registry", "the server does not say how large the file is");
    }
    hl_buf key;
    hl_buf_init(&key, 0);
    hl_buf_printf(&key, "%s %s", l->file_url.ptr, reply.etag);
    if (st >= 0) st = hl_buf_status(&key, "the file's URL", err);
    if (st >= 0)
        st = hl_digest_of((hl_bytes){(const uint8_t *)key.ptr, key.len}, &ret->digest, err);
    hl_buf_deinit(&key);
    hl__reply_deinit(&reply);
    return st;
}

static hl_status pull(hl__link *l, const hl_store *s, hl_error *err) {
    hl_create_progress begin = {.status = "pulling manifest"};
    hl_layer layer = {0};
    hl__wanted wanted = {.layer = &layer, .url = l->file_url.ptr, .unnamed = true};
    l->ask->report(l->ask->arg, &begin);
    HL_TRY(look(l, &layer, err));
    HL_TRY(hl__fetch_blobs(l, s, &wanted, 1, err));
    hl_create_file file = {.name = HL_STR("model.gguf"), .digest = wanted.got};
    hl_create c = {.name = l->name, .files = &file, .n_files = 1};
    return hl_store_create(s, &c, l->ask->report, l->ask->arg, err);
}

hl_status hl__file_pull(const hl_store *s, const hl_registry_ask *ask, hl_error *err) {
    hl__link l;
    HL_TRY(hl__link_open(ask, &l, err));
    hl_status st = pull(&l, s, err);
    hl__link_close(&l);
    return st;
}
