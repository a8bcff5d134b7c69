/* The contract of engine/engine.h, once for every engine: native on a scripted backend, native with
 * the tiny model on the CPU (where it is at hand), fake. */
#include "base/fs.h"
#include "base/rng.h"
#include "engine/fake/fake.h"
#include "engine/native/native.h"
#include "sim/drive.h"
#include "sim/scripted.h"
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SEQS = 3, CTX = 128, PROMPT = 20, PREDICT = 12, STEPS_MAX = 2000 };

typedef struct subject {
    const char *name;
    hl_model *model; /* NULL: the scripted one */
    hl_model scripted;
    hl_tokenizer *tokenizer;
    bool is_fake;
    const char *path; /* of the model */
} subject;

/* ---- subjects ---- */

static uint64_t ticking_clock(void) {
    static uint64_t now;
    return now += 1000;
}

static hl_status create(const subject *s, hl_engine **ret, hl_error *err) {
    if (s->is_fake)
        return hl_fake_create(
            &(hl_fake_script){.seqs_max = SEQS, .ctx_max = CTX, .first_ns = 7, .piece_ns = 3}, ret,
            err);
    hl_native_config config = {.backend = s->model ? &hl_backend_cpu : &hl_backend_scripted,
                               .seqs_max = SEQS,
                               .ctx_max = CTX,
                               .kv_pages = 2 * CTX / HL_KV_PAGE_TOKENS,
                               .step_rows_max = 16,
                               .threads = 1,
                               .now = ticking_clock};
    return hl_native_create(s->model ? s->model : &s->scripted, s->tokenizer, &config, ret, err);
}

static hl_engine *begin(const subject *s) {
    hl_engine *e;
    hl_error err;
    if (create(s, &e, &err) < 0) fail_msg("%s: %s", s->name, err.text);
    return e;
}

static const uint32_t *prompt(uint32_t from) {
    static uint32_t tokens[CTX + 1];
    for (uint32_t i = 0; i < CTX + 1; i++) tokens[i] = (from + i * 7) % 250;
    return tokens;
}

static hl_request request(uint32_t from, uint32_t n) {
    hl_request req = {.tokens = prompt(from), .n_tokens = n};
    hl_options_init(&req.options);
    req.options.temperature = 0;
    req.options.num_predict = PREDICT;
    return req;
}

static void submit(hl_engine *e, hl_seq_id seq, uint32_t from, uint64_t now) {
    hl_error err;
    hl_request req = request(from, PROMPT);
    if (hl_engine_submit(e, seq, &req, now, &err) < 0) fail_msg("submit: %s", err.text);
}

/* Steps until n answers have ended; at most so many. */
static void finish_all(hl_engine *e, answer *answers, size_t n, size_t cap, uint64_t *now) {
    for (int i = 0; i < STEPS_MAX; i++) {
        size_t n_done = 0;
        hl_status st;
        for (size_t k = 0; k < n; k++) n_done += answers[k].n_terminal;
        if (n_done == n) return;
        const char *wrong = drive_step(e, ++*now, cap, answers, n, &st);
        if (wrong) fail_msg("%s", wrong);
        if (st < 0) fail_msg("step: %s", hl_status_text(st));
    }
    fail_msg("no end after %d steps", STEPS_MAX);
}

static answer run_one(hl_engine *e, const hl_request *req) {
    answer a = {.seq = 77};
    hl_error err;
    uint64_t now = 1000;
    if (hl_engine_submit(e, a.seq, req, now, &err) < 0) fail_msg("submit: %s", err.text);
    finish_all(e, &a, 1, DRIVE_CAP_MAX, &now);
    return a;
}

/* ---- the contract ---- */

static void one_answer_with_one_end(void **state) {
    const subject *s = *state;
    hl_engine *e = begin(s);
    int fd = 0;
    assert_true(hl_engine_wake_at(e, &fd) == UINT64_MAX);
    assert_int_equal(fd, -1);
    hl_request req = request(1, PROMPT);
    answer a = run_one(e, &req);
    assert_int_equal(a.last.kind, HL_EVENT_FINISHED);
    assert_int_equal(a.last.usage.prompt_tokens, PROMPT);
    assert_in_range(a.last.usage.generated_tokens, 1, PREDICT);
    assert_true(a.n_tokens > 0 && a.n_tokens <= a.last.usage.generated_tokens);
    assert_true(a.last.usage.total_ns > 0);
    assert_true(a.last.usage.prompt_ns + a.last.usage.generate_ns <= a.last.usage.total_ns);
    hl_event ev;
    size_t n;
    assert_int_equal(hl_engine_step(e, 9999, &ev, 1, &n, NULL), HL_AGAIN);
    assert_true(hl_engine_wake_at(e, &fd) == UINT64_MAX);
    answer_deinit(&a);
    hl_engine_destroy(e);
}

static void wakes_while_there_is_work(void **state) {
    hl_engine *e = begin(*state);
    int fd;
    submit(e, 1, 1, 0);
    assert_true(hl_engine_wake_at(e, &fd) < 100);
    hl_engine_destroy(e); /* with a live sequence */
    hl_engine_destroy(NULL);
}

static void the_same_again(void **state) {
    hl_engine *e = begin(*state);
    hl_request req = request(1, PROMPT);
    answer a = run_one(e, &req), b = run_one(e, &req); /* the id is free again */
    assert_true(answer_equal(&a, &b));
    answer_deinit(&a);
    answer_deinit(&b);
    hl_engine_destroy(e);
}

static void cancel_at_every_step(void **state) {
    hl_engine *e = begin(*state);
    hl_request req = request(1, PROMPT);
    answer whole = run_one(e, &req);
    uint64_t now = 0;
    bool cancelled = false, completed = false;
    for (int at = 0; at < 60; at++) {
        answer a[2] = {{.seq = 5}, {.seq = 6}};
        submit(e, 5, 1, now);
        submit(e, 6, 2, now);
        for (int i = 0; i < at; i++) {
            hl_status st;
            const char *wrong = drive_step(e, ++now, DRIVE_CAP_MAX, a, 2, &st);
            if (wrong) fail_msg("%s", wrong);
        }
        hl_engine_cancel(e, 5);
        hl_engine_cancel(e, 5);
        finish_all(e, a, 2, DRIVE_CAP_MAX, &now);
        hl_engine_cancel(e, 5); /* gone */
        assert_int_equal(a[0].last.kind, HL_EVENT_FINISHED);
        assert_true(answer_begins(&whole, &a[0]));
        if (a[0].last.finish == HL_FINISH_CANCELLED)
            cancelled = true;
        else
            completed = true;
        assert_int_not_equal(a[1].last.finish, HL_FINISH_CANCELLED);
        answer_deinit(&a[0]);
        answer_deinit(&a[1]);
    }
    assert_true(cancelled && completed);
    answer_deinit(&whole);
    hl_engine_destroy(e);
}

static void one_event_at_a_time(void **state) {
    hl_engine *e = begin(*state);
    answer many[SEQS], few[SEQS];
    uint64_t now = 0;
    for (int pass = 0; pass < 2; pass++) {
        answer *a = pass ? few : many;
        for (uint32_t i = 0; i < SEQS; i++) {
            a[i] = (answer){.seq = i};
            submit(e, i, i, now);
        }
        finish_all(e, a, SEQS, pass ? 1 : DRIVE_CAP_MAX, &now);
    }
    for (int i = 0; i < SEQS; i++) {
        assert_true(answer_equal(&many[i], &few[i]));
        assert_int_equal(many[i].last.finish, few[i].last.finish);
        answer_deinit(&many[i]);
        answer_deinit(&few[i]);
    }
    hl_engine_destroy(e);
}

static void busy_when_full(void **state) {
    hl_engine *e = begin(*state);
    hl_error err;
    answer a[SEQS + 1];
    hl_request req = request(1, PROMPT);
    uint64_t now = 0;
    assert_int_equal(e->caps.seqs_max, SEQS);
    for (uint32_t i = 0; i < SEQS; i++) {
        a[i] = (answer){.seq = i};
        submit(e, i, i, now);
    }
    assert_int_equal(hl_engine_submit(e, 9, &req, now, &err), HL_EBUSY);
    hl_engine_cancel(e, 0);
    finish_all(e, a, 1, 1, &now); /* cancelled ones first, so there is no event of another yet */
    a[SEQS] = (answer){.seq = 9};
    assert_int_equal(hl_engine_submit(e, 9, &req, now, &err), HL_OK);
    finish_all(e, a + 1, SEQS, DRIVE_CAP_MAX, &now);
    for (int i = 0; i <= SEQS; i++) answer_deinit(&a[i]);
    hl_engine_destroy(e);
}

static void too_long_a_prompt(void **state) {
    hl_engine *e = begin(*state);
    hl_error err;
    hl_request req = request(1, CTX + 1);
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, &err), HL_ELIMIT);
    assert_string_equal(
        err.text, "the prompt has 129 tokens, a context of 128 has room for 127 and an answer");
    req.n_tokens = CTX;
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, &err), HL_ELIMIT);
    req.n_tokens = CTX - 1;
    req.options.num_predict = 1;
    answer a = run_one(e, &req);
    assert_int_equal(a.last.usage.generated_tokens, 1);
    answer_deinit(&a);
    hl_engine_destroy(e);
}

static void ends_at_num_predict(void **state) {
    hl_engine *e = begin(*state);
    hl_request req = request(1, PROMPT);
    answer whole = run_one(e, &req);
    req.options.num_predict = 2;
    answer a = run_one(e, &req);
    assert_int_equal(a.last.finish, HL_FINISH_LENGTH);
    assert_int_equal(a.last.usage.generated_tokens, 2);
    assert_int_equal(a.n_tokens, 2);
    assert_memory_equal(a.tokens, whole.tokens, 2 * sizeof *a.tokens);
    answer_deinit(&a);
    answer_deinit(&whole);
    hl_engine_destroy(e);
}

static void ends_before_a_stop_string(void **state) {
    hl_engine *e = begin(*state);
    hl_request req = request(1, PROMPT);
    answer whole = run_one(e, &req);
    hl_str text = hl_buf_str(&whole.text);
    size_t from = text.len / 3;
    while (from > 0 && ((unsigned char)text.ptr[from] & 0xC0) == 0x80) from--;
    size_t to = from + 1;
    while (to < text.len && (to < from + 2 || ((unsigned char)text.ptr[to] & 0xC0) == 0x80)) to++;
    hl_str stop = hl_str_slice(text, from, to);
    req.options.stop = &stop;
    req.options.n_stop = 1;
    answer a = run_one(e, &req);
    assert_int_equal(a.last.finish, HL_FINISH_STOP);
    assert_true(hl_str_eq(hl_buf_str(&a.text), hl_str_slice(text, 0, hl_str_find(text, stop, 0))));
    const hl_str empty = {"", 0};
    req.options.stop = &empty;
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, NULL), HL_EINVAL);
    answer_deinit(&a);
    answer_deinit(&whole);
    hl_engine_destroy(e);
}

/* What the last step gave is not touched by submit and cancel. */
static void texts_live_until_the_next_step(void **state) {
    hl_engine *e = begin(*state);
    hl_event events[2 * SEQS];
    size_t n = 0;
    uint64_t now = 0;
    hl_request req = request(1, PROMPT);
    req.options.num_predict = 1;
    assert_int_equal(hl_engine_submit(e, 1, &req, now, NULL), HL_OK);
    char text[64];
    hl_event ev = {0};
    for (bool ended = false; !ended && now < STEPS_MAX;) {
        assert_true(hl_engine_step(e, ++now, events, 2 * SEQS, &n, NULL) >= 0);
        for (size_t i = 0; i < n; i++) {
            ended |= events[i].kind != HL_EVENT_TEXT;
            if (events[i].kind == HL_EVENT_TEXT) ev = events[i];
        }
        if (ev.text.len == 0) continue;
        assert_in_range(ev.text.len, 1, sizeof text);
        memcpy(text, ev.text.ptr, ev.text.len);
        uint32_t token = ev.tokens[0];
        for (uint32_t i = 0; i < SEQS; i++) {
            hl_request more = request(40 + i, PROMPT);
            (void)hl_engine_submit(e, 10 + i, &more, now, NULL);
            hl_engine_cancel(e, 10 + i);
        }
        assert_memory_equal(text, ev.text.ptr, ev.text.len);
        assert_int_equal(token, ev.tokens[0]);
        break;
    }
    assert_true(ev.text.len > 0);
    hl_engine_destroy(e);
}

typedef struct canceller {
    hl_engine *engine;
    atomic_uint *round;
    atomic_bool *over;
} canceller;

static void *cancel_now_and_then(void *arg) {
    canceller *c = arg;
    while (!atomic_load(c->over)) {
        hl_engine_cancel(c->engine, atomic_load(c->round));
        sched_yield();
    }
    return NULL;
}

static void cancel_from_another_thread(void **state) {
    hl_engine *e = begin(*state);
    atomic_uint round = 0;
    atomic_bool over = false;
    pthread_t thread;
    canceller c = {e, &round, &over};
    uint64_t now = 0;
    assert_int_equal(pthread_create(&thread, NULL, cancel_now_and_then, &c), 0);
    for (uint32_t i = 1; i <= 40; i++) {
        answer a = {.seq = i};
        submit(e, i, i, now);
        if (i % 2) atomic_store(&round, i); /* else it goes on naming one that is gone */
        finish_all(e, &a, 1, DRIVE_CAP_MAX, &now);
        assert_int_equal(a.last.kind, HL_EVENT_FINISHED);
        if (i % 2 == 0) assert_int_not_equal(a.last.finish, HL_FINISH_CANCELLED);
        answer_deinit(&a);
    }
    atomic_store(&over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    hl_engine_destroy(e);
}

static hl_request embed_request(uint32_t from, uint32_t n) {
    hl_request req = request(from, n);
    req.kind = HL_REQUEST_EMBED;
    return req;
}

/* Beside an answer, each text its own vector, the same again. */
static void embeds_many_at_once(void **state) {
    hl_engine *e = begin(*state);
    assert_true(e->caps.embeds);
    hl_request req = embed_request(1, PROMPT);
    answer alone = run_one(e, &req), a[SEQS] = {{.seq = 1}, {.seq = 2}, {.seq = 3}};
    uint64_t now = 0;
    submit(e, 1, 3, now);
    for (uint32_t i = 1; i < SEQS; i++) { /* the prompts' memory is the same */
        req = embed_request(i, PROMPT);
        assert_int_equal(hl_engine_submit(e, 1 + i, &req, now, NULL), HL_OK);
    }
    finish_all(e, a, SEQS, 1, &now);
    assert_int_equal(a[0].n_embeddings, 0);
    assert_int_equal(a[1].n_embeddings, 1);
    assert_int_equal(a[1].last.kind, HL_EVENT_FINISHED);
    assert_int_equal(a[1].last.finish, HL_FINISH_STOP);
    assert_int_equal(a[1].last.usage.prompt_tokens, PROMPT);
    assert_int_equal(a[1].last.usage.generated_tokens, 0);
    assert_true(answer_equal(&alone, &a[1]));
    assert_true(a[1].embedding_bits != a[2].embedding_bits);
    for (int i = 0; i < SEQS; i++) answer_deinit(&a[i]);
    hl_engine_destroy(e);
}

static void refuses_a_prompt_without_tokens(void **state) {
    hl_engine *e = begin(*state);
    hl_request req = request(1, 0);
    hl_error err;
    assert_true(e->caps.takes_tokens);
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, &err), HL_EINVAL);
    assert_string_equal(err.text, "the prompt has no tokens");
    hl_engine_destroy(e);
}

/* ---- the native engine's own promises ---- */

static void native_refuses_what_it_cannot_do(void **state) {
    const subject *s = *state;
    hl_engine *e = begin(s);
    hl_error err;
    uint32_t far[] = {1, UINT32_MAX};
    hl_request req = request(1, PROMPT);
    req.tokens = far;
    req.n_tokens = 2;
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, &err), HL_EINVAL);
    assert_non_null(strstr(err.text, "token 1 of the prompt is 4294967295"));
    req = request(1, PROMPT);
    req.format = HL_FORMAT_JSON;
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, NULL), HL_EINVAL); /* and no grammar */
    req = request(1, PROMPT);
    req.options.logprobs = true;
    req.options.n_logprobs = 21;
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, NULL), HL_ELIMIT);
    const hl_logit_bias bias = {UINT32_MAX, 1};
    req = request(1, PROMPT);
    req.options.logit_bias = &bias;
    req.options.n_logit_bias = 1;
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, NULL), HL_EINVAL);
    req = request(1, PROMPT);
    req.options.num_ctx = 10; /* the request's own context */
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, NULL), HL_ELIMIT);
    hl_native_stats stats;
    hl_native_stats_get(e, &stats);
    assert_int_equal(stats.seqs_live, 0);
    hl_engine_destroy(e);
}

static void native_limits_are_checked(void **state) {
    const subject *s = *state;
    const hl_native_config good = {.backend = &hl_backend_scripted, .seqs_max = 4, .ctx_max = 100};
    hl_native_config c = good;
    hl_native_plan plan;
    hl_engine *e;
    hl_error err;
    assert_int_equal(hl_native_plan_make(&s->scripted, &good, &plan, &err), HL_OK);
    assert_int_equal(plan.kv_pages, 16);
    assert_int_equal(plan.step_rows_max, 512);
    assert_int_equal(plan.outputs_max, 4);
    assert_true(plan.total_bytes > plan.engine_bytes);
    c.kv_pages = 3; /* 96 tokens */
    assert_int_equal(hl_native_create(&s->scripted, s->tokenizer, &c, &e, &err), HL_EINVAL);
    c = good;
    c.step_rows_max = 3;
    assert_int_equal(hl_native_create(&s->scripted, s->tokenizer, &c, &e, &err), HL_EINVAL);
    c = good;
    c.outputs_max = 3;
    assert_int_equal(hl_native_create(&s->scripted, s->tokenizer, &c, &e, &err), HL_EINVAL);
    c = good;
    c.seqs_max = 0;
    assert_int_equal(hl_native_create(&s->scripted, s->tokenizer, &c, &e, &err), HL_EINVAL);
    c = good;
    c.ctx_max = 1;
    assert_int_equal(hl_native_plan_make(&s->scripted, &c, &plan, &err), HL_EINVAL);
    c = good;
    c.seqs_max = c.ctx_max = UINT32_MAX;
    assert_int_equal(hl_native_plan_make(&s->scripted, &c, &plan, &err), HL_ELIMIT);
}

static void an_output_that_is_no_number(void **state) {
    const subject *s = *state;
    hl_engine *e = begin(s);
    answer a[2] = {{.seq = 1}, {.seq = 2}};
    uint64_t now = 0;
    (*scripted_last())->nan_at = 5;
    submit(e, 1, 1, now);
    submit(e, 2, 2, now);
    finish_all(e, a, 2, DRIVE_CAP_MAX, &now);
    const answer *failed = a[0].last.kind == HL_EVENT_FAILED ? &a[0] : &a[1];
    const answer *other = failed == a ? &a[1] : &a[0];
    assert_int_equal(failed->last.kind, HL_EVENT_FAILED);
    assert_int_equal(other->last.kind, HL_EVENT_FINISHED);
    assert_int_equal(failed->last.error.status, HL_EDEVICE);
    assert_non_null(strstr(failed->last.error.text, "not finite (logit 17 is nan)"));
    hl_native_stats stats;
    hl_native_stats_get(e, &stats);
    assert_int_equal(stats.pages_used, 0);
    answer_deinit(&a[0]);
    answer_deinit(&a[1]);
    hl_engine_destroy(e);
}

static void a_lost_backend_stays_lost(void **state) {
    hl_engine *e = begin(*state);
    hl_event ev[4];
    size_t n;
    hl_error err;
    (*scripted_last())->fails_at = 1;
    submit(e, 1, 1, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hl_engine_step(e, 1, ev, 4, &n, &err), HL_EDEVICE);
        assert_string_equal(err.text, "the script says so");
        assert_int_equal(n, 0);
    }
    hl_engine_destroy(e);
}

static void logprobs_come_with_their_tokens(void **state) {
    hl_engine *e = begin(*state);
    hl_event ev[4];
    size_t n = 0, n_seen = 0;
    hl_request req = request(1, PROMPT);
    req.options.logprobs = true;
    req.options.n_logprobs = 3;
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, NULL), HL_OK);
    for (uint64_t now = 1; now < 100; now++) {
        if (hl_engine_step(e, now, ev, 4, &n, NULL) != HL_OK) break;
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < ev[i].n_tokens; k++, n_seen++) {
                const hl_token_logprobs *lp = &ev[i].logprobs[k];
                assert_int_equal(lp->n_top, 3);
                assert_int_equal(lp->chosen.token, ev[i].tokens[k]);
                assert_int_equal(lp->top[0].token, ev[i].tokens[k]); /* greedy */
                assert_true(lp->top[0].logprob == lp->chosen.logprob && lp->chosen.logprob < 0);
                assert_true(lp->top[0].logprob >= lp->top[1].logprob);
                assert_true(lp->top[1].logprob >= lp->top[2].logprob);
            }
        }
    }
    assert_true(n_seen > 0);
    hl_engine_destroy(e);
}

static void a_bias_rules_the_answer(void **state) {
    hl_engine *e = begin(*state);
    const hl_logit_bias always_x = {'x', 1000};
    hl_request req = request(1, PROMPT);
    req.options.logit_bias = &always_x;
    req.options.n_logit_bias = 1;
    answer a = run_one(e, &req);
    assert_int_equal(a.n_tokens, PREDICT);
    for (size_t i = 0; i < a.n_tokens; i++) assert_int_equal(a.tokens[i], 'x');
    answer_deinit(&a);
    hl_engine_destroy(e);
}

static void a_repeated_prompt_is_cached(void **state) {
    hl_engine *e = begin(*state);
    hl_request req = request(1, 100);
    answer a = run_one(e, &req), b = run_one(e, &req);
    assert_int_equal(a.last.usage.cached_tokens, 0);
    assert_int_equal(b.last.usage.cached_tokens, 96);
    assert_true(answer_equal(&a, &b));
    answer_deinit(&a);
    answer_deinit(&b);
    hl_engine_destroy(e);
}

/* Without a seed texts differ from request to request, and are the same again in an engine of the
 * same seed. */
static void no_seed_is_another_each_time(void **state) {
    const subject *s = *state;
    hl_request req = request(1, PROMPT);
    answer a[2][2];
    req.options.temperature = 2;
    for (int i = 0; i < 2; i++) {
        hl_engine *e = begin(s);
        a[i][0] = run_one(e, &req);
        a[i][1] = run_one(e, &req);
        hl_engine_destroy(e);
    }
    assert_false(answer_equal(&a[0][0], &a[0][1]));
    assert_true(answer_equal(&a[0][0], &a[1][0]));
    assert_true(answer_equal(&a[0][1], &a[1][1]));
    for (int i = 0; i < 4; i++) answer_deinit(&a[i / 2][i % 2]);
}

/* ---- the fake's script ---- */

static void the_fake_fails_on_demand(void **state) {
    (void)state;
    hl_engine *e;
    hl_error err;
    hl_event ev[4];
    size_t n;
    uint64_t now = 0;
    hl_fake_script script = {
        .seqs_max = 1, .ctx_max = 100, .answer = "a b c", .fails_after_pieces = 2};
    assert_int_equal(hl_fake_create(&script, &e, &err), HL_OK);
    answer a = {.seq = 1};
    submit(e, 1, 1, 0);
    finish_all(e, &a, 1, 4, &now);
    assert_int_equal(a.last.kind, HL_EVENT_FAILED);
    assert_str(hl_buf_str(&a.text), "a b ");
    answer_deinit(&a);
    hl_engine_destroy(e);

    script = (hl_fake_script){.seqs_max = 1, .ctx_max = 100, .submit_fails = HL_EREMOTE};
    assert_int_equal(hl_fake_create(&script, &e, &err), HL_OK);
    hl_request req = request(1, PROMPT);
    assert_int_equal(hl_engine_submit(e, 1, &req, 0, &err), HL_EREMOTE);
    hl_engine_destroy(e);

    script = (hl_fake_script){.seqs_max = 1, .ctx_max = 100, .lost_after_steps = 1};
    assert_int_equal(hl_fake_create(&script, &e, &err), HL_OK);
    assert_int_equal(hl_engine_step(e, 0, ev, 4, &n, &err), HL_AGAIN);
    assert_int_equal(hl_engine_step(e, 0, ev, 4, &n, &err), HL_EDEVICE);
    hl_engine_destroy(e);
}

static void the_fake_keeps_its_times(void **state) {
    (void)state;
    hl_engine *e;
    hl_event ev[4];
    size_t n;
    int fd;
    const hl_part part = {.kind = HL_PART_TEXT, .text = HL_STR("one two")};
    const hl_message message = {.role = HL_STR("user"), .parts = &part, .n_parts = 1};
    hl_request req = {.messages = &message, .n_messages = 1};
    hl_options_init(&req.options);
    hl_fake_script script = {
        .seqs_max = 1, .ctx_max = 100, .takes_messages = true, .first_ns = 100, .piece_ns = 10};
    assert_int_equal(hl_fake_create(&script, &e, NULL), HL_OK);
    assert_int_equal(hl_engine_submit(e, 1, &req, 1000, NULL), HL_OK);
    assert_int_equal(hl_engine_step(e, 1099, ev, 4, &n, NULL), HL_AGAIN);
    assert_int_equal(hl_engine_wake_at(e, &fd), 1100);
    assert_int_equal(hl_engine_step(e, 1100, ev, 4, &n, NULL), HL_OK);
    assert_int_equal(n, 1);
    assert_str(ev[0].text, "one ");
    assert_int_equal(hl_engine_wake_at(e, &fd), 1110);
    assert_int_equal(hl_engine_step(e, 1110, ev, 4, &n, NULL), HL_OK);
    assert_str(ev[0].text, "two");
    assert_int_equal(hl_engine_wake_at(e, &fd), 0);
    assert_int_equal(hl_engine_step(e, 1110, ev, 4, &n, NULL), HL_OK);
    assert_int_equal(ev[0].usage.prompt_ns, 100);
    assert_int_equal(ev[0].usage.generate_ns, 10);
    hl_engine_destroy(e);
}

/* ---- running it all ---- */

static int open_subject(void **state) {
    subject *s = *state;
    hl_error err = {0};
    s->scripted = scripted_model();
    if (s->path) {
        if (hl_model_open(s->path, &s->model, &err) < 0 ||
            hl_tokenizer_create(s->model->gguf, &s->tokenizer, &err) < 0)
            s->tokenizer = NULL;
    } else if (!s->is_fake) {
        s->tokenizer = scripted_tokenizer(&err);
    }
    if (err.status < 0) print_error("%s: %s\n", s->name, err.text);
    return err.status < 0 ? -1 : 0;
}

static int close_subject(void **state) {
    subject *s = *state;
    hl_tokenizer_destroy(s->tokenizer);
    hl_model_close(s->model);
    return 0;
}

static const char *find_model(void) {
    static const char *const paths[] = {"models/tiny/tiny-q8_0.gguf", "models/tiny/tiny.gguf",
                                        "models/tiny/tiny-q4_k_m.gguf",
                                        "../shared/tiny-model/tiny-q8_0.gguf"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (hl_path_is_file(paths[i])) return paths[i];
    return NULL;
}

#define with(test) {#test, test, NULL, NULL, s}
#define CONTRACT                                                                                   \
    with(one_answer_with_one_end), with(wakes_while_there_is_work), with(the_same_again),          \
        with(cancel_at_every_step), with(one_event_at_a_time), with(busy_when_full),               \
        with(too_long_a_prompt), with(ends_at_num_predict), with(ends_before_a_stop_string),       \
        with(texts_live_until_the_next_step), with(cancel_from_another_thread),                    \
        with(embeds_many_at_once), with(refuses_a_prompt_without_tokens)

static int run_subject(subject *s) {
    const struct CMUnitTest contract[] = {CONTRACT};
    void *state = s;
    if (open_subject(&state) < 0) return 1;
    int failed = _cmocka_run_group_tests(s->name, contract, sizeof contract / sizeof *contract,
                                         NULL, NULL);
    (void)close_subject(&state);
    return failed;
}

static int run_native_only(subject *s) {
    const struct CMUnitTest tests[] = {
        with(native_refuses_what_it_cannot_do), with(native_limits_are_checked),
        with(an_output_that_is_no_number),      with(a_lost_backend_stays_lost),
        with(logprobs_come_with_their_tokens),  with(a_bias_rules_the_answer),
        with(a_repeated_prompt_is_cached),      with(no_seed_is_another_each_time),
        with(the_fake_fails_on_demand),         with(the_fake_keeps_its_times),
    };
    void *state = s;
    if (open_subject(&state) < 0) return 1;
    int failed = _cmocka_run_group_tests("native and fake, their own", tests,
                                         sizeof tests / sizeof *tests, NULL, NULL);
    (void)close_subject(&state);
    return failed;
}

int main(void) {
    subject native = {.name = "native, scripted backend"}, fake = {.name = "fake", .is_fake = true};
    subject tiny = {.name = "native, tiny model", .path = find_model()};
    int failed = run_subject(&native) + run_subject(&fake) + run_native_only(&native);
    if (tiny.path)
        failed += run_subject(&tiny);
    else
        print_message("no tiny model at hand: the contract is not run with it\n");
    return failed;
}
