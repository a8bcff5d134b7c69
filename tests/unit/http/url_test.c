#include "http/url.h"

#include "testing.h"

static hl_error err;

static void origins_are_comparable(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"https://a.b/x", "https://a.b:443/y?z", true},
        {"HTTPS://A.B", "https://a.b", true},
        {"http://a.b/", "http://a.b:80/", true},
        {"http://a.b/", "https://a.b/", false},
        {"https://a.b/", "https://a.b:8443/", false},
        {"https://a.b/", "https://a.b.c/", false},
        {"https://a.b/", "https://a.b@c.d/", false},
        {"https://a.b/", "https://c.d/a.b", false},
        {"https://a.b/", "nonsense", false},
        {"ftp://a.b/", "ftp://a.b/", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (hl_url_same_origin(cases[i].a, cases[i].b) != cases[i].same)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
}

static void what_is_no_url_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",         "a.b",          "/x",          "file:///etc/passwd",
        "https://", "https://a b/", "gopher://a/", "https://a:99999/"};
    char origin[HL_URL_ORIGIN_MAX];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (hl_url_origin(texts[i], origin, &err) != HL_EINVAL) fail_msg("%s", texts[i]);
}

static void urls_lead_on(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *want;
    } cases[] = {
        {"https://a/v2/x", "/y?z=1", "https://a/y?z=1"},
        {"https://a/v2/x", "y", "https://a/v2/y"},
        {"https://a/v2/x", "http://b:1/c", "http://b:1/c"},
        {"https://a/v2/x", "//b/c", "https://b/c"},
        {"https://a/v2/x", "file:///etc/passwd", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_buf b;
        hl_buf_init(&b, 0);
        hl_status st = hl_url_join(cases[i].from, cases[i].to, &b, &err);
        assert_int_equal(st, cases[i].want ? HL_OK : HL_EINVAL);
        if (cases[i].want) assert_str(hl_buf_str(&b), cases[i].want);
        hl_buf_deinit(&b);
    }
}

static void values_are_escaped(void **state) {
    (void)state;
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "https://a/t");
    hl_url_add(&b, "scope", HL_STR("repository:a/b:pull push"));
    hl_url_add(&b, "x", HL_STR("&=\r\n\xC3\xA4~"));
    assert_str(hl_buf_str(&b),
               "https://a/t?scope=repository%3Aa%2Fb%3Apull%20push&x=%26%3D%0D%0A%C3%A4~");
    hl_buf_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_are_comparable),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(urls_lead_on),
        cmocka_unit_test(values_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
