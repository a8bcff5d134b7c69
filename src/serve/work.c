#include "serve/work.h"

#include "base/mem.h"
#include "base/thread.h"

typedef struct job {
    hl_work_fn *fn;
    void *arg;
} job;

struct hl_work {
    hl_thread thread;
    pthread_mutex_t lock; /* of all below; held for moments only */
    pthread_cond_t changed;
    job jobs[HL_WORK_QUEUE_MAX]; /* a ring: [first, first + n) */
    size_t first, n;
    bool ends;
};

/* False: the end, and nothing is left. */
static bool next_job(hl_work *w, job *ret) {
    pthread_mutex_lock(&w->lock);
    while (w->n == 0 && !w->ends) pthread_cond_wait(&w->changed, &w->lock);
    bool has = w->n > 0;
    if (has) {
        *ret = w->jobs[w->first];
        w->first = (w->first + 1) % HL_WORK_QUEUE_MAX;
        w->n--;
    }
    pthread_mutex_unlock(&w->lock);
    return has;
}

static void work(void *arg) {
    job j;
    while (next_job(arg, &j)) j.fn(j.arg);
}

hl_status hl_work_open(hl_work **ret, hl_error *err) {
    hl_work *w = hl_calloc(1, sizeof *w);
    if (!w) return hl_fail(err, HL_ENOMEM, "work", "no memory");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    hl_status st = hl_thread_start(&w->thread, work, w, err);
    if (st < 0) {
        hl_free(w);
        return st;
    }
    *ret = w;
    return HL_OK;
}

void hl_work_close(hl_work *w) {
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->ends = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    hl_thread_join(&w->thread);
    HL_ASSERT(w->n == 0);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    hl_free(w);
}

hl_status hl_work_submit(hl_work *w, hl_work_fn *fn, void *arg, hl_error *err) {
    hl_status st = HL_OK;
    pthread_mutex_lock(&w->lock);
    if (w->ends)
        st = hl_fail(err, HL_ECANCELLED, "work", "the server is shutting down");
    else if (w->n == HL_WORK_QUEUE_MAX)
        st = hl_fail(err, HL_EBUSY, "work",
                     "server busy, please try again.  %d changes of models wait",
                     HL_WORK_QUEUE_MAX);
    if (st >= 0) {
        w->jobs[(w->first + w->n) % HL_WORK_QUEUE_MAX] = (job){fn, arg};
        w->n++;
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return st;
}
