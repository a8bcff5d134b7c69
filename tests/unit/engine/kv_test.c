/* The page pool: counts, sharing by prefix, eviction order; and against a plain model of it. */
#include "engine/native/kv.h"

#include "base/rng.h"
#include "testing.h"

enum { PAGE = HL_KV_PAGE_TOKENS };

static hl_kv *create(uint32_t n_pages) {
    hl_kv *kv;
    assert_int_equal(hl_kv_create(n_pages, &kv, NULL), HL_OK);
    return kv;
}

static void fill(uint32_t tokens[PAGE], uint32_t seed) {
    for (uint32_t i = 0; i < PAGE; i++) tokens[i] = seed * 1000 + i;
}

static void assert_counts(const hl_kv *kv, uint32_t n_free, uint32_t n_cached, uint32_t n_used) {
    hl_kv_counts c = hl_kv_count(kv);
    assert_int_equal(c.free, n_free);
    assert_int_equal(c.cached, n_cached);
    assert_int_equal(c.used, n_used);
    assert_int_equal(hl_kv_available(kv), n_free + n_cached);
}

static void takes_until_empty(void **state) {
    (void)state;
    hl_kv *kv = create(3);
    uint32_t a = hl_kv_take(kv), b = hl_kv_take(kv), c = hl_kv_take(kv);
    assert_true(a < 3 && b < 3 && c < 3 && a != b && b != c && a != c);
    assert_int_equal(hl_kv_take(kv), HL_KV_NONE);
    assert_counts(kv, 0, 0, 3);
    hl_kv_drop(kv, b);
    assert_counts(kv, 1, 0, 2);
    assert_int_equal(hl_kv_take(kv), b);
    hl_kv_destroy(kv);
    hl_kv_destroy(NULL);
}

static void finds_what_was_published(void **state) {
    (void)state;
    hl_kv *kv = create(4);
    uint32_t t0[PAGE], t1[PAGE];
    fill(t0, 1);
    fill(t1, 2);
    hl_kv_key first = {.before = HL_KV_NONE, .tokens = t0};
    assert_int_equal(hl_kv_find(kv, &first), HL_KV_NONE);
    uint32_t a = hl_kv_publish(kv, hl_kv_take(kv), &first);
    hl_kv_key second = {.before = a, .tokens = t1};
    uint32_t b = hl_kv_publish(kv, hl_kv_take(kv), &second);
    assert_int_equal(hl_kv_find(kv, &first), a);
    assert_int_equal(hl_kv_find(kv, &second), b);
    assert_int_equal(hl_kv_count(kv).refs, 4);

    /* The same tokens elsewhere are another page: at the start, and behind another page. */
    hl_kv_key at_start = {.before = HL_KV_NONE, .tokens = t1};
    hl_kv_key behind_b = {.before = b, .tokens = t1};
    hl_kv_key salted = {.salt = 7, .before = HL_KV_NONE, .tokens = t0};
    assert_int_equal(hl_kv_find(kv, &at_start), HL_KV_NONE);
    assert_int_equal(hl_kv_find(kv, &behind_b), HL_KV_NONE);
    assert_int_equal(hl_kv_find(kv, &salted), HL_KV_NONE);

    hl_kv_drop(kv, a);
    hl_kv_drop(kv, a);
    assert_counts(kv, 2, 1, 1);
    assert_int_equal(hl_kv_find(kv, &first), a); /* from the cache */
    assert_counts(kv, 2, 0, 2);
    hl_kv_destroy(kv);
}

static void equal_pages_become_one(void **state) {
    (void)state;
    hl_kv *kv = create(4);
    uint32_t tokens[PAGE];
    fill(tokens, 1);
    hl_kv_key key = {.before = HL_KV_NONE, .tokens = tokens};
    uint32_t a = hl_kv_take(kv), b = hl_kv_take(kv);
    assert_int_equal(hl_kv_publish(kv, a, &key), a);
    assert_int_equal(hl_kv_publish(kv, b, &key), a);
    assert_counts(kv, 3, 0, 1);
    assert_int_equal(hl_kv_count(kv).refs, 2);
    hl_kv_destroy(kv);
}

static void evicts_the_least_recently_used(void **state) {
    (void)state;
    hl_kv *kv = create(3);
    uint32_t tokens[3][PAGE];
    hl_kv_key keys[3];
    uint32_t pages[3];
    for (uint32_t i = 0; i < 3; i++) {
        fill(tokens[i], i);
        keys[i] = (hl_kv_key){.before = HL_KV_NONE, .tokens = tokens[i]};
        pages[i] = hl_kv_publish(kv, hl_kv_take(kv), &keys[i]);
    }
    for (uint32_t i = 0; i < 3; i++) hl_kv_drop(kv, pages[i]);
    hl_kv_drop(kv, hl_kv_find(kv, &keys[0])); /* used again: now 1 is the oldest */
    assert_int_equal(hl_kv_take(kv), pages[1]);
    assert_int_equal(hl_kv_find(kv, &keys[1]), HL_KV_NONE);
    assert_int_equal(hl_kv_find(kv, &keys[0]), pages[0]);
    assert_int_equal(hl_kv_find(kv, &keys[2]), pages[2]);
    hl_kv_destroy(kv);
}

/* A page behind one that was evicted and computed again is not found: it is another prefix's. */
static void a_new_page_has_no_old_followers(void **state) {
    (void)state;
    hl_kv *kv = create(3);
    uint32_t t0[PAGE], t1[PAGE];
    fill(t0, 1);
    fill(t1, 2);
    hl_kv_key first = {.before = HL_KV_NONE, .tokens = t0};
    uint32_t a = hl_kv_publish(kv, hl_kv_take(kv), &first);
    hl_kv_key second = {.before = a, .tokens = t1};
    uint32_t b = hl_kv_publish(kv, hl_kv_take(kv), &second);
    hl_kv_drop(kv, a); /* the wrong way round: a is evicted first */
    hl_kv_drop(kv, b);
    uint32_t c = hl_kv_take(kv), d = hl_kv_take(kv);
    assert_int_equal(d, a);
    hl_kv_drop(kv, c);
    fill(t0, 3);
    assert_int_equal(hl_kv_publish(kv, d, &first), d);
    assert_int_equal(hl_kv_find(kv, &second), HL_KV_NONE);
    hl_kv_destroy(kv);
}

/* Random sequences of a few prefixes take, publish and drop pages; the tables must always add up,
 * and a find must give a page that holds just that prefix. */
static void random_against_a_plain_model(void **state) {
    (void)state;
    enum { PAGES = 12, SEQS = 5, DEPTH = 4, STEPS = 4000 };
    struct {
        uint32_t pages[DEPTH], n, kind;
    } seqs[SEQS] = {0};
    uint32_t content[PAGES]; /* which prefix a page holds: kind * DEPTH + depth */
    for (uint64_t seed = 0; seed < 20; seed++) {
        hl_rng rng;
        hl_rng_init(&rng, seed);
        hl_kv *kv = create(PAGES);
        memset(seqs, 0, sizeof seqs);
        for (int step = 0; step < STEPS; step++) {
            uint32_t i = (uint32_t)hl_rng_below(&rng, SEQS), tokens[PAGE];
            if (seqs[i].n == DEPTH || hl_rng_below(&rng, 8) == 0) {
                while (seqs[i].n > 0) hl_kv_drop(kv, seqs[i].pages[--seqs[i].n]);
                seqs[i].kind = (uint32_t)hl_rng_below(&rng, 3);
                continue;
            }
            uint32_t depth = seqs[i].n, want = seqs[i].kind * DEPTH + depth;
            fill(tokens, want);
            hl_kv_key key = {.before = depth ? seqs[i].pages[depth - 1] : HL_KV_NONE,
                             .tokens = tokens};
            uint32_t page = hl_kv_find(kv, &key);
            if (page == HL_KV_NONE) {
                page = hl_kv_take(kv);
                if (page == HL_KV_NONE) continue;
                content[page] = want;
                page = hl_kv_publish(kv, page, &key);
            }
            if (content[page] != want) fail_msg("seed %d: page of another prefix", (int)seed);
            seqs[i].pages[seqs[i].n++] = page;

            uint32_t refs = 0, used = 0;
            bool held[PAGES] = {0};
            for (int k = 0; k < SEQS; k++)
                for (uint32_t d = 0; d < seqs[k].n; d++, refs++) held[seqs[k].pages[d]] = true;
            for (int p = 0; p < PAGES; p++) used += held[p];
            hl_kv_counts c = hl_kv_count(kv);
            if (c.refs != refs || c.used != used || c.free + c.cached + c.used != PAGES)
                fail_msg("seed %d: the counts do not add up", (int)seed);
        }
        hl_kv_destroy(kv);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_until_empty),
        cmocka_unit_test(finds_what_was_published),
        cmocka_unit_test(equal_pages_become_one),
        cmocka_unit_test(evicts_the_least_recently_used),
        cmocka_unit_test(a_new_page_has_no_old_followers),
        cmocka_unit_test(random_against_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
