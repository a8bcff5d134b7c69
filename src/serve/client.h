/* serve/client.h
 *
 * The one door of the commands: whatever stands behind it (this process now, a server over HTTP
 * later), a command sees requests and events.  Names resolve here, models load here,
 * requests are prepared here (template, tokens, truncation), thinking is told from the answer
 * here.
 *
 * Errors: those of resolving, loading, preparing and generating, each one line that names the
 * model's file or the option.
 * Threads: one caller at a time, except hl_client_cancel, which is async-signal-safe.
 */
#pragma once

#include "base/arena.h"
#include "engine/request.h"

typedef struct hl_client hl_client;

hl_status hl_client_open(hl_client **ret, hl_error *err) HL_NODISCARD;
void hl_client_close(hl_client *c); /* accepts NULL */

/* Called for each event, on the caller's thread, before hl_client_generate returns; false
 * cancels. */
typedef bool hl_client_event_fn(void *arg, const hl_event *ev);

/* Runs one request to its terminal event.  A FAILED event is also returned as its status; a
 * cancelled request ends with a FINISHED event.  Failures before the engine has the request
 * (a missing model, a prompt that is too long) are a status without an event. */
hl_status hl_client_generate(hl_client *c, const hl_request *req, hl_client_event_fn *on_event,
                             void *arg, hl_error *err) HL_NODISCARD;
/* Ends the running request, which then finishes as cancelled; with none running, nothing. */
void hl_client_cancel(hl_client *c);

/* Loads a model so that the next request finds it (interactive mode).  ret_load_ns may be NULL. */
hl_status hl_client_load(hl_client *c, hl_str model, const hl_options *o, uint64_t *ret_load_ns,
                         hl_error *err) HL_NODISCARD;

typedef struct hl_model_info {
    hl_str name, path;
    hl_str family, quantization, parameters_text; /* "llama", "Q4_K_M", "23.08M" */
    uint64_t n_parameters, file_bytes;
    uint32_t ctx_train, n_embd, n_layers, n_vocab; /* 0: the file does not say */
    bool can_complete, can_think, can_use_tools, can_embed;
    hl_str template_text, license, system; /* empty: none */
    hl_options options;                    /* the model's own parameters */
    struct json_object *metadata;          /* owned: as model_info of Ollama's /api/show */
    struct json_object *tensors;           /* owned: array of {name, type, shape} */
    hl_arena *arena;                       /* owned: the texts */
} hl_model_info;

/* Reads the file's metadata only: works for models that cannot be computed with.  verbose: with
 * the arrays of the metadata, which may be long. */
hl_status hl_client_show(hl_client *c, hl_str model, bool verbose, hl_model_info *ret,
                         hl_error *err) HL_NODISCARD;
void hl_model_info_deinit(hl_model_info *info);

/* One text in, its ids out; no BOS.  *ret_ids is owned, hl_free. */
hl_status hl_client_tokenize(hl_client *c, hl_str model, hl_str text, bool parse_special,
                             uint32_t **ret_ids, size_t *ret_n, hl_error *err) HL_NODISCARD;

/* The prompt text that a template makes of variables (messages, tools, …), appended to *ret.  With
 * a template_text, model is its name in messages and may be empty, and the variables are taken as
 * they are but for documents, which is null where it is missing, as in Python; the model's own
 * template also sees bos_token, eos_token and add_generation_prompt unless they are given.
 * now_s: what strftime_now sees. */
hl_status hl_client_render(hl_client *c, hl_str model, hl_str template_text,
                           struct json_object *variables, int64_t now_s, hl_buf *ret,
                           hl_error *err) HL_NODISCARD;
/* This moment for hl_client_render: seconds since 1970 as the local clock shows them. */
int64_t hl_client_now_s(void);
