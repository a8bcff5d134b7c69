/* The matchers against the published expressions, run by PCRE2.  Its Unicode tables differ from
 * ours in what either does not know: the texts are of characters that have been there for long. */
#include "testing.h"

#include "base/buf.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "text/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#define GPT2                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CUT                 "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define P                   "[^\\r\\n\\p{L}\\p{N}]?"
#define U                   "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define W                   "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define NOT_HAN             "(?!\\p{sc:Han})"
#define SPACES              "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORDS(digits, tail) P "\\p{L}+|\\p{N}" digits "| ?[^\\s\\p{L}\\p{N}]+" tail "|" SPACES
#define CASED(cut, digits, tail)                                                                   \
    P U "*" W "+" cut "|" P U "+" W "*" cut "|\\p{N}" digits "| ?[^\\s\\p{L}\\p{N}]+" tail         \
        "|" SPACES
#define CLAUSE " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
#define EAST   "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"

typedef struct oracle {
    const char *name;
    const char *stages[HL_PRETOKEN_STAGES_MAX + 1]; /* as long as there are */
} oracle;

static const oracle ORACLES[] = {
    {"gpt-2", {GPT2}},
    {"llama-bpe", {CUT "|" WORDS("{1,3}", "[\\r\\n]*")}},
    {"dbrx", {CUT "|" WORDS("{1,3}", "[\\r\\n]*")}},
    {"minicpm5", {"\\p{N}{1,3}", CUT "|" WORDS("+", "[\\r\\n]*")}},
    {"qwen2", {CUT "|" WORDS("", "[\\r\\n]*")}},
    {"bailingmoe",
     {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|"
      "\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {"qwen35", {CUT "|" P "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES}},
    {"ufakzeka", {WORDS("", "[\\r\\n]*")}},
    {"seed-coder",
     {CUT "|" P "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
    {"laguna", {"[^\\n]+|[\\n]+", CUT "|" WORDS("", "[\\r\\n]*")}},
    {"gpt-4o", {CASED(CUT "?", "{1,3}", "[\\r\\n/]*")}},
    {"tekken", {CASED("", "", "[\\r\\n/]*")}},
    {"kimi-k2",
     {"[\\p{sc:Han}]+|" P "(?:" NOT_HAN U ")*(?:" NOT_HAN W ")+" CUT "?|" P "(?:" NOT_HAN U
      ")+(?:" NOT_HAN W ")*" CUT "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES}},
    {"starcoder", {"\\p{N}", GPT2}},
    {"command-r", {"\\p{N}", GPT2}},
    {"falcon", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {"bloom", {CLAUSE}},
    {"viking", {CLAUSE, "\\p{N}"}},
    {"deepseek-llm",
     {"[\r\n]",
      "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u0370-\u0373\u0376\u0377"
      "\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
      "\u1e00-\u1f15\uff21-\uff3a\uff41-\uff5a\u212a-\u212d\u01c4-\u0293\U00010400-\U0001044f]+",
      "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", "\\s+$", EAST,
      "\\p{N}+"}},
    {"deepseek-coder", {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", EAST, "\\p{N}"}},
    {"deepseek-v3",
     {"\\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
      "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES}},
};
enum { N_ORACLES = sizeof ORACLES / sizeof ORACLES[0] };

/* ---- splitting with PCRE2 ------------------------------------------------------------ */

typedef struct splitter {
    pcre2_code *re[HL_PRETOKEN_STAGES_MAX];
    size_t n;
    pcre2_match_data *md;
    hl_buf *out;
} splitter;

static void split(const splitter *s, size_t stage, hl_str text) {
    if (text.len == 0) return;
    if (stage == s->n) {
        hl_buf_append_str(s->out, text);
        hl_buf_append_char(s->out, '\0');
        return;
    }
    for (size_t at = 0; at < text.len;) {
        int n = pcre2_match(s->re[stage], (PCRE2_SPTR)text.ptr, text.len, at, 0, s->md, NULL);
        if (n < 0) {
            split(s, stage + 1, hl_str_slice(text, at, text.len));
            return;
        }
        size_t *o = pcre2_get_ovector_pointer(s->md), from = o[0], to = o[1];
        assert_true(to > from);
        split(s, stage + 1, hl_str_slice(text, at, from));
        split(s, stage + 1, hl_str_slice(text, from, to));
        at = to;
    }
}

static void compile(splitter *s, const oracle *o) {
    *s = (splitter){.md = pcre2_match_data_create(8, NULL)};
    for (; o->stages[s->n]; s->n++) {
        int error;
        size_t at;
        s->re[s->n] = pcre2_compile((PCRE2_SPTR)o->stages[s->n], PCRE2_ZERO_TERMINATED,
                                    PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &error, &at,
                                    NULL);
        if (!s->re[s->n]) fail_msg("%s: error %d at %zu of stage %zu", o->name, error, at, s->n);
    }
}

static void release(splitter *s) {
    for (size_t i = 0; i < s->n; i++) pcre2_code_free(s->re[i]);
    pcre2_match_data_free(s->md);
}

/* ---- texts -------------------------------------------------------------------------- */

static const char *const PARTS[] = {"a",
                                    "B",
                                    "hello",
                                    "World",
                                    "ABC",
                                    "camelCase",
                                    "HTTPServer",
                                    "'s",
                                    "'S",
                                    "'ll",
                                    "'LL",
                                    "'Re",
                                    "'\u017f",
                                    "'x",
                                    "'",
                                    "\u2019s",
                                    " ",
                                    " ",
                                    " ",
                                    "  ",
                                    "   ",
                                    "\t",
                                    "\n",
                                    "\n\n",
                                    "\r\n",
                                    "\r",
                                    "\xc2\x85",
                                    "\u00a0",
                                    "\u2003",
                                    "\u2028",
                                    "\u3000",
                                    "\ufeff",
                                    "\u200b",
                                    "\u00ad",
                                    "0",
                                    "7",
                                    "12",
                                    "345",
                                    "6789",
                                    "\u0663\u0664",
                                    "\u00bd",
                                    "\u2167",
                                    "\u2460",
                                    "!",
                                    "?!",
                                    "...",
                                    "/",
                                    "//",
                                    "*/",
                                    "-",
                                    "_",
                                    "$",
                                    "+",
                                    "<",
                                    "=>",
                                    "^",
                                    "`",
                                    "|",
                                    "(",
                                    ")",
                                    "{}",
                                    ";",
                                    "\u2026",
                                    "\u3002",
                                    "\uff0c",
                                    "\u3001",
                                    "\u0964",
                                    "\u060c",
                                    "\u00e9",
                                    "e\u0301",
                                    "\u00c9",
                                    "\u00df",
                                    "\u01c5",
                                    "\u02b0",
                                    "\u0301",
                                    "\u0308\u0301",
                                    "\u0439",
                                    "\u0416\u0438",
                                    "\u05e9\u05b8",
                                    "\u0628\u064e",
                                    "\u0928\u092e\u0938\u094d\u0924\u0947",
                                    "\u0e2a\u0e27\u0e31",
                                    "\u4e2d",
                                    "\u6587\u5b57",
                                    "\u3053\u3093",
                                    "\u30ab\u30bf",
                                    "\u3007",
                                    "\u2e80",
                                    "\u3005",
                                    "\ud55c\uad6d",
                                    "\u212a",
                                    "\uff21\uff42",
                                    "\uff11",
                                    "\uff01",
                                    "\u20ac",
                                    "\u2192",
                                    "\U0001f44d",
                                    "\U0001f44d\U0001f3fd",
                                    "\U0001d400",
                                    "\U00010400",
                                    "\U00020000",
                                    "\x01",
                                    "\x1c",
                                    "\x7f",
                                    "\ue000",
                                    "#",
                                    "~"};
enum { N_PARTS = sizeof PARTS / sizeof PARTS[0] };

static void random_text(hl_rng *rng, hl_buf *out) {
    hl_buf_reset(out);
    size_t n = 1 + hl_rng_below(rng, 14);
    for (size_t i = 0; i < n; i++) {
        const char *part = PARTS[hl_rng_below(rng, N_PARTS)];
        size_t times = hl_rng_below(rng, 12) == 0 ? 1 + hl_rng_below(rng, 9) : 1;
        while (times-- > 0) hl_buf_append_cstr(out, part);
    }
}

static void pieces_of(const hl_pretokenizer *by, hl_str text, hl_buf *out) {
    hl_pretokens it;
    hl_str piece;
    size_t total = 0;
    hl_buf_reset(out);
    hl_pretokens_init(&it, by, text);
    while (hl_pretokens_next(&it, &piece)) {
        assert_true(piece.len > 0 && piece.ptr == text.ptr + total);
        total += piece.len;
        hl_buf_append_str(out, piece);
        hl_buf_append_char(out, '\0');
    }
    assert_int_equal(total, text.len);
}

static void show_and_fail(const char *name, hl_str text, const hl_buf *ours, const hl_buf *want) {
    print_message("%s: text \"%.*s\"\n", name, HL_STR_ARG(text));
    for (size_t i = 0; i < ours->len; i++) print_message("%c", ours->ptr[i] ? ours->ptr[i] : '|');
    print_message("\nwanted\n");
    for (size_t i = 0; i < want->len; i++) print_message("%c", want->ptr[i] ? want->ptr[i] : '|');
    print_message("\n");
    fail();
}

/* ---- tests -------------------------------------------------------------------------- */

static void equals_the_expressions(void **state) {
    (void)state;
    hl_buf text = {0}, ours = {0}, want = {0};
    for (size_t i = 0; i < N_ORACLES; i++) {
        const hl_pretokenizer *by = hl_pretokenizer_find(hl_str_from(ORACLES[i].name));
        assert_non_null(by);
        splitter s;
        hl_rng rng;
        hl_rng_init(&rng, 7 + i);
        compile(&s, &ORACLES[i]);
        s.out = &want;
        for (int k = 0; k < 4000; k++) {
            random_text(&rng, &text);
            hl_buf_reset(&want);
            split(&s, 0, hl_buf_str(&text));
            pieces_of(by, hl_buf_str(&text), &ours);
            if (!hl_str_eq(hl_buf_str(&ours), hl_buf_str(&want)))
                show_and_fail(ORACLES[i].name, hl_buf_str(&text), &ours, &want);
        }
        release(&s);
    }
    hl_buf_deinit(&text);
    hl_buf_deinit(&ours);
    hl_buf_deinit(&want);
}

/* Each set of stages has its expressions above. */
static void every_one_has_an_oracle(void **state) {
    (void)state;
    size_t n;
    const hl_pretokenizer *list = hl_pretokenizer_list(&n);
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; k < N_ORACLES && !found; k++) {
            const hl_pretokenizer *by = hl_pretokenizer_find(hl_str_from(ORACLES[k].name));
            found = by && by->stages == list[i].stages;
        }
        if (!found) fail_msg("no oracle for \"%s\"", list[i].names);
    }
}

static void names(void **state) {
    (void)state;
    const hl_pretokenizer *gpt2 = hl_pretokenizer_find(HL_STR("gpt-2"));
    assert_ptr_equal(hl_pretokenizer_find(HL_STR("")), gpt2);
    assert_ptr_equal(hl_pretokenizer_find(HL_STR("default")), gpt2);
    assert_ptr_equal(hl_pretokenizer_find(HL_STR("jina-v2-code")), gpt2);
    assert_ptr_not_equal(hl_pretokenizer_find(HL_STR("qwen2")), gpt2);
    assert_null(hl_pretokenizer_find(HL_STR("gpt")));
    assert_null(hl_pretokenizer_find(HL_STR(" ")));
    assert_null(hl_pretokenizer_find(HL_STR("gpt-2 default")));
    assert_true(hl_pretokenizer_find(HL_STR("llama-bpe"))->whole_first);
    assert_true(hl_pretokenizer_find(HL_STR("qwen2"))->nfc);
}

/* Malformed UTF-8 loses nothing and ends. */
static void malformed_text(void **state) {
    (void)state;
    hl_buf out = {0};
    size_t n;
    const hl_pretokenizer *list = hl_pretokenizer_list(&n);
    hl_rng rng;
    hl_rng_init(&rng, 3);
    for (int k = 0; k < 2000; k++) {
        char text[24];
        for (size_t i = 0; i < sizeof text; i++) text[i] = (char)hl_rng_below(&rng, 256);
        size_t len = hl_rng_below(&rng, sizeof text + 1);
        pieces_of(&list[(size_t)k % n], (hl_str){text, len}, &out);
    }
    hl_buf_deinit(&out);
}

/* Quadratic matching of these would take minutes. */
static void long_runs(void **state) {
    (void)state;
    static const char *const UNITS[] = {" ", "a", "A",  "\u4e2dA", "\n",   " \n", "!",
                                        "'", "1", "\t", "\u0301",  "\xff", "  a"};
    hl_buf text = {0};
    size_t n;
    const hl_pretokenizer *list = hl_pretokenizer_list(&n);
    for (size_t u = 0; u < sizeof UNITS / sizeof UNITS[0]; u++) {
        hl_buf_reset(&text);
        while (text.len < 200000) hl_buf_append_cstr(&text, UNITS[u]);
        for (size_t i = 0; i < n; i++) {
            hl_pretokens it;
            hl_str piece;
            size_t total = 0;
            hl_pretokens_init(&it, &list[i], hl_buf_str(&text));
            while (hl_pretokens_next(&it, &piece)) total += piece.len;
            assert_int_equal(total, text.len);
        }
    }
    hl_buf_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_expressions),
        cmocka_unit_test(every_one_has_an_oracle),
        cmocka_unit_test(names),
        cmocka_unit_test(malformed_text),
        cmocka_unit_test(long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
