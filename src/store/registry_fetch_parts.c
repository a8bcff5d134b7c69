#include "store/registry_fetch_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { PART_TRIES = HL__LINK_TRIES, HOPS_MAX = 8, HTTP_GONE = 410 };

/* -- what an answer's head says ---------------------------------------------------------------- */

static bool take_number(hl_str *s, uint64_t *ret) {
    uint64_t v = 0;
    size_t n = 0;
    for (; n < s->len && n < 18 && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++)
        v = 10 * v + (uint64_t)(s->ptr[n] - '0');
    *s = hl_str_slice(*s, n, s->len);
    *ret = v;
    return n > 0;
}

static bool take_text(hl_str *s, hl_str text) {
    if (!hl_str_starts(*s, text)) return false;
    *s = hl_str_slice(*s, text.len, s->len);
    return true;
}

bool hl__content_range_parse(hl_str s, uint64_t *ret_from, uint64_t *ret_to, uint64_t *ret_total) {
    return take_text(&s, HL_STR("bytes ")) && take_number(&s, ret_from) &&
           take_text(&s, HL_STR("-")) && take_number(&s, ret_to) && take_text(&s, HL_STR("/")) &&
           take_number(&s, ret_total) && s.len == 0 && *ret_from <= *ret_to && *ret_to < *ret_total;
}

static uint64_t first_byte(const hl__fetch_line *l) {
    return hl__part_offset(&l->blob->parts, l->part) + l->blob->parts.there[l->part];
}

static hl_status fail_size(const hl__fetch_line *l, const char *got, hl_error *err) {
    return hl_fail(err, HL_EINVAL, "registry",
                   "%s: the manifest says %llu bytes, the registry sends others (%.100s)",
                   l->blob->layer->digest.text, (unsigned long long)l->blob->layer->bytes, got);
}

/* The whole blob, where it was asked for or the server knows no ranges. */
static hl_status check_whole(hl__fetch_line *l, hl_error *err) {
    const char *length = hl_http_task_header(&l->task, "Content-Length");
    hl_str s = hl_str_from(length);
    uint64_t bytes;
    if (take_number(&s, &bytes) && s.len == 0 && bytes != l->blob->layer->bytes)
        return fail_size(l, length, err);
    if (l->blob->parts.n == 1 && first_byte(l) == 0) return HL_OK;
    l->no_ranges = true;
    return hl_fail(err, HL_EREMOTE, "registry", "the server knows no ranges");
}

static hl_status check_head(hl__fetch_line *l, hl_error *err) {
    const char *range = hl_http_task_header(&l->task, "Content-Range");
    uint64_t from, to, total;
    if (l->task.http == 206) {
        if (!hl__content_range_parse(hl_str_from(range), &from, &to, &total) ||
            total != l->blob->layer->bytes || from != first_byte(l))
            return fail_size(l, range, err);
    } else {
        HL_TRY(check_whole(l, err));
    }
    hl_str etag = hl_str_from(hl_http_task_header(&l->task, "ETag"));
    hl_status st = hl__blob_check_tag(l->blob, etag, err);
    if (st != HL_AGAIN) return st;
    l->other_tag = true;
    return hl_fail(err, HL_EREMOTE, "registry", "the blob has changed");
}

/* -- bytes ------------------------------------------------------------------------------------- */

/* What the hashing thread may read now. */
static void advance_front(hl__fetch *f, hl__blob *b, uint32_t part, uint64_t at, uint64_t n) {
    hl__hashing_lock(&f->hashing);
    if (b->front == at) {
        b->front = at + n;
        if (hl__part_is_whole(&b->parts, part)) b->front = hl__parts_front(&b->parts);
    }
    if (b->there == b->layer->bytes) b->stage = HL__ARRIVED;
    hl__hashing_unlock(&f->hashing);
}

static hl_status take(hl_http_task *t, hl_bytes piece) {
    hl__fetch_line *l = t->arg;
    hl__blob *b = l->blob;
    if (!l->checked) HL_TRY(check_head(l, &t->error));
    l->checked = true;
    uint64_t left = hl__part_bytes(&b->parts, l->part) - b->parts.there[l->part];
    if (piece.len > left) return fail_size(l, "more than was asked for", &t->error);
    uint64_t at = first_byte(l);
    hl_status st = hl__blob_write(b, l->part, piece, &t->error);
    if (st < 0) {
        hl_error_prefix(&t->error, "%.19s", b->layer->digest.text);
        return st;
    }
    l->moved = l->moved || piece.len > 0;
    advance_front(l->fetch, b, l->part, at, piece.len);
    return HL_OK;
}

/* -- beginning --------------------------------------------------------------------------------- */

static void rest(hl__fetch_line *l) {
    hl_http_task_end(l->fetch->pool, &l->task);
    if (l->blob) l->blob->runs[l->part].running = false;
    l->blob = NULL;
    hl_buf_deinit(&l->url);
    hl_buf_deinit(&l->range);
}

/* Without a range where the whole is wanted: then also a server that knows none will do. */
static void print_range(hl__fetch_line *l) {
    const hl__parts *p = &l->blob->parts;
    uint64_t from = first_byte(l);
    uint64_t end = hl__part_offset(p, l->part) + hl__part_bytes(p, l->part);
    if (from == 0 && end == p->total) return;
    hl_buf_printf(&l->range, "Range: bytes=%llu-%llu", (unsigned long long)from,
                  (unsigned long long)end - 1);
}

static hl_status begin(hl__fetch *f, hl__fetch_line *l, hl__blob *b, uint32_t part, hl_error *err) {
    *l = (hl__fetch_line){.fetch = f, .blob = b, .part = part, .direct = b->direct != NULL};
    if (b->direct)
        hl_buf_append_cstr(&l->url, b->direct);
    else if (b->url)
        hl_buf_append_cstr(&l->url, b->url);
    else
        hl__link_url(f->link, "blobs/", b->layer->digest.text, &l->url);
    print_range(l);
    hl_status st = hl_buf_status(&l->url, "a blob's URL", err);
    if (st >= 0) st = hl_buf_status(&l->range, "a blob's range", err);
    const char *bearer = st >= 0 ? hl__link_bearer(f->link, l->url.ptr) : NULL;
    size_t n = 0;
    l->task = (hl_http_task){.method = "GET", .url = l->url.ptr, .take = take, .arg = l};
    if (l->range.len > 0) l->task.headers[n++] = l->range.ptr;
    if (bearer) l->task.headers[n++] = bearer;
    if (st >= 0) st = hl_http_pool_begin(f->pool, &l->task, err);
    b->runs[part].running = st >= 0;
    if (st < 0) rest(l);
    return st;
}

/* False: nothing is due. */
static bool find_due(hl__fetch *f, uint64_t now_ns, hl__blob **ret, uint32_t *ret_part) {
    for (size_t i = 0; i < f->hashing.n; i++) {
        hl__blob *b = &f->blobs[i];
        if (b->data.fd < 0 || b->there == b->layer->bytes) continue;
        for (uint32_t part = 0; part < b->parts.n; part++) {
            if (b->runs[part].running || hl__part_is_whole(&b->parts, part)) continue;
            if (now_ns < b->runs[part].not_before) continue;
            *ret = b;
            *ret_part = part;
            return true;
        }
    }
    return false;
}

hl_status hl__fetch_parts_begin(hl__fetch *f, uint64_t now_ns, hl_error *err) {
    hl__blob *b;
    uint32_t part;
    for (size_t i = 0; i < f->n_lines; i++) {
        if (f->lines[i].blob) continue;
        if (!find_due(f, now_ns, &b, &part)) return HL_OK;
        HL_TRY(begin(f, &f->lines[i], b, part, err));
    }
    return HL_OK;
}

/* -- ends -------------------------------------------------------------------------------------- */

/* The part is due again, after a pause.  Fails with the last try's error when there were
 * enough without a byte. */
static hl_status try_again(hl__fetch *f, hl__fetch_line *l, hl_status why, hl_error *err) {
    hl__part_run *run = &l->blob->runs[l->part];
    HL_ASSERT(why < 0);
    run->tries = l->moved ? 1 : run->tries + 1;
    hl_log(HL_LOG_DEBUG, NULL, "msg=\"part again\" digest=%.19s part=%u tries=%u why=\"%.200s\"",
           l->blob->layer->digest.text, l->part, run->tries, err->text);
    if (run->tries >= PART_TRIES) {
        rest(l);
        return why;
    }
    run->not_before = hl_clock_ns() + hl__link_pause(f->link, run->tries, &l->task);
    rest(l);
    return HL_OK;
}

/* Everything of the blob anew. */
static hl_status restart(hl__fetch *f, hl__blob *b, uint64_t part_bytes, hl_error *err) {
    for (size_t i = 0; i < f->n_lines; i++)
        if (f->lines[i].blob == b) rest(&f->lines[i]);
    hl__hashing_lock(&f->hashing);
    hl__hashing_await(&f->hashing, b);
    hl_status st = hl__blob_restart(b, part_bytes, err);
    hl__hashing_unlock(&f->hashing);
    return st;
}

static hl_status follow(hl__fetch *f, hl__fetch_line *l, hl_error *err) {
    hl_buf to;
    hl__blob *b = l->blob;
    if (++b->hops > HOPS_MAX + f->n_lines)
        return hl_fail(err, HL_EREMOTE, "registry", "%s: the registry leads in circles",
                       b->layer->digest.text);
    hl_buf_init(&to, 0);
    hl_status st = hl__link_follow(f->link, l->url.ptr, &l->task, &to, err);
    if (st >= 0) {
        hl_free(b->direct);
        b->direct = hl_strdup(to.ptr);
        if (!b->direct) st = hl_fail(err, HL_ENOMEM, "registry", "no memory for a URL");
    }
    hl_buf_deinit(&to);
    rest(l);
    return st;
}

/* The place that the registry had named does not have it any more: ask the registry again. */
static void forget_direct(hl__blob *b) {
    hl_free(b->direct);
    b->direct = NULL;
    b->hops = 0;
}

static hl_status refused(hl__fetch *f, hl__fetch_line *l, hl_error *err) {
    int http = l->task.http;
    hl_status st = hl__link_fail_http(&l->task, err);
    bool busy = http == 408 || http == 429 || http >= 500;
    bool gone = l->direct && (http == 401 || http == 403 || http == 404 || http == HTTP_GONE);
    if (gone) forget_direct(l->blob);
    if (busy || gone) return try_again(f, l, st, err);
    if (http == 401) {
        st = hl__link_renew(f->link, &l->task, err);
        rest(l);
        return st;
    }
    hl_error_prefix(err, "%.19s", l->blob->layer->digest.text);
    return st;
}

static hl_status came_to_end(hl__fetch *f, hl__fetch_line *l, hl_error *err) {
    hl__blob *b = l->blob;
    if (hl__part_is_whole(&b->parts, l->part)) {
        b->runs[l->part].tries = 0;
        b->hops = 0;
        rest(l);
        return HL_OK;
    }
    hl_status st = hl_fail(err, HL_EREMOTE, "registry", "%.19s: the answer ended too early",
                           b->layer->digest.text);
    return try_again(f, l, st, err);
}

hl_status hl__fetch_part_over(hl__fetch *f, hl_http_task *t, hl_error *err) {
    hl__fetch_line *l = t->arg;
    HL_ASSERT(l->blob && &l->task == t);
    hl__blob *b = l->blob;
    if (l->no_ranges) return restart(f, b, b->layer->bytes, err);
    if (l->other_tag) return restart(f, b, b->parts.part_bytes, err);
    if (t->status < 0) {
        *err = t->error;
        return t->status == HL_EREMOTE ? try_again(f, l, t->status, err) : t->status;
    }
    if (t->http >= 300 && t->http < 400) return follow(f, l, err);
    if (t->http >= 400) return refused(f, l, err);
    return came_to_end(f, l, err);
}

hl_status hl__fetch_parts_revive(hl__fetch *f, uint64_t now_ns, hl_error *err) {
    for (size_t i = 0; i < f->n_lines; i++) {
        hl__fetch_line *l = &f->lines[i];
        if (!l->blob || now_ns < l->task.moved_ns ||
            now_ns - l->task.moved_ns < f->link->tuning.stall_ns)
            continue;
        hl_status st = hl_fail(err, HL_EREMOTE, "registry", "%.19s part %u stalled",
                               l->blob->layer->digest.text, l->part);
        HL_TRY(try_again(f, l, st, err));
    }
    return HL_OK;
}

void hl__fetch_parts_end(hl__fetch *f) {
    for (size_t i = 0; i < f->n_lines; i++) {
        hl__fetch_line *l = &f->lines[i];
        hl_error unsaved; /* what the state does not know of is fetched again */
        if (l->blob && hl__blob_save(l->blob, l->part, &unsaved) < 0)
            hl_log(HL_LOG_DEBUG, NULL, "msg=\"a download's state is old\" why=\"%.200s\"",
                   unsaved.text);
        if (l->fetch) rest(l);
    }
}
