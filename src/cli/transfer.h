/* cli/transfer.h
 *
 * Pulls and pushes as commands show them: the server does them, this prints its progress.
 * Ctrl-C ends them; what has arrived stays.
 *
 * Errors: the server's; ECANCELLED.
 * Threads: the main thread.
 */
#pragma once

#include "cli/client.h"

typedef struct hl__transfer {
    hl_str model; /* with a NUL behind it */
    bool insecure;
    bool json; /* the server's lines to standard output, instead of bars on standard error */
} hl__transfer;

/* A model's name, the URL of a .gguf file, or the path of one, which becomes a model of the file's
 * name without a registry.  Also what `run` does with a model that is not here. */
hl_status hl__pull_model(hl_client *c, const hl__transfer *t, hl_error *err) HL_NODISCARD;
hl_status hl__push_model(hl_client *c, const hl__transfer *t, hl_error *err) HL_NODISCARD;
/* Any other request that is answered by such lines. */
hl_status hl__watch_request(hl_client *c, const char *path, hl_str body, bool json,
                            hl_error *err) HL_NODISCARD;
