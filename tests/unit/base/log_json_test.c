#include "base/log_json.h"

#include "base/buf.h"
#include "base/dir.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "testing.h"

#include <stdio.h>
#include <unistd.h>

static hl_error err;

static struct json_object *convert(hl_str text) {
    char out[HL_LOG_JSON_MAX];
    struct json_object *o = NULL;
    size_t n = hl_log_json("2026-08-21T10:11:12.1Z", "info", "r7", text, out, sizeof out);
    assert_true(n > 2 && out[n - 1] == '\n');
    assert_null(memchr(out, '\n', n - 1));
    if (hl_json_parse((hl_str){out, n}, &o, &err) < 0) fail_msg("%s: %.*s", err.text, (int)n, out);
    assert_true(json_object_is_type(o, json_type_object));
    return o;
}

static void expect(const char *text, const char *json) {
    char out[HL_LOG_JSON_MAX];
    size_t n = hl_log_json("T", "warn", NULL, hl_str_from(text), out, sizeof out);
    const char start[] = "{\"time\":\"T\",\"level\":\"warn\"";
    assert_memory_equal(out, start, sizeof start - 1);
    out[n - 1] = '\0';
    assert_string_equal(out + sizeof start - 1, json);
}

static void fields_keep_their_kind(void **state) {
    (void)state;
    expect("msg=\"model loaded\" ms=41 ok=true x=-1.5",
           ",\"msg\":\"model loaded\",\"ms\":41,\"ok\":true,\"x\":-1.5}");
    expect("a=\"41\" b=007 c=1. d=- e=1e5 f=12345678901234567890 g=",
           ",\"a\":\"41\",\"b\":\"007\",\"c\":\"1.\",\"d\":\"-\",\"e\":\"1e5\","
           "\"f\":\"12345678901234567890\",\"g\":\"\"}");
    expect("no keys at all", ",\"msg\":\"no keys at all\"}");
    expect("started a=1", ",\"msg\":\"started\",\"a\":1}");
    expect("", "}");
}

static void values_may_have_quotes_and_spaces(void **state) {
    (void)state;
    expect("error=\"no \"x\" in \\file\" ms=4",
           ",\"error\":\"no \\\"x\\\" in \\\\file\",\"ms\":4}");
    expect("model=two words ms=4", ",\"model\":\"two words\",\"ms\":4}");
    expect("error=\"cut o", ",\"error\":\"cut o\"}");
    expect("a=\"\" b=\"x\"", ",\"a\":\"\",\"b\":\"x\"}");
    expect("a=\xff\x01 b=\xc3", ",\"a\":\"\xef\xbf\xbd\\u0001\",\"b\":\"\xef\xbf\xbd\"}");
}

static void any_bytes_make_an_object(void **state) {
    (void)state;
    static const char parts[] = "a=\"\\ \xff\n1,{}\x7f=";
    char text[1024];
    uint32_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        for (size_t k = 0; k < sizeof text; k++) {
            seed = seed * 1664525u + 1013904223u;
            text[k] = parts[(seed >> 16) % (sizeof parts - 1)];
        }
        json_object_put(convert((hl_str){text, sizeof text}));
    }
    memset(text, '"', sizeof text); /* what grows most */
    json_object_put(convert((hl_str){text, sizeof text}));
    memset(text, 0x01, sizeof text);
    json_object_put(convert((hl_str){text, sizeof text}));
}

/* -- the lines that the program writes --------------------------------------------------------- */

static size_t n_lines;

/* The literal pieces of a call's format, glued together as the compiler does it; where it goes on.
 */
static size_t read_format(hl_str source, size_t at, hl_buf *ret) {
    bool in = false;
    for (; at < source.len; at++) {
        char c = source.ptr[at];
        if (!in && (c == ',' || c == ')') && ret->len > 0) break;
        if (!in && c == ';') break;
        if (c == '"') {
            in = !in;
        } else if (in && c == '\\') {
            hl_buf_append_char(ret, source.ptr[++at]);
        } else if (in) {
            hl_buf_append_char(ret, c);
        }
    }
    return at;
}

/* Conversions become text that wants escapes, or a number. */
static void fill_in(hl_str format, hl_buf *ret) {
    for (size_t at = 0; at < format.len; at++) {
        if (format.ptr[at] != '%') {
            hl_buf_append_char(ret, format.ptr[at]);
            continue;
        }
        while (++at < format.len && !strchr("sdupxfgcz%l", format.ptr[at])) {
        }
        while (at < format.len && strchr("zl", format.ptr[at])) at++;
        hl_buf_append_cstr(ret, format.ptr[at] == 's' ? "it's \"x\\y\" \xff" : "42");
    }
}

static void check_line(hl_str format) {
    hl_buf line;
    struct json_object *msg;
    hl_buf_init(&line, 0);
    fill_in(format, &line);
    struct json_object *o = convert(hl_buf_str(&line));
    if (!json_object_object_get_ex(o, "msg", &msg) || json_object_get_string_len(msg) == 0)
        fail_msg("no msg in: %.*s", HL_STR_ARG(format));
    n_lines++;
    json_object_put(o);
    hl_buf_deinit(&line);
}

static void check_source(const char *path) {
    hl_buf text, format;
    hl_buf_init(&text, 0);
    assert_int_equal(hl_file_read(path, 1 << 24, &text, &err), HL_OK);
    hl_str source = hl_buf_str(&text), call = HL_STR("hl_log(HL_");
    for (size_t at = 0; (at = hl_str_find(source, call, at)) != SIZE_MAX;) {
        hl_buf_init(&format, 0);
        at = read_format(source, at, &format);
        check_line(hl_buf_str(&format));
        hl_buf_deinit(&format);
    }
    hl_buf_deinit(&text);
}

static void visit(void *arg, const char *name) {
    char path[600];
    hl_str whole;
    snprintf(path, sizeof path, "%s/%s", (const char *)arg, name);
    whole = hl_str_from(path);
    if (hl_path_is_dir(path))
        hl_dir_each(path, visit, path);
    else if (hl_str_ends(whole, HL_STR(".c")))
        check_source(path);
}

static void every_line_of_the_program_becomes_json(void **state) {
    (void)state;
    char root[] = "src";
    n_lines = 0;
    hl_dir_each(root, visit, root);
    assert_in_range(n_lines, 8, 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_keep_their_kind),
        cmocka_unit_test(values_may_have_quotes_and_spaces),
        cmocka_unit_test(any_bytes_make_an_object),
        cmocka_unit_test(every_line_of_the_program_becomes_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
