/* http/client.h
 *
 * An HTTP client over libcurl: one server, one request at a time, over TCP, TLS or a Unix socket.
 * An answer comes whole or streamed, and any request can be ended from elsewhere.
 *
 * Answers of 400 and above are errors.  Their text is the one that the body's "error" has
 * (Ollama's, OpenAI's and Anthropic's envelopes), else the body's first line, else what the status
 * means.
 *
 * Errors: EINVAL (400, 401, 403, …; a URL that is none), ENOTFOUND (404), EBUSY (429, 503, too
 * slow), EUNSUPPORTED (405, 501), EREMOTE (500 and above; nobody there; cut off), ECANCELLED,
 * ELIMIT, ENOMEM. Threads: one at a time, except hl_http_client_cancel, which is async-signal-safe.
 */
#pragma once

#include "base/buf.h"
#include "http/lines.h"

typedef struct hl_http_client hl_http_client;

typedef struct hl_http_client_config {
    const char *url;         /* "http://127.0.0.1:11434", with a path before the requests' or not */
    const char *socket_path; /* connect here, whatever host the URL names; NULL: TCP */
    const char *bearer;      /* for Authorization; NULL or "": none */
    const char *ca_file;     /* PEM, whom TLS trusts; NULL or "": whom the system trusts */
    bool no_proxy;           /* whatever http_proxy says */
    uint32_t connect_ms;     /* 0: 10 s */
} hl_http_client_config;

/* All texts are copied. */
hl_status hl_http_client_open(const hl_http_client_config *config, hl_http_client **ret,
                              hl_error *err) HL_NODISCARD;
void hl_http_client_close(hl_http_client *c); /* accepts NULL */

typedef struct hl_http_ask {
    const char *method, *path;                  /* "POST", "/api/chat" */
    hl_str body;                                /* JSON; empty: none */
    uint32_t total_ms;                          /* for all of it; 0: as long as it takes */
    void (*on_sent)(void *arg, uint64_t bytes); /* of the body, now and then; NULL: nobody asks */
    void *sent_arg;
} hl_http_ask;

/* The answer's body, appended to *ret, whose bytes_max (0: 256 MiB) is the limit. */
hl_status hl_http_client_fetch(hl_http_client *c, const hl_http_ask *ask, hl_buf *ret,
                               hl_error *err) HL_NODISCARD;
/* Each unit of the answer as soon as it is there; a unit has at most 64 MiB.  HL_DONE: take has
 * said that it is enough, and the connection is closed. */
hl_status hl_http_client_stream(hl_http_client *c, const hl_http_ask *ask, hl_http_framing framing,
                                hl_http_unit_fn *take, void *arg, hl_error *err) HL_NODISCARD;
/* Ends the running request, which then returns ECANCELLED; with none running, nothing. */
void hl_http_client_cancel(hl_http_client *c);

/* Of the last answer: its status, 0 when there was none, and a header, "" when it has none
 * (borrowed until the next request). */
int hl_http_client_status(const hl_http_client *c);
const char *hl_http_client_header(const hl_http_client *c, const char *name);

/* Fails with the text of an object's "error", in any of the three envelopes; HL_OK: it has none. */
struct json_object;
hl_status hl_http_fail_by(struct json_object *o, hl_status st, hl_error *err) HL_NODISCARD;
