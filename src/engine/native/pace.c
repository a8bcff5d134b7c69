#include "engine/native/pace.h"

enum {
    ROWS_UNKNOWN = 64, /* before both costs are known */
    ROWS_LEAST = 8,    /* fewer would read all weights for little */
    MIXED_MAX = 16,    /* steps, until one of streams alone is due */
};

static uint32_t clamp(double rows, uint32_t most) {
    if (!(rows > ROWS_LEAST)) return most < ROWS_LEAST ? most : ROWS_LEAST;
    return rows < most ? (uint32_t)rows : most;
}

uint32_t hl_pace_rows(const hl_pace *p, uint32_t n_running, uint32_t rows_max) {
    HL_ASSERT(rows_max > 0);
    bool has_clock = p->step_ns > 0 || p->row_ns > 0;
    if (n_running == 0 || !has_clock) return rows_max;
    if (p->n_mixed >= MIXED_MAX) return 0;
    if (p->step_ns <= 0 || p->row_ns <= 0) return clamp(ROWS_UNKNOWN, rows_max);
    return clamp((HL_PACE_STRETCH - 1) * p->step_ns / p->row_ns, rows_max);
}

/* Follows in a few steps, and forgives one that the machine disturbed. */
static double follow(double before, double now) {
    if (before <= 0) return now;
    double most = 2 * before; /* a step that was held up says little of the next */
    return before + 0.25 * ((now < most ? now : most) - before);
}

void hl_pace_note(hl_pace *p, uint32_t n_running, uint32_t n_prompt, uint64_t ns) {
    if (ns == 0) return;
    p->n_mixed = n_running > 0 && n_prompt > 0 ? p->n_mixed + 1 : 0;
    if (n_prompt == 0) {
        if (n_running > 0) p->step_ns = follow(p->step_ns, (double)ns);
        return;
    }
    double added = (double)ns - (n_running > 0 ? p->step_ns : 0);
    double least = (double)ns / (double)(n_running + n_prompt) / 2; /* never for nothing */
    p->row_ns = follow(p->row_ns, added / n_prompt > least ? added / n_prompt : least);
}
