#include "model_dir.h"

#include "store/convert_json.h"

static hl__doc parse(const char *text) {
    hl__doc d;
    hl_error err;
    if (hl__doc_parse(hl_str_from(text), "x.json", &d, &err) < 0) fail_msg("%s", err.text);
    return d;
}

static void typed_values(void **state) {
    (void)state;
    hl__doc d = parse("{\"n\":7,\"big\":4294967296,\"low\":-1,\"f\":1.5,\"s\":\"t\",\"b\":true,"
                      "\"null\":null,\"a\":[],\"o\":{\"n\":8}}");
    hl__node n = hl__doc_node(&d), o;
    hl_error err;
    uint32_t u;
    double f;
    bool b;
    hl_str s;
    assert_int_equal(hl__node_u32(n, "n", 1, &u, &err), HL_OK);
    assert_int_equal(u, 7);
    assert_int_equal(hl__node_u32(n, "null", 5, &u, &err), HL_OK);
    assert_int_equal(u, 5);
    assert_int_equal(hl__node_u32(n, "big", 1, &u, &err), HL_EFORMAT);
    assert_int_equal(hl__node_u32(n, "low", 1, &u, &err), HL_EFORMAT);
    assert_int_equal(hl__node_u32(n, "f", 1, &u, &err), HL_EFORMAT);
    assert_int_equal(hl__node_count(n, "n", 6, &u, &err), HL_EFORMAT);
    assert_string_equal(err.text, "x.json: n is 7, expected 1 to 6");
    assert_int_equal(hl__node_count(n, "none", 6, &u, &err), HL_EFORMAT);
    assert_int_equal(hl__node_f64(n, "n", 0, &f, &err), HL_OK);
    assert_true(f == 7);
    assert_int_equal(hl__node_f64(n, "s", 0, &f, &err), HL_EFORMAT);
    assert_int_equal(hl__node_bool(n, "b", false, &b, &err), HL_OK);
    assert_true(b);
    assert_int_equal(hl__node_str(n, "s", &s, &err), HL_OK);
    assert_str(s, "t");
    assert_int_equal(hl__node_str(n, "null", &s, &err), HL_OK);
    assert_null(s.ptr);
    assert_int_equal(hl__node_object(n, "a", &o, &err), HL_EFORMAT);
    assert_int_equal(hl__node_object(n, "o", &o, &err), HL_OK);
    assert_int_equal(hl__node_str(o, "n", &s, &err), HL_EFORMAT);
    assert_string_equal(err.text, "x.json: o.n is no string");
    hl__doc_close(&d);
}

/* As Python writes them; in strings and floats they are left alone. */
static void long_integers(void **state) {
    (void)state;
    hl__doc d = parse("{\"a\":1000000000000000019884624838656,\"b\":-99999999999999999999999,"
                      "\"s\":\"x\\\" 99999999999999999999999\",\"n\":18,"
                      "\"f\":1.5e+3,\"l\":[0.12345678901234567890123]}");
    hl__node n = hl__doc_node(&d);
    hl_error err;
    hl_str s;
    double f;
    uint32_t u;
    assert_int_equal(hl__node_f64(n, "a", 0, &f, &err), HL_OK);
    assert_true(f == 1e30);
    assert_int_equal(hl__node_f64(n, "b", 0, &f, &err), HL_OK);
    assert_true(f == -1e23);
    assert_int_equal(hl__node_f64(n, "f", 0, &f, &err), HL_OK);
    assert_true(f == 1500);
    assert_int_equal(hl__node_str(n, "s", &s, &err), HL_OK);
    assert_str(s, "x\" 99999999999999999999999");
    assert_int_equal(hl__node_u32(n, "n", 0, &u, &err), HL_OK);
    assert_int_equal(u, 18);
    assert_int_equal(hl__node_u32(n, "a", 0, &u, &err), HL_EFORMAT);
    hl__doc_close(&d);
}

static void documents(void **state) {
    (void)state;
    model_dir m = {0};
    hl__doc d;
    hl_error err;
    bool b;
    temp_dir_make(m.dir);
    assert_int_equal(hl__doc_read(m.dir, "none.json", 100, &d, &err), HL_DONE);
    assert_int_equal(hl__node_bool(hl__doc_node(&d), "b", true, &b, &err), HL_OK);
    assert_true(b);
    hl__doc_close(&d);
    model_dir_text(&m, "a.json", "{\"b\":false}");
    assert_int_equal(hl__doc_read(m.dir, "a.json", 100, &d, &err), HL_OK);
    hl__doc_close(&d);
    assert_int_equal(hl__doc_read(m.dir, "a.json", 4, &d, &err), HL_ELIMIT);
    model_dir_text(&m, "b.json", "[1]");
    assert_int_equal(hl__doc_read(m.dir, "b.json", 100, &d, &err), HL_EFORMAT);
    assert_string_equal(err.text, "b.json: it is not a JSON object");
    model_dir_text(&m, "c.json", "{");
    assert_int_equal(hl__doc_read(m.dir, "c.json", 100, &d, &err), HL_EFORMAT);
    model_dir_deinit(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_values),
        cmocka_unit_test(long_integers),
        cmocka_unit_test(documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
