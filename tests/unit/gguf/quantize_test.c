#include "testing.h"

#include "base/rng.h"
#include "gguf/quantize.h"

#include <math.h>

enum { N = 64 * HL_QK_K };

static const hl_dtype TYPES[] = {HL_DTYPE_F32,  HL_DTYPE_F16,  HL_DTYPE_BF16, HL_DTYPE_Q8_0,
                                 HL_DTYPE_Q4_0, HL_DTYPE_Q4_K, HL_DTYPE_Q5_K, HL_DTYPE_Q6_K};
enum { N_TYPES = sizeof TYPES / sizeof TYPES[0] };

static _Alignas(8) uint8_t blocks[N * sizeof(float)];
static float x[N], y[N];

/* x to blocks of t to y; root mean square of the difference, relative to x's. */
static double round_trip(hl_dtype t, size_t n) {
    hl_dtype_from_f32(t, x, blocks, n);
    hl_dtype_to_f32(t, blocks, y, n);
    double miss = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        miss += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
        all += (double)x[i] * (double)x[i];
    }
    return all > 0 ? sqrt(miss / all) : sqrt(miss);
}

static void normal_weights_come_near(void **state) {
    (void)state;
    /* What the best known programs reach on such weights, or a little less. */
    static const double LIMIT[N_TYPES] = {0, 0.0003, 0.003, 0.0060, 0.090, 0.075, 0.038, 0.019};
    hl_rng rng;
    hl_rng_init(&rng, 1);
    for (size_t i = 0; i < N; i++) x[i] = hl_rng_normal(&rng) * 0.02f;
    for (size_t i = 0; i < N_TYPES; i++) {
        double error = round_trip(TYPES[i], N);
        if (error > LIMIT[i]) print_error("%s: %f\n", hl_dtype_name(TYPES[i]), error);
        assert_true(error <= LIMIT[i]);
        assert_true(error >= LIMIT[i] / 4); /* and are rounded at all */
    }
}

/* What a format can hold exactly, it does. */
static void representable_weights_stay(void **state) {
    (void)state;
    for (size_t i = 0; i < N; i++) x[i] = (float)((int)(i * 7 % 16) - 8) * 0.25f;
    for (size_t i = 0; i < N_TYPES; i++) {
        if (TYPES[i] == HL_DTYPE_Q8_0) continue; /* its largest is 127 steps: 2.0 / 127 each */
        assert_true(round_trip(TYPES[i], N) < 1e-3);
    }
    assert_true(round_trip(HL_DTYPE_Q4_0, N) == 0);
}

static void q8_0_rounds_halves_away_from_zero(void **state) {
    (void)state;
    for (size_t i = 0; i < HL_QK; i++) x[i] = 0;
    x[0] = 127, x[1] = 2.5f, x[2] = -2.5f, x[3] = 2.49f, x[4] = -127;
    hl_block_q8_0 b;
    hl_dtype_from_f32(HL_DTYPE_Q8_0, x, &b, HL_QK);
    assert_true(hl_f16_to_f32(b.d) == 1);
    static const int8_t WANT[6] = {127, 3, -3, 2, -127, 0};
    assert_memory_equal(b.qs, WANT, sizeof WANT);
}

static void constant_and_empty_blocks(void **state) {
    (void)state;
    static const float LEVELS[] = {0, 1, -1, 0.05f, -300, 1e-7f};
    for (size_t k = 0; k < sizeof LEVELS / sizeof LEVELS[0]; k++) {
        for (size_t i = 0; i < HL_QK_K; i++) x[i] = LEVELS[k];
        for (size_t i = 0; i < N_TYPES; i++) {
            double error = round_trip(TYPES[i], HL_QK_K);
            if (LEVELS[k] == 0)
                assert_true(error == 0);
            else if (fabsf(LEVELS[k]) > 1e-5f)
                assert_true(error < 0.01); /* F16 scales are coarse below 6e-5 */
            else
                assert_true(error <= 1.0001); /* below the smallest scale it may vanish */
        }
    }
}

static void one_large_weight_among_small_ones(void **state) {
    (void)state;
    hl_rng rng;
    hl_rng_init(&rng, 2);
    for (size_t i = 0; i < HL_QK_K; i++) x[i] = hl_rng_normal(&rng) * 0.01f;
    for (size_t at = 0; at < HL_QK_K; at += 37) {
        float was = x[at];
        x[at] = at % 2 ? 3.0f : -3.0f;
        for (size_t i = 3; i < N_TYPES; i++) {
            assert_true(round_trip(TYPES[i], HL_QK_K) < 0.1);
            assert_true(fabsf(y[at] - x[at]) < 0.2f);
        }
        x[at] = was;
    }
}

static void weights_that_are_no_numbers_do_no_harm(void **state) {
    (void)state;
    static const float BAD[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f};
    for (size_t k = 0; k < sizeof BAD / sizeof BAD[0]; k++) {
        for (size_t i = 0; i < HL_QK_K; i++) x[i] = i % 3 == 0 ? BAD[k] : (float)i;
        for (size_t i = 0; i < N_TYPES; i++) (void)round_trip(TYPES[i], HL_QK_K);
        for (size_t i = 0; i < HL_QK_K; i++) x[i] = BAD[k];
        for (size_t i = 0; i < N_TYPES; i++) (void)round_trip(TYPES[i], HL_QK_K);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_weights_come_near),
        cmocka_unit_test(representable_weights_stay),
        cmocka_unit_test(q8_0_rounds_halves_away_from_zero),
        cmocka_unit_test(constant_and_empty_blocks),
        cmocka_unit_test(one_large_weight_among_small_ones),
        cmocka_unit_test(weights_that_are_no_numbers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
