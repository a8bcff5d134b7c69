/* cli/server.h
 *
 * The server in this process: the hub of models, the API and HTTP, started and ended in the right
 * order.  `serve` runs it on the addresses of the settings; commands that find no server run it for
 * themselves (`own`): on one Unix socket of mode 0600 in $XDG_RUNTIME_DIR or a new directory
 * that only this user can enter, where models may be named by their files' paths and no key is
 * wanted.
 *
 * Signals are the caller's business; the server's threads have all of them blocked.
 *
 * Errors: those of the settings' addresses, of listening and of the keys; EUNSUPPORTED: listening
 * beyond this machine without a key.
 * Threads: one at a time.
 */
#pragma once

#include "config/settings.h"

typedef struct hl__server hl__server;

typedef struct hl__server_config {
    const hl_settings *settings; /* borrowed until stop */
    bool own;
} hl__server_config;

hl_status hl__server_start(const hl__server_config *config, hl__server **ret,
                           hl_error *err) HL_NODISCARD;
/* Of an own server; NULL: it has none. */
const char *hl__server_socket_path(const hl__server *s);
/* Of the first TCP address, 0: there is none. */
unsigned hl__server_port(const hl__server *s);
/* Requests that are not answered completely. */
size_t hl__server_n_open(hl__server *s);
/* Takes no new connections. */
void hl__server_quiesce(hl__server *s);
/* Cancels the models' work; streams are told. */
void hl__server_cancel(hl__server *s);
/* Ends what is open, joins the threads, removes the socket.  Accepts NULL. */
void hl__server_stop(hl__server *s);
