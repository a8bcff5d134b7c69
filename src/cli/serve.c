/* The server in the foreground, until SIGINT or SIGTERM. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/notify.h"
#include "cli/server.h"
#include "config/duration.h"
#include "config/env.h"

#include <signal.h>
#include <time.h>

enum { TOLD_S = 2, POLL_NS = 20000000 };

static const int64_t NS_PER_S = 1000000000;

typedef struct serve_args {
    hl_str settings[HL_SETTINGS_N]; /* .ptr NULL: not given */
    hl_str config;
} serve_args;

/* -- settings ---------------------------------------------------------------------------------- */

static hl_status read_settings(const serve_args *args, hl_settings *s, hl_error *err) {
    char path[4096];
    if (args->config.len >= sizeof path)
        return hl_fail(err, HL_EINVAL, "serve", "--config: the path is too long");
    memcpy(path, args->config.ptr ? args->config.ptr : "", args->config.len);
    path[args->config.len] = '\0';
    HL_TRY(hl_settings_init(s, err));
    HL_TRY(hl_settings_read(s, args->config.ptr ? path : NULL, err));
    for (int id = 0; id < HL_SETTINGS_N; id++) {
        if (!args->settings[id].ptr) continue;
        HL_TRY(hl_settings_set_text(s, (hl_setting_id)id, args->settings[id], HL_FROM_FLAG, err));
    }
    return hl_settings_check(s, err);
}

/* OLLAMA_DEBUG has been obeyed already, and goes before the default. */
static void apply_log(const hl_settings *s) {
    if (s->source[HL_SET_log] != HL_FROM_DEFAULT || !hl_env_bool("DEBUG", false))
        (void)hl_log_set_level_name(s->log);
    hl_log_set_format(strcmp(s->log_format, "json") == 0 ? HL_LOG_JSON : HL_LOG_TEXT);
}

/* -- the end ----------------------------------------------------------------------------------- */

/* The signal as it works without us. */
static void end_at_once(int signal_number, const sigset_t *ours) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    pthread_sigmask(SIG_UNBLOCK, ours, NULL);
}

/* Until every answer is out, at most so long; a second signal ends the program. */
static void wait_answers(hl__server *s, const sigset_t *ours, int64_t ns) {
    uint64_t now = hl_clock_ns();
    uint64_t until = ns < 0 || (uint64_t)ns > UINT64_MAX - now ? UINT64_MAX : now + (uint64_t)ns;
    struct timespec pause = {.tv_nsec = POLL_NS};
    while (hl__server_n_open(s) > 0 && hl_clock_ns() < until) {
        int signal_number = sigtimedwait(ours, NULL, &pause);
        if (signal_number > 0) end_at_once(signal_number, ours);
    }
}

static void serve_until_signal(hl__server *s, const hl_settings *settings, const sigset_t *ours) {
    int signal_number = 0;
    while (sigwait(ours, &signal_number) != 0) {
    }
    hl__notify(HL_STR("STOPPING=1"));
    hl_log(HL_LOG_INFO, NULL, "msg=\"shutting down\" signal=%d open=%zu", signal_number,
           hl__server_n_open(s));
    hl__server_quiesce(s);
    wait_answers(s, ours, settings->shutdown_timeout);
    hl__server_cancel(s); /* what still streams is told */
    wait_answers(s, ours, TOLD_S * NS_PER_S);
}

/* -- the command ------------------------------------------------------------------------------- */

static hl_status serve(const hl_settings *settings, hl_error *err) {
    sigset_t ours, before;
    hl__server *s = NULL;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ours, &before); /* in all threads; waited for here */
    signal(SIGHUP, SIG_IGN);                    /* a terminal that closes is no reason to end */
    hl__server_config config = {.settings = settings};
    hl_status st = hl__server_start(&config, &s, err);
    if (st >= 0) {
        hl__notify(HL_STR("READY=1"));
        serve_until_signal(s, settings, &ours);
    }
    /* A model that is being loaded or made may keep the end waiting: signals end it again. */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    hl__server_stop(s);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_settings settings = {0};
    hl_status st = read_settings(call->args, &settings, err);
    if (st >= 0) {
        apply_log(&settings);
        st = serve(&settings, err);
    }
    hl_settings_deinit(&settings);
    return st;
}

enum {
    FLAG_BOOL = HL_FLAG_OPTIONAL,
    FLAG_INT = HL_FLAG_TEXT,
    FLAG_DURATION = HL_FLAG_TEXT,
    FLAG_BYTES = HL_FLAG_TEXT,
    FLAG_TEXT = HL_FLAG_TEXT,
    FLAG_LIST = HL_FLAG_TEXT
};

static const hl_flag flags[] = {
    {"config", 0, HL_FLAG_TEXT, offsetof(serve_args, config), "FILE", NULL,
     "the settings' file instead of ~/.hyperllama/config.yaml"},
#define X(name, kind, fallback, variable, min, max, value, text)                                   \
    {#name,                                                                                        \
     0,                                                                                            \
     (hl_flag_kind)FLAG_##kind,                                                                    \
     offsetof(serve_args, settings) + HL_SET_##name * sizeof(hl_str),                              \
     (value),                                                                                      \
     "true",                                                                                       \
     (text)},
#include "config/settings.def"
#undef X
};

const hl__command hl__command_serve = {
    .name = "serve",
    .alias = "start",
    .usage = "serve [flags]",
    .summary = "Start the server",
    .about = "Serves Ollama's and OpenAI's API on 127.0.0.1:11434, or where --host or OLLAMA_HOST "
             "says\n(HOST:PORT; port 0: a free one), until Ctrl-C or SIGTERM.  Answers that are "
             "being made\nare finished first; a second signal ends at once.\n\nEach flag can also "
             "be a line of ~/.hyperllama/config.yaml (\"keep_alive: 1h\") or a variable\n"
             "(HYPERLLAMA_KEEP_ALIVE, OLLAMA_KEEP_ALIVE); flags go first, then variables.",
    .as_ollama = true,
    .flags = HL__FLAGS(flags, false),
    .args_bytes = sizeof(serve_args),
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
