/* engine/native/pace.h
 *
 * How many rows of prompts a step may take while streams wait for their next token: as many as
 * keep the step within HL_PACE_STRETCH times one without prompts.  What steps and rows cost is
 * measured as they run, so that it fits the machine, the model and how many streams there are.
 *
 * A step of streams alone comes now and then, to see what one costs: their contexts grow.
 * Without streams there is no limit, and none without a clock (all durations 0).
 *
 * Pure.   Threads: one at a time.
 */
#pragma once

#include "base/status.h"

#define HL_PACE_STRETCH 2.8

typedef struct hl_pace {
    double step_ns;   /* of a step of streams alone; 0: none was seen */
    double row_ns;    /* what a row of a prompt adds; 0: none was seen */
    uint32_t n_mixed; /* steps since the last of streams alone */
} hl_pace;

/* 0 … rows_max; 0 only among streams.  n_running: streams that get a row in this step. */
uint32_t hl_pace_rows(const hl_pace *p, uint32_t n_running, uint32_t rows_max);
/* What a step of these rows took. */
void hl_pace_note(hl_pace *p, uint32_t n_running, uint32_t n_prompt, uint64_t ns);
