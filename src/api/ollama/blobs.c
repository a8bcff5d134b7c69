/* HEAD and POST /api/blobs/DIGEST.  An upload goes to the disk as it arrives and is hashed
 * meanwhile; its last sync, which may take long, is the worker's. */
#include "api/visit.h"
#include "base/mem.h"

typedef struct upload {
    hl_http_sink sink; /* the first member */
    hl_blob_out *blob; /* owned */
    hl_error error;    /* of writing; status 0: none */
    hl__visit visit;   /* from the handler on */
} upload;

static const char JSON_TYPE[] = "application/json; charset=utf-8";
static const hl_str NOTHING = {"", 0};

/* -- receiving --------------------------------------------------------------------------------- */

static bool receive(hl_http_sink *sink, hl_str bytes) {
    upload *u = (upload *)sink;
    hl_bytes data = {(const uint8_t *)bytes.ptr, bytes.len};
    if (u->error.status == HL_OK && hl_blob_out_write(u->blob, data, &u->error) >= 0)
        u->error.status = HL_OK;
    return u->error.status == HL_OK;
}

static void destroy(hl_http_sink *sink) {
    upload *u = (upload *)sink;
    hl_blob_out_close(u->blob);
    hl_free(u);
}

static hl_status open_upload(const hl_store *s, const hl_digest *d, upload **ret, hl_error *err) {
    upload *u = hl_calloc(1, sizeof *u);
    if (!u) return hl_fail(err, HL_ENOMEM, "api", "no memory for an upload");
    u->sink = (hl_http_sink){.write = receive, .destroy = destroy};
    hl_status st = hl_blob_out_open(s, d, &u->blob, err);
    if (st < 0)
        hl_free(u);
    else
        *ret = u;
    return st;
}

static void answer_early(hl_http_exchange *x, const hl_error *err) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_char(&b, '{');
    hl__json_text(&b, "error", hl_str_from(err->text));
    hl_buf_append_char(&b, '}');
    hl_http_answer(x, hl_status_http(err->status), JSON_TYPE, hl_buf_str(&b));
    hl_buf_deinit(&b);
}

hl_http_sink *hl__blob_sink(hl_api *a, hl_http_exchange *x) {
    static const char prefix[] = "/api/blobs/";
    hl_str path = hl_str_from(hl_http_path(x));
    char there[HL_STORE_PATH_MAX];
    hl_digest d;
    hl_error err = {0};
    upload *u;
    if (strcmp(hl_http_method(x), "POST") != 0 || !hl_str_starts(path, HL_STR("/api/blobs/")))
        return NULL;
    const hl_store *s = hl_catalog_store(a->catalog);
    hl_status st = HL_OK;
    if (!hl_digest_parse(hl_str_slice(path, sizeof prefix - 1, path.len), &d))
        st = hl_fail(&err, HL_EINVAL, "api", "invalid digest format");
    if (st >= 0 && hl_store_blob_path(s, &d, there)) {
        hl_http_answer(x, 200, NULL, NOTHING); /* its body is not wanted */
        return NULL;
    }
    if (st >= 0) st = open_upload(s, &d, &u, &err);
    if (st >= 0) return &u->sink;
    answer_early(x, &err);
    return NULL;
}

/* -- the routes -------------------------------------------------------------------------------- */

static void commit(void *arg) {
    upload *u = arg;
    hl_error err = u->error;
    hl_status st = err.status == HL_OK ? hl_blob_out_commit(u->blob, &err) : err.status;
    if (st >= 0)
        hl_http_answer(u->visit.x, 201, NULL, NOTHING);
    else
        hl__answer_failure(&u->visit, &err);
    destroy(&u->sink);
}

void hl__handle_blob_post(hl__visit *v) {
    hl_error err;
    upload *u = (upload *)hl_http_take_sink(v->x);
    if (!u) { /* without a head's hook there is nowhere for the bytes to go */
        hl__answer_error(v, 400, HL_STR("invalid digest format"));
        return;
    }
    u->visit = *v;
    if (hl_work_submit(hl_catalog_work(v->api->catalog), commit, u, &err) >= 0) return;
    hl__answer_failure(v, &err);
    destroy(&u->sink);
}

void hl__handle_blob_head(hl__visit *v) {
    char path[HL_STORE_PATH_MAX];
    hl_digest d;
    hl_buf text;
    if (!hl_digest_parse(v->rest, &d)) {
        hl__answer_error(v, 400, HL_STR("invalid digest format"));
        return;
    }
    if (hl_store_blob_path(hl_catalog_store(v->api->catalog), &d, path)) {
        hl_http_answer(v->x, 200, NULL, NOTHING);
        return;
    }
    hl_buf_init(&text, 0);
    hl_buf_printf(&text, "blob \"%s\" not found", d.text);
    hl__answer_error(v, 404, hl_buf_str(&text));
    hl_buf_deinit(&text);
}
