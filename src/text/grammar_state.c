#include "base/mem.h"
#include "text/grammar_run.h"

/* -- steps ------------------------------------------------------------------------------------- */

static void add(hl__frames *frames, hl__set *set, uint32_t state, uint32_t frame) {
    for (uint32_t i = 0; i < set->n; i++)
        if (set->c[i].state == state && set->c[i].frame == frame) return;
    if (set->n == HL__SET_MAX) {
        frames->dropped = true;
        return;
    }
    set->c[set->n++] = (hl__config){state, frame};
}

/* The frame over `below`: equal stacks are one, so that ambiguous grammars do not grow without end.
 * False: no room. */
static bool push(hl__frames *frames, uint32_t ret, uint32_t below, uint32_t *ret_frame) {
    uint32_t depth = below == HL__NONE ? 1 : frames->f[below].depth + 1;
    for (uint32_t i = 0; i < frames->n; i++) {
        *ret_frame = i;
        if (frames->f[i].ret == ret && frames->f[i].below == below) return true;
    }
    if (frames->n >= frames->n_max || depth > frames->depth_max) {
        frames->dropped = true;
        return false;
    }
    *ret_frame = frames->n;
    frames->f[frames->n++] = (hl__frame){ret, below, depth};
    return true;
}

/* Everything that is reached without a byte; then only what has bytes stays. */
static void close_set(const hl_grammar *g, hl__frames *frames, hl__set *set) {
    for (uint32_t i = 0; i < set->n; i++) {
        hl__config at = set->c[i];
        const hl__state *s = &g->states[at.state];
        for (uint32_t k = s[0].call; k < s[1].call; k++) {
            const hl__call_edge *call = &g->calls[k];
            uint32_t frame = at.frame;
            if (call->ret == HL__NONE || push(frames, call->ret, at.frame, &frame))
                add(frames, set, call->start, frame);
        }
        if (!s->final) continue;
        if (at.frame == HL__NONE)
            set->ended = true;
        else
            add(frames, set, frames->f[at.frame].ret, frames->f[at.frame].below);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        const hl__state *s = &g->states[set->c[i].state];
        if (s[0].edge < s[1].edge) set->c[kept++] = set->c[i];
    }
    set->n = kept;
}

static uint32_t follow(const hl_grammar *g, uint32_t state, uint8_t byte) {
    const hl__state *s = &g->states[state];
    for (uint32_t k = s[0].edge; k < s[1].edge; k++) /* in the order of bytes */
        if (byte <= g->edges[k].hi) return byte >= g->edges[k].lo ? g->edges[k].to : HL__NONE;
    return HL__NONE;
}

/* A step from one configuration to one, which most are: within a string, for example. */
static bool step_plainly(const hl_grammar *g, hl__config at, uint8_t byte, hl__set *ret) {
    uint32_t to = follow(g, at.state, byte);
    ret->n = 0;
    ret->ended = false;
    if (to == HL__NONE) return true;
    const hl__state *s = &g->states[to];
    if (s[0].call < s[1].call || s->final) return false;
    ret->c[0] = (hl__config){to, at.frame};
    ret->n = s[0].edge < s[1].edge;
    return true;
}

void hl__set_step(const hl_grammar *g, hl__frames *frames, const hl__set *in, uint8_t byte,
                  hl__set *ret) {
    if (in->n == 1 && step_plainly(g, in->c[0], byte, ret)) return;
    ret->n = 0;
    ret->ended = false;
    for (uint32_t i = 0; i < in->n; i++) {
        uint32_t to = follow(g, in->c[i].state, byte);
        if (to != HL__NONE) add(frames, ret, to, in->c[i].frame);
    }
    close_set(g, frames, ret);
}

void hl__set_start(const hl_grammar *g, hl__frames *frames, hl__config at, hl__set *ret) {
    ret->n = 0;
    ret->ended = false;
    add(frames, ret, at.state, at.frame);
    close_set(g, frames, ret);
}

/* -- a text ------------------------------------------------------------------------------------ */

hl_status hl_grammar_state_create(hl_grammar_state **ret, hl_error *err) {
    hl_grammar_state *s = hl_calloc(1, sizeof *s);
    if (!s) return hl_fail(err, HL_ENOMEM, "grammar", "no memory for a grammar's state");
    *ret = s;
    return HL_OK;
}

void hl_grammar_state_destroy(hl_grammar_state *s) {
    hl_free(s);
}

uint64_t hl_grammar_state_bytes(void) {
    return sizeof(hl_grammar_state);
}

void hl_grammar_begin(hl_grammar_state *s, const hl_grammar *g) {
    HL_ASSERT(g && g->start < g->n_states);
    s->g = g;
    s->frames.n = 0;
    s->frames.n_max = HL__FRAMES_MAX;
    s->frames.depth_max = g->depth_max;
    s->frames.dropped = false;
    hl__set_start(g, &s->frames, (hl__config){g->start, HL__NONE}, &s->now);
}

/* Where the bytes lead; NULL: nowhere.  Leaves new frames on the pool. */
static const hl__set *run(hl_grammar_state *s, hl_str bytes) {
    const hl__set *at = &s->now;
    HL_ASSERT(s->g);
    if (bytes.len > HL_GRAMMAR_TOKEN_MAX) return NULL;
    for (size_t i = 0; i < bytes.len; i++) {
        hl__set *next = &s->scratch[i % 2];
        hl__set_step(s->g, &s->frames, at, (uint8_t)bytes.ptr[i], next);
        if (next->n == 0 && !(next->ended && i + 1 == bytes.len)) return NULL;
        at = next;
    }
    return at;
}

bool hl_grammar_accepts(hl_grammar_state *s, hl_str bytes) {
    uint32_t n = s->frames.n;
    bool ok = bytes.len > 0 && run(s, bytes) != NULL;
    s->frames.n = n;
    return ok;
}

/* Frames that no configuration needs give their room back.  A frame stands behind those below. */
static void collect(hl_grammar_state *s) {
    hl__frames *frames = &s->frames;
    uint32_t n = 0;
    memset(s->moved, 0, frames->n * sizeof *s->moved);
    for (uint32_t i = 0; i < s->now.n; i++)
        for (uint32_t f = s->now.c[i].frame; f != HL__NONE && !s->moved[f]; f = frames->f[f].below)
            s->moved[f] = 1;
    for (uint32_t f = 0; f < frames->n; f++) {
        if (!s->moved[f]) continue;
        hl__frame frame = frames->f[f];
        HL_DASSERT(frame.below == HL__NONE || frame.below < f);
        if (frame.below != HL__NONE) frame.below = s->moved[frame.below];
        s->moved[f] = n;
        frames->f[n++] = frame;
    }
    for (uint32_t i = 0; i < s->now.n; i++)
        if (s->now.c[i].frame != HL__NONE) s->now.c[i].frame = s->moved[s->now.c[i].frame];
    frames->n = n;
}

bool hl_grammar_advance(hl_grammar_state *s, hl_str bytes) {
    uint32_t n = s->frames.n;
    const hl__set *at = bytes.len > 0 ? run(s, bytes) : NULL;
    if (!at) {
        s->frames.n = n;
        return false;
    }
    HL_ASSERT(at->n <= HL__SET_MAX);
    s->now = *at;
    collect(s);
    HL_ASSERT(s->frames.n <= s->frames.n_max);
    return true;
}

bool hl_grammar_can_end(const hl_grammar_state *s) {
    return s->now.ended;
}

bool hl_grammar_is_complete(const hl_grammar_state *s) {
    return s->now.ended && s->now.n == 0;
}
