/* text/pretokenize.h
 *
 * Cuts text into the pieces within which byte-level BPE merges.  Models publish this as
 * regular expressions; here each family of expressions is a matcher written by hand over the
 * class bits of unicode.h, so that the time is linear whatever the text is, and the ids do not
 * depend on a library's Unicode version.  Names are the values of tokenizer.ggml.pre.
 *
 * A model's own training side (tiktoken, Hugging Face) defines what is right; each stage in
 * pretokenize.c carries its expression, and tests/unit/text/pretokenize_test.c runs the same
 * expressions through PCRE2.
 *
 * What this does not do: special tokens, normalisation, merging.
 *
 * Threads: pure; an hl_pretokens belongs to its caller.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl__stage hl__stage;

typedef struct hl_pretokenizer {
    const char *names;       /* as in metadata, separated by spaces */
    const hl__stage *stages; /* each cuts what the one before it has left */
    size_t n_stages;
    bool nfc;            /* the models that published it normalise to form C first */
    bool whole_first;    /* a piece that is in the vocabulary is taken before any merging */
    bool bos_by_default; /* where the file has no add_bos_token */
} hl_pretokenizer;

/* NULL when the name is not known.  "" and "default" mean gpt-2. */
const hl_pretokenizer *hl_pretokenizer_find(hl_str name);
/* All of them, for tests. */
const hl_pretokenizer *hl_pretokenizer_list(size_t *ret_n);

enum { HL_PRETOKEN_STAGES_MAX = 6 };

typedef struct hl_pretokens {
    const hl_pretokenizer *by;
    struct {
        const uint8_t *at, *end;
        size_t matched; /* bytes at `at` that are known to be one piece */
    } level[HL_PRETOKEN_STAGES_MAX];
} hl_pretokens;

/* The pieces of text, which must outlive the iterator; malformed UTF-8 is allowed. */
void hl_pretokens_init(hl_pretokens *it, const hl_pretokenizer *by, hl_str text);
/* False at the end.  Pieces are never empty and together they are the text. */
bool hl_pretokens_next(hl_pretokens *it, hl_str *ret);
