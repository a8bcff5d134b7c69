/* Names, challenges and keys; transfers are tests/fault/registry_test.c's and tests/e2e/pull.sh's.
 */
#include "store/registry.h"

#include "store/registry_challenge.h"
#include "store/registry_key.h"
#include "store/registry_token.h"
#include "testing.h"

static hl_error err;

/* -- names ------------------------------------------------------------------------------------- */

static void names_lead_to_registries(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool insecure;
        const char *base; /* NULL: refused */
        const char *origin;
    } cases[] = {
        {"x", false, "https://registry.ollama.ai/v2/library/x/", "https://registry.ollama.ai:443"},
        {"a/x:1", true, "http://registry.ollama.ai/v2/a/x/", "http://registry.ollama.ai:80"},
        {"hf.co/A/b.c:Q4", false, "https://hf.co/v2/A/b.c/", "https://hf.co:443"},
        {"https://h:5000/a/x", false, "https://h:5000/v2/a/x/", "https://h:5000"},
        {"https://h/a/x", true, "https://h/v2/a/x/", "https://h:443"},
        {"http://h/a/x", true, "http://h/v2/a/x/", "http://h:80"},
        {"http://h/a/x", false, NULL, NULL},
        {"ftp://h/a/x", true, NULL, NULL},
        {"h:port/a/x", false, NULL, NULL},
        {"h:1:2/a/x", false, NULL, NULL},
        {"../x", false, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_registry_ask ask = {.model = hl_str_from(cases[i].text),
                               .insecure = cases[i].insecure,
                               .report = (hl_create_report *)1};
        hl__link l;
        hl_name n;
        hl_status st = hl__link_open(&ask, &l, &err);
        assert_int_equal(hl_registry_check(ask.model, ask.insecure, &n, &err), st);
        assert_int_equal(st, cases[i].base ? HL_OK : HL_EINVAL);
        if (st < 0) continue;
        assert_str(hl_buf_str(&l.base), cases[i].base);
        assert_string_equal(l.origin, cases[i].origin);
        hl__link_close(&l);
    }
}

static void tokens_are_shown_to_the_registry_only(void **state) {
    (void)state;
    hl_registry_ask ask = {.model = HL_STR("h/a/x"), .report = (hl_create_report *)1};
    hl__link l;
    assert_int_equal(hl__link_open(&ask, &l, &err), HL_OK);
    assert_null(hl__link_bearer(&l, "https://h/v2/a/x/blobs/1"));
    hl_buf_append_cstr(&l.bearer, "Authorization: Bearer t");
    assert_non_null(hl__link_bearer(&l, "https://h/v2/a/x/blobs/1"));
    assert_non_null(hl__link_bearer(&l, "https://h:443/elsewhere"));
    const char *const others[] = {"http://h/",       "https://h:444/", "https://h.evil/",
                                  "https://h@evil/", "https://evil/h", "nonsense"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(hl__link_bearer(&l, others[i]));
    hl__challenge c = {.realm = "https://evil/token"};
    assert_int_equal(hl__token_get(&l, &c, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "another host"));
    hl__link_close(&l);
}

/* -- challenges -------------------------------------------------------------------------------- */

static void challenges_are_read(void **state) {
    (void)state;
    hl__challenge c;
    hl_buf url;
    assert_true(hl__challenge_parse(
        HL_STR("Bearer realm=\"https://r/t\",service=\"s\",scope=\"repository:a/b:pull x:y\""),
        &c));
    assert_string_equal(c.realm, "https://r/t");
    assert_string_equal(c.service, "s");
    hl_buf_init(&url, 0);
    hl__token_url(&c, 42, HL_STR("n"), &url);
    assert_str(hl_buf_str(&url), "https://r/t?nonce=n&scope=repository%3Aa%2Fb%3Apull&scope=x%3Ay"
                                 "&service=s&ts=42");
    hl_buf_deinit(&url);
    assert_true(
        hl__challenge_parse(HL_STR("bearer  REALM = x , error=\"a,\\\"b\", service=\"\""), &c));
    assert_string_equal(c.realm, "x");
    assert_string_equal(c.scope, "");
}

static void other_headers_are_no_challenges(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "Basic realm=\"x\"",
        "Bearer",
        "Bearer realm",
        "Bearer =x",
        "Bearer realm=\"x",
        "Bearer service=\"x\"",
        "Bearer realm=\"\"",
        "Bearer realm=\"a\nb\"",
        "Bearer realm=\"x\\",
        "Bearer realm x=y",
    };
    hl__challenge c;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (hl__challenge_parse(hl_str_from(texts[i]), &c)) fail_msg("%s", texts[i]);
    static char longest[HL__CHALLENGE_TEXT_MAX + 32] = "Bearer realm=\"";
    memset(longest + 14, 'a', HL__CHALLENGE_TEXT_MAX);
    longest[14 + HL__CHALLENGE_TEXT_MAX] = '"';
    assert_false(hl__challenge_parse(hl_str_from(longest), &c));
}

/* -- keys -------------------------------------------------------------------------------------- */

static void a_key_is_read_back(void **state) {
    (void)state;
    hl__key k, again;
    hl_buf text, public, signed_a, signed_b;
    hl_buf_init(&text, 0);
    hl_buf_init(&public, 0);
    hl_buf_init(&signed_a, 0);
    hl_buf_init(&signed_b, 0);
    assert_int_equal(hl__key_make(&k, &err), HL_OK);
    hl__key_print(&k, &text);
    assert_int_equal(hl__key_parse(hl_buf_str(&text), &again, &err), HL_OK);
    assert_memory_equal(&k, &again, sizeof k);
    hl__key_print_public(&k, &public);
    assert_true(
        hl_str_starts(hl_buf_str(&public), HL_STR("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI")));
    assert_int_equal(hl__key_sign(&k, HL_STR("x"), &signed_a, &err), HL_OK);
    assert_int_equal(hl__key_sign(&again, HL_STR("x"), &signed_b, &err), HL_OK);
    assert_int_equal(signed_a.len, 68 + 1 + 88);
    assert_memory_equal(signed_a.ptr, signed_b.ptr, signed_a.len);
    for (size_t n = 0; n + 2 < text.len; n++) {
        hl_str cut = {text.ptr, n};
        assert_int_equal(hl__key_parse(cut, &again, &err), HL_EFORMAT);
    }
    hl_buf_deinit(&text);
    hl_buf_deinit(&public);
    hl_buf_deinit(&signed_a);
    hl_buf_deinit(&signed_b);
}

static void changed_keys_are_refused(void **state) {
    (void)state;
    hl__key k;
    hl_buf text;
    hl_buf_init(&text, 0);
    assert_int_equal(hl__key_make(&k, &err), HL_OK);
    hl__key_print(&k, &text);
    char *body = strchr(text.ptr, '\n') + 1;
    for (size_t i = 0; i < 60; i++) { /* cipher, kdf, number of keys, lengths */
        char before = body[i];
        hl__key other;
        body[i] = before == 'A' ? 'B' : 'A';
        if (before != '\n')
            assert_int_equal(hl__key_parse(hl_buf_str(&text), &other, &err), HL_EFORMAT);
        body[i] = before;
    }
    hl_buf_deinit(&text);
}

static void base64_is_as_rfc_4648_has_it(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_buf b;
        hl_buf_init(&b, 0);
        hl__base64_append(&b, (hl_bytes){(const uint8_t *)cases[i][0], strlen(cases[i][0])});
        assert_str(hl_buf_str(&b), cases[i][1]);
        hl_buf_deinit(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_registries),
        cmocka_unit_test(tokens_are_shown_to_the_registry_only),
        cmocka_unit_test(challenges_are_read),
        cmocka_unit_test(other_headers_are_no_challenges),
        cmocka_unit_test(a_key_is_read_back),
        cmocka_unit_test(changed_keys_are_refused),
        cmocka_unit_test(base64_is_as_rfc_4648_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
