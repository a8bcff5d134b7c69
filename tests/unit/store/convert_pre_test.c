/* Which pre-tokenizer a tokenizer.json means. */
#include "testing.h"

#include "store/convert_pre.h"
#include "text/pretokenize.h"

#include <stdio.h>

#define CUT    "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LONG   "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define WORDS  "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
#define TAIL   "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LEVEL  "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define GPT2   "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define PIECES "{\"byte_fallback\":true}"

/* {"type": "Split", …} of an expression. */
static void put_split(hl_buf *b, const char *expression) {
    hl_buf_append_cstr(b, "{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":");
    hl_json_append_string(b, hl_str_from(expression));
    hl_buf_append_cstr(b, "}},");
}

static hl_status read(hl_str text, size_t n_tokens, hl__convert_pre *ret, hl_error *err) {
    hl__doc d;
    hl_status st = hl__doc_parse(text, "tokenizer.json", &d, err);
    if (st < 0) fail_msg("%.*s: %s", HL_STR_ARG(text), err->text);
    st = hl__pre_read(hl__doc_node(&d), n_tokens, ret, err);
    hl__doc_close(&d);
    return st;
}

/* Of expressions before ByteLevel; NULL when they are refused. */
static const char *name_of(const char *const *expressions, size_t n, bool nfc, size_t n_tokens) {
    hl_buf b = {0};
    hl__convert_pre pre;
    hl_error err;
    hl_buf_append_cstr(&b, "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (size_t i = 0; i < n; i++) put_split(&b, expressions[i]);
    hl_buf_printf(&b, LEVEL "]},\"normalizer\":%s}", nfc ? "{\"type\":\"NFC\"}" : "null");
    hl_status st = read(hl_buf_str(&b), n_tokens, &pre, &err);
    hl_buf_deinit(&b);
    if (st < 0) assert_int_equal(st, HL_EUNSUPPORTED);
    if (st >= 0) assert_false(pre.by_score);
    if (st >= 0)
        assert_int_equal(pre.takes_whole, hl_pretokenizer_find(hl_str_from(pre.name))->whole_first);
    return st < 0 ? NULL : pre.name;
}

static void known_expressions(void **state) {
    (void)state;
    const char *llama = CUT "|" WORDS "{1,3}" TAIL, *qwen = CUT "|" WORDS TAIL;
    const char *spelled = LONG "|" WORDS TAIL;
    assert_string_equal(name_of(&llama, 1, false, 128000), "llama-bpe");
    assert_string_equal(name_of(&qwen, 1, true, 151643), "qwen2");
    assert_string_equal(name_of(&spelled, 1, true, 151643), "qwen2");
    assert_string_equal(name_of(&spelled, 1, false, 4096), "qwen2");
    /* Readers would normalise: a large vocabulary that does not has another name. */
    assert_string_equal(name_of(&qwen, 1, false, 151643), "stablelm2");
    static const char *const CODER[] = {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+",
                                        "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", "\\p{N}"};
    assert_string_equal(name_of(CODER, 5, false, 32000), "deepseek-coder");
}

static void unknown_expressions(void **state) {
    (void)state;
    const char *llama = CUT "|" WORDS "{1,3}" TAIL, *other = CUT "|" WORDS "{1,4}" TAIL;
    const char *cut = CUT "|" WORDS, *more = CUT "|" WORDS TAIL "|x", *twice[] = {llama, llama};
    assert_null(name_of(&other, 1, false, 1000));
    assert_null(name_of(&cut, 1, false, 1000));
    assert_null(name_of(&more, 1, false, 1000));
    assert_null(name_of(twice, 2, false, 1000));
    assert_null(name_of(NULL, 0, false, 1000));
    assert_null(name_of(&llama, 1, true, 1000)); /* which readers would not normalise */
}

static void merges_are_ignored_or_not(void **state) {
    (void)state;
    static const char *const TEXTS[] = {"{}", "{\"ignore_merges\":false}",
                                        "{\"ignore_merges\":true}", "{\"ignore_merges\":1}"};
    for (size_t i = 0; i < 4; i++) {
        hl_buf b = {0};
        hl__convert_pre pre;
        hl_error err;
        hl_buf_printf(&b, "{\"model\":%s,\"pre_tokenizer\":" GPT2 "}", TEXTS[i]);
        assert_int_equal(read(hl_buf_str(&b), 1000, &pre, &err), i == 3 ? HL_EFORMAT : HL_OK);
        hl_buf_deinit(&b);
        if (i < 3) assert_int_equal(pre.ignore_merges, i == 2);
    }
}

/* The reader of a file normalises where the vocabulary is large, and nowhere else. */
static void small_vocabularies_are_not_normalised(void **state) {
    (void)state;
    const char *qwen = CUT "|" WORDS TAIL;
    assert_null(name_of(&qwen, 1, true, 99999));
    assert_string_equal(name_of(&qwen, 1, true, 100000), "qwen2");
    assert_string_equal(name_of(&qwen, 1, false, 99999), "qwen2");
    assert_string_equal(name_of(&qwen, 1, false, 100000), "stablelm2");
}

static void whole_documents(void **state) {
    (void)state;
    static const struct {
        const char *text, *name; /* name NULL: refused */
        bool by_score, space_prefix;
        const char *part; /* of the message */
    } ALL[] = {
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}}", "gpt-2", false,
         false, ""},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\","
         "\"individual_digits\":true},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}}",
         "smollm", false, false, ""},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true}}", NULL, false,
         false, "add_prefix_space"},
        {"{\"pre_tokenizer\":{\"type\":\"Whitespace\"}}", NULL, false, false, "\"Whitespace\""},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
         "\"normalizer\":{\"type\":\"Lowercase\"}}",
         NULL, false, false, "\"Lowercase\""},
        {"{\"model\":" PIECES
         ",\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\u2581\","
         "\"prepend_scheme\":\"first\"}}",
         "default", true, true, ""},
        {"{\"model\":" PIECES ",\"pre_tokenizer\":{\"type\":\"Metaspace\","
         "\"prepend_scheme\":\"never\"}}",
         "default", true, false, ""},
        {"{\"model\":" PIECES
         ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
         "\"content\":\"\u2581\"}}",
         "default", true, false, ""},
        {"{\"model\":" PIECES ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
         "{\"type\":\"Prepend\",\"prepend\":\"\u2581\"},{\"type\":\"Replace\","
         "\"pattern\":{\"String\":\" \"},\"content\":\"\u2581\"}]}}",
         "default", true, true, ""},
        {"{\"model\":" PIECES
         ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"x\"},"
         "\"content\":\"y\"}}",
         NULL, false, false, "Replace of \"x\""},
        {"{\"model\":" PIECES "}", NULL, false, false, "byte_fallback without"},
        {"{\"model\":{\"byte_fallback\":false}}", NULL, false, false, "BPE without ByteLevel"},
        {"{\"pre_tokenizer\":7}", NULL, false, false, "is no object"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[7]}}", NULL, false, false,
         "is no list"},
        {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
         "\"behavior\":\"Isolated\"}}",
         NULL, false, false, "Split without a Regex"},
        {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},"
         "\"behavior\":\"MergedWithNext\"}}",
         NULL, false, false, "MergedWithNext"},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        hl__convert_pre pre;
        hl_error err = {0};
        hl_status st = read(hl_str_from(ALL[i].text), 1000, &pre, &err);
        if ((st < 0) != (ALL[i].name == NULL) || (st < 0 && !strstr(err.text, ALL[i].part)))
            fail_msg("%s: %s %s", ALL[i].text, hl_status_name(st), err.text);
        if (st < 0) continue;
        assert_string_equal(pre.name, ALL[i].name);
        assert_int_equal(pre.by_score, ALL[i].by_score);
        assert_int_equal(pre.space_prefix, ALL[i].space_prefix);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_expressions),
        cmocka_unit_test(unknown_expressions),
        cmocka_unit_test(merges_are_ignored_or_not),
        cmocka_unit_test(small_vocabularies_are_not_normalised),
        cmocka_unit_test(whole_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
