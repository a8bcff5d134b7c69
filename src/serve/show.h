/* serve/show.h — what a model's file says of itself, for `show`.   Threads: any. */
#pragma once

#include "serve/client.h"
#include "serve/load.h"

/* *ret borrows nothing from l. */
hl_status hl__show(const hl__loaded *l, bool verbose, hl_model_info *ret,
                   hl_error *err) HL_NODISCARD;

/* "8B", "1.2B", "23.08M", "12K" as Ollama writes counts of parameters. */
void hl__parameters_text(uint64_t n, char out[16]);
