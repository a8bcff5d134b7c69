/* api/visit.h — one request on its way through this directory; private to api/. */
#pragma once

#include "api/api.h"
#include "base/json.h"
#include "base/log.h"
#include "serve/catalog.h"

struct hl_api {
    hl_hub *hub;
    hl_catalog *catalog;
    char machine_name[256];
    hl_str origins; /* OLLAMA_ORIGINS, borrowed from the environment */
};

typedef struct hl__visit {
    hl_api *api;
    hl_http_exchange *x;
    hl_str rest; /* of the path, behind a route's '*' */
    bool openai; /* errors in OpenAI's envelope */
    char req_id[HL_REQ_ID_MAX];
} hl__visit;

typedef void hl__handler_fn(hl__visit *v);

#define X(method, path, handler, body_max) hl__handler_fn hl__handle_##handler;
#include "api/routes.def"
#undef X

/* -- answers ----------------------------------------------------------------------------------- */

/* Takes what is in b; a failed buffer becomes an error 500. */
void hl__answer_json(const hl__visit *v, int status, const hl_buf *b);
void hl__answer_error(const hl__visit *v, int status, hl_str text);
/* By the status's own HTTP status. */
void hl__answer_failure(const hl__visit *v, const hl_error *err);
void hl__append_error(hl_buf *b, bool openai, int status, hl_str text);

/* ,"key": and the value; the comma is left out behind '{'. */
void hl__json_key(hl_buf *b, const char *key);
void hl__json_text(hl_buf *b, const char *key, hl_str value);
void hl__json_uint(hl_buf *b, const char *key, uint64_t value);
/* The time as "created_at" has it. */
void hl__json_now(hl_buf *b, const char *key);
