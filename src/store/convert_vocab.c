#include "store/convert_vocab.h"

#include "base/fs.h"
#include "base/inside.h"
#include "store/convert_merges.h"
#include "text/tokenizer.h"

#include <stdio.h>

#define FILE_NAME "tokenizer.json"

enum { MERGES_MAX = 1 << 23 };

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "convert", "no memory for the vocabulary");
}

void hl__vocab_deinit(hl__convert_vocab *v) {
    hl_map_deinit(&v->ids);
}

/* -- tokens ------------------------------------------------------------------------------------ */

static hl_status take_token(hl__convert_vocab *v, hl_str text, struct json_object *id, int32_t kind,
                            hl_error *err) {
    hl_str shown = hl_str_slice(text, 0, 80);
    int64_t i = json_object_is_type(id, json_type_int) ? json_object_get_int64(id) : -1;
    if (i < 0 || i >= v->n)
        return hl_fail(err, HL_EFORMAT, "convert",
                       FILE_NAME ": token \"%.*s\" has no id below %u, the rows of the embedding",
                       HL_STR_ARG(shown), v->n);
    bool there = v->tokens[i].ptr != NULL;
    uint32_t known;
    if (there ? !hl_str_eq(v->tokens[i], text) : hl_map_find(&v->ids, text, &known))
        return hl_fail(err, HL_EFORMAT, "convert",
                       FILE_NAME ": token \"%.*s\" and id %u are not one to one", HL_STR_ARG(shown),
                       (uint32_t)i);
    v->kinds[i] = kind;
    if (there) return HL_OK;
    v->tokens[i] = hl_arena_str(v->arena, text);
    if (!v->tokens[i].ptr) return no_memory(err);
    return hl_map_add(&v->ids, v->tokens[i], (uint32_t)i, err);
}

/* "<0x0A>" */
static bool is_byte(hl_str s) {
    if (s.len != 6 || memcmp(s.ptr, "<0x", 3) != 0 || s.ptr[5] != '>') return false;
    for (size_t i = 3; i < 5; i++) {
        if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !(s.ptr[i] >= 'A' && s.ptr[i] <= 'F'))
            return false;
    }
    return true;
}

static hl_status read_tokens(hl__convert_vocab *v, hl__node model, hl_error *err) {
    hl__node vocab;
    HL_TRY(hl__node_object(model, "vocab", &vocab, err));
    if (!vocab.object) return hl__node_fail(model, HL_EFORMAT, "vocab", "is missing", err);
    json_object_object_foreach(vocab.object, key, id) {
        hl_str text = hl_str_from(key);
        int32_t kind = v->pre.by_score && is_byte(text) ? HL_TOKEN_BYTE : HL_TOKEN_NORMAL;
        HL_TRY(take_token(v, text, id, kind, err));
    }
    return HL_OK;
}

static hl_status read_added(hl__convert_vocab *v, hl__node root, hl_error *err) {
    struct json_object *list;
    HL_TRY(hl__node_array(root, "added_tokens", &list, err));
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        hl__node n = {FILE_NAME, "added_tokens", json_object_array_get_idx(list, i)};
        hl_str text;
        bool special;
        if (!json_object_is_type(n.object, json_type_object))
            return hl__node_fail(root, HL_EFORMAT, "added_tokens", "holds no objects", err);
        HL_TRY(hl__node_str(n, "content", &text, err));
        HL_TRY(hl__node_bool(n, "special", false, &special, err));
        if (!text.len) return hl__node_fail(n, HL_EFORMAT, "content", "is missing", err);
        HL_TRY(take_token(v, text, hl__node_get(n, "id"),
                          special ? HL_TOKEN_CONTROL : HL_TOKEN_USER, err));
    }
    return HL_OK;
}

static hl_status read_unknown(hl__convert_vocab *v, hl__node model, hl_error *err) {
    hl_str text;
    HL_TRY(hl__node_str(model, "unk_token", &text, err));
    v->unknown = HL__NO_ID;
    if (!text.ptr || !hl_map_find(&v->ids, text, &v->unknown)) return HL_OK;
    HL_ASSERT(v->unknown < v->n);
    if (v->pre.by_score) v->kinds[v->unknown] = HL_TOKEN_UNKNOWN;
    return HL_OK;
}

/* Embeddings often have more rows than there are tokens. */
static hl_status fill_holes(hl__convert_vocab *v, hl_error *err) {
    char text[32];
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->tokens[i].ptr) continue;
        (void)snprintf(text, sizeof text, "[PAD%u]", i);
        v->tokens[i] = hl_arena_str(v->arena, hl_str_from(text));
        if (!v->tokens[i].ptr) return no_memory(err);
        v->kinds[i] = HL_TOKEN_UNUSED;
    }
    return HL_OK;
}

/* -- merges ------------------------------------------------------------------------------------ */

/* "left right" or ["left", "right"]. */
static bool split_merge(struct json_object *m, hl_str *left, hl_str *right) {
    if (json_object_is_type(m, json_type_string)) {
        hl_str s = hl__convert_json_str(m);
        size_t space = hl_str_find(s, HL_STR(" "), 1);
        if (space == SIZE_MAX || space + 1 >= s.len) return false;
        *left = hl_str_slice(s, 0, space);
        *right = hl_str_slice(s, space + 1, s.len);
        return hl_str_find(*right, HL_STR(" "), 0) == SIZE_MAX;
    }
    if (!json_object_is_type(m, json_type_array) || json_object_array_length(m) != 2) return false;
    struct json_object *a = json_object_array_get_idx(m, 0), *b = json_object_array_get_idx(m, 1);
    if (!json_object_is_type(a, json_type_string) || !json_object_is_type(b, json_type_string))
        return false;
    *left = hl__convert_json_str(a);
    *right = hl__convert_json_str(b);
    return left->len && right->len && hl_str_find(*left, HL_STR(" "), 0) == SIZE_MAX &&
           hl_str_find(*right, HL_STR(" "), 0) == SIZE_MAX;
}

static hl_status bad_merge(size_t i, const char *what, hl_error *err) {
    return hl_fail(err, HL_EFORMAT, "convert", FILE_NAME ": merge %zu %s", i, what);
}

/* Two parts with what is given between them, in the arena. */
static hl_status joined(hl__convert_vocab *v, hl_str left, hl_str between, hl_str right,
                        hl_str *ret, hl_error *err) {
    size_t n = left.len + between.len + right.len;
    char *p = hl_arena_alloc(v->arena, n);
    if (!p) return no_memory(err);
    memcpy(p, left.ptr, left.len);
    if (between.len) memcpy(p + left.len, between.ptr, between.len);
    memcpy(p + left.len + between.len, right.ptr, right.len);
    *ret = (hl_str){p, n};
    return HL_OK;
}

/* SentencePiece merges by the score of what comes out; the earliest merge that makes a token is its
 * place.  Tokens that no merge makes come last. */
static hl_status score_merge(hl__convert_vocab *v, size_t i, hl_str left, hl_str right,
                             hl_error *err) {
    hl_str text;
    uint32_t id;
    HL_TRY(joined(v, left, HL_STR(""), right, &text, err));
    if (!hl_map_find(&v->ids, text, &id)) return bad_merge(i, "makes no token", err);
    if (v->scores[id] < -(float)i) v->scores[id] = -(float)i;
    return HL_OK;
}

static hl_status read_merge(hl__convert_vocab *v, size_t i, struct json_object *merge,
                            hl_error *err) {
    hl_str left, right;
    if (!split_merge(merge, &left, &right)) return bad_merge(i, "has no two parts", err);
    if (v->pre.by_score) return score_merge(v, i, left, right, err);
    return joined(v, left, HL_STR(" "), right, &v->merges[i], err);
}

static hl_status read_merges(hl__convert_vocab *v, hl__node model, hl_error *err) {
    struct json_object *list;
    HL_TRY(hl__node_array(model, "merges", &list, err));
    if (!list) return hl__node_fail(model, HL_EFORMAT, "merges", "is missing", err);
    size_t n = json_object_array_length(list);
    if (n > MERGES_MAX)
        return hl_fail(err, HL_ELIMIT, "convert", FILE_NAME ": %zu merges, limit %d", n,
                       MERGES_MAX);
    if (v->pre.by_score) {
        v->scores = HL_ARENA_ARRAY(v->arena, v->n, float);
        for (uint32_t i = 0; v->scores && i < v->n; i++) v->scores[i] = -(float)n;
    } else {
        v->merges = HL_ARENA_ARRAY(v->arena, n + 1, hl_str); /* never empty */
        v->n_merges = n;
    }
    if (!v->scores && !v->merges) return no_memory(err);
    for (size_t i = 0; i < n; i++)
        HL_TRY(read_merge(v, i, json_object_array_get_idx(list, i), err));
    return HL_OK;
}

/* -- the whole --------------------------------------------------------------------------------- */

/* Old files have no type. */
static hl_status check_model(hl__node model, hl_error *err) {
    static const char *const AFFIXES[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    hl_str text;
    if (!model.object) return hl_fail(err, HL_EFORMAT, "convert", FILE_NAME ": model is missing");
    HL_TRY(hl__node_str(model, "type", &text, err));
    if (text.ptr && !hl_str_is(text, "BPE"))
        return hl_fail(err, HL_EUNSUPPORTED, "convert",
                       FILE_NAME ": a model of the type \"%.*s\" is not supported, only BPE",
                       HL_STR_ARG(hl_str_slice(text, 0, 40)));
    for (size_t i = 0; i < sizeof AFFIXES / sizeof AFFIXES[0]; i++) {
        HL_TRY(hl__node_str(model, AFFIXES[i], &text, err));
        if (text.len)
            return hl__node_fail(model, HL_EUNSUPPORTED, AFFIXES[i], "is not supported", err);
    }
    return HL_OK;
}

hl_status hl__vocab_read(hl__convert_vocab *v, const hl__doc *tokenizer, uint32_t n_tokens,
                         hl_error *err) {
    hl__node root = hl__doc_node(tokenizer), model;
    HL_ASSERT(v->arena && !v->tokens && n_tokens > 0);
    HL_TRY(hl__node_object(root, "model", &model, err));
    HL_TRY(check_model(model, err));
    HL_TRY(hl__pre_read(root, n_tokens, &v->pre, err));
    v->n = n_tokens;
    v->tokens = HL_ARENA_ARRAY(v->arena, n_tokens, hl_str);
    v->kinds = HL_ARENA_ARRAY(v->arena, n_tokens, int32_t);
    if (!v->tokens || !v->kinds) return no_memory(err);
    HL_TRY(hl_map_init(&v->ids, n_tokens, err));
    HL_TRY(read_tokens(v, model, err));
    HL_TRY(read_added(v, root, err));
    HL_TRY(read_unknown(v, model, err));
    HL_TRY(read_merges(v, model, err));
    bool differs = !v->pre.by_score && v->pre.ignore_merges != v->pre.takes_whole;
    if (differs) HL_TRY(hl__merges_check(v, err));
    return fill_holes(v, err);
}

/* -- keys of the file -------------------------------------------------------------------------- */

#define KEY(name) HL_STR("tokenizer.ggml." name)

static hl_status put_strings(hl_gguf_writer *w, hl_str key, const hl_str *strs, size_t n,
                             hl_error *err) {
    hl_gguf_value v = {.key = key, .type = HL_GGUF_ARRAY};
    v.as.array.type = HL_GGUF_STR;
    v.as.array.n = n;
    v.as.array.strs = strs;
    return hl_gguf_writer_set(w, &v, err);
}

static hl_status put_numbers(hl_gguf_writer *w, hl_str key, hl_gguf_type type, const void *data,
                             size_t n, hl_error *err) {
    hl_gguf_value v = {.key = key, .type = HL_GGUF_ARRAY};
    v.as.array.type = type;
    v.as.array.n = n;
    v.as.array.data = data; /* GGUF's byte order is this machine's */
    return hl_gguf_writer_set(w, &v, err);
}

static hl_status put_id(hl_gguf_writer *w, const char *key, uint32_t id, hl_error *err) {
    return id == HL__NO_ID ? HL_OK : hl_gguf_writer_set_u32(w, key, id, err);
}

static hl_status put_flag(hl_gguf_writer *w, hl_str key, bool on, hl_error *err) {
    hl_gguf_value v = {.key = key, .type = HL_GGUF_BOOL, .as.u = on};
    return hl_gguf_writer_set(w, &v, err);
}

static hl_status put_specials(const hl__convert_vocab *v, hl_gguf_writer *w, hl_error *err) {
    HL_TRY(put_id(w, "tokenizer.ggml.bos_token_id", v->bos, err));
    HL_TRY(put_id(w, "tokenizer.ggml.eos_token_id", v->eos, err));
    HL_TRY(put_id(w, "tokenizer.ggml.unknown_token_id", v->unknown, err));
    HL_TRY(put_id(w, "tokenizer.ggml.padding_token_id", v->padding, err));
    if (v->n_ends > 1)
        HL_TRY(put_numbers(w, KEY("eos_token_ids"), HL_GGUF_U32, v->ends, v->n_ends, err));
    HL_TRY(put_flag(w, KEY("add_bos_token"), v->add_bos, err));
    HL_TRY(put_flag(w, KEY("add_eos_token"), v->add_eos, err));
    if (v->pre.by_score) HL_TRY(put_flag(w, KEY("add_space_prefix"), v->pre.space_prefix, err));
    if (!v->chat_template.ptr) return HL_OK;
    return hl_gguf_writer_set_str(w, "tokenizer.chat_template", v->chat_template, err);
}

hl_status hl__vocab_declare(const hl__convert_vocab *v, hl_gguf_writer *w, hl_error *err) {
    HL_ASSERT(v->tokens && v->kinds);
    HL_TRY(hl_gguf_writer_set_str(w, "tokenizer.ggml.model",
                                  v->pre.by_score ? HL_STR("llama") : HL_STR("gpt2"), err));
    HL_TRY(hl_gguf_writer_set_str(w, "tokenizer.ggml.pre", hl_str_from(v->pre.name), err));
    HL_TRY(put_strings(w, KEY("tokens"), v->tokens, v->n, err));
    HL_TRY(put_numbers(w, KEY("token_type"), HL_GGUF_I32, v->kinds, v->n, err));
    if (v->pre.by_score)
        HL_TRY(put_numbers(w, KEY("scores"), HL_GGUF_F32, v->scores, v->n, err));
    else
        HL_TRY(put_strings(w, KEY("merges"), v->merges, v->n_merges, err));
    return put_specials(v, w, err);
}
