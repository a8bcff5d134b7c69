#include "api/ollama/change.h"

#include "base/mem.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

static const char PLAIN_TYPE[] = "application/json";

hl__change *hl__change_make(const hl__visit *v, const char *type) {
    hl_error err = {0};
    hl__change *c = hl_calloc(1, sizeof *c);
    if (c) c->arena = hl_arena_create(ARENA_BYTES_MAX);
    hl_status st = c && c->arena ? HL_OK : hl_fail(&err, HL_ENOMEM, "api", "out of memory");
    if (st >= 0) st = hl__body_parse(hl_http_body(v->x), v->dialect, type, &c->body, &err);
    if (st >= 0) {
        c->visit = *v;
        c->stream = true;
        return c;
    }
    hl__answer_failure(v, &err);
    hl__change_drop(c);
    return NULL;
}

void hl__change_drop(hl__change *c) {
    if (!c) return;
    json_object_put(c->body.o);
    hl_arena_destroy(c->arena);
    hl_free(c);
}

void hl__change_fail(hl__change *c, const hl_error *err) {
    hl__answer_failure(&c->visit, err);
    hl__change_drop(c);
}

static void run(void *arg) {
    hl__change *c = arg;
    c->run(c);
}

void hl__change_start(hl__change *c, hl__change_fn *fn) {
    hl_error err;
    HL_ASSERT(!c->begun && !c->run);
    c->run = fn;
    if (hl_work_submit(hl_catalog_work(c->visit.api->catalog), run, c, &err) < 0)
        hl__change_fail(c, &err);
}

hl_status hl__change_read_model(const hl__change *c, hl_str *ret, hl_error *err) {
    *ret = (hl_str){"", 0};
    HL_TRY(hl__field_str(&c->body, "name", ret, err));
    return hl__field_str(&c->body, "model", ret, err);
}

/* -- progress ---------------------------------------------------------------------------------- */

static void write_line(hl__change *c, const hl_buf *line) {
    if (!c->begun) hl_http_begin(c->visit.x, 200, "application/x-ndjson");
    c->begun = true;
    if (line->failed >= 0 && !hl_http_write_line(c->visit.x, hl_buf_str(line)))
        return; /* nobody reads it */
}

void hl__change_say(hl__change *c, const hl_create_progress *p) {
    hl_buf b;
    if (!c->stream) return;
    hl_buf_init(&b, 0);
    hl_buf_append_char(&b, '{');
    hl__json_text(&b, "status", hl_str_from(p->status));
    if (p->digest) hl__json_text(&b, "digest", hl_str_from(p->digest->text));
    if (p->total > 0) {
        hl__json_uint(&b, "total", p->total);
        hl__json_uint(&b, "completed", p->completed);
    }
    hl_buf_append_char(&b, '}');
    write_line(c, &b);
    hl_buf_deinit(&b);
}

/* -- ends -------------------------------------------------------------------------------------- */

void hl__change_end_empty(hl__change *c) {
    HL_ASSERT(!c->begun);
    hl_http_answer(c->visit.x, 200, NULL, (hl_str){"", 0});
    hl__change_drop(c);
}

void hl__change_end_success(hl__change *c) {
    if (c->begun)
        hl_http_end(c->visit.x, true);
    else
        hl_http_answer(c->visit.x, 200, PLAIN_TYPE, HL_STR("{\"status\":\"success\"}"));
    hl__change_drop(c);
}

void hl__change_end_error(hl__change *c, int status, hl_str text) {
    hl_buf b;
    hl_log(HL_LOG_INFO, c->visit.req_id, "msg=\"change refused\" status=%d", status);
    hl_buf_init(&b, 0);
    hl__append_error(&b, &c->visit, status, text);
    if (c->begun) {
        write_line(c, &b);
        hl_http_end(c->visit.x, true);
    } else {
        hl_http_answer(c->visit.x, b.failed < 0 ? 500 : status, PLAIN_TYPE, hl_buf_str(&b));
    }
    hl_buf_deinit(&b);
    hl__change_drop(c);
}

void hl__change_end_failure(hl__change *c, const hl_error *err) {
    hl__change_end_error(c, hl_status_http(err->status), hl_str_from(err->text));
}
