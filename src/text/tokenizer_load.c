#include "text/tokenizer_load.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/tokenizer_merge.h"

#define KEY(name) "tokenizer.ggml." name

enum {
    TOKENS_MAX = 1 << 24,
    /* A file names the expression, not the normaliser.  The models that publish one with these
     * expressions (Qwen and its kin, Command R) have vocabularies above this size; small ones
     * that only borrowed the expression have none. */
    NFC_TOKENS_MIN = 100000
};

/* ---- arrays of the file ------------------------------------------------------------ */

/* *ret is NULL when the key is not there. */
static hl_status find_array(const hl_gguf *g, const char *key, const hl_gguf_value **ret,
                            hl_error *err) {
    const hl_gguf_value *v = hl_gguf_find(g, hl_str_from(key));
    if (v && v->type != HL_GGUF_ARRAY)
        return hl_fail(err, HL_EFORMAT, "tokenizer", "%s is no array", key);
    *ret = v;
    return HL_OK;
}

static hl_status find_strings(const hl_gguf *g, const char *key, const hl_gguf_value **ret,
                              hl_error *err) {
    HL_TRY(find_array(g, key, ret, err));
    if (*ret && (*ret)->as.array.type != HL_GGUF_STR)
        return hl_fail(err, HL_EFORMAT, "tokenizer", "%s is no array of strings", key);
    return HL_OK;
}

static bool is_integer(hl_gguf_type type) {
    return type != HL_GGUF_F32 && type != HL_GGUF_F64 && type != HL_GGUF_STR &&
           type != HL_GGUF_BOOL;
}

/* An array of n numbers, or none. */
static hl_status find_numbers(const hl_gguf *g, const char *key, size_t n, bool integers,
                              const hl_gguf_value **ret, hl_error *err) {
    HL_TRY(find_array(g, key, ret, err));
    if (!*ret) return HL_OK;
    hl_gguf_type type = (*ret)->as.array.type;
    if (integers ? !is_integer(type) : (type == HL_GGUF_STR || type == HL_GGUF_BOOL))
        return hl_fail(err, HL_EFORMAT, "tokenizer", "%s holds no %s", key,
                       integers ? "integers" : "numbers");
    if ((*ret)->as.array.n != n)
        return hl_fail(err, HL_EFORMAT, "tokenizer", "%s has %zu entries for %zu tokens", key,
                       (*ret)->as.array.n, n);
    return HL_OK;
}

/* ---- the bytes of a token ---------------------------------------------------------- */

/* GPT-2 writes each byte as a printable character: itself, or for the 68 others
 * U+0100 and on in their order.  -1: no such character. */
static int byte_of_symbol(uint32_t cp) {
    if ((cp >= 0x21 && cp <= 0x7E) || (cp >= 0xA1 && cp <= 0xAC) || (cp >= 0xAE && cp <= 0xFF))
        return (int)cp;
    if (cp < 0x100 || cp >= 0x144) return -1;
    uint32_t i = cp - 0x100;
    if (i <= 0x20) return (int)i;
    if (i <= 0x42) return (int)(i - 0x21 + 0x7F);
    return 0xAD;
}

/* Decodes printable symbols to bytes at out (as many as text has at most); returns how many, or
 * SIZE_MAX when one is no symbol. */
static size_t decode_symbols(hl_str text, char *out) {
    size_t n = 0;
    for (size_t at = 0; at < text.len;) {
        uint32_t cp = (uint8_t)text.ptr[at];
        bool ok = true;
        at += cp < 0x80 ? 1 : hl_utf8_decode(text, at, &cp, &ok);
        int byte = ok ? byte_of_symbol(cp) : -1;
        if (byte < 0) return SIZE_MAX;
        out[n++] = (char)byte;
    }
    return n;
}

/* U+2581 stands for a space. */
static size_t decode_spaces(hl_str text, char *out) {
    size_t n = 0;
    for (size_t at = 0; at < text.len;) {
        if (hl_str_starts(hl_str_slice(text, at, text.len), HL_STR("\xE2\x96\x81"))) {
            out[n++] = ' ';
            at += 3;
        } else {
            out[n++] = text.ptr[at++];
        }
    }
    return n;
}

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "<0x0A>" is 10; -1 for any other text. */
static int byte_of_text(hl_str s) {
    if (s.len != 6 || memcmp(s.ptr, "<0x", 3) != 0 || s.ptr[5] != '>') return -1;
    int hi = hex(s.ptr[3]), lo = hex(s.ptr[4]);
    return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

static hl_status decode_token(hl_tokenizer *t, uint32_t i, hl_str text, size_t *ret_n,
                              hl_error *err) {
    char *out = t->bytes + t->at[i];
    *ret_n = text.len;
    if (t->by_score && t->kind[i] == HL_TOKEN_BYTE) {
        int byte = byte_of_text(text);
        if (byte < 0)
            return hl_fail(err, HL_EFORMAT, "tokenizer",
                           KEY("tokens") "[%u] is \"%.*s\", wanted a byte like <0x0A>", i,
                           HL_STR_ARG(hl_str_slice(text, 0, 40)));
        out[0] = (char)byte;
        *ret_n = 1;
    } else if (t->by_score) {
        *ret_n = decode_spaces(text, out);
    } else if (t->kind[i] == HL_TOKEN_NORMAL || t->kind[i] == HL_TOKEN_BYTE) {
        *ret_n = decode_symbols(text, out);
    }
    if (*ret_n == SIZE_MAX) *ret_n = text.len; /* no symbols: the text as it is */
    if (*ret_n == text.len && text.len) memcpy(out, text.ptr, text.len);
    return HL_OK;
}

/* ---- the tokens -------------------------------------------------------------------- */

static hl_token_kind kind_of(const hl_tokenizer *t, const hl_gguf_value *types, uint32_t i,
                             hl_str text) {
    if (!types) /* very old files: only byte tokens can be told by their text */
        return t->by_score && byte_of_text(text) >= 0 ? HL_TOKEN_BYTE : HL_TOKEN_NORMAL;
    int64_t v = hl_gguf_array_i64(types, i);
    return v >= HL_TOKEN_NORMAL && v <= HL_TOKEN_BYTE ? (hl_token_kind)v : HL_TOKEN_UNUSED;
}

static hl_status alloc_tokens(hl_tokenizer *t, size_t n, size_t n_bytes, hl_error *err) {
    if (n > TOKENS_MAX || n_bytes > UINT32_MAX)
        return hl_fail(err, HL_ELIMIT, "tokenizer", "%zu tokens of %zu bytes, limits %d and %u", n,
                       n_bytes, TOKENS_MAX, UINT32_MAX);
    t->n = (uint32_t)n;
    t->bytes = hl_alloc(n_bytes);
    t->at = hl_calloc(n + 1, sizeof *t->at);
    t->kind = hl_calloc(n, sizeof *t->kind);
    t->flags = hl_calloc(n, sizeof *t->flags);
    if (!t->bytes || !t->at || !t->kind || !t->flags)
        return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for %zu tokens", n);
    return HL_OK;
}

static hl_status load_tokens(hl_tokenizer *t, const hl_gguf *g, hl_error *err) {
    const hl_gguf_value *tokens, *types;
    HL_TRY(find_strings(g, KEY("tokens"), &tokens, err));
    if (!tokens || tokens->as.array.n == 0)
        return hl_fail(err, HL_EFORMAT, "tokenizer", "the file has no " KEY("tokens"));
    size_t n = tokens->as.array.n, n_bytes = 0;
    HL_TRY(find_numbers(g, KEY("token_type"), n, true, &types, err));
    for (size_t i = 0; i < n; i++) n_bytes += tokens->as.array.strs[i].len;
    HL_TRY(alloc_tokens(t, n, n_bytes, err));
    for (uint32_t i = 0; i < t->n; i++) {
        hl_str text = tokens->as.array.strs[i];
        size_t len = 0;
        t->kind[i] = (uint8_t)kind_of(t, types, i, text);
        HL_TRY(decode_token(t, i, text, &len, err));
        t->at[i + 1] = t->at[i] + (uint32_t)len;
        if (len > t->piece_bytes_max) t->piece_bytes_max = (uint32_t)len;
    }
    HL_ASSERT(t->at[t->n] <= n_bytes);
    return HL_OK;
}

static bool merges_to(const hl_tokenizer *t, uint32_t i) {
    return t->kind[i] == HL_TOKEN_NORMAL || (t->kind[i] == HL_TOKEN_BYTE && !t->by_score);
}

/* Tokens that merging makes come first where several have the same text. */
static hl_status index_tokens(hl_tokenizer *t, hl_error *err) {
    HL_TRY(hl__vocab_reserve_slots(t, err));
    for (uint32_t i = 0; i < t->n; i++) {
        if (merges_to(t, i)) hl__vocab_add(t, i);
    }
    for (uint32_t i = 0; i < t->n; i++) {
        if (!merges_to(t, i) && !(t->by_score && t->kind[i] == HL_TOKEN_BYTE)) hl__vocab_add(t, i);
    }
    for (uint32_t b = 0; b < 256; b++) {
        char byte = (char)b;
        t->byte_id[b] = t->by_score ? HL_TOKEN_NONE : hl__vocab_find(t, (hl_str){&byte, 1});
    }
    for (uint32_t i = t->n; t->by_score && i-- > 0;) {
        if (t->kind[i] == HL_TOKEN_BYTE) t->byte_id[(uint8_t)t->bytes[t->at[i]]] = i;
    }
    return HL_OK;
}

static hl_status load_specials(hl_tokenizer *t, hl_error *err) {
    for (uint32_t i = 0; i < t->n; i++) {
        hl_token_kind kind = (hl_token_kind)t->kind[i];
        if (kind != HL_TOKEN_CONTROL && kind != HL_TOKEN_USER && kind != HL_TOKEN_UNKNOWN) continue;
        HL_TRY(
            hl__specials_add(&t->specials, hl__token_bytes(t, i), i, kind == HL_TOKEN_USER, err));
    }
    return HL_OK;
}

/* ---- merges of byte-level BPE ------------------------------------------------------- */

static hl_status bad_merge(size_t i, hl_str text, const char *what, hl_error *err) {
    return hl_fail(err, HL_EFORMAT, "tokenizer", KEY("merges") "[%zu] \"%.*s\" %s", i,
                   HL_STR_ARG(hl_str_slice(text, 0, 80)), what);
}

/* "left right": both and their sum must be tokens. */
static hl_status load_merge(hl_tokenizer *t, size_t i, hl_str text, char *buf, hl_error *err) {
    size_t space = hl_str_find(text, HL_STR(" "), 1);
    if (space == SIZE_MAX || space + 1 >= text.len)
        return bad_merge(i, text, "has no two parts", err);
    if (text.len > 2 * (size_t)t->piece_bytes_max * 2 + 1)
        return bad_merge(i, text, "makes no token", err);
    size_t left = decode_symbols(hl_str_slice(text, 0, space), buf);
    size_t right = left == SIZE_MAX
                       ? SIZE_MAX
                       : decode_symbols(hl_str_slice(text, space + 1, text.len), buf + left);
    if (right == SIZE_MAX) return bad_merge(i, text, "is not in GPT-2's symbols", err);
    hl__pair pair = {.left = hl__vocab_find(t, (hl_str){buf, left}),
                     .right = hl__vocab_find(t, (hl_str){buf + left, right}),
                     .to = hl__vocab_find(t, (hl_str){buf, left + right}),
                     .rank = (uint32_t)i};
    if (pair.left == HL_TOKEN_NONE || pair.right == HL_TOKEN_NONE)
        return bad_merge(i, text, "joins what is no token", err);
    if (pair.to == HL_TOKEN_NONE) return bad_merge(i, text, "makes no token", err);
    hl__vocab_add_pair(t, pair);
    return HL_OK;
}

static hl_status load_merges(hl_tokenizer *t, const hl_gguf *g, hl_error *err) {
    const hl_gguf_value *merges;
    HL_TRY(find_strings(g, KEY("merges"), &merges, err));
    if (!merges) return hl_fail(err, HL_EFORMAT, "tokenizer", "the file has no " KEY("merges"));
    size_t n = merges->as.array.n;
    if (n >= UINT32_MAX)
        return hl_fail(err, HL_ELIMIT, "tokenizer", "%zu merges, limit %u", n, UINT32_MAX - 1);
    HL_TRY(hl__vocab_reserve_pairs(t, n, err));
    char *buf = hl_alloc(4 * (size_t)t->piece_bytes_max + 2);
    if (!buf) return hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for merges");
    hl_status st = HL_OK;
    for (size_t i = 0; i < n && st == HL_OK; i++)
        st = load_merge(t, i, merges->as.array.strs[i], buf, err);
    hl_free(buf);
    t->n_ranks = (uint32_t)n;
    return st;
}

/* ---- scores of SentencePiece -------------------------------------------------------- */

typedef struct scored {
    double score;
    uint32_t id;
} scored;

static bool before(const scored *a, const scored *b) {
    return a->score > b->score || (a->score == b->score && a->id < b->id);
}

static void sift(scored *heap, size_t i, size_t n) {
    scored v = heap[i];
    for (size_t child = 2 * i + 1; child < n; i = child, child = 2 * i + 1) {
        if (child + 1 < n && before(&heap[child], &heap[child + 1])) child++;
        if (!before(&v, &heap[child])) break;
        heap[i] = heap[child];
        heap[child] = v;
    }
}

/* Best first.  A heap sort: no worst case, no memory. */
static void sort_scores(scored *s, size_t n) {
    for (size_t i = n / 2; i-- > 0;) sift(s, i, n);
    for (size_t end = n; end > 1;) {
        scored v = s[0];
        s[0] = s[--end];
        s[end] = v;
        sift(s, 0, end);
    }
}

/* Tokens with equal scores share a rank. */
static hl_status load_scores(hl_tokenizer *t, const hl_gguf *g, hl_error *err) {
    const hl_gguf_value *scores;
    HL_TRY(find_numbers(g, KEY("scores"), t->n, false, &scores, err));
    if (!scores) return hl_fail(err, HL_EFORMAT, "tokenizer", "the file has no " KEY("scores"));
    t->rank = hl_alloc(t->n * sizeof *t->rank);
    scored *sorted = hl_alloc(t->n * sizeof *sorted);
    size_t n = 0;
    for (uint32_t i = 0; t->rank && sorted && i < t->n; i++) {
        double score = hl_gguf_array_f64(scores, i);
        t->rank[i] = HL__RANK_NONE;
        if (merges_to(t, i) && score == score) sorted[n++] = (scored){score, i};
    }
    hl_status st = HL_OK;
    if (!t->rank || !sorted) st = hl_fail(err, HL_ENOMEM, "tokenizer", "no memory for scores");
    if (st == HL_OK) sort_scores(sorted, n);
    for (size_t i = 0; st == HL_OK && i < n; i++) {
        if (i == 0 || sorted[i].score < sorted[i - 1].score) t->n_ranks++;
        t->rank[sorted[i].id] = t->n_ranks - 1;
    }
    hl_free(sorted);
    return st;
}

/* Whether no token that merging makes has a space behind another character: then words are
 * independent and merging need not look at the whole text. */
static bool splits_at_space(const hl_tokenizer *t) {
    for (uint32_t i = 0; i < t->n; i++) {
        if (!merges_to(t, i)) continue;
        hl_str s = hl__token_bytes(t, i);
        for (size_t k = 1; k < s.len; k++) {
            if (s.ptr[k] == ' ' && s.ptr[k - 1] != ' ') return false;
        }
    }
    return true;
}

/* A piece that is a token's text may be taken whole when merging would give that token, or when
 * the model was trained so. */
static void mark_whole(hl_tokenizer *t) {
    for (uint32_t i = 0; i < t->n; i++) {
        hl_str bytes = hl__token_bytes(t, i);
        if (!merges_to(t, i) || hl__vocab_find(t, bytes) != i) continue;
        if ((t->pre && t->pre->whole_first) || hl__merger_single(t, bytes) == i)
            t->flags[i] |= HL__TOKEN_WHOLE;
    }
}

/* ---- special ids and flags ---------------------------------------------------------- */

/* UINT32_MAX, and a key that is not there with a fallback outside the vocabulary, are none. */
static hl_status load_id(const hl_tokenizer *t, const hl_gguf *g, const char *key,
                         hl_token fallback, hl_token *ret, hl_error *err) {
    if (!hl_gguf_find(g, hl_str_from(key))) {
        *ret = fallback < t->n ? fallback : (hl_token)HL_TOKEN_NONE;
        return HL_OK;
    }
    HL_TRY(hl_gguf_get_u32(g, key, HL_TOKEN_NONE, ret, err));
    if (*ret != HL_TOKEN_NONE && *ret >= t->n)
        return hl_fail(err, HL_EFORMAT, "tokenizer", "%s is %u, the vocabulary has %u tokens", key,
                       *ret, t->n);
    return HL_OK;
}

static hl_status load_flag(const hl_gguf *g, const char *key, bool fallback, hl_token id, bool *ret,
                           hl_error *err) {
    HL_TRY(hl_gguf_get_bool(g, key, fallback, ret, err));
    if (*ret && id == HL_TOKEN_NONE && hl_gguf_find(g, hl_str_from(key)))
        return hl_fail(err, HL_EFORMAT, "tokenizer", "%s is set, but there is no such token", key);
    if (id == HL_TOKEN_NONE) *ret = false;
    return HL_OK;
}

/* Texts that end an answer in the formats models are trained on.  Files name one or two end
 * tokens, and often not the one that the chat format uses. */
static const char *const END_TEXTS[] = {
    "<|im_end|>",         /* ChatML: Qwen and many */
    "<|eot_id|>",         /* Llama 3 */
    "<|eom_id|>",         /* Llama 3: a tool is called */
    "<|eot|>",            /* Llama 4 */
    "<|eom|>",            /* Llama 4 */
    "<end_of_turn>",      /* Gemma */
    "<turn|>",            /* Gemma 4 */
    "<|end|>",            /* Phi */
    "<|endoftext|>",      /* GPT-2 and many */
    "<|end_of_text|>",    /* Llama 3, Granite */
    "<|return|>",         /* gpt-oss: the answer is complete */
    "<|call|>",           /* gpt-oss: a tool is called */
    "<|flush|>",          /* Solar */
    "<|calls|>",          /* Solar */
    "<end_of_utterance>", /* SmolDocling */
    "<EOT>",              /* CodeLlama */
    "_<EOT>",
    "[EOT]", /* Kimi K2 */
    "[EOS]",
    "[e~[", /* MiniMax */
    "<eos>",
    "<｜end▁of▁sentence｜>", /* DeepSeek */
    "<|fim_pad|>",           /* Qwen: code is filled in */
    "<|repo_name|>",
    "<|file_sep|>",
};

static void end_at(hl_tokenizer *t, hl_token id) {
    if (id != HL_TOKEN_NONE) t->flags[id] |= HL__TOKEN_END;
}

static void end_at_texts(hl_tokenizer *t) {
    for (size_t i = 0; i < sizeof END_TEXTS / sizeof END_TEXTS[0]; i++) {
        hl_token id = hl__vocab_find(t, hl_str_from(END_TEXTS[i]));
        if (id == HL_TOKEN_NONE) continue;
        if (t->kind[id] == HL_TOKEN_CONTROL || t->kind[id] == HL_TOKEN_USER) end_at(t, id);
    }
    /* In gpt-oss's format <|end|> ends one message of several, not the answer. */
    hl_token end = hl__vocab_find(t, HL_STR("<|end|>"));
    bool messages = hl__vocab_find(t, HL_STR("<|return|>")) != HL_TOKEN_NONE ||
                    hl__vocab_find(t, HL_STR("<|flush|>")) != HL_TOKEN_NONE;
    if (end != HL_TOKEN_NONE && messages) t->flags[end] &= (uint8_t)~HL__TOKEN_END;
}

/* tokenizer.ggml.eos_token_ids: further ends, where a converter wrote them. */
static hl_status load_more_ends(hl_tokenizer *t, const hl_gguf *g, hl_error *err) {
    const hl_gguf_value *v;
    HL_TRY(find_array(g, KEY("eos_token_ids"), &v, err));
    if (!v) return HL_OK;
    if (!is_integer(v->as.array.type))
        return hl_fail(err, HL_EFORMAT, "tokenizer", KEY("eos_token_ids") " holds no integers");
    for (size_t i = 0; i < v->as.array.n; i++) {
        int64_t id = hl_gguf_array_i64(v, i);
        if (id < 0 || id >= t->n)
            return hl_fail(err, HL_EFORMAT, "tokenizer",
                           KEY("eos_token_ids") " has %lld, the vocabulary has %u tokens",
                           (long long)id, t->n);
        end_at(t, (hl_token)id);
    }
    return HL_OK;
}

static hl_status load_ids(hl_tokenizer *t, const hl_gguf *g, hl_error *err) {
    hl_token bos = t->by_score ? 1 : (hl_token)HL_TOKEN_NONE;
    hl_token eos = t->by_score ? 2 : (hl_token)HL_TOKEN_NONE, eot, eom;
    HL_TRY(load_id(t, g, KEY("bos_token_id"), bos, &t->bos, err));
    HL_TRY(load_id(t, g, KEY("eos_token_id"), eos, &t->eos, err));
    HL_TRY(load_id(t, g, KEY("eot_token_id"), HL_TOKEN_NONE, &eot, err));
    HL_TRY(load_id(t, g, KEY("eom_token_id"), HL_TOKEN_NONE, &eom, err));
    HL_TRY(load_id(t, g, KEY("unknown_token_id"), HL_TOKEN_NONE, &t->unknown, err));
    bool adds = t->by_score || t->pre->bos_by_default;
    HL_TRY(load_flag(g, KEY("add_bos_token"), adds, t->bos, &t->add_bos, err));
    HL_TRY(load_flag(g, KEY("add_eos_token"), false, t->eos, &t->add_eos, err));
    HL_TRY(hl_gguf_get_bool(g, KEY("add_space_prefix"), t->by_score, &t->space_prefix, err));
    t->space_prefix = t->space_prefix && t->by_score;
    end_at_texts(t);
    end_at(t, t->eos);
    end_at(t, eot);
    end_at(t, eom);
    return load_more_ends(t, g, err);
}

/* ---- the whole --------------------------------------------------------------------- */

static hl_status choose(hl_tokenizer *t, const hl_gguf *g, hl_error *err) {
    hl_str model, pre;
    HL_TRY(hl_gguf_require_str(g, KEY("model"), &model, err));
    HL_TRY(hl_gguf_get_str(g, KEY("pre"), HL_STR(""), &pre, err));
    t->by_score = hl_str_is(model, "llama");
    if (t->by_score) return HL_OK;
    if (!hl_str_is(model, "gpt2"))
        return hl_fail(err, HL_EUNSUPPORTED, "tokenizer", KEY("model") " \"%.*s\" is not supported",
                       HL_STR_ARG(hl_str_slice(model, 0, 80)));
    t->pre = hl_pretokenizer_find(pre);
    if (!t->pre)
        return hl_fail(err, HL_EUNSUPPORTED, "tokenizer", KEY("pre") " \"%.*s\" is not supported",
                       HL_STR_ARG(hl_str_slice(pre, 0, 80)));
    return HL_OK;
}

hl_status hl__tokenizer_load(hl_tokenizer *t, const hl_gguf *g, hl_error *err) {
    HL_TRY(choose(t, g, err));
    HL_TRY(load_tokens(t, g, err));
    HL_TRY(index_tokens(t, err));
    HL_TRY(load_specials(t, err));
    if (t->by_score)
        HL_TRY(load_scores(t, g, err));
    else
        HL_TRY(load_merges(t, g, err));
    t->nfc = t->pre && t->pre->nfc && t->n >= NFC_TOKENS_MIN;
    t->split_at_space = t->by_score && splits_at_space(t);
    mark_whole(t);
    HL_ASSERT(t->n > 0 && t->slots && (t->by_score ? t->rank != NULL : t->pairs != NULL));
    return load_ids(t, g, err);
}
