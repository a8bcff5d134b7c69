#include "store/convert_pre.h"

#include "text/pretokenize.h"

#define UNDERLINE "\xE2\x96\x81" /* U+2581 */

/* A file does not say in GGUF whether text is normalised; readers go by the name and the size. */
enum { NFC_TOKENS_MIN = 100000, STAGES_MAX = HL_PRETOKEN_STAGES_MAX, PARTS_MAX = 16 };

/* -- expressions ------------------------------------------------------------------------------- */

#define GPT2    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CUT     "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPELLED "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])" /* the same */
#define BEFORE  "[^\\r\\n\\p{L}\\p{N}]?"
#define UPPER   "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER   "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define SPACES  "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORDS(digits)                                                                              \
    CUT "|" BEFORE "\\p{L}+|\\p{N}" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES
#define CASED(cut, digits)                                                                         \
    BEFORE UPPER "*" LOWER "+" cut "|" BEFORE UPPER "+" LOWER "*" cut "|\\p{N}" digits             \
                 "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES

typedef struct known {
    const char *name;
    const char
        *without_nfc; /* for large vocabularies that are not normalised; NULL: there is none */
    const char *stages[STAGES_MAX];
} known;

static const known KNOWN[] = {
    {"gpt-2", "gpt-2", {GPT2}},
    {"llama-bpe", "llama-bpe", {WORDS("{1,3}")}},
    {"qwen2", "stablelm2", {WORDS("")}},
    {"qwen35",
     NULL,
     {CUT "|" BEFORE "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES}},
    {"tekken", "tekken", {CASED("", "")}},
    {"gpt-4o", "gpt-4o", {CASED(CUT "?", "{1,3}")}},
    {"smollm", "smollm", {"\\p{N}", GPT2}},
    {"seed-coder",
     "seed-coder",
     {CUT "|" BEFORE "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACES}},
    {"deepseek-coder",
     "deepseek-coder",
     {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
      "\\p{N}"}},
    {"deepseek-v3",
     "deepseek-v3",
     {"\\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
      "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES}},
};

/* Whether two expressions are the same but for how they write contractions. */
static bool same_expression(hl_str a, hl_str b) {
    static const hl_str SHORT = {CUT, sizeof CUT - 1}, LONG = {SPELLED, sizeof SPELLED - 1};
    size_t i = 0, k = 0;
    while (i < a.len && k < b.len) {
        hl_str rest = hl_str_slice(a, i, a.len);
        if (hl_str_starts(rest, LONG) && hl_str_starts(hl_str_slice(b, k, b.len), SHORT)) {
            i += LONG.len;
            k += SHORT.len;
        } else if (a.ptr[i++] != b.ptr[k++]) {
            return false;
        }
    }
    return i == a.len && k == b.len;
}

/* -- what the file has ------------------------------------------------------------------------- */

typedef struct parts {
    hl_str stages[STAGES_MAX];
    size_t n;
    bool byte_level, metaspace, space_prefix; /* space_prefix: of SentencePiece's way */
    bool nfc, underlines;                     /* normalizers */
    size_t n_seen;
} parts;

static hl_status refuse(const char *what, hl_str name, hl_error *err) {
    return hl_fail(err, HL_EUNSUPPORTED, "convert", "tokenizer.json: %s \"%.*s\" is not supported",
                   what, HL_STR_ARG(hl_str_slice(name, 0, 200)));
}

static hl_status add_stage(parts *p, hl_str expression, hl_error *err) {
    if (p->n == STAGES_MAX) return refuse("a pre_tokenizer of many parts, with", expression, err);
    p->stages[p->n++] = expression;
    return HL_OK;
}

/* Matches are pieces, and so is what lies between; or only matches, of expressions that match
 * everything. */
static hl_status take_split(parts *p, hl__node n, hl_error *err) {
    hl__node pattern;
    hl_str expression, behavior;
    bool invert;
    HL_TRY(hl__node_object(n, "pattern", &pattern, err));
    HL_TRY(hl__node_str(pattern, "Regex", &expression, err));
    HL_TRY(hl__node_str(n, "behavior", &behavior, err));
    HL_TRY(hl__node_bool(n, "invert", false, &invert, err));
    if (!expression.ptr) return refuse("Split without a Regex, behavior", behavior, err);
    if (hl_str_is(behavior, invert ? "Removed" : "Isolated")) return add_stage(p, expression, err);
    return refuse("Split with the behavior", behavior, err);
}

static hl_status take_byte_level(parts *p, hl__node n, hl_error *err) {
    bool use_regex, add_prefix_space;
    p->byte_level = true;
    HL_TRY(hl__node_bool(n, "use_regex", true, &use_regex, err));
    HL_TRY(hl__node_bool(n, "add_prefix_space", true, &add_prefix_space, err));
    if (add_prefix_space) return refuse("ByteLevel with", HL_STR("add_prefix_space"), err);
    return use_regex ? add_stage(p, HL_STR(GPT2), err) : HL_OK;
}

static hl_status take_metaspace(parts *p, hl__node n, hl_error *err) {
    hl_str replacement, scheme;
    HL_TRY(hl__node_str(n, "replacement", &replacement, err));
    HL_TRY(hl__node_str(n, "prepend_scheme", &scheme, err));
    HL_TRY(hl__node_bool(n, "add_prefix_space", true, &p->space_prefix, err));
    if (scheme.ptr) p->space_prefix = !hl_str_is(scheme, "never");
    if (replacement.ptr && !hl_str_is(replacement, UNDERLINE))
        return refuse("Metaspace with", replacement, err);
    p->metaspace = true;
    return HL_OK;
}

static hl_status take_digits(parts *p, hl__node n, hl_error *err) {
    bool individual;
    HL_TRY(hl__node_bool(n, "individual_digits", false, &individual, err));
    return add_stage(p, individual ? HL_STR("\\p{N}") : HL_STR("\\p{N}+"), err);
}

static hl_status take_pre(parts *p, hl__node n, hl_str type, hl_error *err) {
    if (hl_str_is(type, "Split")) return take_split(p, n, err);
    if (hl_str_is(type, "ByteLevel")) return take_byte_level(p, n, err);
    if (hl_str_is(type, "Metaspace")) return take_metaspace(p, n, err);
    if (hl_str_is(type, "Digits")) return take_digits(p, n, err);
    return refuse("the pre_tokenizer", type, err);
}

/* Of " " by U+2581. */
static hl_status take_replace(parts *p, hl__node n, hl_error *err) {
    hl__node pattern;
    hl_str from, to;
    HL_TRY(hl__node_object(n, "pattern", &pattern, err));
    HL_TRY(hl__node_str(pattern, "String", &from, err));
    HL_TRY(hl__node_str(n, "content", &to, err));
    if (!hl_str_is(from, " ") || !hl_str_is(to, UNDERLINE))
        return refuse("the normalizer Replace of", from, err);
    p->underlines = true;
    return HL_OK;
}

static hl_status take_normalizer(parts *p, hl__node n, hl_str type, hl_error *err) {
    hl_str text;
    if (hl_str_is(type, "Replace")) return take_replace(p, n, err);
    if (hl_str_is(type, "NFC")) {
        p->nfc = true;
        return HL_OK;
    }
    if (!hl_str_is(type, "Prepend")) return refuse("the normalizer", type, err);
    HL_TRY(hl__node_str(n, "prepend", &text, err));
    if (!hl_str_is(text, UNDERLINE)) return refuse("the normalizer Prepend of", text, err);
    p->space_prefix = true;
    return HL_OK;
}

typedef hl_status take_fn(parts *p, hl__node n, hl_str type, hl_error *err);

/* A part, or all those of a Sequence, whose list is called `list`.  None: no parts. */
static hl_status take_parts(parts *p, hl__node n, const char *list, take_fn *take, hl_error *err) {
    hl_str type;
    struct json_object *inner;
    if (!n.object) return HL_OK;
    HL_TRY(hl__node_str(n, "type", &type, err));
    if (!hl_str_is(type, "Sequence")) return take(p, n, type, err);
    HL_TRY(hl__node_array(n, list, &inner, err));
    for (size_t i = 0; inner && i < json_object_array_length(inner); i++) {
        hl__node part = {n.file, n.at, json_object_array_get_idx(inner, i)};
        if (!json_object_is_type(part.object, json_type_object) || ++p->n_seen > PARTS_MAX)
            return hl__node_fail(n, HL_EFORMAT, list, "is no list of a few parts", err);
        HL_TRY(hl__node_str(part, "type", &type, err));
        HL_TRY(take(p, part, type, err));
    }
    return HL_OK;
}

/* -- the name ---------------------------------------------------------------------------------- */

static bool matches(const known *k, const parts *p) {
    for (size_t i = 0; i < STAGES_MAX; i++) {
        bool there = i < p->n;
        if (there != (k->stages[i] != NULL)) return false;
        if (there && !same_expression(p->stages[i], hl_str_from(k->stages[i]))) return false;
    }
    return true;
}

/* The reader normalises large vocabularies as the name says.  Where the file wants it otherwise,
 * the same text would become other tokens. */
static hl_status check_nfc(const known *k, const hl_pretokenizer *by, size_t n_tokens,
                           hl_error *err) {
    hl_str name = hl_str_from(k->name);
    if (!by->nfc) return refuse("the normalizer NFC with the pre_tokenizer of", name, err);
    if (n_tokens >= NFC_TOKENS_MIN) return HL_OK;
    return refuse("the normalizer NFC with less than 100000 tokens, in the way of", name, err);
}

static hl_status name_of(const parts *p, size_t n_tokens, hl__convert_pre *ret, hl_error *err) {
    if (p->underlines || p->space_prefix || p->metaspace)
        return refuse("ByteLevel together with", HL_STR("Prepend, Replace or Metaspace"), err);
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (!matches(&KNOWN[i], p)) continue;
        const hl_pretokenizer *by = hl_pretokenizer_find(hl_str_from(KNOWN[i].name));
        HL_ASSERT(by != NULL);
        if (p->nfc) HL_TRY(check_nfc(&KNOWN[i], by, n_tokens, err));
        bool large = n_tokens >= NFC_TOKENS_MIN && !p->nfc;
        ret->name = large ? KNOWN[i].without_nfc : KNOWN[i].name;
        ret->takes_whole = by->whole_first;
        if (ret->name) return HL_OK;
    }
    return refuse(p->n == 1 ? "the pre_tokenizer" : "the pre_tokenizer that begins with",
                  p->n ? p->stages[0] : HL_STR(""), err);
}

static hl_status check_underlines(const parts *p, hl__node tokenizer, hl_error *err) {
    hl__node model;
    bool bytes;
    HL_TRY(hl__node_object(tokenizer, "model", &model, err));
    HL_TRY(hl__node_bool(model, "byte_fallback", false, &bytes, err));
    if (!bytes) return refuse("BPE without ByteLevel or", HL_STR("byte_fallback"), err);
    if (p->n) return refuse("the pre_tokenizer", p->stages[0], err);
    if (p->nfc) return refuse("the normalizer", HL_STR("NFC"), err);
    if (p->underlines || p->metaspace) return HL_OK;
    return refuse("byte_fallback without", HL_STR("Replace or Metaspace"), err);
}

hl_status hl__pre_read(hl__node tokenizer, size_t n_tokens, hl__convert_pre *ret, hl_error *err) {
    parts p = {0};
    hl__node pre, normalizer, model;
    HL_TRY(hl__node_object(tokenizer, "pre_tokenizer", &pre, err));
    HL_TRY(hl__node_object(tokenizer, "normalizer", &normalizer, err));
    HL_TRY(hl__node_object(tokenizer, "model", &model, err));
    HL_TRY(take_parts(&p, pre, "pretokenizers", take_pre, err));
    HL_TRY(take_parts(&p, normalizer, "normalizers", take_normalizer, err));
    *ret = (hl__convert_pre){.by_score = !p.byte_level, .name = "default"};
    HL_TRY(hl__node_bool(model, "ignore_merges", false, &ret->ignore_merges, err));
    if (p.byte_level) return name_of(&p, n_tokens, ret, err);
    ret->space_prefix = p.space_prefix;
    return check_underlines(&p, tokenizer, err);
}
