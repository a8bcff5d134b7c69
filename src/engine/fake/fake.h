/* engine/fake/fake.h
 *
 * An engine without a model, for tests of what stands in front of one.  It keeps the contract of
 * engine.h and does what its script says: answers that depend on the request only, delays by
 * the clock that its caller passes, failures on demand.
 *
 * Without a script's own answer it repeats the request: the text of the last message, else the
 * prompt; of a request with tokens alone, their numbers, "12 7 5 ".  It comes in pieces, each up to
 * the next space, each one token.
 *
 * num_predict and stop strings are obeyed, other options are not.  A request to embed gets, after
 * first_ns, a vector of HL_FAKE_EMBD numbers that depend on the same text.
 */
#pragma once

#include "engine/engine.h"

enum { HL_FAKE_EMBD = 8 };

typedef struct hl_fake_script {
    uint32_t seqs_max, ctx_max;  /* ctx_max counts tokens, or words */
    bool takes_messages;         /* else it wants tokens */
    const char *answer;          /* borrowed while the engine lives; NULL: repeats the request */
    uint64_t first_ns, piece_ns; /* from submit to the first piece, from one to the next */

    /* Failures; 0: none. */
    hl_status submit_fails;      /* every submit gives this */
    uint32_t fails_after_pieces; /* then a sequence ends as FAILED */
    uint32_t lost_after_steps;   /* then step gives EDEVICE for good */
} hl_fake_script;

/* The script is copied.  Returns owned. */
hl_status hl_fake_create(const hl_fake_script *script, hl_engine **ret, hl_error *err) HL_NODISCARD;
