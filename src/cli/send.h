/* cli/send.h
 *
 * Files on their way into the server's store: hashed, and what the server has not is sent.  When
 * its store is this user's own, and the file system can, the file is linked into it instead.
 *
 *     copying file sha256:… 100%        on standard error
 *     linked file sha256:…
 *
 * Errors: of reading the file; the server's; ECANCELLED (Ctrl-C).
 * Threads: the main thread.
 */
#pragma once

#include "cli/client.h"
#include "store/digest.h"

typedef struct hl__sender hl__sender;

/* json: the lines are objects on standard output. */
hl_status hl__sender_open(hl_client *c, bool json, hl__sender **ret, hl_error *err) HL_NODISCARD;
void hl__sender_close(hl__sender *s); /* accepts NULL */
hl_status hl__send_file(hl__sender *s, const char *path, hl_digest *ret,
                        hl_error *err) HL_NODISCARD;
/* A step without an amount. */
hl_status hl__sender_say(const hl__sender *s, const char *status, hl_error *err) HL_NODISCARD;
