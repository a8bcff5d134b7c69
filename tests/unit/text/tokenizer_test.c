#include "testing.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "vocabulary.h"

enum { MANY = 16 };

static hl_tokenizer *make(const vocabulary *v) {
    hl_tokenizer *t;
    hl_error err = {0};
    if (tokenizer_of(v, &t, &err) < 0) fail_msg("%s", err.text);
    return t;
}

static hl_tokenizer *make_bpe(const char *pre) {
    sample s;
    sample_bpe(&s, pre);
    return make(&s.v);
}

static hl_tokenizer *make_spm(void) {
    sample s;
    sample_spm(&s);
    return make(&s.v);
}

static hl_tokens encode(const hl_tokenizer *t, hl_str text, unsigned flags) {
    hl_tokens ids = {0};
    hl_error err = {0};
    if (hl_tokenizer_encode(t, text, flags, &ids, &err) < 0) fail_msg("%s", err.text);
    return ids;
}

/* The ids of a text; HL_TOKEN_NONE ends the list. */
static void check(const hl_tokenizer *t, const char *text, unsigned flags, const hl_token *want) {
    hl_tokens ids = encode(t, hl_str_from(text), flags);
    size_t n = 0;
    while (want[n] != HL_TOKEN_NONE) n++;
    if (ids.n != n || (n && memcmp(ids.ids, want, n * sizeof *want) != 0)) {
        print_message("\"%s\" gives", text);
        for (size_t i = 0; i < ids.n; i++) print_message(" %u", ids.ids[i]);
        fail_msg(", wanted %zu ids, the first %u", n, want[0]);
    }
    hl_tokens_deinit(&ids);
}
#define IDS(...) ((const hl_token[]){__VA_ARGS__ __VA_OPT__(, ) HL_TOKEN_NONE})

/* ---- byte-level BPE ------------------------------------------------------------------ */

static void bpe_merges_by_rank(void **state) {
    (void)state;
    hl_tokenizer *t = make_bpe("gpt-2");
    hl_token hello = hl_tokenizer_find(t, HL_STR("hello"));
    hl_token world = hl_tokenizer_find(t, HL_STR(" world"));
    check(t, "", 0, IDS());
    check(t, "hello world", 0, IDS(hello, world));
    check(t, "hell", 0, IDS(hl_tokenizer_find(t, HL_STR("hell"))));
    check(t, "help", 0, IDS(hl_tokenizer_find(t, HL_STR("he")), 'l', 'p'));
    check(t, "\u00e9", 0, IDS(hl_tokenizer_find(t, HL_STR("\u00e9"))));
    check(t, "\u00e8", 0, IDS(0xC3, 0xA8));
    check(t, "12", 0, IDS(hl_tokenizer_find(t, HL_STR("12"))));
    check(t, "aaaaa", 0, IDS(hl_tokenizer_find(t, HL_STR("aaaa")), 'a'));
    /* rank, then leftmost: aa aa aa a -> aaaa aa a -> aaaa aaa */
    check(t, "aaaaaaa", 0,
          IDS(hl_tokenizer_find(t, HL_STR("aaaa")), hl_tokenizer_find(t, HL_STR("aaa"))));
    hl_tokenizer_destroy(t);
}

static void digits_follow_the_pretokenizer(void **state) {
    (void)state;
    hl_tokenizer *t = make_bpe("qwen2");
    check(t, "12", 0, IDS('1', '2'));
    hl_tokenizer_destroy(t);
}

static void special_texts(void **state) {
    (void)state;
    hl_tokenizer *t = make_bpe("gpt-2");
    check(t, "a<|end|>a", HL_ENCODE_PARSE_SPECIAL, IDS('a', SAMPLE_END, 'a'));
    check(t, "<|end|>", 0, IDS('<', '|', 'e', 'n', 'd', '|', '>'));
    check(t, "<tool><tool_call>", 0, IDS(SAMPLE_TOOL, SAMPLE_TOOL_CALL)); /* also in plain text */
    check(t, "<tool_cal", 0, IDS('<', 't', 'o', 'o', 'l', '_', 'c', 'a', 'l'));
    check(t, "<<tool>", 0, IDS('<', SAMPLE_TOOL));
    assert_int_equal(hl_tokenizer_find(t, HL_STR("<|end|>")), SAMPLE_END);
    assert_int_equal(hl_tokenizer_find(t, HL_STR("<|")), HL_TOKEN_NONE);
    assert_int_equal(hl_tokenizer_find(t, HL_STR("")), HL_TOKEN_NONE);
    assert_int_equal(hl_tokenizer_kind(t, SAMPLE_END), HL_TOKEN_CONTROL);
    assert_int_equal(hl_tokenizer_kind(t, SAMPLE_TOOL), HL_TOKEN_USER);
    assert_int_equal(hl_tokenizer_kind(t, 100000), HL_TOKEN_UNUSED);
    assert_str(hl_tokenizer_piece(t, SAMPLE_END, false), "");
    assert_str(hl_tokenizer_piece(t, SAMPLE_END, true), "<|end|>");
    assert_str(hl_tokenizer_piece(t, SAMPLE_TOOL, false), "<tool>");
    assert_str(hl_tokenizer_piece(t, 100000, true), "");
    assert_true(hl_tokenizer_is_end(t, SAMPLE_END)); /* by its text */
    assert_false(hl_tokenizer_is_end(t, SAMPLE_TOOL) || hl_tokenizer_is_end(t, 100000));
    assert_int_equal(hl_tokenizer_n_vocab(t), SAMPLE_TOOL_CALL + 1);
    assert_int_equal(hl_tokenizer_piece_bytes_max(t), strlen("<tool_call>"));
    hl_tokenizer_destroy(t);
}

/* A token that no merge makes is only found where whole pieces are looked up first. */
static void whole_pieces_first(void **state) {
    (void)state;
    const char *const PRES[] = {"gpt-2", "llama-bpe"};
    for (size_t i = 0; i < 2; i++) {
        sample s;
        sample_bpe(&s, PRES[i]);
        sample_add(&s, "wow", HL_TOKEN_NORMAL, 0);
        hl_tokenizer *t = make(&s.v);
        if (i == 0)
            check(t, "wow", 0, IDS('w', 'o', 'w'));
        else
            check(t, "wow", 0, IDS(SAMPLE_TOOL_CALL + 1));
        check(t, "woww", 0, IDS('w', 'o', 'w', 'w'));
        hl_tokenizer_destroy(t);
    }
}

static void bos_and_eos(void **state) {
    (void)state;
    sample s;
    sample_bpe(&s, "gpt-2");
    put_u32(&s.v.more, "tokenizer.ggml.bos_token_id", SAMPLE_END);
    put_u32(&s.v.more, "tokenizer.ggml.eos_token_id", SAMPLE_TOOL);
    put_flag(&s.v.more, "tokenizer.ggml.add_bos_token", true);
    put_flag(&s.v.more, "tokenizer.ggml.add_eos_token", true);
    put_array(&s.v.more, "tokenizer.ggml.eos_token_ids", HL_GGUF_I32, 2);
    put_int(&s.v.more, 'q', 4);
    put_int(&s.v.more, SAMPLE_TOOL, 4);
    s.v.n_more = 5;
    hl_tokenizer *t = make(&s.v);
    check(t, "a", HL_ENCODE_ADD_BOS, IDS(SAMPLE_END, 'a', SAMPLE_TOOL));
    check(t, "", HL_ENCODE_ADD_BOS, IDS(SAMPLE_END, SAMPLE_TOOL));
    check(t, "a", 0, IDS('a'));
    assert_int_equal(hl_tokenizer_bos(t), SAMPLE_END);
    assert_int_equal(hl_tokenizer_eos(t), SAMPLE_TOOL);
    assert_true(hl_tokenizer_adds_bos(t));
    assert_true(hl_tokenizer_is_end(t, SAMPLE_TOOL) && hl_tokenizer_is_end(t, 'q'));
    hl_tokenizer_destroy(t);
    hl_buf_deinit(&s.v.more);
}

/* In a format of several messages <|end|> ends one of them, not the answer. */
static void end_of_message_is_no_end(void **state) {
    (void)state;
    sample s;
    sample_bpe(&s, "gpt-2");
    sample_add(&s, "<|return|>", HL_TOKEN_CONTROL, 0);
    hl_tokenizer *t = make(&s.v);
    assert_false(hl_tokenizer_is_end(t, SAMPLE_END));
    assert_true(hl_tokenizer_is_end(t, SAMPLE_TOOL_CALL + 1));
    hl_tokenizer_destroy(t);
}

/* ---- SentencePiece ------------------------------------------------------------------- */

static void spm_merges_by_score(void **state) {
    (void)state;
    hl_tokenizer *t = make_spm();
    check(t, "", 0, IDS());
    check(t, "hello", 0, IDS(SAMPLE_SPACE_HELLO)); /* with a space before it */
    check(t, "hello hello", 0, IDS(SAMPLE_SPACE_HELLO, SAMPLE_SPACE_HELLO));
    check(t, "hellhe", 0, IDS(SAMPLE_SPACE, SAMPLE_HELL, SAMPLE_HE));
    check(t, "\u2581hello", 0, IDS(SAMPLE_SPACE, SAMPLE_SPACE_HELLO)); /* it is a space */
    check(t, "x", 0, IDS(SAMPLE_SPACE, 3 + 'x'));
    check(t, "\u00e9\n", 0, IDS(SAMPLE_SPACE, 3 + 0xC3, 3 + 0xA9, 3 + '\n'));
    check(t, "\xff", 0, IDS(SAMPLE_SPACE, 3 + 0xFF));
    /* with the prefix five spaces: equal scores, leftmost first */
    check(t, "    o", 0, IDS(SAMPLE_SPACES_4, SAMPLE_SPACE, SAMPLE_O));
    hl_tokenizer_destroy(t);
}

static void spm_special_texts(void **state) {
    (void)state;
    hl_tokenizer *t = make_spm();
    check(t, "</s>hello", HL_ENCODE_PARSE_SPECIAL, IDS(2, SAMPLE_SPACE_HELLO));
    check(t, "hello</s>", HL_ENCODE_PARSE_SPECIAL | HL_ENCODE_ADD_BOS,
          IDS(1, SAMPLE_SPACE_HELLO, 2));
    check(t, "o<b>o", 0, IDS(SAMPLE_SPACE, SAMPLE_O, SAMPLE_TAG, SAMPLE_SPACE, SAMPLE_O));
    check(t, "<s>", 0, IDS(SAMPLE_SPACE, 3 + '<', 3 + 's', 3 + '>'));
    hl_tokens ids = encode(t, HL_STR("<0x0A>"), HL_ENCODE_PARSE_SPECIAL);
    assert_int_equal(ids.n, 7); /* text never names a byte token */
    hl_tokens_deinit(&ids);
    assert_str(hl_tokenizer_piece(t, 3 + 'x', false), "x");
    assert_str(hl_tokenizer_piece(t, SAMPLE_SPACE_HELLO, false), " hello");
    assert_str(hl_tokenizer_piece(t, 0, false), "");
    assert_int_equal(hl_tokenizer_find(t, HL_STR(" hello")), SAMPLE_SPACE_HELLO);
    assert_int_equal(hl_tokenizer_find(t, HL_STR("<0x0A>")), HL_TOKEN_NONE);
    assert_true(hl_tokenizer_is_end(t, 2));
    hl_tokenizer_destroy(t);
}

static void spm_without_prefix(void **state) {
    (void)state;
    sample s;
    sample_spm(&s);
    put_flag(&s.v.more, "tokenizer.ggml.add_space_prefix", false);
    s.v.n_more = 1;
    hl_tokenizer *t = make(&s.v);
    check(t, "hello hello", 0, IDS(SAMPLE_HELLO, SAMPLE_SPACE_HELLO));
    hl_tokenizer_destroy(t);
    hl_buf_deinit(&s.v.more);
}

/* A token with a space inside: words are no longer independent. */
static void spm_token_over_words(void **state) {
    (void)state;
    sample s;
    sample_spm(&s);
    sample_add(&s, "o\u2581", HL_TOKEN_NORMAL, -0.5f);
    hl_tokenizer *t = make(&s.v);
    check(t, "o o", 0, IDS(SAMPLE_SPACE, SAMPLE_TAG + 1, SAMPLE_O));
    hl_tokenizer_destroy(t);
}

/* ---- long pieces: the same ids as by the definition ---------------------------------- */

/* Merges by scanning everything for the best pair, from the vocabulary as it was written. */
static void by_definition(const sample *s, hl_str text, hl_tokens *ret) {
    hl_token *id = hl_calloc(text.len + 1, sizeof *id);
    size_t n = text.len;
    assert_non_null(id);
    for (size_t i = 0; i < n; i++) id[i] = (uint8_t)text.ptr[i];
    for (;;) {
        size_t best = SIZE_MAX, at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            char pair[64];
            hl_str l = hl_str_from(s->tokens[id[i]]), r = hl_str_from(s->tokens[id[i + 1]]);
            memcpy(pair, l.ptr, l.len);
            pair[l.len] = ' ';
            memcpy(pair + l.len + 1, r.ptr, r.len);
            for (size_t k = 0; k < SAMPLE_N_MERGES && k < best; k++) {
                if (hl_str_is((hl_str){pair, l.len + 1 + r.len}, SAMPLE_MERGES[k])) {
                    best = k;
                    at = i;
                }
            }
        }
        if (best == SIZE_MAX) break;
        id[at] = (hl_token)(SAMPLE_BPE_MERGED + best);
        memmove(id + at + 1, id + at + 2, (n - at - 2) * sizeof *id);
        n--;
    }
    for (size_t i = 0; i < n; i++) assert_int_equal(hl_tokens_push(ret, id[i], NULL), HL_OK);
    hl_free(id);
}

static void equals_the_definition(void **state) {
    (void)state;
    sample s;
    sample_bpe(&s, "gpt-2");
    hl_tokenizer *t = make(&s.v);
    hl_rng rng;
    hl_rng_init(&rng, 11);
    for (int k = 0; k < 300; k++) {
        char text[300];
        size_t n = 1 + hl_rng_below(&rng, k % 2 ? sizeof text : 40); /* on both sides of "long" */
        size_t letters = 2 + hl_rng_below(&rng, 6);
        for (size_t i = 0; i < n; i++) text[i] = "aheloz"[hl_rng_below(&rng, letters) % 6];
        hl_tokens want = {0}, got = encode(t, (hl_str){text, n}, 0);
        by_definition(&s, (hl_str){text, n}, &want);
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.ids, want.ids, want.n * sizeof *want.ids);
        hl_tokens_deinit(&want);
        hl_tokens_deinit(&got);
    }
    hl_tokenizer_destroy(t);
}

/* Scores with many equals: of the best the leftmost, also where merging makes new ones in front. */
static void equal_scores_by_definition(const sample *s, hl_str text, hl_tokens *ret) {
    size_t start[512], n = text.len;
    for (size_t i = 0; i <= n; i++) start[i] = i;
    for (;;) {
        size_t at = SIZE_MAX;
        float best = -1e30f;
        for (size_t i = 0; i + 2 <= n; i++) {
            hl_str both = hl_str_slice(text, start[i], start[i + 2]);
            for (size_t k = SAMPLE_TAG + 1; k < s->v.n_tokens; k++) {
                if (hl_str_is(both, s->tokens[k]) && s->scores[k] > best) {
                    best = s->scores[k];
                    at = i;
                }
            }
        }
        if (at == SIZE_MAX) break;
        memmove(start + at + 1, start + at + 2, (n - at - 1) * sizeof *start);
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        hl_str one = hl_str_slice(text, start[i], start[i + 1]);
        hl_token id = 3 + (uint8_t)one.ptr[0];
        for (uint32_t k = SAMPLE_TAG + 1; k < s->v.n_tokens; k++) {
            if (hl_str_is(one, s->tokens[k])) id = k;
        }
        assert_int_equal(hl_tokens_push(ret, id, NULL), HL_OK);
    }
}

static void equal_scores(void **state) {
    (void)state;
    hl_rng rng;
    hl_rng_init(&rng, 23);
    for (int k = 0; k < 60; k++) {
        sample s;
        sample_spm(&s);
        put_flag(&s.v.more, "tokenizer.ggml.add_space_prefix", false);
        s.v.n_more = 1;
        static char texts[32][8];
        for (size_t i = 0; i < 28; i++) { /* the strings of two to four letters x and y */
            size_t len = i < 4 ? 2 : i < 12 ? 3 : 4, bits = i < 4 ? i : i < 12 ? i - 4 : i - 12;
            for (size_t c = 0; c < len; c++) texts[i][c] = bits >> c & 1 ? 'x' : 'y';
            texts[i][len] = '\0';
            if (hl_rng_below(&rng, 3))
                sample_add(&s, texts[i], HL_TOKEN_NORMAL, -(float)(1 + hl_rng_below(&rng, 3)));
        }
        hl_tokenizer *t = make(&s.v);
        char text[400];
        for (size_t i = 0; i < sizeof text; i++) text[i] = hl_rng_below(&rng, 2) ? 'x' : 'y';
        hl_str all = {text, 100 + hl_rng_below(&rng, 300)};
        hl_tokens want = {0}, got = encode(t, all, 0);
        equal_scores_by_definition(&s, all, &want);
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.ids, want.ids, want.n * sizeof *want.ids);
        hl_tokens_deinit(&want);
        hl_tokens_deinit(&got);
        hl_tokenizer_destroy(t);
        hl_buf_deinit(&s.v.more);
    }
}

/* Whatever is quadratic here takes minutes. */
static void long_runs(void **state) {
    (void)state;
    hl_tokenizer *both[] = {make_bpe("gpt-2"), make_spm()};
    static const char *const UNITS[] = {"a", " ", "hello", "l", "\n", "<", "\u00e9", " hello"};
    for (size_t i = 0; i < 2 * sizeof UNITS / sizeof UNITS[0]; i++) {
        const hl_tokenizer *t = both[i % 2];
        hl_buf text = {0}, back = {0};
        while (text.len < 300000) hl_buf_append_cstr(&text, UNITS[i / 2]);
        hl_tokens ids = encode(t, hl_buf_str(&text), HL_ENCODE_PARSE_SPECIAL);
        hl_detokenizer d;
        hl_detokenizer_init(&d, t, true, true);
        for (size_t k = 0; k < ids.n; k++) hl_detokenizer_push(&d, ids.ids[k], &back);
        hl_detokenizer_finish(&d, &back);
        assert_true(hl_str_eq(hl_buf_str(&back), hl_buf_str(&text)));
        hl_tokens_deinit(&ids);
        hl_buf_deinit(&text);
        hl_buf_deinit(&back);
    }
    hl_tokenizer_destroy(both[0]);
    hl_tokenizer_destroy(both[1]);
}

/* ---- damaged vocabularies ------------------------------------------------------------ */

static void check_refused(const vocabulary *v, hl_status want, const char *says) {
    hl_tokenizer *t;
    hl_error err = {0};
    assert_int_equal(tokenizer_of(v, &t, &err), want);
    assert_null(t);
    if (!strstr(err.text, says)) fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void unknown_kinds(void **state) {
    (void)state;
    sample s;
    sample_bpe(&s, "marzipan");
    check_refused(&s.v, HL_EUNSUPPORTED, "\"marzipan\"");
    s.v.pre = NULL; /* old files have none: gpt-2 */
    hl_tokenizer_destroy(make(&s.v));
    s.v.model = "wordpiece";
    check_refused(&s.v, HL_EUNSUPPORTED, "\"wordpiece\"");
}

static void bad_merges(void **state) {
    (void)state;
    static const char *const BAD[] = {"ab",        "",      " ",     "a ",     "a  ",
                                      "a q\u2581", "qq qq", "h zzz", "a \x01", "z z"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        sample s;
        sample_bpe(&s, "gpt-2");
        const char *merges[] = {"a a", BAD[i]};
        s.v.merges = merges;
        s.v.n_merges = 2;
        check_refused(&s.v, HL_EFORMAT, "tokenizer.ggml.merges[1]");
    }
    sample s;
    sample_bpe(&s, "gpt-2");
    s.v.merges = NULL;
    check_refused(&s.v, HL_EFORMAT, "tokenizer.ggml.merges");
    /* the same pair twice, and one token from two pairs, are no error: the first one counts */
    const char *merges[] = {"a a", "a a", "aa a", "a aa"};
    s.v.merges = merges;
    s.v.n_merges = 4;
    hl_tokenizer *t = make(&s.v);
    check(t, "aaa", 0, IDS(hl_tokenizer_find(t, HL_STR("aaa"))));
    hl_tokenizer_destroy(t);
}

static void bad_arrays(void **state) {
    (void)state;
    sample s;
    sample_spm(&s);
    s.v.scores = NULL;
    check_refused(&s.v, HL_EFORMAT, "tokenizer.ggml.scores");
    put_array(&s.v.more, "tokenizer.ggml.scores", HL_GGUF_F32, 1);
    put_int(&s.v.more, 0, 4);
    s.v.n_more = 1;
    check_refused(&s.v, HL_EFORMAT, "1 entries");
    hl_buf_reset(&s.v.more);
    put_u32(&s.v.more, "tokenizer.ggml.scores", 3);
    check_refused(&s.v, HL_EFORMAT, "no array");
    hl_buf_deinit(&s.v.more);
    sample_spm(&s);
    s.v.n_tokens = 0;
    check_refused(&s.v, HL_EFORMAT, "tokenizer.ggml.tokens");
    sample_spm(&s);
    s.tokens[5] = "<0xZZ>";
    check_refused(&s.v, HL_EFORMAT, "tokenizer.ggml.tokens[5]");
}

static void bad_ids(void **state) {
    (void)state;
    static const char *const KEYS[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id",
                                       "tokenizer.ggml.unknown_token_id"};
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        sample s;
        sample_bpe(&s, "gpt-2");
        put_u32(&s.v.more, KEYS[i], 100000);
        s.v.n_more = 1;
        check_refused(&s.v, HL_EFORMAT, KEYS[i]);
        hl_buf_reset(&s.v.more);
        put_u32(&s.v.more, KEYS[i], UINT32_MAX); /* what some converters write for none */
        hl_tokenizer_destroy(make(&s.v));
        hl_buf_deinit(&s.v.more);
    }
    sample s;
    sample_bpe(&s, "gpt-2");
    put_flag(&s.v.more, "tokenizer.ggml.add_bos_token", true);
    s.v.n_more = 1;
    check_refused(&s.v, HL_EFORMAT, "add_bos_token");
    hl_buf_deinit(&s.v.more);
}

/* Duplicate and empty tokens, odd kinds, bytes that no token has. */
static void odd_tokens(void **state) {
    (void)state;
    sample s;
    sample_bpe(&s, "gpt-2");
    sample_add(&s, "", HL_TOKEN_NORMAL, 0);
    sample_add(&s, "", HL_TOKEN_CONTROL, 0);
    sample_add(&s, "hello", HL_TOKEN_NORMAL, 0);
    sample_add(&s, "<tool>", HL_TOKEN_CONTROL, 0);
    sample_add(&s, "strange", (hl_token_kind)77, 0);
    s.types['z'] = HL_TOKEN_UNUSED;
    hl_tokenizer *t = make(&s.v);
    check(t, "hello<tool>", 0, IDS(SAMPLE_BPE_MERGED + 5, SAMPLE_TOOL));
    assert_int_equal(hl_tokenizer_kind(t, SAMPLE_TOOL_CALL + 5), HL_TOKEN_UNUSED);
    hl_tokenizer_destroy(t);
    s.tokens['z'] = "zz";
    t = make(&s.v);
    hl_tokens ids = {0};
    hl_error err = {0};
    assert_int_equal(hl_tokenizer_encode(t, HL_STR("az"), 0, &ids, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "0x7A"));
    hl_tokens_deinit(&ids);
    hl_tokenizer_destroy(t);
}

/* Every allocation that can fail, fails once. */
static void no_memory(void **state) {
    (void)state;
    for (int spm = 0; spm < 2; spm++) {
        sample s;
        hl_buf b = {0}, text = {0};
        if (spm)
            sample_spm(&s);
        else
            sample_bpe(&s, "llama-bpe");
        put_vocabulary(&b, &s.v);
        for (int i = 0; i < 60; i++) hl_buf_append_cstr(&text, "hello\u2581l");
        hl_status st = HL_ENOMEM;
        for (uint64_t n = 1; st != HL_OK; n++) {
            hl_tokenizer *t = NULL;
            hl_tokens ids = {0};
            hl_error err = {0};
            assert_true(n < 1000);
            hl_mem_fail_nth(n);
            st = tokenizer_of_bytes(bytes_of(&b), &t, &err);
            if (st == HL_OK) st = hl_tokenizer_encode(t, hl_buf_str(&text), 0, &ids, &err);
            hl_mem_fail_nth(0);
            assert_true(st == HL_OK || st == HL_ENOMEM);
            hl_tokens_deinit(&ids);
            hl_tokenizer_destroy(t);
        }
        hl_buf_deinit(&b);
        hl_buf_deinit(&text);
    }
}

/* ---- detokenising -------------------------------------------------------------------- */

static void check_detokenized(const hl_tokenizer *t, const hl_token *ids, bool special,
                              bool at_start, const char *want) {
    hl_buf out = {0};
    hl_detokenizer d;
    hl_detokenizer_init(&d, t, special, at_start);
    for (; *ids != HL_TOKEN_NONE; ids++) {
        size_t before = out.len;
        hl_detokenizer_push(&d, *ids, &out);
        hl_str piece = hl_tokenizer_piece(t, *ids, special);
        assert_true(out.len - before <= 3 * piece.len + HL_DETOKENIZE_MAX);
        assert_int_equal(hl_utf8_check(hl_buf_str(&out)), out.len);
    }
    hl_detokenizer_finish(&d, &out);
    assert_str(hl_buf_str(&out), want);
    hl_buf_deinit(&out);
}

static void detokenizes_bytes(void **state) {
    (void)state;
    hl_tokenizer *t = make_bpe("gpt-2");
    check_detokenized(t, IDS('h', 'i'), false, true, "hi");
    check_detokenized(t, IDS(0xF0, 0x9F, 0x91, 0x8D), false, true, "\U0001f44d");
    check_detokenized(t, IDS(0xE4, 0xB8), false, true, "\ufffd"); /* ends too early */
    check_detokenized(t, IDS(0xE4, 0xB8, 'a'), false, true,
                      "\ufffd"
                      "a"); /* one for both */
    check_detokenized(t, IDS(0xFF, 0x80, 'a'), false, true,
                      "\ufffd\ufffd"
                      "a");
    check_detokenized(t, IDS(0xC3, 0xC3, 0xA9), false, true, "\ufffd\u00e9");
    check_detokenized(t, IDS(0xF0, 0x9F, 0xF0, 0x9F, 0x91, 0x8D), false, true, "\ufffd\U0001f44d");
    check_detokenized(t, IDS(0xED, 0xA0, 0x80), false, true, "\ufffd\ufffd\ufffd");
    check_detokenized(t, IDS('a', SAMPLE_END, SAMPLE_TOOL), false, true, "a<tool>");
    check_detokenized(t, IDS('a', SAMPLE_END, SAMPLE_TOOL), true, true, "a<|end|><tool>");
    check_detokenized(t, IDS(' ', 'a'), false, true, " a"); /* no prefix to take away */
    check_detokenized(t, IDS('a', 99999), true, true, "a");
    hl_tokenizer_destroy(t);
}

static void detokenizes_spaces(void **state) {
    (void)state;
    hl_tokenizer *t = make_spm();
    check_detokenized(t, IDS(SAMPLE_SPACE_HELLO, SAMPLE_SPACE_HELLO), false, true, "hello hello");
    check_detokenized(t, IDS(SAMPLE_SPACE_HELLO), false, false, " hello");
    check_detokenized(t, IDS(1, SAMPLE_SPACE_HELLO), false, true, "hello");
    check_detokenized(t, IDS(SAMPLE_SPACES_2, SAMPLE_HE), false, true, " he");
    check_detokenized(t, IDS(SAMPLE_HE, SAMPLE_SPACE_HELLO), false, true, "he hello");
    check_detokenized(t, IDS(3 + 0xC3, 3 + 0xA9), false, true, "\u00e9");
    hl_tokenizer_destroy(t);
}

/* Python's and Rust's rule, whatever way the bytes are divided. */
static void division_does_not_matter(void **state) {
    (void)state;
    hl_tokenizer *t = make_bpe("gpt-2");
    static const uint8_t BYTES[] = {'a',  0x80, 0xBF, 0xC3, 0xA9, 0xE2, 0x82, 0xAC,
                                    0xF0, 0x9F, 0xED, 0xA0, 0xF4, 0x90, 0xFF, 0xC0};
    hl_rng rng;
    hl_rng_init(&rng, 5);
    for (int k = 0; k < 3000; k++) {
        char text[MANY];
        size_t n = 1 + hl_rng_below(&rng, MANY);
        for (size_t i = 0; i < n; i++) text[i] = (char)BYTES[hl_rng_below(&rng, sizeof BYTES)];
        hl_buf one = {0}, want = {0};
        hl_detokenizer d;
        hl_detokenizer_init(&d, t, false, true);
        for (size_t i = 0; i < n; i++) hl_detokenizer_push(&d, (uint8_t)text[i], &one);
        hl_detokenizer_finish(&d, &one);
        for (size_t i = 0; i < n;) {
            size_t len = 0, tail = 0;
            for (size_t l = 1; l <= 4 && i + l <= n; l++) {
                if (hl_utf8_check((hl_str){text + i, l}) == l && len == 0) len = l;
                if (hl_utf8_tail((hl_str){text + i, l}) == l) tail = l;
            }
            if (len)
                hl_buf_append(&want, text + i, len);
            else
                hl_buf_append_cstr(&want, "\ufffd");
            i += len ? len : tail ? tail : 1;
        }
        assert_true(hl_str_eq(hl_buf_str(&one), hl_buf_str(&want)));
        hl_buf_deinit(&one);
        hl_buf_deinit(&want);
    }
    hl_tokenizer_destroy(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpe_merges_by_rank),
        cmocka_unit_test(digits_follow_the_pretokenizer),
        cmocka_unit_test(special_texts),
        cmocka_unit_test(whole_pieces_first),
        cmocka_unit_test(bos_and_eos),
        cmocka_unit_test(end_of_message_is_no_end),
        cmocka_unit_test(spm_merges_by_score),
        cmocka_unit_test(spm_special_texts),
        cmocka_unit_test(spm_without_prefix),
        cmocka_unit_test(spm_token_over_words),
        cmocka_unit_test(equals_the_definition),
        cmocka_unit_test(equal_scores),
        cmocka_unit_test(long_runs),
        cmocka_unit_test(unknown_kinds),
        cmocka_unit_test(bad_merges),
        cmocka_unit_test(bad_arrays),
        cmocka_unit_test(bad_ids),
        cmocka_unit_test(odd_tokens),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(detokenizes_bytes),
        cmocka_unit_test(detokenizes_spaces),
        cmocka_unit_test(division_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
