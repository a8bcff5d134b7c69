/* "ignore_merges": refused where it makes a difference that a GGUF file cannot tell. */
#include "convert_vocabulary.h"

#include "store/convert_merges.h"

#include <stdio.h>

#define LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define GPT2  "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define LLAMA                                                                                      \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"behavior\":\"Isolated\","     \
    "\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?"         \
    "\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|"        \
    "\\\\s+(?!\\\\S)|\\\\s+\"}}," LEVEL "]}"

static hl_status read(const char *pre, const char *flag, const char *vocab, const char *merges,
                      const char *added, hl_error *err) {
    char text[4096];
    hl__convert_vocab v;
    (void)snprintf(text, sizeof text,
                   "{\"model\":{%s\"vocab\":{%s},\"merges\":[%s]},\"pre_tokenizer\":%s,"
                   "\"added_tokens\":[%s]}",
                   flag, vocab, merges, pre, added);
    vocabulary_texts t = {.tokenizer = text, .n_tokens = 16};
    hl_status st = vocabulary_read(&t, &v, err);
    vocabulary_release(&v);
    return st;
}

#define YES "\"ignore_merges\":true,"
#define NO  "\"ignore_merges\":false,"

/* Vocabularies whose tokens all come about by merging, or not. */
static void where_it_matters(void **state) {
    (void)state;
    static const struct {
        const char *vocab, *merges, *added;
        bool whole;
    } ALL[] = {
        {"\"a\":0,\"b\":1", "", "", true},
        {"\"a\":0,\"b\":1,\"ab\":2", "\"a b\"", "", true},
        {"\"a\":0,\"b\":1,\"ab\":2", "", "", false},
        {"\"a\":0,\"b\":1,\"ab\":2,\"aba\":3,\"abab\":4", "\"a b\",\"ab a\",\"ab ab\"", "", true},
        /* "b c" comes first and leaves a alone */
        {"\"a\":0,\"b\":1,\"c\":2,\"bc\":3,\"ab\":4,\"abc\":5", "\"b c\",\"a b\",\"ab c\"", "",
         false},
        {"\"a\":0,\"b\":1,\"c\":2,\"bc\":3,\"ab\":4,\"abc\":5", "\"a b\",\"b c\",\"ab c\"", "",
         true},
        {"\"\u00e9\":0,\"\u0120\":1,\"\u0120\u00e9\":2", "\"\u0120 \u00e9\"", "", true},
        {"\"a\":0,\"aa\":1,\"aaa\":2,\"aaaa\":3", "\"a a\",\"aa a\",\"aa aa\"", "", true},
        /* matched before any merging */
        {"\"a\":0,\"<e>\":1", "", "{\"id\":1,\"content\":\"<e>\",\"special\":true}", true},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        static const struct {
            const char *pre, *flag;
            bool differs; /* from what the name stands for */
        } WAYS[] = {{GPT2, "", false}, {GPT2, NO, false}, {GPT2, YES, true},
                    {LLAMA, "", true}, {LLAMA, NO, true}, {LLAMA, YES, false}};
        for (size_t w = 0; w < sizeof WAYS / sizeof WAYS[0]; w++) {
            hl_error err = {0};
            hl_status st = read(WAYS[w].pre, WAYS[w].flag, ALL[i].vocab, ALL[i].merges,
                                ALL[i].added, &err);
            bool refused = WAYS[w].differs && !ALL[i].whole;
            if (st != (refused ? HL_EUNSUPPORTED : HL_OK) ||
                (refused && !strstr(err.text, "ignore_merges")))
                fail_msg("%zu %zu: %s %s", i, w, hl_status_name(st), err.text);
        }
    }
}

/* Merging is not tried on tokens of any length. */
static void long_tokens(void **state) {
    (void)state;
    char vocab[400] = "\"a\":0,\"";
    hl_error err = {0};
    size_t at = strlen(vocab);
    memset(vocab + at, 'b', 300);
    (void)snprintf(vocab + at + 300, sizeof vocab - at - 300, "\":1");
    assert_int_equal(read(GPT2, YES, vocab, "\"b b\"", "", &err), HL_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "does not make token 1 \"bbbb"));
    assert_int_equal(read(GPT2, NO, vocab, "\"b b\"", "", &err), HL_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_it_matters),
        cmocka_unit_test(long_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
