#include "testing.h"

#include "base/rng.h"
#include "gguf/quantize_fit.h"

#include <math.h>

static void rounds_to_nearest_even_within_bounds(void **state) {
    (void)state;
    assert_true(hl__round_within(2.5f, 0, 15) == 2 && hl__round_within(3.5f, 0, 15) == 4);
    assert_true(hl__round_within(-2.51f, -8, 7) == -3 && hl__round_within(-100, -8, 7) == -8);
    assert_true(hl__round_within(1e30f, 0, 15) == 15 && hl__round_within(NAN, -8, 7) == -8);
}

static void importance_grows_with_the_weight(void **state) {
    (void)state;
    static const float X[4] = {3, -3, 0, 0}; /* root mean square: sqrt(4.5) */
    float w[4];
    hl__importance(X, 4, w);
    assert_true(w[0] == w[1] && w[2] == w[3] && w[0] == w[2] + 3);
    assert_true(fabsf(w[2] - sqrtf(4.5f)) < 1e-6f);
}

static double affine_error(const float *x, const float *w, hl__affine f, float q_max) {
    double sum = 0;
    for (size_t i = 0; i < 32; i++) {
        float q = hl__round_within((x[i] + f.min) / f.scale, 0, q_max);
        double miss = (double)(x[i] - (f.scale * q - f.min));
        sum += (double)w[i] * miss * miss;
    }
    return sum;
}

static void an_affine_fit_beats_the_range(void **state) {
    (void)state;
    hl_rng rng;
    hl_rng_init(&rng, 3);
    double fitted = 0, spanned = 0;
    for (int round = 0; round < 200; round++) {
        float x[32], w[32], lo = 0, hi = 0;
        for (size_t i = 0; i < 32; i++) {
            x[i] = hl_rng_normal(&rng) + 0.5f;
            lo = fminf(lo, x[i]);
            hi = fmaxf(hi, x[i]);
        }
        hl__importance(x, 32, w);
        hl__affine f = hl__fit_affine(x, w, 32, 15);
        assert_true(f.scale > 0 && f.min >= 0);
        fitted += affine_error(x, w, f, 15);
        spanned += affine_error(x, w, (hl__affine){(hi - lo) / 15, -lo}, 15);
    }
    assert_true(fitted < 0.9 * spanned);
}

static void fits_what_lies_on_a_grid(void **state) {
    (void)state;
    float x[32], w[32];
    for (size_t i = 0; i < 32; i++) x[i] = 0.5f * (float)(i % 16) - 2;
    hl__importance(x, 32, w);
    hl__affine f = hl__fit_affine(x, w, 32, 15);
    assert_true(fabsf(f.scale - 0.5f) < 1e-5f && fabsf(f.min - 2) < 1e-5f);
    for (size_t i = 0; i < 32; i++) x[i] = -0.5f * ((float)(i % 16) - 8);
    hl__importance(x, 32, w);
    assert_true(fabsf(hl__fit_symmetric(x, w, 32, 8) + 0.5f) < 1e-6f);
}

static void degenerate_inputs(void **state) {
    (void)state;
    float x[32] = {0}, w[32] = {0};
    hl__affine f = hl__fit_affine(x, w, 32, 15);
    assert_true(f.scale == 0 && f.min == 0);
    assert_true(hl__fit_symmetric(x, w, 32, 8) == 0);
    for (size_t i = 0; i < 32; i++) x[i] = -4;
    hl__importance(x, 32, w);
    f = hl__fit_affine(x, w, 32, 15);
    assert_true(f.min == 4 || fabsf(f.scale) > 0);
    for (size_t i = 0; i < 32; i++) x[i] = 4; /* min may not be negative: the scale has to reach */
    f = hl__fit_affine(x, w, 32, 15);
    assert_true(f.min == 0 && affine_error(x, w, f, 15) < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_nearest_even_within_bounds),
        cmocka_unit_test(importance_grows_with_the_weight),
        cmocka_unit_test(an_affine_fit_beats_the_range),
        cmocka_unit_test(fits_what_lies_on_a_grid),
        cmocka_unit_test(degenerate_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
