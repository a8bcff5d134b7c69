/* cli/session.h
 *
 * A conversation with a model: what was said, and the settings of /set.
 *
 * Ownership: owns its messages and settings, borrows the client.
 * Threads: the main thread.
 */
#pragma once

#include "base/arena.h"
#include "cli/client.h"

typedef struct hl__session {
    hl_client *client; /* borrowed */
    hl_buf model, system;
    hl_options options; /* the user's; its stop strings are kept in `settings` */
    hl_think think;
    hl_format format;
    struct json_object *schema; /* of HL_FORMAT_SCHEMA, owned */
    bool verbose, wordwrap, hide_thinking;
    hl_message *messages; /* [n_messages], owned; their texts are in `texts` */
    size_t n_messages, cap_messages;
    hl_arena *texts, *settings;
} hl__session;

hl_status hl__session_init(hl__session *s, hl_client *client, hl_str model,
                           hl_error *err) HL_NODISCARD;
void hl__session_deinit(hl__session *s);
/* Forgets what was said; settings stay. */
void hl__session_clear(hl__session *s);
/* What is asked of the model with all that was said and set; borrows the session's. */
hl_request hl__session_request(const hl__session *s);
/* Says something, shows the answer, remembers both; after a failure neither.  Ctrl-C ends the
 * answer, and what there is of it is remembered. */
hl_status hl__session_ask(hl__session *s, hl_str text, hl_error *err) HL_NODISCARD;
hl_status hl__session_set_system(hl__session *s, hl_str text, hl_error *err) HL_NODISCARD;
/* Stop strings are replaced. */
hl_status hl__session_set_stops(hl__session *s, const hl_str *texts, size_t n,
                                hl_error *err) HL_NODISCARD;
/* "", "true", "false", "low", "medium", "high", "max" as --think and /set think take them. */
bool hl__think_parse(hl_str text, hl_think *ret);
