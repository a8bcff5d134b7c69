/* cli/command.h
 *
 * A command: its flags, its help and what it does, in one table entry (commands are listed in
 * cli.c).  Commands reach models through cli/client.h; what only looks into a file (tokenize,
 * render) uses serve/inspect.h.
 *
 * Exit codes: a command that Ollama has exits with 1 on any error; the others with the status's
 * code of sysexits.h (docs/user/exit-codes.md).
 */
#pragma once

#include "cli/out.h"
#include "config/flags.h"

typedef struct hl__call {
    const struct hl__command *command;
    char **words; /* [n_words], as the user wrote them */
    size_t n_words;
    void *args; /* the struct that the command's flags fill */
    hl_options options;
} hl__call;

typedef hl_status hl__command_fn(hl__call *call, hl_error *err);

typedef struct hl__command {
    const char *name, *usage, *summary;
    const char *alias; /* another name; NULL: none */
    const char *about; /* more for its --help; NULL: the summary says it all */
    bool as_ollama;    /* exits with 1 on any error */
    hl_flag_table flags;
    size_t args_bytes;
    size_t words_min, words_max;
    hl__command_fn *run;
} hl__command;

extern const hl__command hl__command_serve, hl__command_show, hl__command_run, hl__command_generate,
    hl__command_stop, hl__command_list, hl__command_ps, hl__command_cp, hl__command_rm,
    hl__command_pull, hl__command_push, hl__command_create, hl__command_import, hl__command_verify,
    hl__command_prune, hl__command_bench, hl__command_key, hl__command_info, hl__command_tokenize,
    hl__command_render;

#define HL__FLAGS(table, with_options) {(table), sizeof(table) / sizeof *(table), (with_options)}

/* The words from `first` on, joined by spaces, appended. */
void hl__join_words(const hl__call *call, size_t first, hl_buf *out);
/* Standard input to its end. */
hl_status hl__read_stdin(hl_buf *ret, hl_error *err) HL_NODISCARD;
/* Whether somebody piped something in, so that reading it does not wait for a person. */
bool hl__stdin_is_piped(void);
