/* Special tokens: which file says what, and who wins; templates of chats. */
#include "convert_vocabulary.h"
#include "model_dir.h"

#define TOKENS                                                                                     \
    "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"</s>\":2,\"a\":3,\"<x>\":4},\"merges\":[]},"               \
    "\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}]"
#define BYTES                                                                                      \
    "{\"model\":{" TOKENS ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define PIECES                                                                                     \
    "{\"model\":{\"byte_fallback\":true," TOKENS ",\"pre_tokenizer\":{\"type\":\"Metaspace\"}"
#define AROUND(parts)                                                                              \
    ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" parts "]}}"
#define BOS_PART  "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}"
#define EOS_PART  "{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}"
#define TEXT_PART "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define BOTH      "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</s>\"}"

typedef struct expectation {
    vocabulary_texts texts;
    uint32_t bos, eos;
    bool add_bos, add_eos;
    uint32_t n_ends;
} expectation;

static void who_says_what(void **state) {
    (void)state;
    static const expectation ALL[] = {
        {{.tokenizer = BYTES "}"}, HL__NO_ID, HL__NO_ID, false, false, 0},
        {{.tokenizer = BYTES "}", .tokenizer_config = BOTH "}"}, 1, 2, false, false, 1},
        {{.tokenizer = PIECES "}", .tokenizer_config = BOTH "}"}, 1, 2, true, false, 1},
        {{.tokenizer = PIECES "}", .tokenizer_config = BOTH ",\"add_bos_token\":false}"},
         1,
         2,
         false,
         false,
         1},
        {{.tokenizer = BYTES "}",
          .tokenizer_config = BOTH ",\"add_bos_token\":true,"
                                   "\"add_eos_token\":true}"},
         1,
         2,
         true,
         true,
         1},
        {{.tokenizer = BYTES "}", .tokenizer_config = "{\"add_bos_token\":true}"},
         HL__NO_ID,
         HL__NO_ID,
         false,
         false,
         0},
        {{.tokenizer = BYTES "}", .config = "{\"bos_token_id\":1,\"eos_token_id\":[2,4]}"},
         1,
         2,
         false,
         false,
         2},
        {{.tokenizer = BYTES "}",
          .tokenizer_config = BOTH "}",
          .config = "{\"eos_token_id\":4}",
          .generation_config = "{\"eos_token_id\":[4,2,3]}"},
         1,
         2,
         false,
         false,
         3},
        {{.tokenizer = BYTES "}", .generation_config = "{\"eos_token_id\":3}"},
         HL__NO_ID,
         3,
         false,
         false,
         1},
        {{.tokenizer = BYTES "}", .config = "{\"eos_token_id\":-1,\"bos_token_id\":null}"},
         HL__NO_ID,
         HL__NO_ID,
         false,
         false,
         0},
        {{.tokenizer = BYTES "}",
          .tokenizer_config = "{\"eos_token\":\"<nowhere>\"}",
          .config = "{\"eos_token_id\":4}"},
         HL__NO_ID,
         4,
         false,
         false,
         1},
        {{.tokenizer = BYTES AROUND(BOS_PART "," TEXT_PART)}, 1, HL__NO_ID, true, false, 0},
        {{.tokenizer = BYTES AROUND(BOS_PART "," TEXT_PART "," EOS_PART),
          .tokenizer_config = BOTH "}"},
         1,
         2,
         true,
         true,
         1},
        {{.tokenizer = BYTES ",\"post_processor\":{\"type\":\"Sequence\",\"processors\":["
                             "{\"type\":\"ByteLevel\"},{\"type\":\"TemplateProcessing\","
                             "\"single\":[" BOS_PART "," TEXT_PART "]}]}}",
          .tokenizer_config = BOTH "}"},
         1,
         2,
         true,
         false,
         1},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        vocabulary_texts t = ALL[i].texts;
        hl__convert_vocab v;
        hl_error err;
        t.n_tokens = 5;
        if (vocabulary_read(&t, &v, &err) < 0) fail_msg("%zu: %s", i, err.text);
        if (v.bos != ALL[i].bos || v.eos != ALL[i].eos || v.add_bos != ALL[i].add_bos ||
            v.add_eos != ALL[i].add_eos || v.n_ends != ALL[i].n_ends)
            fail_msg("%zu: bos %u %d, eos %u %d, %u ends", i, v.bos, v.add_bos, v.eos, v.add_eos,
                     v.n_ends);
        if (v.n_ends > 0) assert_int_equal(v.ends[0], v.eos);
        vocabulary_release(&v);
    }
}

static void refused(void **state) {
    (void)state;
    static const struct {
        vocabulary_texts texts;
        hl_status st;
        const char *part;
    } BAD[] = {
        {{.tokenizer = BYTES "}", .config = "{\"eos_token_id\":5}"},
         HL_EFORMAT,
         "config.json: eos_token_id is no token's id"},
        {{.tokenizer = BYTES "}", .generation_config = "{\"eos_token_id\":[2,\"x\"]}"},
         HL_EFORMAT,
         "generation_config.json: eos_token_id"},
        {{.tokenizer = BYTES "}", .tokenizer_config = "{\"bos_token\":7}"},
         HL_EFORMAT,
         "bos_token is no string"},
        {{.tokenizer = BYTES AROUND(TEXT_PART "," EOS_PART)}, HL_EUNSUPPORTED, "token 2"},
        {{.tokenizer = BYTES AROUND(TEXT_PART "," EOS_PART "," TEXT_PART),
          .tokenizer_config = BOTH "}"},
         HL_EUNSUPPORTED,
         "token 2"},
        {{.tokenizer = BYTES AROUND("{\"SpecialToken\":{\"id\":\"<y>\"}}")},
         HL_EFORMAT,
         "names a token that is not there"},
        {{.tokenizer = BYTES AROUND("7")}, HL_EFORMAT, "single holds no objects"},
        {{.tokenizer = BYTES ",\"post_processor\":{\"type\":\"BertProcessing\"}}"},
         HL_EUNSUPPORTED,
         "\"BertProcessing\""},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        vocabulary_texts t = BAD[i].texts;
        hl__convert_vocab v;
        hl_error err = {0};
        t.n_tokens = 5;
        hl_status st = vocabulary_read(&t, &v, &err);
        if (st != BAD[i].st || !strstr(err.text, BAD[i].part))
            fail_msg("%zu: %s \"%s\"", i, hl_status_name(st), err.text);
        vocabulary_release(&v);
    }
}

/* -- templates --------------------------------------------------------------------------------- */

/* `file`: chat_template.jinja's text, or NULL; want NULL: none. */
static void check_template(const char *config, const char *file, const char *want) {
    model_dir d = {0};
    hl__doc doc;
    hl_error err;
    hl__convert_vocab v = {.arena = hl_arena_create(0)};
    temp_dir_make(d.dir);
    if (file) model_dir_text(&d, "chat_template.jinja", file);
    assert_int_equal(hl__doc_parse(hl_str_from(config), "tokenizer_config.json", &doc, &err),
                     HL_OK);
    if (hl__chat_template_read(&v, d.dir, &doc, &err) < 0) fail_msg("%s", err.text);
    if (want)
        assert_str(v.chat_template, want);
    else
        assert_null(v.chat_template.ptr);
    hl__doc_close(&doc);
    hl_arena_destroy(v.arena);
    model_dir_deinit(&d);
}

static void templates(void **state) {
    (void)state;
    check_template("{}", NULL, NULL);
    check_template("{\"chat_template\":\"A\"}", NULL, "A");
    check_template("{\"chat_template\":\"A\"}", "B", "B");
    check_template("{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"T\"},"
                   "{\"name\":\"default\",\"template\":\"D\"}]}",
                   NULL, "D");
    check_template("{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"T\"}]}", NULL, NULL);
    check_template("{\"chat_template\":null}", NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_what),
        cmocka_unit_test(refused),
        cmocka_unit_test(templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
