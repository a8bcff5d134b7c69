/* serve/ in simulation: clients that come, ask and leave, several models in too little memory,
 * loads that fail and engines that are lost, on the real scheduler and the real engines, all from a
 * seed (serve_world.h).  After each round:
 *
 *     each job has exactly one terminal event, and none is lost
 *     its tokens are the model's, each once and in order
 *     in a model, jobs run in order of arrival; no model waits for memory for ever
 *     a busy model never goes; the memory and the number of models stay within their limits
 *     pages that nobody uses are free; a cancelled job is gone within two steps
 *
 * HL_SIM_SEED=n replays one seed, HL_SIM_SEEDS=n runs so many from there. */
#include "sim/serve_world.h"
#include "testing.h"

enum { SEEDS = 10000, SEEDS_OF_FAULT = 1000 };

typedef struct fixture {
    hl_model model;
    hl_tokenizer *tokenizer;
} fixture;

/* -- a seed ------------------------------------------------------------------------------------ */

static void plan_job(world *w, sim_job *j) {
    static const char *const paths[MODELS_N] = {"a", "b", "c", "d"};
    hl_rng text;
    j->model = one_in(w, 3) ? below(w, MODELS_N) : 0;
    j->n_prompt = 1 + below(w, PROMPT_MAX);
    j->n_predict = 1 + below(w, PREDICT_MAX);
    uint32_t n_shared = below(w, 2) ? below(w, j->n_prompt) : 0;
    hl_rng_init(&text, below(w, 2));
    for (uint32_t i = 0; i < j->n_prompt; i++)
        j->prompt[i] = (uint32_t)hl_rng_below(i < n_shared ? &text : &w->rng, 256);
    j->task = (hl__task){.path = paths[j->model], .name = paths[j->model]};
    j->task.load_only = one_in(w, 12);
    j->task.prepare_only = !j->task.load_only && one_in(w, 12);
    if (one_in(w, 8)) j->task.ctx = 256u << below(w, 3); /* 256, 512, 1024 */
    j->task.set_keep = one_in(w, 6);
    j->task.keep_ns = one_in(w, 3) ? HL_DURATION_FOREVER : (int64_t)below(w, 1000);
    if (one_in(w, 3)) j->task.keep_ns = 0;
}

/* Of 4 models, one to four fit with a context each; now and then one never fits. */
static void init_world(world *w, const fixture *f, uint64_t seed) {
    memset(w, 0, sizeof *w);
    w->seed = seed;
    hl_rng_init(&w->rng, seed);
    w->model = &f->model;
    w->tokenizer = f->tokenizer;
    uint64_t of_one = FIXED_BYTES_SIM + CTX_DEFAULT_SIM / HL_KV_PAGE_TOKENS * PAGE_BYTES_SIM;
    w->limit_bytes = of_one * (1 + below(w, 4)) + below(w, 60000);
    hl__sched_config config = {.queue_max = 2 + below(w, 30),
                               .models_max = 1 + below(w, 4),
                               .seqs_max = 4,
                               .prepares_max = 1 + below(w, 4),
                               .keep_ns = below(w, 2000)};
    hl__sched_init(&w->sched, &config);
    for (uint32_t i = 0; i < MODELS_N; i++) {
        w->seqs_max[i] = 1 + below(w, 4);
        w->fixed_bytes[i] = FIXED_BYTES_SIM * (one_in(w, 20) ? 100 : one_in(w, 3) ? 2 : 1);
    }
    w->n_jobs = 8 + below(w, JOBS_MAX - 7);
    for (uint32_t i = 0; i < w->n_jobs; i++) plan_job(w, &w->jobs[i]);
    w->stops = one_in(w, 3);
}

/* Too many, or it is over: only then is a job refused. */
static void submit(world *w, sim_job *j) {
    hl_error err;
    uint32_t n_open = w->n_submitted - w->n_over;
    hl_status st = hl__sched_submit(&w->sched, &j->task, w->now_ns, &err);
    j->submitted = true;
    w->n_submitted++;
    j->asked_too_much = j->task.ctx > CTX_DEFAULT_SIM;
    if (st >= 0) {
        dispatch(w);
        return;
    }
    if (st != HL_EBUSY || (!w->stopped && n_open < w->sched.config.queue_max))
        wrong(w, "refused: %s", err.text);
    j->n_ends = 1;
    w->n_over++;
}

static void cancel_one(world *w) {
    sim_job *j = &w->jobs[below(w, w->n_jobs)];
    if (!j->submitted || j->n_ends > 0) return;
    hl__sched_cancel(&w->sched, &j->task, w->now_ns);
    dispatch(w);
}

static void clients(world *w, uint32_t hurry) {
    static const char *const paths[MODELS_N] = {"a", "b", "c", "d"};
    if (w->n_submitted < w->n_jobs && one_in(w, hurry)) submit(w, &w->jobs[w->n_submitted]);
    if (one_in(w, 25)) cancel_one(w);
    if (one_in(w, 60)) {
        hl__sched_unload(&w->sched, paths[below(w, MODELS_N)]);
        dispatch(w);
    }
    if (w->stops && !w->stopped && w->n_submitted == w->n_jobs && one_in(w, 10)) {
        w->stopped = true;
        hl__sched_stop(&w->sched, w->now_ns);
        dispatch(w);
    }
}

static void round_of(world *w, uint32_t hurry) {
    w->now_ns += below(w, 200);
    dispatch(w); /* whose keep-alive is over */
    clients(w, hurry);
    get_on(w);
    check_memory(w);
    check_waiting(w);
    check_jobs(w);
    w->round++;
}

static void stop_and_close(world *w) {
    if (w->stopped) return;
    w->stopped = true;
    hl__sched_stop(&w->sched, w->now_ns);
    dispatch(w);
}

static void run_world(world *w) {
    uint32_t hurry = 1 + below(w, 12);
    while (!w->wrong[0] && w->n_over < w->n_jobs && w->round < ROUNDS_MAX) round_of(w, hurry);
    if (!w->wrong[0] && w->n_over < w->n_jobs) wrong(w, "%u jobs never end", w->n_jobs - w->n_over);
    stop_and_close(w);
    for (uint32_t i = 0; i < 4 * ROUNDS_OF_WORK && !w->wrong[0]; i++) round_of(w, hurry);
    if (!w->wrong[0] && w->sched.models) wrong(w, "a model stays behind");
}

/* Also of a world that went wrong anywhere. */
static void free_world(world *w) {
    for (uint32_t i = 0; i < MODELS_N; i++)
        if (w->has_runner[i]) hl_engine_destroy(w->runners[i].engine);
    while (w->sched.models) {
        hl__resident *m = w->sched.models;
        w->sched.models = m->next;
        hl_free(m->path);
        hl_free(m->name);
        hl_free(m);
    }
    hl_free(w);
}

static world *new_world(const fixture *f, uint64_t seed) {
    world *w = hl_calloc(1, sizeof *w);
    HL_ASSERT(w);
    init_world(w, f, seed);
    return w;
}

/* -- the tests --------------------------------------------------------------------------------- */

static uint64_t setting(const char *name, uint64_t fallback) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static void whatever_comes(void **state) {
    const fixture *f = *state;
    uint64_t first = setting("HL_SIM_SEED", 0);
    uint64_t n = setting("HL_SIM_SEEDS", getenv("HL_SIM_SEED") ? 1 : SEEDS);
    uint64_t evictions = 0, preemptions = 0, failures = 0;
    uint32_t longest = 0, rounds = 0;
    plant = (planted){0};
    for (uint64_t seed = first; seed < first + n; seed++) {
        world *w = new_world(f, seed);
        run_world(w);
        if (w->wrong[0])
            fail_msg("seed %llu (replay: HL_SIM_SEED=%llu): %s", (unsigned long long)seed,
                     (unsigned long long)seed, w->wrong);
        evictions += w->sched.counts.evictions;
        failures += w->sched.counts.load_failures;
        preemptions += w->preemptions;
        longest = w->longest_wait > longest ? w->longest_wait : longest;
        rounds = w->round > rounds ? w->round : rounds;
        free_world(w);
    }
    print_message(
        "%llu seeds: %llu evictions, %llu preemptions, %llu loads failed; longest wait for "
        "memory %u rounds, longest seed %u\n",
        (unsigned long long)n, (unsigned long long)evictions, (unsigned long long)preemptions,
        (unsigned long long)failures, longest, rounds);
    assert_true(n < 100 || (evictions > 0 && preemptions > 0 && failures > 0));
}

/* True: the seed noticed it. */
static bool run_with_fault(const fixture *f, uint64_t seed, fault kind) {
    world *volatile w = new_world(f, seed);
    plant = (planted){.kind = kind, .at = 1 + (uint32_t)(seed % 7), .armed = true};
    if (setjmp(plant.out) == 0) {
        run_world(w);
    } else {
        wrong(w, "assertion: %s", plant.assertion);
    }
    bool caught = w->wrong[0] != 0;
    if (caught)
        print_message("%s: seed %llu, %s\n", fault_name(kind), (unsigned long long)seed, w->wrong);
    plant = (planted){0};
    free_world(w);
    return caught;
}

static void planted_faults_are_caught(void **state) {
    const fixture *f = *state;
    for (fault kind = FAULT_NONE + 1; kind < FAULTS_N; kind++) {
        bool caught = false;
        for (uint64_t seed = 0; seed < SEEDS_OF_FAULT && !caught; seed++)
            caught = run_with_fault(f, seed, kind);
        if (!caught) fail_msg("%s is not noticed", fault_name(kind));
    }
}

int main(void) {
    hl_error err;
    fixture f = {.model = scripted_model(), .tokenizer = scripted_tokenizer(&err)};
    if (!f.tokenizer) {
        print_error("%s\n", err.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        {"whatever_comes", whatever_comes, NULL, NULL, &f},
        {"planted_faults_are_caught", planted_faults_are_caught, NULL, NULL, &f},
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hl_tokenizer_destroy(f.tokenizer);
    return failed;
}
