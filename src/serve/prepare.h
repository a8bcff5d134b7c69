/* serve/prepare.h
 *
 * From a request to tokens: messages become the variables of the model's chat template,
 * the template's text becomes tokens, and what does not fit the context is cut.  Pure over an
 * immutable model.
 *
 *     messages     the package's system text and messages stand before the request's; a prompt is
 *                  one message of the user's
 *     template     the request's, else the package's, in Go's language or in Jinja; without one
 *                  the messages' texts, a line each; none for a raw prompt
 *     suffix       the template's own way, or the vocabulary's tokens for filling in
 *     too long     a chat loses its oldest messages, never its system texts, the last message, or
 *                  the call that a tool's answer belongs to; a prompt loses tokens behind the
 *                  first num_keep; an input of embeddings its end
 *     tokens       that the request has already are only cut
 *
 * Errors: ELIMIT in the words of Ollama's runner when what is left is too long, or nothing may be
 * cut; EINVAL for requests that make no sense (thinking asked of a model that cannot), EUNSUPPORTED
 * (images, audio), and those of template and tokenizer.
 * Threads: any.
 */
#pragma once

#include "engine/request.h"
#include "serve/package.h"
#include "serve/tools_format.h"
#include "text/tokenizer.h"

/* What of a model preparation needs; all borrowed. */
typedef struct hl_prepare_model {
    const hl_package *package;
    const hl_tokenizer *tokenizer;
    uint32_t ctx;            /* tokens that fit, prompt and answer */
    const hl_token *context; /* [n_context] tokens of earlier answers, before the prompt's */
    size_t n_context;
} hl_prepare_model;

typedef struct hl_prepared {
    hl_buf text;                  /* the prompt, owned; empty when the request had tokens */
    hl_tokens tokens;             /* the same as tokens, context and all, owned */
    hl_tokens uncut;              /* before some were cut, owned; n 0: none were */
    const hl_thinking_tags *tags; /* by which the answer is to be split; NULL: not at all */
    bool thinking_open;           /* the prompt ends inside */
    struct json_object *tools;    /* the request's, when its answer may call them; else NULL */
    hl_tools_format tools_format; /* how it does; texts of the package, or static */
    size_t n_dropped;             /* old messages that did not fit */
} hl_prepared;

/* On failure *ret holds nothing. */
hl_status hl_prepare(const hl_prepare_model *m, const hl_request *req, int64_t now_s,
                     hl_prepared *ret, hl_error *err) HL_NODISCARD;
void hl_prepared_deinit(hl_prepared *p);

/* Adds bos_token, eos_token and add_generation_prompt where they are missing. */
hl_status hl_prepare_defaults(const hl_tokenizer *t, struct json_object *variables,
                              hl_error *err) HL_NODISCARD;
