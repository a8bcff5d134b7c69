#include "testing.h"

#include "gguf/dtype.h"

#include <math.h>

/* The specification, typed again by hand: number, name, weights and bytes of a block. */
static const struct {
    uint32_t number;
    const char *name;
    uint32_t weights, bytes;
    bool computes;
} SPEC[] = {
    {0, "F32", 1, 4, true},          {1, "F16", 1, 2, true},
    {2, "Q4_0", 32, 18, true},       {3, "Q4_1", 32, 20, false},
    {6, "Q5_0", 32, 22, false},      {7, "Q5_1", 32, 24, false},
    {8, "Q8_0", 32, 34, true},       {9, "Q8_1", 32, 36, false},
    {10, "Q2_K", 256, 84, false},    {11, "Q3_K", 256, 110, false},
    {12, "Q4_K", 256, 144, true},    {13, "Q5_K", 256, 176, true},
    {14, "Q6_K", 256, 210, true},    {15, "Q8_K", 256, 292, false},
    {16, "IQ2_XXS", 256, 66, false}, {17, "IQ2_XS", 256, 74, false},
    {18, "IQ3_XXS", 256, 98, false}, {19, "IQ1_S", 256, 50, false},
    {20, "IQ4_NL", 32, 18, false},   {21, "IQ3_S", 256, 110, false},
    {22, "IQ2_S", 256, 82, false},   {23, "IQ4_XS", 256, 136, false},
    {24, "I8", 1, 1, false},         {25, "I16", 1, 2, false},
    {26, "I32", 1, 4, false},        {27, "I64", 1, 8, false},
    {28, "F64", 1, 8, false},        {29, "IQ1_M", 256, 56, false},
    {30, "BF16", 1, 2, true},        {34, "TQ1_0", 256, 54, false},
    {35, "TQ2_0", 256, 66, false},   {39, "MXFP4", 32, 17, false},
    {40, "NVFP4", 64, 36, false},    {41, "Q1_0", 128, 18, false},
};

static void every_type_has_its_size(void **state) {
    (void)state;
    size_t n_known = 0;
    for (uint32_t i = 0; i < 1000; i++) n_known += hl_dtype_lookup(i).name != NULL;
    assert_int_equal(n_known, sizeof SPEC / sizeof SPEC[0]);
    for (size_t i = 0; i < sizeof SPEC / sizeof SPEC[0]; i++) {
        hl_dtype_info info = hl_dtype_lookup(SPEC[i].number);
        assert_non_null(info.name);
        assert_string_equal(info.name, SPEC[i].name);
        assert_int_equal(info.block_weights, SPEC[i].weights);
        assert_int_equal(info.block_bytes, SPEC[i].bytes);
        assert_int_equal(info.computes, SPEC[i].computes);
        assert_int_equal(hl_dtype_bytes((hl_dtype)SPEC[i].number, 3 * SPEC[i].weights),
                         3 * SPEC[i].bytes);
    }
    assert_string_equal(hl_dtype_name(HL_DTYPE_Q4_K), "Q4_K");
    assert_string_equal(hl_dtype_name((hl_dtype)4), "?");
}

/* The value of binary16 bits, from its definition. */
static double f16_value(uint16_t h) {
    int exponent = h >> 10 & 31;
    double m = h & 0x3ff, sign = h & 0x8000 ? -1 : 1;
    if (exponent == 0) return sign * ldexp(m, -24);
    return sign * ldexp(m + 1024, exponent - 25);
}

static void f16_widens_exactly_and_returns(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = hl_f16_to_f32((hl_f16)h);
        if ((h & 0x7c00) == 0x7c00) {
            if (h & 0x3ff)
                assert_true(isnan(f) && isnan(hl_f16_to_f32(hl_f32_to_f16(f))));
            else
                assert_true(isinf(f) && hl_f32_to_f16(f) == h);
            continue;
        }
        assert_true((double)f == f16_value((uint16_t)h));
        assert_int_equal(hl_f32_to_f16(f), h);
    }
}

static void f16_rounds_to_nearest_even(void **state) {
    (void)state;
    /* Halfway between two neighbours goes to the even one, a hair more or less to the nearer. */
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float low = hl_f16_to_f32((hl_f16)h), high = hl_f16_to_f32((hl_f16)(h + 1));
        float mid = (low + high) / 2;
        assert_int_equal(hl_f32_to_f16(mid), h + (h & 1));
        assert_int_equal(hl_f32_to_f16(nextafterf(mid, 0)), h);
        assert_int_equal(hl_f32_to_f16(-nextafterf(mid, 1e9f)), 0x8000 | (h + 1));
    }
    assert_int_equal(hl_f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(hl_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(hl_f32_to_f16(-1e30f), 0xfc00);
    assert_int_equal(hl_f32_to_f16(1e-30f), 0);
}

static void bf16_keeps_the_upper_half(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = hl_bf16_to_f32((hl_bf16)h);
        if (isnan(f))
            assert_true(isnan(hl_bf16_to_f32(hl_f32_to_bf16(f))));
        else
            assert_int_equal(hl_f32_to_bf16(f), h);
    }
    assert_int_equal(hl_f32_to_bf16(1.00390625f), 0x3f80); /* 1 + 2^-8: half way, to the even */
    assert_int_equal(hl_f32_to_bf16(1.01171875f), 0x3f82); /* 1 + 3 * 2^-8 */
}

static void small_blocks_mean_scale_times_code(void **state) {
    (void)state;
    hl_block_q8_0 q8 = {.d = hl_f32_to_f16(0.5f)};
    hl_block_q4_0 q4 = {.d = hl_f32_to_f16(2.0f)};
    for (int i = 0; i < 32; i++) q8.qs[i] = (int8_t)(i - 16);
    for (int i = 0; i < 16; i++) q4.qs[i] = (uint8_t)(i | (15 - i) << 4);
    float y[32];
    hl_dtype_to_f32(HL_DTYPE_Q8_0, &q8, y, 32);
    for (int i = 0; i < 32; i++) assert_true(y[i] == (float)(i - 16) * 0.5f);
    hl_dtype_to_f32(HL_DTYPE_Q4_0, &q4, y, 32);
    for (int i = 0; i < 16; i++) {
        assert_true(y[i] == (float)(i - 8) * 2);
        assert_true(y[i + 16] == (float)(7 - i) * 2);
    }
}

/* One weight of sub-block s is set at a time, so that a code in the wrong place shows. */
static void super_blocks_put_codes_and_scales_in_place(void **state) {
    (void)state;
    float y[256];
    for (uint32_t s = 0; s < 8; s++) {
        hl_block_q5_k b = {.d = hl_f32_to_f16(1), .dmin = hl_f32_to_f16(1)};
        uint8_t scale = 45, min = 54; /* 0b101101, 0b110110: both halves matter */
        if (s < 4) {
            b.scales[s] = scale;
            b.scales[s + 4] = min;
        } else {
            b.scales[s + 4] = (uint8_t)((scale & 15) | (min & 15) << 4);
            b.scales[s - 4] = (uint8_t)((scale >> 4) << 6);
            b.scales[s] = (uint8_t)((min >> 4) << 6);
        }
        b.qs[s / 2 * 32 + 7] = (uint8_t)(9 << 4 * (s & 1));
        b.qh[7] = (uint8_t)(1 << s);
        hl_dtype_to_f32(HL_DTYPE_Q5_K, &b, y, 256);
        for (uint32_t i = 0; i < 256; i++) {
            float want = i / 32 != s ? 0 : i % 32 == 7 ? 45.0f * 25 - 54 : -54;
            assert_true(y[i] == want);
        }
        hl_block_q4_k b4 = {.d = b.d, .dmin = b.dmin};
        memcpy(b4.scales, b.scales, sizeof b.scales);
        memcpy(b4.qs, b.qs, sizeof b.qs);
        hl_dtype_to_f32(HL_DTYPE_Q4_K, &b4, y, 256);
        for (uint32_t i = 0; i < 256; i++) {
            float want = i / 32 != s ? 0 : i % 32 == 7 ? 45.0f * 9 - 54 : -54;
            assert_true(y[i] == want);
        }
    }
}

static void q6_k_joins_four_and_two_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < 256; i++) {
        hl_block_q6_k b = {.d = hl_f32_to_f16(0.25f)};
        for (int s = 0; s < 16; s++) b.scales[s] = (int8_t)(s - 20);
        size_t half = i / 128, quarter = i % 128 / 32, at = i % 32;
        b.ql[half * 64 + quarter % 2 * 32 + at] = (uint8_t)(11 << quarter / 2 * 4);
        b.qh[half * 32 + at] = (uint8_t)(2 << quarter * 2);
        float y[256];
        hl_dtype_to_f32(HL_DTYPE_Q6_K, &b, y, 256);
        for (size_t k = 0; k < 256; k++) {
            int q = k == i ? 43 : 0;
            assert_true(y[k] == 0.25f * (float)((int)(k / 16) - 20) * (float)(q - 32));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_size),
        cmocka_unit_test(f16_widens_exactly_and_returns),
        cmocka_unit_test(f16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_keeps_the_upper_half),
        cmocka_unit_test(small_blocks_mean_scale_times_code),
        cmocka_unit_test(super_blocks_put_codes_and_scales_in_place),
        cmocka_unit_test(q6_k_joins_four_and_two_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
