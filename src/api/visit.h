/* api/visit.h — one request on its way through this directory; private to api/. */
#pragma once

#include "api/api.h"
#include "api/fields.h"
#include "base/json.h"
#include "base/log.h"
#include "serve/catalog.h"

struct hl_api {
    hl_api_config config;
    hl_hub *hub;
    hl_catalog *catalog;
    struct hl__transfers *transfers; /* api/ollama/transfers.h */
    char machine_name[256];
    hl_str origins; /* borrowed from the settings */
};

typedef struct hl__visit {
    hl_api *api;
    hl_http_exchange *x;
    hl_str rest; /* of the path, behind a route's '*' */
    hl__dialect dialect;
    bool was_read; /* the request is well-formed: errors from here on are about the model */
    char req_id[HL_REQ_ID_MAX];
} hl__visit;

/* So that one key cannot tell by the time what another has asked. */
static inline uint64_t hl__cache_salt(const hl__visit *v) {
    return (uint64_t)hl_http_tag(v->x);
}

typedef void hl__handler_fn(hl__visit *v);

#define X(method, path, handler, body_max) hl__handler_fn hl__handle_##handler;
#include "api/routes.def"
#undef X

/* Where an upload's body goes; NULL: another request, or it is answered. */
hl_http_sink *hl__blob_sink(hl_api *a, hl_http_exchange *x);

/* -- answers ----------------------------------------------------------------------------------- */

/* Takes what is in b; a failed buffer becomes an error 500. */
void hl__answer_json(const hl__visit *v, int status, const hl_buf *b);
void hl__answer_error(const hl__visit *v, int status, hl_str text);
/* By the status's own HTTP status. */
void hl__answer_failure(const hl__visit *v, const hl_error *err);
/* The error as the dialect's object. */
void hl__append_error(hl_buf *b, const hl__visit *v, int status, hl_str text);
hl__dialect hl__dialect_of(hl_str path);

/* ,"key": and the value; the comma is left out behind '{'. */
void hl__json_key(hl_buf *b, const char *key);
void hl__json_text(hl_buf *b, const char *key, hl_str value);
void hl__json_uint(hl_buf *b, const char *key, uint64_t value);
/* The time as "created_at" has it. */
void hl__json_now(hl_buf *b, const char *key);
