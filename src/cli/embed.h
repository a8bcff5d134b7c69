/* cli/embed.h — what `run` does with a model that makes vectors instead of answers. */
#pragma once

#include "cli/session.h"

typedef struct hl__embed {
    int64_t dimensions; /* 0: all */
    bool set_truncate, truncate;
} hl__embed;

/* Prints the text's vector as a JSON array. */
hl_status hl__embed_run(hl__session *s, const hl__embed *e, hl_str text,
                        hl_error *err) HL_NODISCARD;
