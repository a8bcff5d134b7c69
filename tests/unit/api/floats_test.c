#include "api/floats.h"

#include "base/rng.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_f32(float x, const char *text) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl__json_f32(&b, x);
    assert_string_equal(b.ptr, text);
    hl_buf_deinit(&b);
}

static void expect_f64(double x, const char *text) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl__json_f64(&b, x);
    assert_string_equal(b.ptr, text);
    hl_buf_deinit(&b);
}

static void as_go_writes_them(void **state) {
    (void)state;
    expect_f32(0, "0");
    expect_f32(-0.0f, "-0");
    expect_f32(1, "1");
    expect_f32(-0.5f, "-0.5");
    expect_f32(0.0210466f, "0.0210466");
    expect_f32(0.014388923f, "0.014388923");
    expect_f32(0.99999994f, "0.99999994");
    expect_f32(1e-6f, "0.000001");
    expect_f32(1.5e-7f, "1.5e-7");
    expect_f32(16777216, "16777216");
    expect_f32(1e20f, "100000000000000000000");
    expect_f32(1e21f, "1e+21");
    expect_f32(3.4028235e38f, "3.4028235e+38");
    expect_f32(1e-45f, "1e-45");
    expect_f64((double)0.0210466f, "0.021046599373221397");
    expect_f64(0.1, "0.1");
    expect_f64(1234.5, "1234.5");
    expect_f64(1e-7, "1e-7");
    expect_f64(5e-324, "5e-324");
}

/* Reads back, and no shorter text does. */
static void shortest_of_all(float x) {
    char shorter[64];
    hl_buf b;
    hl_buf_init(&b, 0);
    hl__json_f32(&b, x);
    assert_true(strtof(b.ptr, NULL) == x);
    size_t n = 0, n_seen = 0; /* digits up to the last that is not 0 */
    for (size_t i = 0; i < b.len && b.ptr[i] != 'e'; i++) {
        bool is_digit = b.ptr[i] >= (n_seen ? '0' : '1') && b.ptr[i] <= '9';
        n_seen += is_digit;
        if (is_digit && b.ptr[i] != '0') n = n_seen;
    }
    if (n > 1) {
        (void)snprintf(shorter, sizeof shorter, "%.*e", (int)n - 2, (double)x);
        if (strtof(shorter, NULL) == x) fail_msg("%s is longer than %s", b.ptr, shorter);
    }
    hl_buf_deinit(&b);
}

static void any_float_reads_back(void **state) {
    (void)state;
    hl_rng rng;
    hl_rng_init(&rng, 1);
    for (int i = 0; i < 200000; i++) {
        uint32_t word = (uint32_t)hl_rng_u64(&rng);
        float x;
        memcpy(&x, &word, sizeof x);
        if (isfinite(x) && fabsf(x) < 1e20f && i % 10 == 0) shortest_of_all(x);
        shortest_of_all((float)(int32_t)word * 0x1p-31f); /* as embeddings are */
        shortest_of_all((float)(int32_t)word * 0x1p-41f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_go_writes_them),
        cmocka_unit_test(any_float_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
