/* The hub with its real threads, on the fake engine: many clients at once, several models in memory
 * for fewer, who leave at random points.  Each job ends once; at the end memory and descriptors are
 * what they were.  HL_TEST_SLOW=1: 20,000 requests, else a few. */
#include "base/clock.h"
#include "base/rng.h"
#include "base/thread.h"
#include "config/duration.h"
#include "engine/fake/fake.h"
#include "serve/hub.h"
#include "testing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CLIENTS = 8,
    OPEN_EACH = 6, /* jobs of a client at once */
    MODELS = 3,
    REQUESTS_FEW = 1600,
    REQUESTS_SLOW = 20000,
    NS_PER_MS = 1000000
};

typedef struct asked {
    hl_job job;
    uint32_t n_texts;
    atomic_uint n_ends;
    hl_event_kind end;
    hl_finish finish;
    bool cancelled;
    uint32_t cancel_after; /* looks; 0: never */
} asked;

typedef struct crowd {
    hl_hub *hub;
    hl_package *packages[MODELS];
    char paths[MODELS][HL_MODEL_PATH_MAX];
    uint32_t requests_each;
    atomic_uint n_finished, n_cancelled, n_failed, n_refused;
    atomic_uint wrong;
} crowd;

typedef struct client {
    crowd *crowd;
    hl_rng rng;
    hl_thread thread;
    asked asked[OPEN_EACH];
} client;

static hl_status make_fake(void *arg, const hl_model *m, const hl_tokenizer *t,
                           const hl_native_config *config, hl_engine **ret, hl_error *err) {
    (void)arg, (void)m, (void)t;
    hl_fake_script script = {.seqs_max = config->seqs_max,
                             .ctx_max = config->ctx_max,
                             .answer = "one two three four five six seven eight nine ten ",
                             .first_ns = 20000,
                             .piece_ns = 5000};
    return hl_fake_create(&script, ret, err);
}

static void hear(void *arg, const hl_event *ev) {
    asked *a = arg;
    if (ev->kind != HL_EVENT_FINISHED && ev->kind != HL_EVENT_FAILED) {
        a->n_texts++;
        return;
    }
    a->end = ev->kind;
    a->finish = ev->finish;
    atomic_fetch_add(&a->n_ends, 1);
}

static void ask(client *c, asked *a) {
    static const char *const prompts[] = {"Hi!", "What is 1+1?", "Tell me a very long story."};
    crowd *all = c->crowd;
    hl_error err;
    *a = (asked){.job = {.on_event = hear, .arg = a}};
    a->job.package = all->packages[hl_rng_below(&c->rng, 4) ? 0 : hl_rng_below(&c->rng, MODELS)];
    a->job.req = (hl_request){.id = "t", .prompt = hl_str_from(prompts[hl_rng_below(&c->rng, 3)])};
    a->job.req.think = HL_THINK_OFF;
    hl_options_init(&a->job.req.options);
    a->job.load_only = hl_rng_below(&c->rng, 20) == 0;
    a->job.prepare_only = !a->job.load_only && hl_rng_below(&c->rng, 20) == 0;
    if (hl_rng_below(&c->rng, 10) == 0) a->job.req.format = HL_FORMAT_JSON;
    a->job.set_keep = hl_rng_below(&c->rng, 50) == 0;
    a->job.keep_ns = hl_rng_below(&c->rng, 2) ? 0 : HL_DURATION_FOREVER;
    if (hl_rng_below(&c->rng, 3) == 0) a->cancel_after = 1 + (uint32_t)hl_rng_below(&c->rng, 30);
    if (hl_hub_submit(all->hub, &a->job, &err) >= 0) return;
    atomic_fetch_add(&all->n_refused, 1);
    if (err.status != HL_EBUSY) atomic_fetch_add(&all->wrong, 1);
    a->end = HL_EVENT_FAILED;
    atomic_store(&a->n_ends, 1);
}

static void judge(crowd *all, const asked *a) {
    bool cancelled = a->end == HL_EVENT_FINISHED && a->finish == HL_FINISH_CANCELLED;
    if (cancelled && !a->cancelled) atomic_fetch_add(&all->wrong, 1);
    if (a->end == HL_EVENT_FAILED)
        atomic_fetch_add(&all->n_failed, 1);
    else
        atomic_fetch_add(cancelled ? &all->n_cancelled : &all->n_finished, 1);
}

/* One look at each: who leaves, and what is over. */
static uint32_t look(client *c) {
    uint32_t n_over = 0;
    for (uint32_t i = 0; i < OPEN_EACH; i++) {
        asked *a = &c->asked[i];
        if (atomic_load(&a->n_ends) > 0) {
            n_over++;
        } else if (a->cancel_after > 0 && --a->cancel_after == 0) {
            a->cancelled = true;
            hl_hub_cancel(c->crowd->hub, &a->job);
        }
    }
    return n_over;
}

static void run_client(void *arg) {
    client *c = arg;
    crowd *all = c->crowd;
    uint32_t n_asked = 0;
    while (n_asked < all->requests_each) {
        uint32_t n = 0;
        for (; n < OPEN_EACH; n++) ask(c, &c->asked[n]);
        n_asked += n;
        while (look(c) < OPEN_EACH) hl_clock_sleep_ns(50000);
        for (uint32_t i = 0; i < OPEN_EACH; i++) judge(all, &c->asked[i]);
        if (hl_rng_below(&c->rng, 8) == 0) hl_hub_unload(all->hub, all->paths[0]);
    }
}

/* -- what the process holds -------------------------------------------------------------------- */

static uint32_t n_descriptors(void) {
    uint32_t n = 0;
    for (int fd = 0; fd < 1024; fd++) n += lseek(fd, 0, SEEK_CUR) >= 0 || dup2(fd, fd) == fd;
    return n;
}

static uint64_t resident_bytes(void) {
    unsigned long long pages = 0, skipped;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%llu %llu", &skipped, &pages) != 2) pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* -- the test ---------------------------------------------------------------------------------- */

static void open_packages(crowd *all) {
    hl_error err;
    const char *dir = getenv("TMPDIR");
    char path[HL_MODEL_PATH_MAX], whole[HL_MODEL_PATH_MAX];
    if (hl_model_resolve(HL_STR("tiny"), path, &err) < 0) fail_msg("%s", err.text);
    assert_non_null(realpath(path, whole));
    for (int i = 0; i < MODELS; i++) {
        snprintf(all->paths[i], sizeof all->paths[i], "%s/hl-threads-%d-%d.gguf",
                 dir ? dir : "/tmp", (int)getpid(), i);
        assert_int_equal(symlink(whole, all->paths[i]), 0);
        if (hl_package_open(all->paths[i], "m:latest", &all->packages[i], &err) < 0)
            fail_msg("%s", err.text);
    }
}

static void close_packages(crowd *all) {
    for (int i = 0; i < MODELS; i++) {
        hl_package_drop(all->packages[i]);
        assert_int_equal(unlink(all->paths[i]), 0);
    }
}

/* Memory for two of the models. */
static void open_hub(crowd *all) {
    hl_error err;
    hl__load_wish wish = {.seqs_max = 4};
    hl__loaded *l;
    hl__plan plan;
    if (hl__loaded_open(all->paths[0], "m:latest", &l, &err) < 0) fail_msg("%s", err.text);
    if (hl__loaded_plan(l, &wish, 0, &plan, &err) < 0) fail_msg("%s", err.text);
    hl__loaded_close(l);
    hl_hub_config config = {.seqs_max = wish.seqs_max,
                            .queue_max = 24,
                            .ctx_default = 512,
                            .memory_bytes = 2 * hl__plan_bytes(&plan, 1024),
                            .keep_ns = 20 * NS_PER_MS,
                            .make_engine = make_fake};
    if (hl_hub_open(&config, &all->hub, &err) < 0) fail_msg("%s", err.text);
}

static void run_crowd(crowd *all, uint64_t seed, uint32_t n_requests) {
    static client clients[CLIENTS];
    hl_error err;
    all->requests_each = n_requests / CLIENTS;
    open_hub(all);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i].crowd = all;
        hl_rng_init(&clients[i].rng, seed + i);
        assert_int_equal(hl_thread_start(&clients[i].thread, run_client, &clients[i], &err), 0);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) hl_thread_join(&clients[i].thread);
    hl_hub_close(all->hub);
}

static void everything_comes_back(void **state) {
    (void)state;
    static crowd all;
    bool slow = getenv("HL_TEST_SLOW") != NULL;
    open_packages(&all);
    run_crowd(&all, 1, REQUESTS_FEW / 4); /* what the system keeps, it keeps from here on */
    uint32_t fds = n_descriptors();
    uint64_t bytes = resident_bytes();
    run_crowd(&all, 100, slow ? REQUESTS_SLOW : REQUESTS_FEW);
    print_message("%u finished, %u cancelled, %u failed, %u of them refused; %lld kB more memory\n",
                  atomic_load(&all.n_finished), atomic_load(&all.n_cancelled),
                  atomic_load(&all.n_failed), atomic_load(&all.n_refused),
                  ((long long)resident_bytes() - (long long)bytes) / 1024);
    assert_int_equal(atomic_load(&all.wrong), 0);
    assert_int_equal(atomic_load(&all.n_failed), atomic_load(&all.n_refused));
    assert_true(atomic_load(&all.n_finished) > 0 && atomic_load(&all.n_cancelled) > 0);
    assert_int_equal(n_descriptors(), fds);
    /* Pages of the allocator may stay; a leak of 100 bytes a request would be far more. */
    if (slow) assert_true(resident_bytes() < bytes + (16u << 20));
    close_packages(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_comes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
