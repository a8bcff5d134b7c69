/* serve/runner.h — one loaded model's thread; private to hub.c and runner.c. */
#pragma once

#include "base/thread.h"
#include "serve/hub.h"
#include "serve/load.h"

typedef struct hl__runner {
    struct hl_hub *hub;
    struct hl__runner *next; /* of the hub's list, or of its ended ones */
    hl_thread thread;
    char path[HL_MODEL_PATH_MAX], name[HL_MODEL_NAME_MAX + 8];

    /* Under the hub's lock. */
    pthread_cond_t wake;
    hl_job *queue; /* not yet taken by the thread */
    uint32_t n_jobs;
    int64_t keep_ns;
    uint64_t idle_ns; /* since when nothing runs */
    bool leaving;     /* goes as soon as nothing runs */
    uint64_t bytes;
    uint32_t ctx;

    /* The thread's own. */
    hl__loaded *loaded;        /* NULL: not yet, or given up */
    hl_job *waiting, *running; /* lists */
    uint32_t n_running;
    hl_seq_id next_seq;
} hl__runner;

struct hl_hub {
    hl_hub_config config;
    pthread_mutex_t lock; /* for all runners' shared parts and jobs' states */
    hl__runner *runners, *ended;
    uint32_t n_runners, n_jobs;
    bool stopping;
};

/* The thread's function; arg is the runner. */
void hl__runner_run(void *arg);
/* With the hub's lock: when an idle runner is to go; UINT64_MAX: never. */
uint64_t hl__runner_expires_ns(const hl__runner *r);
