/* A push: the blobs that the registry does not have, then the manifest. */
#include "base/clock.h"
#include "base/file_rw.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/registry_link.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { MD5_BYTES = 16, HTTP_CREATED = 201, REPORT_NS = 80000000 };
static const uint64_t CHUNK_MIN = 100000000, CHUNK_MAX = 1000000000; /* as Ollama's */
static const char MEDIA[] = "Content-Type: application/vnd.docker.distribution.manifest.v2+json";

typedef struct pushing {
    hl__link link;
    const hl_store *store;
    hl_manifest manifest;
    hl_buf text;
} pushing;

/* A blob on its way. */
typedef struct upload {
    pushing *p;
    const hl_layer *layer;
    hl_file_rw file;
    uint64_t from, end, at; /* the chunk, and where it is */
    uint64_t reported_ns;
    EVP_MD_CTX *md5; /* of the chunk; NULL: the library has none */
    hl_buf md5s;     /* of the chunks before */
    uint32_t n_chunks;
    hl_buf location; /* where the next request goes */
} upload;

static void say(const pushing *p, const char *status) {
    hl_create_progress progress = {.status = status};
    p->link.ask->report(p->link.ask->arg, &progress);
}

static void say_amount(const pushing *p, const hl_layer *l, uint64_t done) {
    char status[32];
    snprintf(status, sizeof status, "pushing %.12s", hl_digest_hex(&l->digest));
    hl_create_progress progress = {
        .status = status, .digest = &l->digest, .total = l->bytes, .completed = done};
    p->link.ask->report(p->link.ask->arg, &progress);
}

/* -- requests ---------------------------------------------------------------------------------- */

static hl_status ask(pushing *p, const hl__request *r, hl__reply *ret, hl_error *err) {
    HL_TRY(hl__link_ask(&p->link, r, ret, err));
    if (ret->http < 400) return HL_OK;
    *err = ret->error;
    hl__reply_deinit(ret);
    return err->status;
}

/* HL_DONE: it has it. */
static hl_status look_for(pushing *p, const hl_layer *l, hl_error *err) {
    hl_buf url;
    hl__reply reply;
    hl_buf_init(&url, 0);
    hl__link_url(&p->link, "blobs/", l->digest.text, &url);
    hl__request r = {.method = "HEAD", .url = url.ptr};
    hl_status st = hl_buf_status(&url, "the blob's URL", err);
    if (st >= 0) st = hl__link_ask(&p->link, &r, &reply, err);
    hl_buf_deinit(&url);
    if (st < 0) return st;
    int http = reply.http;
    *err = reply.error;
    hl__reply_deinit(&reply);
    if (http < 300) return HL_DONE;
    return http == 404 ? HL_OK : err->status < 0 ? err->status : HL_OK;
}

/* Layers that came from another model of the same registry need not be sent. */
static void add_mount(const hl_layer *l, hl_buf *url) {
    hl_name from;
    hl_buf repository;
    if (l->from.len == 0 || hl_name_parse(l->from, &from, NULL) < 0) return;
    hl_buf_init(&repository, 0);
    hl_buf_printf(&repository, "%s/%s", from.space, from.model);
    hl_url_add(url, "mount", hl_str_from(l->digest.text));
    hl_url_add(url, "from", hl_buf_str(&repository));
    hl_buf_deinit(&repository);
}

/* HL_DONE: mounted. */
static hl_status start(upload *u, hl_error *err) {
    hl_buf url;
    hl__reply reply;
    hl_buf_init(&url, 0);
    hl__link_url(&u->p->link, "blobs/uploads/", "", &url);
    add_mount(u->layer, &url);
    hl__request r = {.method = "POST", .url = url.ptr, .stay = true};
    hl_status st = hl_buf_status(&url, "the upload's URL", err);
    if (st >= 0) st = ask(u->p, &r, &reply, err);
    hl_buf_deinit(&url);
    if (st < 0) return st;
    if (reply.http == HTTP_CREATED)
        st = HL_DONE;
    else if (reply.location.len == 0)
        st = hl_fail(err, HL_EREMOTE, "registry", "the registry does not say where to send blobs");
    else
        hl_buf_append_str(&u->location, hl_buf_str(&reply.location));
    hl__reply_deinit(&reply);
    return st < 0 || st == HL_DONE ? st : hl_buf_status(&u->location, "the upload's URL", err);
}

/* -- chunks ------------------------------------------------------------------------------------ */

static void rewind_chunk(void *arg) {
    upload *u = arg;
    u->at = u->from;
    if (u->md5 && EVP_DigestInit_ex(u->md5, EVP_md5(), NULL) != 1) {
        EVP_MD_CTX_free(u->md5);
        u->md5 = NULL;
    }
}

static hl_status give(hl_http_task *t, void *out, size_t cap, size_t *ret_n) {
    upload *u = t->arg;
    uint64_t left = u->end - u->at;
    size_t n = left < cap ? (size_t)left : cap;
    HL_TRY(hl_file_rw_read(&u->file, u->at, out, n, ret_n, &t->error));
    if (*ret_n < n) return hl_fail(&t->error, HL_EIO, "registry", "a blob is shorter than it was");
    if (u->md5) (void)EVP_DigestUpdate(u->md5, out, n);
    u->at += n;
    uint64_t now_ns = hl_clock_ns();
    if (now_ns - u->reported_ns >= REPORT_NS) {
        say_amount(u->p, u->layer, u->at);
        u->reported_ns = now_ns;
    }
    return HL_OK;
}

static void note_md5(upload *u) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    u->n_chunks++;
    if (u->md5 && EVP_DigestFinal_ex(u->md5, sum, &len) == 1)
        hl_buf_append(&u->md5s, sum, MD5_BYTES);
}

/* The storage that the registry names: a URL that is its own permit. */
static hl_status send_to_storage(upload *u, const char *url, hl_error *err) {
    hl__reply reply;
    hl__request r = {.method = "PUT",
                     .url = url,
                     .stay = true,
                     .no_token = true,
                     .give = give,
                     .give_bytes = u->end - u->from,
                     .reset = rewind_chunk,
                     .arg = u};
    HL_TRY(ask(u->p, &r, &reply, err));
    hl__reply_deinit(&reply);
    return HL_OK;
}

static hl_status set_location(upload *u, const hl__reply *reply, hl_error *err) {
    if (reply->location.len == 0) return HL_OK;
    hl_buf_reset(&u->location);
    hl_buf_append_str(&u->location, hl_buf_str(&reply->location));
    return hl_buf_status(&u->location, "the upload's URL", err);
}

/* A 307 names the storage, and in Docker-Upload-Location where the upload goes on. */
static hl_status send_chunk(upload *u, hl_error *err) {
    char range[64];
    hl__reply reply;
    snprintf(range, sizeof range, "Content-Range: %llu-%llu", (unsigned long long)u->from,
             (unsigned long long)(u->end - 1));
    hl__request r = {
        .method = "PATCH",
        .url = u->location.ptr,
        .headers = {range, "X-Redirect-Uploads: 1", "Content-Type: application/octet-stream"},
        .stay = true,
        .give = give,
        .give_bytes = u->end - u->from,
        .reset = rewind_chunk,
        .arg = u};
    HL_TRY(ask(u->p, &r, &reply, err));
    hl_status st = HL_OK;
    if (reply.http >= 300) {
        st = reply.location.len == 0
                 ? hl_fail(err, HL_EREMOTE, "registry", "an upload is sent nowhere")
                 : send_to_storage(u, reply.location.ptr, err);
        if (st >= 0 && reply.upload.len > 0) {
            hl_buf_reset(&u->location);
            hl_buf_append_str(&u->location, hl_buf_str(&reply.upload));
            st = hl_buf_status(&u->location, "the upload's URL", err);
        }
    } else {
        st = set_location(u, &reply, err);
    }
    hl__reply_deinit(&reply);
    if (st >= 0) note_md5(u);
    return st;
}

static hl_status send_chunks(upload *u, hl_error *err) {
    uint64_t chunk = u->layer->bytes / 16;
    chunk = chunk < CHUNK_MIN ? CHUNK_MIN : chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
    for (u->from = 0; u->from < u->layer->bytes; u->from = u->end) {
        u->end = u->layer->bytes - u->from < chunk ? u->layer->bytes : u->from + chunk;
        HL_TRY(send_chunk(u, err));
    }
    return HL_OK;
}

/* The storage's name for what was sent in chunks: the MD5 of their MD5s, and how many. */
static void add_etag(const upload *u, hl_buf *url) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    char text[2 * MD5_BYTES + 16];
    unsigned len = 0;
    size_t at = 0;
    if (u->md5s.len != (size_t)u->n_chunks * MD5_BYTES || u->n_chunks == 0 ||
        EVP_Digest(u->md5s.ptr, u->md5s.len, sum, &len, EVP_md5(), NULL) != 1)
        return;
    for (size_t i = 0; i < MD5_BYTES; i++, at += 2) snprintf(text + at, 3, "%02x", sum[i]);
    snprintf(text + at, sizeof text - at, "-%u", u->n_chunks);
    hl_url_add(url, "etag", hl_str_from(text));
}

static hl_status finish(upload *u, hl_error *err) {
    hl__reply reply;
    hl_url_add(&u->location, "digest", hl_str_from(u->layer->digest.text));
    add_etag(u, &u->location);
    HL_TRY(hl_buf_status(&u->location, "the upload's URL", err));
    hl__request r = {.method = "PUT", .url = u->location.ptr, .stay = true};
    HL_TRY(ask(u->p, &r, &reply, err));
    hl__reply_deinit(&reply);
    return HL_OK;
}

static hl_status open_blob(upload *u, hl_error *err) {
    char path[HL_STORE_PATH_MAX];
    hl_file_facts facts;
    (void)hl_store_blob_path(u->p->store, &u->layer->digest, path);
    HL_TRY(hl_file_stat(path, &facts, err));
    if (facts.bytes != u->layer->bytes)
        return hl_fail(err, HL_EFORMAT, "registry", "%s has not the size that the manifest says",
                       path);
    return hl_file_rw_open_read(path, &u->file, err);
}

static hl_status send_blob(upload *u, hl_error *err) {
    hl_status st = look_for(u->p, u->layer, err);
    if (st == HL_OK) st = start(u, err);
    if (st != HL_OK) return st;
    HL_TRY(open_blob(u, err));
    HL_TRY(send_chunks(u, err));
    return finish(u, err);
}

static hl_status push_blob(pushing *p, const hl_layer *l, hl_error *err) {
    upload u = {.p = p, .layer = l, .file = {-1}, .md5 = EVP_MD_CTX_new()};
    say_amount(p, l, 0);
    hl_status st = send_blob(&u, err);
    if (st >= 0) say_amount(p, l, l->bytes);
    hl_file_rw_close(&u.file);
    EVP_MD_CTX_free(u.md5);
    hl_buf_deinit(&u.md5s);
    hl_buf_deinit(&u.location);
    return st;
}

/* -- the manifest ------------------------------------------------------------------------------ */

static hl_status give_text(hl_http_task *t, void *out, size_t cap, size_t *ret_n) {
    hl_str *left = t->arg;
    *ret_n = left->len < cap ? left->len : cap;
    memcpy(out, left->ptr, *ret_n);
    *left = hl_str_slice(*left, *ret_n, left->len);
    return HL_OK;
}

typedef struct sending {
    hl_str left; /* the first member: what give_text reads */
    hl_str text;
} sending;

static void rewind_text(void *arg) {
    sending *s = arg;
    s->left = s->text;
}

static hl_status push_manifest(pushing *p, hl_error *err) {
    hl_buf url;
    hl__reply reply;
    sending s = {.text = hl_buf_str(&p->text)};
    hl_buf_init(&url, 0);
    hl__link_url(&p->link, "manifests/", p->link.name.tag, &url);
    hl__request r = {.method = "PUT",
                     .url = url.ptr,
                     .headers = {MEDIA},
                     .stay = true,
                     .give = give_text,
                     .give_bytes = p->text.len,
                     .reset = rewind_text,
                     .arg = &s};
    hl_status st = hl_buf_status(&url, "the manifest's URL", err);
    if (st >= 0) st = ask(p, &r, &reply, err);
    if (st >= 0) hl__reply_deinit(&reply);
    hl_buf_deinit(&url);
    return st;
}

static hl_status read_manifest(pushing *p, hl_error *err) {
    char rest[HL_NAME_TEXT_MAX];
    hl_store_item item;
    if (hl_store_find(p->store, &p->link.name, &item, NULL) < 0) {
        hl_name_path(&p->link.name, rest);
        return hl_fail(err, HL_EIO, "registry", "open %s/manifests/%s: no such file or directory",
                       hl_store_root(p->store), rest);
    }
    HL_TRY(hl_file_read(item.path, HL_MANIFEST_BYTES_MAX, &p->text, err));
    return hl_manifest_parse(hl_buf_str(&p->text), &p->manifest, err);
}

static hl_status push(pushing *p, hl_error *err) {
    say(p, "retrieving manifest");
    HL_TRY(read_manifest(p, err));
    for (size_t i = 0; i <= p->manifest.n_layers; i++) {
        bool last = i == p->manifest.n_layers;
        HL_TRY(push_blob(p, last ? &p->manifest.config : &p->manifest.layers[i], err));
    }
    say(p, "pushing manifest");
    HL_TRY(push_manifest(p, err));
    say(p, "success");
    return HL_OK;
}

hl_status hl_registry_push(const hl_store *s, const hl_registry_ask *ask, hl_error *err) {
    hl_error own;
    pushing p = {.store = s};
    if (!err) err = &own;
    if (hl_registry_is_file(ask->model))
        return hl_fail(err, HL_EINVAL, "registry", "invalid model name");
    HL_TRY(hl__link_open(ask, &p.link, err));
    hl_status st = push(&p, err);
    hl_manifest_deinit(&p.manifest);
    hl_buf_deinit(&p.text);
    hl__link_close(&p.link);
    return st;
}
