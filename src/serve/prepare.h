/* serve/prepare.h
 *
 * From a request to tokens: messages become the variables of the model's chat template,
 * the template's text becomes tokens.  Pure over an immutable model.
 *
 * A raw prompt skips the template; a model without a template gets the messages' texts as they
 * are, a line each.
 *
 * Errors: ELIMIT when the prompt leaves no room in the context (of messages, old ones are dropped
 * first), EINVAL for requests that make no sense (thinking asked of a model that cannot),
 * EUNSUPPORTED (images, audio, formats), and those of template and tokenizer.
 * Threads: any.
 */
#pragma once

#include "engine/request.h"
#include "serve/package.h"
#include "text/tokenizer.h"

/* What of a model preparation needs; all borrowed. */
typedef struct hl_prepare_model {
    const hl_package *package;
    const hl_tokenizer *tokenizer;
    uint32_t ctx; /* tokens that fit, prompt and answer */
} hl_prepare_model;

typedef struct hl_prepared {
    hl_buf text;                  /* the prompt, owned */
    hl_tokens tokens;             /* the same as tokens, owned */
    const hl_thinking_tags *tags; /* by which the answer is to be split; NULL: not at all */
    bool thinking_open;           /* the prompt ends inside */
    size_t n_dropped;             /* old messages that did not fit */
} hl_prepared;

/* On failure *ret holds nothing. */
hl_status hl_prepare(const hl_prepare_model *m, const hl_request *req, int64_t now_s,
                     hl_prepared *ret, hl_error *err) HL_NODISCARD;
void hl_prepared_deinit(hl_prepared *p);

/* The variables that a chat template sees of a request; *ret is owned, json_object_put.  The
 * first n_dropped messages behind a leading system message are left out. */
hl_status hl_prepare_variables(const hl_prepare_model *m, const hl_request *req, size_t n_dropped,
                               struct json_object **ret, hl_error *err) HL_NODISCARD;

/* Adds bos_token, eos_token and add_generation_prompt where they are missing. */
hl_status hl_prepare_defaults(const hl_tokenizer *t, struct json_object *variables,
                              hl_error *err) HL_NODISCARD;
