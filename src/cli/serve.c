/* The server in the foreground, until SIGINT or SIGTERM. */
#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "config/duration.h"
#include "config/env.h"
#include "http/address.h"

#include <signal.h>
#include <time.h>

enum { KEEP_MINUTES = 5, DRAIN_S = 30, TOLD_S = 2, POLL_NS = 20000000 };

static const int64_t NS_PER_S = 1000000000;

typedef struct server {
    hl_hub *hub;
    hl_api *api;
    hl_http_server *http;
} server;

/* -- settings ---------------------------------------------------------------------------------- */

static hl_status read_address(hl_http_address *ret, hl_error *err) {
    HL_TRY(hl_http_address_parse(hl_env_text("HOST"), ret, err));
    if (hl_http_is_loopback(ret->host)) return HL_OK;
    return hl_fail(err, HL_EUNSUPPORTED, "serve",
                   "OLLAMA_HOST is %.80s: listening beyond this machine needs keys, which are not "
                   "supported yet; use 127.0.0.1 or [::1]",
                   ret->host);
}

static uint32_t env_u32(const char *name) {
    uint64_t value = hl_env_uint(name, 0);
    return value < UINT16_MAX ? (uint32_t)value : UINT16_MAX;
}

static hl_status read_hub_config(hl_hub_config *ret, hl_error *err) {
    hl_str keep = hl_env_text("KEEP_ALIVE");
    *ret = (hl_hub_config){.seqs_max = env_u32("NUM_PARALLEL"),
                           .queue_max = env_u32("MAX_QUEUE"),
                           .models_max = env_u32("MAX_LOADED_MODELS"),
                           .keep_ns = KEEP_MINUTES * 60 * NS_PER_S};
    if (keep.len == 0) return HL_OK;
    hl_status st = hl_duration_parse(keep, &ret->keep_ns, err);
    if (st < 0) hl_error_prefix(err, "OLLAMA_KEEP_ALIVE");
    return st;
}

/* -- start and end ----------------------------------------------------------------------------- */

static hl_status start(server *s, hl_error *err) {
    hl_http_address at;
    hl_hub_config hub;
    HL_TRY(read_address(&at, err));
    HL_TRY(read_hub_config(&hub, err));
    HL_TRY(hl_hub_open(&hub, &s->hub, err));
    HL_TRY(hl_api_create(s->hub, &s->api, err));
    hl_http_config http = {.address = at.host,
                           .port = at.port,
                           .body_max = hl_api_body_max,
                           .handle = hl_api_handle,
                           .arg = s->api};
    HL_TRY(hl_http_open(&http, &s->http, err));
    hl_log(HL_LOG_INFO, NULL, "msg=\"listening\" address=%s port=%u version=%s", at.host,
           hl_http_port(s->http), HL_VERSION);
    return HL_OK;
}

static void end(server *s) {
    hl_http_close(s->http);
    hl_hub_close(s->hub);
    hl_api_destroy(s->api);
}

/* The signal as it works without us. */
static void end_at_once(int signal_number, const sigset_t *ours) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    pthread_sigmask(SIG_UNBLOCK, ours, NULL);
}

/* Until every answer is out, at most `seconds`; a second signal ends the program. */
static void wait_answers(const server *s, const sigset_t *ours, uint64_t seconds) {
    uint64_t until = hl_clock_ns() + seconds * (uint64_t)NS_PER_S;
    struct timespec pause = {.tv_nsec = POLL_NS};
    while (hl_http_n_open(s->http) > 0 && hl_clock_ns() < until) {
        int signal_number = sigtimedwait(ours, NULL, &pause);
        if (signal_number > 0) end_at_once(signal_number, ours);
    }
}

static void serve_until_signal(server *s, const sigset_t *ours) {
    int signal_number = 0;
    while (sigwait(ours, &signal_number) != 0) {
    }
    hl_log(HL_LOG_INFO, NULL, "msg=\"shutting down\" signal=%d open=%zu", signal_number,
           hl_http_n_open(s->http));
    hl_http_quiesce(s->http);
    wait_answers(s, ours, DRAIN_S);
    hl_hub_stop(s->hub); /* what still streams is told */
    wait_answers(s, ours, TOLD_S);
}

static hl_status run(hl__call *call, hl_error *err) {
    server s = {0};
    sigset_t ours, before;
    (void)call;
    if (hl_env_text("LOG").len == 0 && !hl_env_bool("DEBUG", false)) hl_log_set_level(HL_LOG_INFO);
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ours, &before); /* in all threads; waited for here */
    hl_status st = start(&s, err);
    if (st >= 0) serve_until_signal(&s, &ours);
    end(&s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return st;
}

const hl__command hl__command_serve = {
    .name = "serve",
    .usage = "serve [flags]",
    .summary = "Start the server",
    .about = "Serves Ollama's and OpenAI's API on 127.0.0.1:11434, or where OLLAMA_HOST says\n"
             "(HOST:PORT; port 0: a free one), until Ctrl-C or SIGTERM.  Answers that are being "
             "made\nare finished first; a second signal ends at once.",
    .as_ollama = true,
    .flags = {NULL, 0, false},
    .args_bytes = 0,
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
