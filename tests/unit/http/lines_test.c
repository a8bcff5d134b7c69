#include "http/lines.h"

#include "testing.h"

static hl_error err;

typedef struct heard {
    hl_buf all; /* units with '|' behind each */
    size_t n, stop_after;
} heard;

static bool hear(void *arg, hl_str unit) {
    heard *h = arg;
    hl_buf_append_str(&h->all, unit);
    hl_buf_append_char(&h->all, '|');
    return ++h->n != h->stop_after;
}

/* The units of a text that comes in pieces of `piece` bytes. */
static hl_status read_all(hl_http_framing framing, const char *text, size_t piece, size_t unit_max,
                          heard *h) {
    hl_http_lines l;
    hl_str all = hl_str_from(text);
    hl_status st = HL_OK;
    hl_http_lines_init(&l, framing, unit_max, hear, h);
    for (size_t at = 0; at < all.len && st == HL_OK; at += piece)
        st = hl_http_lines_push(&l, hl_str_slice(all, at, at + piece), &err);
    if (st == HL_OK) st = hl_http_lines_end(&l, &err);
    hl_http_lines_deinit(&l);
    return st;
}

static void expect(hl_http_framing framing, const char *text, const char *want) {
    for (size_t piece = 1; piece < 40; piece++) {
        heard h = {0};
        hl_buf_init(&h.all, 0);
        assert_int_equal(read_all(framing, text, piece, 1000, &h), HL_OK);
        assert_str(hl_buf_str(&h.all), want);
        hl_buf_deinit(&h.all);
    }
}

static void lines_of_json_come_apart(void **state) {
    (void)state;
    expect(HL_HTTP_NDJSON, "", "");
    expect(HL_HTTP_NDJSON, "{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}|{\"b\":2}|");
    expect(HL_HTTP_NDJSON, "{\"a\":1}\r\n\r\n\n{\"b\":2}", "{\"a\":1}|{\"b\":2}|");
    expect(HL_HTTP_NDJSON, "\x01\xff garbage", "\x01\xff garbage|");
}

static void events_come_apart(void **state) {
    (void)state;
    expect(HL_HTTP_SSE, "data: {}\n\ndata:[DONE]\n\n", "{}|[DONE]|");
    expect(HL_HTTP_SSE, ": hello\n\nevent: x\ndata: one\ndata: two\n\n", "one\ntwo|");
    expect(HL_HTTP_SSE, "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "a|b|c|");
    expect(HL_HTTP_SSE, "data\n\ndatum: x\n\ndata:  two blanks\n\n", "| two blanks|");
    expect(HL_HTTP_SSE, "data: not complete\n", "");
    expect(HL_HTTP_SSE, "id: 1\n\n\n\n", "");
}

static void a_long_unit_is_refused(void **state) {
    (void)state;
    char text[200];
    heard h = {0};
    hl_buf_init(&h.all, 0);
    memset(text, 'x', sizeof text);
    memcpy(text, "data: ", 6);
    text[150] = '\n';
    text[sizeof text - 1] = '\0';
    for (size_t piece = 1; piece <= sizeof text; piece += 30) {
        assert_int_equal(read_all(HL_HTTP_NDJSON, text, piece, 100, &h), HL_ELIMIT);
        assert_int_equal(read_all(HL_HTTP_SSE, text, piece, 100, &h), HL_ELIMIT);
    }
    /* Short lines may make a long event. */
    assert_int_equal(
        read_all(HL_HTTP_SSE, "data: 12345678\ndata: 12345678\ndata: 12345678\n", 5, 20, &h),
        HL_ELIMIT);
    assert_non_null(strstr(err.text, "more than 20 bytes"));
    assert_int_equal(h.n, 0);
    hl_buf_deinit(&h.all);
}

static void a_listener_can_have_enough(void **state) {
    (void)state;
    for (size_t piece = 1; piece < 20; piece++) {
        heard h = {.stop_after = 2};
        hl_buf_init(&h.all, 0);
        assert_int_equal(read_all(HL_HTTP_NDJSON, "1\n2\n3\n4", piece, 100, &h), HL_DONE);
        assert_int_equal(h.n, 2);
        assert_int_equal(read_all(HL_HTTP_SSE, "data:1\n\ndata:2\n\n", piece, 100,
                                  &(heard){.all = h.all, .stop_after = 1}),
                         HL_DONE);
        hl_buf_deinit(&h.all);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_json_come_apart),
        cmocka_unit_test(events_come_apart),
        cmocka_unit_test(a_long_unit_is_refused),
        cmocka_unit_test(a_listener_can_have_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
