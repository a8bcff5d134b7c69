/* api/api.h
 *
 * Ollama's API and OpenAI's over a hub of models: from an HTTP request to a job, from its events to
 * lines of JSON.  routes.def is the list of what is answered.
 *
 * Threads: one at a time for handle and body_max (the HTTP server's thread); answers are
 * written from the models' threads.
 */
#pragma once

#include "config/settings.h"
#include "http/server.h"
#include "serve/hub.h"

/* The Ollama whose API this is. */
#define HL_API_OLLAMA_VERSION "0.33.0"

typedef struct hl_api hl_api;
struct hl_gate; /* serve/gate.h */

typedef struct hl_api_config {
    hl_hub *hub;
    const hl_settings *settings;
    struct hl_gate *gate; /* who may come, by key; NULL: everybody */
    bool allow_paths;     /* models may be named by files' paths: the user's own process asks */
    bool loopback_only;   /* nothing listens beyond this machine */
    const char *remember; /* catalog.db, of which nothing is kept (serve/catalog.h); NULL: none */
} hl_api_config;

/* What the configuration points to is borrowed until destroy. */
hl_status hl_api_create(const hl_api_config *config, hl_api **ret, hl_error *err) HL_NODISCARD;
/* The server is about to end: pulls and pushes are broken off, since they go on another time. */
void hl_api_quiesce(hl_api *a);
/* After the HTTP server and the hub have been closed; NULL is fine. */
void hl_api_destroy(hl_api *a);

/* For hl_http_config; arg is the hl_api.  head: of a request that is refused, the answer; of an
 * upload, where it goes. */
hl_http_sink *hl_api_head(void *arg, hl_http_exchange *x);
void hl_api_handle(void *arg, hl_http_exchange *x);
void hl_api_done(void *arg, hl_http_exchange *x);
size_t hl_api_body_max(void *arg, const char *method, const char *path);
