/* text/grammar_run.h
 *
 * Steps of a grammar's automaton.  Where a text stands is a set of configurations: a state, and
 * the frames of the rules that called for it.  Frames are shared, each points to the one below;
 * a walk makes new ones on top of a pool and takes them back by their number.
 *
 * Where the set or the pool is full, or rules too deep, configurations are dropped: less is
 * accepted, never more.
 *
 * Private to text/grammar*.c.   Threads: one at a time.
 */
#pragma once

#include "text/grammar_nfa.h"

enum { HL__SET_MAX = 1024, HL__FRAMES_MAX = 2048 };

typedef struct hl__frame {
    uint32_t ret, below; /* the state to go on in; the next frame or HL__NONE */
    uint32_t depth;      /* frames below and this */
} hl__frame;

typedef struct hl__frames {
    uint32_t n, n_max, depth_max;
    bool dropped; /* something was, here or in a set */
    hl__frame f[HL__FRAMES_MAX];
} hl__frames;

typedef struct hl__config {
    uint32_t state, frame; /* frame HL__NONE: of the first rule */
} hl__config;

typedef struct hl__set {
    uint32_t n;
    bool ended; /* the first rule may end here */
    hl__config c[HL__SET_MAX];
} hl__set;

/* The configurations that a step from `in` by a byte leads to. */
void hl__set_step(const hl_grammar *g, hl__frames *frames, const hl__set *in, uint8_t byte,
                  hl__set *ret);
/* From one configuration what can be reached without a byte. */
void hl__set_start(const hl_grammar *g, hl__frames *frames, hl__config at, hl__set *ret);

struct hl_grammar_state {
    const hl_grammar *g; /* borrowed */
    hl__set now, scratch[2];
    hl__frames frames;              /* of now; more on top during a step */
    uint32_t moved[HL__FRAMES_MAX]; /* where frames go when dead ones are taken out */
};
