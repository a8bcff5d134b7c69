/* tokenizer.json: tokens with their kinds, merges in both forms, scores. */
#include "convert_vocabulary.h"

#include "text/tokenizer.h"

#include <stdio.h>

#define PRE    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define PIECES "\"pre_tokenizer\":{\"type\":\"Metaspace\"}"

static void byte_level(void **state) {
    (void)state;
    vocabulary_texts t = {
        .tokenizer = "{\"model\":{\"vocab\":{\"a\":0,\"b\":2,\"ab\":1,\"<e>\":5},"
                     "\"merges\":[\"a b\",[\"ab\",\"a\"]],\"unk_token\":\"b\"}," PRE
                     ",\"added_tokens\":[{\"id\":5,\"content\":\"<e>\",\"special\":true},"
                     "{\"id\":4,\"content\":\"x y\",\"special\":false}]}",
        .n_tokens = 7};
    hl__convert_vocab v;
    hl_error err;
    if (vocabulary_read(&t, &v, &err) < 0) fail_msg("%s", err.text);
    static const char *const TEXTS[] = {"a", "ab", "b", "[PAD3]", "x y", "<e>", "[PAD6]"};
    static const int KINDS[] = {HL_TOKEN_NORMAL, HL_TOKEN_NORMAL,  HL_TOKEN_NORMAL, HL_TOKEN_UNUSED,
                                HL_TOKEN_USER,   HL_TOKEN_CONTROL, HL_TOKEN_UNUSED};
    assert_int_equal(v.n, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_str(v.tokens[i], TEXTS[i]);
        assert_int_equal(v.kinds[i], KINDS[i]);
    }
    assert_int_equal(v.n_merges, 2);
    assert_str(v.merges[0], "a b");
    assert_str(v.merges[1], "ab a");
    assert_int_equal(v.unknown, 2);
    assert_null(v.scores);
    vocabulary_release(&v);
}

static void by_score(void **state) {
    (void)state;
    vocabulary_texts t = {
        .tokenizer = "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"unk_token\":\"<unk>\","
                     "\"vocab\":{\"<unk>\":0,\"<0x0A>\":1,\"a\":2,\"b\":3,\"ab\":4,\"aab\":5},"
                     "\"merges\":[\"a b\",[\"a\",\"ab\"],\"a ab\"]}," PIECES "}",
        .n_tokens = 6};
    hl__convert_vocab v;
    hl_error err;
    if (vocabulary_read(&t, &v, &err) < 0) fail_msg("%s", err.text);
    static const int KINDS[] = {HL_TOKEN_UNKNOWN, HL_TOKEN_BYTE,   HL_TOKEN_NORMAL,
                                HL_TOKEN_NORMAL,  HL_TOKEN_NORMAL, HL_TOKEN_NORMAL};
    for (size_t i = 0; i < 6; i++) assert_int_equal(v.kinds[i], KINDS[i]);
    assert_true(v.scores[4] == 0);
    assert_true(v.scores[5] == -1);
    assert_true(v.scores[2] == -3);
    assert_null(v.merges);
    vocabulary_release(&v);
}

#define MODEL(vocab, merges) "{\"model\":{\"vocab\":" vocab ",\"merges\":" merges "}," PRE "}"
#define ADDED(token)                                                                               \
    "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}," PRE ",\"added_tokens\":[" token "]}"

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        hl_status st;
        const char *part;
    } BAD[] = {
        {"{}", HL_EFORMAT, "model is missing"},
        {"{\"model\":{\"type\":\"Unigram\"}}", HL_EUNSUPPORTED, "\"Unigram\""},
        {"{\"model\":{\"end_of_word_suffix\":\"</w>\"}}", HL_EUNSUPPORTED, "end_of_word_suffix"},
        {MODEL("null", "[]"), HL_EFORMAT, "vocab is missing"},
        {MODEL("[]", "[]"), HL_EFORMAT, "vocab is no object"},
        {MODEL("{\"a\":4}", "[]"), HL_EFORMAT, "\"a\" has no id below 4"},
        {MODEL("{\"a\":-1}", "[]"), HL_EFORMAT, "\"a\" has no id below 4"},
        {MODEL("{\"a\":\"0\"}", "[]"), HL_EFORMAT, "\"a\" has no id below 4"},
        {MODEL("{\"a\":0,\"b\":0}", "[]"), HL_EFORMAT, "not one to one"},
        {MODEL("{\"a\":0}", "null"), HL_EFORMAT, "merges is missing"},
        {MODEL("{\"a\":0}", "[7]"), HL_EFORMAT, "merge 0 has no two parts"},
        {MODEL("{\"a\":0}", "[\"a\"]"), HL_EFORMAT, "merge 0 has no two parts"},
        {MODEL("{\"a\":0}", "[\"a b c\"]"), HL_EFORMAT, "merge 0 has no two parts"},
        {MODEL("{\"a\":0}", "[[\"a\"]]"), HL_EFORMAT, "merge 0 has no two parts"},
        {MODEL("{\"a\":0}", "[[\"a\",\"b c\"]]"), HL_EFORMAT, "merge 0 has no two parts"},
        {MODEL("{\"a\":0}", "[[\"a\",\"\"]]"), HL_EFORMAT, "merge 0 has no two parts"},
        {ADDED("7"), HL_EFORMAT, "added_tokens holds no objects"},
        {ADDED("{\"id\":1}"), HL_EFORMAT, "content is missing"},
        {ADDED("{\"id\":9,\"content\":\"x\"}"), HL_EFORMAT, "\"x\" has no id below 4"},
        {ADDED("{\"id\":0,\"content\":\"x\"}"), HL_EFORMAT, "not one to one"},
        {ADDED("{\"id\":1,\"content\":\"a\"}"), HL_EFORMAT, "not one to one"},
        {"{\"model\":{\"byte_fallback\":true,\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}," PIECES "}",
         HL_EFORMAT, "merge 0 makes no token"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        vocabulary_texts t = {.tokenizer = BAD[i].text, .n_tokens = 4};
        hl__convert_vocab v;
        hl_error err = {0};
        hl_status st = vocabulary_read(&t, &v, &err);
        if (st != BAD[i].st || !strstr(err.text, BAD[i].part))
            fail_msg("%s: %s \"%s\"", BAD[i].text, hl_status_name(st), err.text);
        vocabulary_release(&v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level),
        cmocka_unit_test(by_score),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
