/* cli/ask.h
 *
 * A request as JSON for /api/generate or /api/chat, and the lines of its streamed answer as events.
 *
 * Threads: pure, or one at a time.
 */
#pragma once

#include "engine/request.h"

/* "/api/chat" for messages, else "/api/generate". */
const char *hl__ask_path(const hl_request *req);
/* What a request says to a server beside what is asked of the model. */
typedef struct hl__ask_how {
    bool whole; /* the answer in one piece, not streamed */
    bool set_keep;
    int64_t keep_ns; /* with set_keep: how long the model is to stay */
} hl__ask_how;

/* Appends the body. */
void hl__ask_body(const hl_request *req, const hl__ask_how *how, hl_buf *out);
/* Appends the body of /api/create: a model of this name from the request's, with its system text,
 * options and messages. */
void hl__ask_create(const hl_request *req, hl_str name, hl_buf *out);
/* ,"KEY":{…} with what is set; nothing when nothing is. */
void hl__ask_options(const hl_options *o, const char *name, hl_buf *out);
/* ,"keep_alive":… */
void hl__ask_keep_alive(int64_t keep_ns, hl_buf *out);

typedef bool hl_client_event_fn(void *arg, const hl_event *ev);

/* An answer on its way: TEXT events, then FINISHED. */
typedef struct hl__asked {
    hl_client_event_fn *on_event;
    void *arg;
    bool done;    /* FINISHED was given */
    bool stopped; /* by the listener */
    hl_status failed;
    hl_error error;
} hl__asked;

/* An hl_http_unit_fn; arg is the hl__asked. */
bool hl__asked_line(void *arg, hl_str line);
