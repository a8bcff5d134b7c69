#include "testing.h"

#include "text/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

static void ascii_classes(void **state) {
    (void)state;
    assert_int_equal(hl_unicode_class('A'), HL_UNICODE_LU);
    assert_int_equal(hl_unicode_class('z'), HL_UNICODE_LL);
    assert_int_equal(hl_unicode_class('7'), HL_UNICODE_N);
    assert_int_equal(hl_unicode_class('!'), HL_UNICODE_P);
    assert_int_equal(hl_unicode_class('+'), HL_UNICODE_S);
    assert_int_equal(hl_unicode_class(' '), HL_UNICODE_SPACE);
    assert_int_equal(hl_unicode_class('\n'), HL_UNICODE_SPACE);
    assert_int_equal(hl_unicode_class(0), 0);
    assert_int_equal(hl_unicode_class(0x7F), 0);
}

static void hard_classes(void **state) {
    (void)state;
    assert_int_equal(hl_unicode_class(0x85), HL_UNICODE_SPACE);
    assert_int_equal(hl_unicode_class(0xA0), HL_UNICODE_SPACE);
    assert_int_equal(hl_unicode_class(0xFEFF), 0);
    assert_int_equal(hl_unicode_class(0x200B), 0);
    assert_int_equal(hl_unicode_class(0x1C5), HL_UNICODE_LU); /* Lt */
    assert_int_equal(hl_unicode_class(0x2B0), HL_UNICODE_LO); /* Lm */
    assert_int_equal(hl_unicode_class(0x301), HL_UNICODE_M);
    assert_int_equal(hl_unicode_class(0x4E2D), HL_UNICODE_LO);
    assert_int_equal(hl_unicode_class(0x2163), HL_UNICODE_N);
    /* new in Unicode 16 */
    assert_int_equal(hl_unicode_class(0x10D40), HL_UNICODE_N);
    assert_int_equal(hl_unicode_class(0x11BC0), HL_UNICODE_LO);
    /* no characters at all */
    assert_int_equal(hl_unicode_class(0xD800), 0);
    assert_int_equal(hl_unicode_class(0x110000), 0);
    assert_int_equal(hl_unicode_class(UINT32_MAX), 0);
    assert_string_equal(hl_unicode_version(), "16.0.0");
}

static pcre2_code *compile(const char *pattern) {
    int error;
    size_t at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
    assert_non_null(re);
    return re;
}

/* PCRE2 may know an older or a newer version: what both call assigned must agree, but for the
 * few characters that versions after 14 have reclassified. */
static void agrees_with_pcre2(void **state) {
    (void)state;
    static const char *const NAMES[8] = {"[\\p{Lu}\\p{Lt}]", "\\p{Ll}", "[\\p{Lm}\\p{Lo}]",
                                         "\\p{M}",           "\\p{N}",  "\\p{P}",
                                         "\\p{S}",           "\\p{Xsp}"};
    pcre2_code *unassigned = compile("^\\p{Cn}");
    pcre2_match_data *md = pcre2_match_data_create(4, NULL);
    size_t differ = 0;
    for (unsigned bit = 0; bit < 8; bit++) {
        char pattern[64];
        (void)snprintf(pattern, sizeof pattern, "^%s", NAMES[bit]);
        pcre2_code *re = compile(pattern);
        for (uint32_t cp = 0; cp < 0x110000; cp++) {
            if (cp >= 0xD800 && cp < 0xE000) continue;
            char s[4];
            size_t n = hl_utf8_encode(cp, s);
            bool theirs = pcre2_match(re, (PCRE2_SPTR)s, n, 0, 0, md, NULL) >= 0;
            bool ours = hl_unicode_class(cp) & 1u << bit;
            if (theirs == ours || pcre2_match(unassigned, (PCRE2_SPTR)s, n, 0, 0, md, NULL) >= 0)
                continue;
            if (theirs && hl_unicode_class(cp) == 0 && bit < 7) continue; /* newer than ours */
            if (cp == 0x180E) continue; /* once a space, in PCRE2's \p{Xsp} still */
            differ++;
        }
        pcre2_code_free(re);
    }
    assert_true(differ <= 16);
    pcre2_match_data_free(md);
    pcre2_code_free(unassigned);
}

static void han(void **state) {
    (void)state;
    assert_true(hl_unicode_is_han(0x4E00) && hl_unicode_is_han(0x9FFF));
    assert_true(hl_unicode_is_han(0x3007) && hl_unicode_is_han(0x2E80));
    assert_true(hl_unicode_is_han(0x323AF));
    assert_false(hl_unicode_is_han(0x3042) || hl_unicode_is_han('a') || hl_unicode_is_han(0x3006));
    assert_false(hl_unicode_is_han(0x323B0) || hl_unicode_is_han(0));
}

static void check_nfc(const char *in, const char *want) {
    hl_buf out = {0};
    hl_unicode_to_nfc(hl_str_from(in), &out);
    assert_str(hl_buf_str(&out), want);
    if (strcmp(in, want) != 0) assert_false(hl_unicode_is_nfc(hl_str_from(in)));
    hl_buf_deinit(&out);
}

static void nfc(void **state) {
    (void)state;
    check_nfc("", "");
    check_nfc("plain", "plain");
    check_nfc("e\u0301te\u0301", "\u00e9t\u00e9");
    check_nfc("\u212b \u2126", "\u00c5 \u03a9");     /* singletons */
    check_nfc("q\u0307\u0323", "q\u0323\u0307");     /* marks are ordered */
    check_nfc("a\u0323\u0302", "\u1ead");            /* composes twice */
    check_nfc("a\u0302\u0323", "\u1ead");            /* … in any order */
    check_nfc("a\u0313\u0301", "a\u0313\u0301");     /* a mark of the same class blocks */
    check_nfc("\u1100\u1161\u11a8", "\uac01");       /* Hangul */
    check_nfc("\uac00\u11a8", "\uac01");             /* … LV and T */
    check_nfc("\u1100\u1161\u1161", "\uac00\u1161"); /* … no more than that */
    check_nfc("\u0958", "\u0915\u093c");             /* excluded from composing */
    check_nfc("\u0344", "\u0308\u0301");             /* decomposes to marks */
    check_nfc("a\u035c\u0315\u0300\u05ae"
              "b",
              "\u00e0\u05ae\u0315\u035c"
              "b");
    check_nfc("\U0001109B", "\U0001109B");
    check_nfc("\U00011099\U000110BA", "\U0001109A");
    assert_true(hl_unicode_is_nfc(HL_STR("caf\u00e9 \u4e2d\u6587 \U0001f44d")));
    assert_true(hl_unicode_is_nfc(HL_STR("")));
}

static void nfc_keeps_malformed_bytes(void **state) {
    (void)state;
    check_nfc("\xff\xfe"
              "e\u0301\xc3",
              "\xff\xfe\u00e9\xc3");
    check_nfc("\xed\xa0\x80\xf5", "\xed\xa0\x80\xf5");
    check_nfc("\x80\u0301", "\x80\u0301");
}

/* 200,000 marks whose order is the worst there is. */
static void nfc_sorts_long_runs(void **state) {
    (void)state;
    hl_buf in = {0}, out = {0};
    enum { N = 100000 };
    for (int i = 0; i < N; i++) hl_buf_append_cstr(&in, "\u0307\u0323");
    hl_unicode_to_nfc(hl_buf_str(&in), &out);
    assert_int_equal(out.len, in.len);
    assert_memory_equal(out.ptr, "\u0323\u0323", 4);
    assert_memory_equal(out.ptr + 2 * N - 2, "\u0323\u0307", 4);
    assert_false(hl_unicode_is_nfc(hl_buf_str(&in)));
    hl_buf_deinit(&in);
    hl_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_classes),
        cmocka_unit_test(hard_classes),
        cmocka_unit_test(agrees_with_pcre2),
        cmocka_unit_test(han),
        cmocka_unit_test(nfc),
        cmocka_unit_test(nfc_keeps_malformed_bytes),
        cmocka_unit_test(nfc_sorts_long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
