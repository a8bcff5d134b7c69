#include "text/pretokenize.h"

#include "text/pretokenize_match.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- character ranges that expressions spell out ----------------------------------- */

/* clang-format off */
/* deepseek-llm's letters: those with case, of some older Unicode version */
static const hl__unicode_range CASED[] = {
    {0x41, 0x5A}, {0x61, 0x7A}, {0xB5, 0xB5}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x1BA},
    {0x1BC, 0x1BF}, {0x1C4, 0x293}, {0x295, 0x2AF}, {0x370, 0x373}, {0x376, 0x377}, {0x37B, 0x37D},
    {0x37F, 0x37F}, {0x386, 0x386}, {0x388, 0x38A}, {0x38C, 0x38C}, {0x38E, 0x3A1}, {0x3A3, 0x3F5},
    {0x3F7, 0x481}, {0x48A, 0x52F}, {0x531, 0x556}, {0x10A0, 0x10C5}, {0x13A0, 0x13F5},
    {0x13F8, 0x13FD}, {0x1C90, 0x1CBA}, {0x1CBD, 0x1CBF}, {0x1D00, 0x1D2B}, {0x1D6B, 0x1D77},
    {0x1D79, 0x1D9A}, {0x1E00, 0x1F15}, {0x1F18, 0x1F1D}, {0x1F20, 0x1F45}, {0x1F48, 0x1F4D},
    {0x1F50, 0x1F57}, {0x1F59, 0x1F59}, {0x1F5B, 0x1F5B}, {0x1F5D, 0x1F5D}, {0x1F5F, 0x1F7D},
    {0x1F80, 0x1FB4}, {0x1FB6, 0x1FBC}, {0x1FBE, 0x1FBE}, {0x1FC2, 0x1FC4}, {0x1FC6, 0x1FCC},
    {0x1FD0, 0x1FD3}, {0x1FD6, 0x1FDB}, {0x1FE0, 0x1FEC}, {0x1FF2, 0x1FF4}, {0x1FF6, 0x1FFC},
    {0x2102, 0x2102}, {0x2107, 0x2107}, {0x210A, 0x2113}, {0x2115, 0x2115}, {0x2119, 0x211D},
    {0x2124, 0x2124}, {0x2126, 0x2126}, {0x2128, 0x2128}, {0x212A, 0x212D}, {0x212F, 0x2134},
    {0x2139, 0x2139}, {0x213C, 0x213F}, {0x2145, 0x2149}, {0x214E, 0x214E}, {0x2183, 0x2184},
    {0x2C00, 0x2C7B}, {0x2C7E, 0x2CE4}, {0x2CEB, 0x2CEE}, {0x2CF2, 0x2CF3}, {0xA640, 0xA66D},
    {0xA680, 0xA69B}, {0xA722, 0xA76F}, {0xA771, 0xA787}, {0xA78B, 0xA78E}, {0xAB70, 0xABBF},
    {0xFB00, 0xFB06}, {0xFB13, 0xFB17}, {0xFF21, 0xFF3A}, {0xFF41, 0xFF5A}, {0x10400, 0x1044F},
    {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2},
    {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
};
static const hl__unicode_range SIGNS[] = { /* [!-/:-~！-／：-～‘-‟　-。] */
    {0x21, 0x2F}, {0x3A, 0x7E}, {0x2018, 0x201F}, {0x3000, 0x3002}, {0xFF01, 0xFF0F},
    {0xFF1A, 0xFF5E},
};
static const hl__unicode_range EAST[] = { /* [一-龥ࠀ-一가-퟿] */
    {0x800, 0x9FA5}, {0xAC00, 0xD7FF},
};
static const hl__unicode_range KANJI_KANA[] = { /* [一-龥぀-ゟ゠-ヿ] */
    {0x3040, 0x30FF}, {0x4E00, 0x9FA5},
};
/* clang-format on */

/* ---- stages ------------------------------------------------------------------------ */

#define RUN(...)    {.match = hl__match_run, __VA_ARGS__}
#define RANGES(set) .ranges = (set), .n_ranges = COUNT(set)
#define WORDS(...)  {.match = hl__match_words, __VA_ARGS__}
#define GPT2        {.match = hl__match_gpt2}
#define DIGIT       RUN(.classes = HL_UNICODE_N, .max = 1)
#define DIGITS_3    RUN(.classes = HL_UNICODE_N, .max = 3)
#define DIGITS      RUN(.classes = HL_UNICODE_N)
#define NEWLINE     RUN(.also = "\r\n", .max = 1)
#define CLAUSE      {.match = hl__match_clause}

static const hl__stage GPT_2[] = {GPT2};

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+ */
static const hl__stage LLAMA_3[] = {
    WORDS(.contraction = HL__CONTRACTION_FIRST, .digits_max = 3, .tail = "\r\n"),
};
/* The same with \p{N} */
static const hl__stage QWEN_2[] = {
    WORDS(.contraction = HL__CONTRACTION_FIRST, .digits_max = 1, .tail = "\r\n"),
};
/* … and with marks inside words: [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+, [^\s\p{L}\p{M}\p{N}]+ */
static const hl__stage QWEN_35[] = {
    WORDS(.word = HL__WORD_MARKS, .contraction = HL__CONTRACTION_FIRST, .digits_max = 1,
          .tail = "\r\n"),
};
/* qwen2 without contractions */
static const hl__stage UFAKZEKA[] = {WORDS(.digits_max = 1, .tail = "\r\n")};
/* qwen2 with ` ?[^\s\p{L}\p{N}\r\n]+` */
static const hl__stage SEED_CODER[] = {
    WORDS(.contraction = HL__CONTRACTION_FIRST, .digits_max = 1, .tail = ""),
};
static const hl__stage LAGUNA[] = {
    {.match = hl__match_line},
    WORDS(.contraction = HL__CONTRACTION_FIRST, .digits_max = 1, .tail = "\r\n"),
};
static const hl__stage MINICPM_5[] = {
    DIGITS_3,
    WORDS(.contraction = HL__CONTRACTION_FIRST, .digits_max = 3, .tail = "\r\n"),
};

/* P?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+C?|
 * P?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*C?|\p{N}{1,3}|
 *  ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * with P = [^\r\n\p{L}\p{N}] and C = (?i:'s|'t|'re|'ve|'m|'ll|'d) */
static const hl__stage O200K[] = {
    WORDS(.word = HL__WORD_CASED, .contraction = HL__CONTRACTION_SUFFIX, .digits_max = 3,
          .tail = "\r\n/"),
};
/* The same without C and with \p{N} */
static const hl__stage TEKKEN[] = {
    WORDS(.word = HL__WORD_CASED, .digits_max = 1, .tail = "\r\n/"),
};
/* [\p{Han}]+|o200k with &&[^\p{Han}] in the words and [\r\n]* behind punctuation */
static const hl__stage KIMI_K2[] = {
    WORDS(.word = HL__WORD_NOT_HAN, .contraction = HL__CONTRACTION_SUFFIX, .digits_max = 3,
          .tail = "\r\n"),
};

static const hl__stage STARCODER[] = {DIGIT, GPT2};
static const hl__stage FALCON[] = {
    RUN(.classes = HL_UNICODE_P, .also = "$+<=>^~|`"),
    GPT2,
    {.match = hl__match_three_digits},
};
static const hl__stage BLOOM[] = {CLAUSE};
static const hl__stage VIKING[] = {CLAUSE, DIGIT};

static const hl__stage DEEPSEEK_LLM[] = {
    NEWLINE,
    RUN(.space_before = true, RANGES(CASED)),
    RUN(.space_before = true, RANGES(SIGNS)),
    {.match = hl__match_trailing_space},
    RUN(RANGES(EAST)),
    DIGITS,
};
static const hl__stage DEEPSEEK_CODER[] = {
    NEWLINE,
    RUN(.space_before = true, .classes = HL_UNICODE_L),
    RUN(.space_before = true, .classes = HL_UNICODE_P),
    RUN(RANGES(EAST)),
    DIGIT,
};
static const hl__stage DEEPSEEK_V3[] = {
    DIGITS_3,
    RUN(RANGES(KANJI_KANA)),
    {.match = hl__match_mixed, .tail = "\r\n"},
};

/* ---- names ------------------------------------------------------------------------- */

#define STAGES(array) .stages = (array), .n_stages = COUNT(array)

static const hl_pretokenizer PRETOKENIZERS[] = {
    {"gpt-2 default phi-2 olmo jais trillion granite-docling mpt gigachat a.x-4.0 mellum exaone4 "
     "modern-bert roberta-bpe jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code",
     STAGES(GPT_2)},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     STAGES(LLAMA_3), .whole_first = true, .bos_by_default = true},
    {"dbrx smaug-bpe glm4 chatglm-bpe", STAGES(LLAMA_3), .whole_first = true},
    {"minicpm5", STAGES(MINICPM_5), .whole_first = true},
    {"qwen2 deepseek-r1-qwen megrez hunyuan kormo f2llmv2", STAGES(QWEN_2), .nfc = true},
    {"stablelm2 solar-open grok-2 bailingmoe bailingmoe2 llada-moe", STAGES(QWEN_2)},
    {"qwen35", STAGES(QWEN_35), .nfc = true},
    {"ufakzeka", STAGES(UFAKZEKA)},
    {"seed-coder", STAGES(SEED_CODER)},
    {"laguna", STAGES(LAGUNA)},
    {"gpt-4o llama4 kanana2 minimax-m2 talkie granite-embed-multi-97m", STAGES(O200K),
     .whole_first = true},
    {"tekken", STAGES(TEKKEN), .whole_first = true, .bos_by_default = true},
    {"kimi-k2", STAGES(KIMI_K2), .whole_first = true},
    {"starcoder refact smollm codeshell exaone minerva-7b mellum2", STAGES(STARCODER)},
    {"command-r", STAGES(STARCODER), .nfc = true},
    {"falcon", STAGES(FALCON)},
    {"bloom poro-chat gpt3-finnish", STAGES(BLOOM)},
    {"viking", STAGES(VIKING)},
    {"deepseek-llm", STAGES(DEEPSEEK_LLM)},
    {"deepseek-coder", STAGES(DEEPSEEK_CODER)},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4", STAGES(DEEPSEEK_V3)},
};

static bool has_name(const char *names, hl_str name) {
    for (const char *p = names; *p;) {
        size_t len = strcspn(p, " ");
        if (hl_str_eq((hl_str){p, len}, name)) return true;
        p += len + (p[len] == ' ');
    }
    return false;
}

const hl_pretokenizer *hl_pretokenizer_find(hl_str name) {
    if (name.len == 0) return &PRETOKENIZERS[0];
    for (size_t i = 0; i < COUNT(PRETOKENIZERS); i++) {
        if (has_name(PRETOKENIZERS[i].names, name)) return &PRETOKENIZERS[i];
    }
    return NULL;
}

const hl_pretokenizer *hl_pretokenizer_list(size_t *ret_n) {
    *ret_n = COUNT(PRETOKENIZERS);
    return PRETOKENIZERS;
}

/* ---- the iterator ------------------------------------------------------------------ */

void hl_pretokens_init(hl_pretokens *it, const hl_pretokenizer *by, hl_str text) {
    HL_ASSERT(by->n_stages >= 1 && by->n_stages <= HL_PRETOKEN_STAGES_MAX);
    static const uint8_t NOTHING[1] = {0};
    *it = (hl_pretokens){.by = by};
    for (size_t i = 0; i < HL_PRETOKEN_STAGES_MAX; i++)
        it->level[i].at = it->level[i].end = NOTHING;
    if (text.len == 0) return;
    it->level[0].at = (const uint8_t *)text.ptr;
    it->level[0].end = it->level[0].at + text.len;
}

/* Cuts the piece at the front of a level: a match, or what stands before the next one. */
static hl_str cut(hl_pretokens *it, size_t k) {
    const hl__stage *stage = &it->by->stages[k];
    const uint8_t *from = it->level[k].at, *end = it->level[k].end, *p = from;
    size_t n = it->level[k].matched;
    it->level[k].matched = 0;
    while (n == 0 && p < end) {
        size_t gap = 0;
        n = stage->match(stage, p, end, &gap);
        if (n) break;
        HL_ASSERT(gap > 0 && gap <= (size_t)(end - p));
        p += gap;
    }
    HL_ASSERT(n <= (size_t)(end - p));
    if (p > from) {
        it->level[k].matched = n;
        n = (size_t)(p - from);
    }
    it->level[k].at = from + n;
    return (hl_str){(const char *)from, n};
}

static bool next(hl_pretokens *it, size_t k, hl_str *ret) {
    while (it->level[k].at == it->level[k].end) {
        if (k == 0 || !next(it, k - 1, ret)) return false;
        it->level[k].at = (const uint8_t *)ret->ptr;
        it->level[k].end = it->level[k].at + ret->len;
    }
    *ret = cut(it, k);
    return true;
}

bool hl_pretokens_next(hl_pretokens *it, hl_str *ret) {
    return next(it, it->by->n_stages - 1, ret);
}
