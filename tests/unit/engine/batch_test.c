/* The scheduler by itself: who gets rows, who waits, who is preempted; and random runs with every
 * page accounted for after every step. */
#include "engine/native/batch.h"

#include "base/mem.h"
#include "base/rng.h"
#include "testing.h"

enum { SPANS = 8, TOKENS = 256, PAGE = HL_KV_PAGE_TOKENS };

typedef struct fixture {
    hl_batcher b;
    hl_span spans[SPANS];
    uint32_t tokens[SPANS][TOKENS], pages[SPANS][TOKENS / PAGE];
} fixture;

static void begin(fixture *f, uint32_t rows_max, uint32_t kv_pages) {
    memset(f, 0, sizeof *f);
    assert_int_equal(hl_batcher_init(&f->b, SPANS, rows_max, kv_pages, NULL), HL_OK);
}

/* A sequence of n tokens, different from all others unless `like` says of which it is a copy. */
static hl_span *add(fixture *f, uint32_t i, uint32_t n, uint32_t like) {
    for (uint32_t k = 0; k < TOKENS; k++) f->tokens[i][k] = like * TOKENS + k;
    f->spans[i] = (hl_span){.tokens = f->tokens[i],
                            .n_tokens = n,
                            .n_prompt = n,
                            .chunk_max = TOKENS,
                            .pages = f->pages[i]};
    hl_batcher_add(&f->b, &f->spans[i]);
    return &f->spans[i];
}

static uint32_t rows_of(const fixture *f, const hl_span *s) {
    for (uint32_t i = 0; i < f->b.n_shares; i++)
        if (f->b.shares[i].span == s) return f->b.shares[i].n_rows;
    return 0;
}

/* A whole step; whoever had an output gets one token more. */
static void step(fixture *f) {
    hl_batcher_plan(&f->b);
    hl_batcher_commit(&f->b);
    for (uint32_t i = 0; i < f->b.n_shares; i++)
        if (f->b.shares[i].output) f->b.shares[i].span->n_tokens++;
}

static void running_ones_come_before_prompts(void **state) {
    (void)state;
    fixture f;
    begin(&f, 20, 64);
    hl_span *a = add(&f, 0, 10, 0);
    step(&f);
    assert_int_equal(rows_of(&f, a), 10);
    hl_span *b = add(&f, 1, 50, 1), *c = add(&f, 2, 5, 2);
    hl_batcher_plan(&f.b);
    assert_int_equal(rows_of(&f, a), 1);
    assert_int_equal(rows_of(&f, b), 19); /* the whole rest of the budget */
    assert_int_equal(rows_of(&f, c), 0);
    assert_true(f.b.shares[0].output);
    assert_false(f.b.shares[1].output);
    hl_batcher_commit(&f.b);
    a->n_tokens++;
    step(&f);
    hl_batcher_plan(&f.b); /* b: 19 + 19 + 12; c gets what is left */
    assert_int_equal(rows_of(&f, a), 1);
    assert_int_equal(rows_of(&f, b), 12);
    assert_int_equal(rows_of(&f, c), 5);
    hl_batcher_deinit(&f.b);
}

static void a_chunk_obeys_its_own_limit(void **state) {
    (void)state;
    fixture f;
    begin(&f, 64, 64);
    hl_span *a = add(&f, 0, 40, 0);
    a->chunk_max = 7;
    for (int i = 0; i < 5; i++) {
        hl_batcher_plan(&f.b);
        assert_int_equal(rows_of(&f, a), 7);
        assert_false(f.b.shares[0].output);
        hl_batcher_commit(&f.b);
    }
    hl_batcher_plan(&f.b);
    assert_int_equal(rows_of(&f, a), 5);
    assert_true(f.b.shares[0].output);
    hl_batcher_deinit(&f.b);
}

static void equal_prefixes_are_computed_once(void **state) {
    (void)state;
    fixture f;
    begin(&f, 128, 64);
    hl_span *a = add(&f, 0, 100, 0);
    step(&f);
    hl_span *b = add(&f, 1, 100, 0);
    hl_batcher_plan(&f.b);
    assert_int_equal(rows_of(&f, a), 1);
    assert_int_equal(rows_of(&f, b), 4); /* three pages are there */
    assert_int_equal(b->n_cached, 96);
    assert_int_equal(f.pages[0][2], f.pages[1][2]);
    assert_int_not_equal(f.pages[0][3], f.pages[1][3]);
    hl_batcher_commit(&f.b);
    /* A prompt of whole pages: the last token is computed, so the last page is not taken over. */
    hl_span *c = add(&f, 2, 96, 0);
    hl_batcher_plan(&f.b);
    assert_int_equal(rows_of(&f, c), 32);
    hl_batcher_deinit(&f.b);
}

static void others_salt_is_another_prefix(void **state) {
    (void)state;
    fixture f;
    begin(&f, 128, 64);
    (void)add(&f, 0, 100, 0);
    step(&f);
    hl_span *b = add(&f, 1, 100, 0);
    b->salt = 9;
    hl_batcher_plan(&f.b);
    assert_int_equal(rows_of(&f, b), 100);
    hl_batcher_deinit(&f.b);
}

/* One that needs every row takes nothing over, and leaves nothing. */
static void every_row_means_every_row(void **state) {
    (void)state;
    fixture f;
    begin(&f, 128, 64);
    (void)add(&f, 0, 100, 0);
    step(&f);
    hl_span *b = add(&f, 1, 120, 0);
    b->every_row = true;
    hl_batcher_plan(&f.b);
    assert_int_equal(rows_of(&f, b), 120);
    hl_batcher_commit(&f.b);
    assert_int_equal(b->n_cached, 0);
    assert_int_not_equal(f.pages[0][2], f.pages[1][2]);
    hl_span *c = add(&f, 2, 250, 0), *d = add(&f, 3, 250, 3);
    d->every_row = true;
    step(&f);                          /* d gets nothing yet: c takes the budget */
    assert_int_equal(c->n_cached, 96); /* a's pages; of b's there is none */
    while (d->kv_len < 250) step(&f);
    uint32_t cached = hl_kv_count(f.b.kv).cached;
    hl_batcher_remove(&f.b, b);
    hl_batcher_remove(&f.b, d);
    assert_int_equal(hl_kv_count(f.b.kv).cached, cached);
    hl_batcher_deinit(&f.b);
}

/* Whole pages of what is kept stay, the rest is computed again; the figures of the prompt do not
 * change. */
static void rewound_ones_go_on_from_a_page(void **state) {
    (void)state;
    fixture f;
    begin(&f, 128, 64);
    hl_span *a = add(&f, 0, 100, 0), *b = add(&f, 1, 100, 0);
    step(&f);
    step(&f);
    assert_int_equal(a->n_tokens, 102);
    hl_kv_counts before = hl_kv_count(f.b.kv);
    for (uint32_t i = 40; i < 80; i++) f.tokens[0][i] = 5000 + i;
    hl_batcher_rewind(&f.b, a, 40, 80);
    assert_int_equal(a->kv_len, 32);
    assert_int_equal(a->n_pages, 1);
    assert_int_equal(hl_kv_count(f.b.kv).refs, before.refs - 3);
    hl_batcher_plan(&f.b);
    assert_int_equal(rows_of(&f, a), 48);
    assert_true(rows_of(&f, b) > 0);
    hl_batcher_commit(&f.b);
    assert_int_equal(f.pages[0][0], f.pages[1][0]);
    assert_int_not_equal(f.pages[0][1], f.pages[1][1]);
    assert_int_equal(a->n_cached, 0);
    assert_int_equal(a->n_prompt, 100);
    hl_batcher_remove(&f.b, a);
    hl_batcher_remove(&f.b, b);
    assert_int_equal(hl_kv_count(f.b.kv).used, 0);
    hl_batcher_deinit(&f.b);
}

static void equal_prompts_at_once_share_as_they_go(void **state) {
    (void)state;
    fixture f;
    begin(&f, 64, 64);
    hl_span *a = add(&f, 0, 200, 0), *b = add(&f, 1, 200, 0);
    for (int i = 0; i < 4; i++) step(&f); /* 64 + 64 + 64 + 8 of a; b has the rest of the last */
    assert_int_equal(a->n_tokens, 201);
    assert_int_equal(b->n_tokens, 201);
    assert_int_equal(b->n_cached, 192);
    hl_batcher_deinit(&f.b);
}

static void the_youngest_is_preempted_and_comes_back(void **state) {
    (void)state;
    fixture f;
    begin(&f, 64, 8);
    hl_span *a = add(&f, 0, 2 * PAGE - 1, 0), *b = add(&f, 1, 2 * PAGE, 1);
    step(&f);
    step(&f);
    step(&f);
    assert_true(a->admitted && b->admitted);
    uint32_t a_before = a->n_tokens, b_before = b->n_tokens;
    while (b->admitted) {
        step(&f);
        assert_true(a->n_tokens == ++a_before); /* never stalls */
        if (b->admitted) b_before = b->n_tokens;
    }
    assert_int_equal(f.b.n_preemptions, 1);
    assert_int_equal(b->n_pages, 0);
    assert_int_equal(b->n_tokens, b_before);
    step(&f);
    assert_false(b->admitted); /* no room for all of it yet */
    hl_batcher_remove(&f.b, a);
    uint32_t n_cached = b->n_cached;
    hl_batcher_plan(&f.b);
    assert_true(b->admitted);
    assert_int_equal(b->n_cached, n_cached); /* what comes back was counted before */
    hl_batcher_remove(&f.b, b);
    assert_int_equal(hl_kv_count(f.b.kv).used, 0);
    hl_batcher_deinit(&f.b);
}

static void nobody_passes_the_first_that_waits(void **state) {
    (void)state;
    fixture f;
    begin(&f, 200, 8);
    hl_span *a = add(&f, 0, 4 * PAGE, 0), *b = add(&f, 1, 6 * PAGE, 1), *c = add(&f, 2, 3, 2);
    hl_batcher_plan(&f.b);
    assert_true(a->admitted);
    assert_false(b->admitted);
    assert_false(c->admitted);
    hl_batcher_remove(&f.b, a);
    hl_batcher_plan(&f.b);
    assert_true(b->admitted);
    assert_true(c->admitted);
    hl_batcher_deinit(&f.b);
}

/* ---- random runs ---- */

static void check(const fixture *f, uint32_t kv_pages, uint64_t seed) {
    uint32_t refs = 0, used = 0;
    uint8_t held[64] = {0};
    for (uint32_t i = 0; i < f->b.n_queue; i++) {
        const hl_span *s = f->b.queue[i];
        if (s->admitted != (i < f->b.n_admitted)) fail_msg("seed %d: not a prefix", (int)seed);
        if (!s->admitted && s->n_pages > 0) fail_msg("seed %d: pages of a waiting one", (int)seed);
        if (s->n_pages * PAGE < s->kv_len) fail_msg("seed %d: too few pages", (int)seed);
        for (uint32_t k = 0; k < s->n_pages; k++, refs++) held[s->pages[k]] = 1;
    }
    for (uint32_t i = 0; i < kv_pages; i++) used += held[i];
    hl_kv_counts c = hl_kv_count(f->b.kv);
    if (c.refs != refs || c.used != used || c.free + c.cached + c.used != kv_pages)
        fail_msg("seed %d: the pages do not add up", (int)seed);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < f->b.n_shares; i++) rows += f->b.shares[i].n_rows;
    if (rows != f->b.n_rows || rows > f->b.rows_max) fail_msg("seed %d: rows", (int)seed);
}

/* Pages that are written in this step are held by one sequence only. */
static void check_written_alone(const fixture *f, uint64_t seed) {
    for (uint32_t i = 0; i < f->b.n_shares; i++) {
        const hl_span *s = f->b.shares[i].span;
        uint32_t first = s->kv_len / PAGE, last = (s->kv_len + f->b.shares[i].n_rows - 1) / PAGE;
        for (uint32_t k = first; k <= last; k++)
            for (uint32_t q = 0; q < f->b.n_queue; q++)
                for (uint32_t m = 0; m < f->b.queue[q]->n_pages; m++)
                    if (f->b.queue[q] != s && f->b.queue[q]->pages[m] == s->pages[k])
                        fail_msg("seed %d: a shared page is written", (int)seed);
    }
}

static void random_runs_keep_the_books(void **state) {
    (void)state;
    static fixture f;
    for (uint64_t seed = 0; seed < 400; seed++) {
        hl_rng rng;
        hl_rng_init(&rng, seed);
        uint32_t kv_pages = TOKENS / PAGE + (uint32_t)hl_rng_below(&rng, 24);
        begin(&f, SPANS + (uint32_t)hl_rng_below(&rng, 100), kv_pages);
        bool live[SPANS] = {false};
        for (int i = 0; i < 300; i++) {
            uint32_t k = (uint32_t)hl_rng_below(&rng, SPANS);
            if (!live[k]) {
                add(&f, k, 1 + (uint32_t)hl_rng_below(&rng, TOKENS - 2),
                    (uint32_t)hl_rng_below(&rng, 3));
                f.spans[k].chunk_max = 1 + (uint32_t)hl_rng_below(&rng, 64);
                /* Alike up to somewhere, then its own. */
                for (uint32_t t = (uint32_t)hl_rng_below(&rng, TOKENS); t < TOKENS; t++)
                    f.tokens[k][t] = (uint32_t)hl_rng_below(&rng, 1000);
                live[k] = true;
            } else if (hl_rng_below(&rng, 10) == 0) {
                hl_batcher_remove(&f.b, &f.spans[k]);
                live[k] = false;
            }
            if (f.b.n_queue == 0) continue;
            hl_batcher_plan(&f.b);
            check(&f, kv_pages, seed);
            check_written_alone(&f, seed);
            if (rows_of(&f, f.b.queue[0]) == 0) fail_msg("seed %d: the oldest waits", (int)seed);
            hl_batcher_commit(&f.b);
            check(&f, kv_pages, seed);
            for (uint32_t n = 0; n < f.b.n_shares; n++) {
                hl_span *s = f.b.shares[n].span;
                if (!f.b.shares[n].output) continue;
                if (++s->n_tokens < TOKENS) continue;
                hl_batcher_remove(&f.b, s);
                live[s - f.spans] = false;
            }
        }
        for (uint32_t k = 0; k < SPANS; k++)
            if (live[k]) hl_batcher_remove(&f.b, &f.spans[k]);
        assert_int_equal(hl_kv_count(f.b.kv).used, 0);
        hl_batcher_deinit(&f.b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_ones_come_before_prompts),
        cmocka_unit_test(a_chunk_obeys_its_own_limit),
        cmocka_unit_test(equal_prefixes_are_computed_once),
        cmocka_unit_test(others_salt_is_another_prefix),
        cmocka_unit_test(every_row_means_every_row),
        cmocka_unit_test(rewound_ones_go_on_from_a_page),
        cmocka_unit_test(equal_prompts_at_once_share_as_they_go),
        cmocka_unit_test(the_youngest_is_preempted_and_comes_back),
        cmocka_unit_test(nobody_passes_the_first_that_waits),
        cmocka_unit_test(random_runs_keep_the_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
