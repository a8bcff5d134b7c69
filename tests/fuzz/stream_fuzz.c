/* Any bytes of a server's answer.  Streamed, in any pieces: the same units as in one piece, none
 * too long; as lines of an answer: events, at most one end.  As one object: tables of any kind. */
#include "cli/ask.h"
#include "cli/member.h"
#include "cli/models.h"
#include "cli/show_text.h"
#include "http/lines.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNIT_MAX = 64 };

static bool hear(void *arg, hl_str unit) {
    hl_buf *all = arg;
    HL_ASSERT(unit.len <= UNIT_MAX);
    hl_buf_append_str(all, unit);
    hl_buf_append_char(all, '\0');
    return unit.len == 0 || unit.ptr[0] != '!';
}

static hl_status read_all(hl_http_framing framing, hl_str text, size_t piece, hl_buf *all) {
    hl_http_lines l;
    hl_error err;
    hl_status st = HL_OK;
    hl_http_lines_init(&l, framing, UNIT_MAX, hear, all);
    for (size_t at = 0; at < text.len && st == HL_OK; at += piece)
        st = hl_http_lines_push(&l, hl_str_slice(text, at, at + piece), &err);
    if (st == HL_OK) st = hl_http_lines_end(&l, &err);
    if (st < 0) HL_ASSERT(st == HL_ELIMIT && strlen(err.text) > 0);
    hl_http_lines_deinit(&l);
    return st;
}

/* A limit is met in whatever piece shows it, so after one only what came before is the same. */
static void compare(hl_http_framing framing, hl_str text, size_t piece) {
    hl_buf whole, pieces;
    hl_buf_init(&whole, 0);
    hl_buf_init(&pieces, 0);
    hl_status a = read_all(framing, text, SIZE_MAX / 2, &whole);
    hl_status b = read_all(framing, text, piece, &pieces);
    HL_ASSERT((a < 0) == (b < 0) || a == HL_DONE || b == HL_DONE);
    HL_ASSERT(hl_str_eq(hl_buf_str(&whole), hl_buf_str(&pieces)));
    hl_buf_deinit(&whole);
    hl_buf_deinit(&pieces);
}

typedef struct heard {
    size_t n_ends;
} heard;

static bool hear_event(void *arg, const hl_event *ev) {
    heard *h = arg;
    HL_ASSERT(h->n_ends == 0);
    h->n_ends += ev->kind == HL_EVENT_FINISHED;
    HL_ASSERT(ev->kind == HL_EVENT_FINISHED || ev->text.len > 0);
    return true;
}

static void take_as_answer(hl_str text) {
    heard h = {0};
    hl_error err;
    hl_http_lines l;
    hl__asked a = {.on_event = hear_event, .arg = &h};
    hl_http_lines_init(&l, HL_HTTP_NDJSON, 4096, hl__asked_line, &a);
    if (hl_http_lines_push(&l, text, &err) == HL_OK) (void)!hl_http_lines_end(&l, &err);
    hl_http_lines_deinit(&l);
    HL_ASSERT(a.failed >= 0 || a.error.text[0]);
    HL_ASSERT(a.done == (h.n_ends == 1));
}

static void take_as_object(hl_str text) {
    struct json_object *o = NULL, *models;
    hl_buf out;
    if (hl_json_parse(text, &o, NULL) < 0 || !json_object_is_type(o, json_type_object)) {
        json_object_put(o);
        return;
    }
    hl_buf_init(&out, 0);
    models = hl__models_filter(o, HL_STR("a"));
    hl__models_list(models, 0, false, &out);
    hl__models_ps(o, 0, false, &out);
    hl__show_info(o, true, &out);
    hl__show_json(o, HL_STR("a"), true, &out);
    HL_ASSERT(out.failed >= 0);
    json_object_put(models);
    json_object_put(o);
    hl_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    hl_str text = {(const char *)data + 1, size - 1};
    size_t piece = 1 + data[0] % 17;
    compare(HL_HTTP_NDJSON, text, piece);
    compare(HL_HTTP_SSE, text, piece);
    take_as_answer(text);
    take_as_object(text);
    return 0;
}
