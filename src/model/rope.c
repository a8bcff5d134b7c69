/* Rotary embedding: keys and the table of divisors to frequencies.
 *
 * Sources: Su et al., "RoFormer" (2021); Peng et al., "YaRN" (2023); docs/formats/gguf.md for
 * the keys.  Divisors (rope_freqs.weight) are how Llama 3.1 and later store their scaling. */
#include "model/family.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586;

typedef enum scaling { SCALING_NONE, SCALING_LINEAR, SCALING_YARN } scaling;

typedef struct rope_keys {
    uint32_t n_dims;
    float base;
    scaling scaling;
    float factor;        /* positions are this much denser than in training */
    uint32_t ctx_before; /* tokens of context before the model was stretched */
    float beta_fast, beta_slow, attn_factor;
} rope_keys;

static hl_status read_scaling(const hl__binder *b, rope_keys *k, hl_error *err) {
    hl_str type;
    HL_TRY(hl__key_str(b, "rope.scaling.type", HL_STR("linear"), &type, err));
    HL_TRY(hl__key_f32(b, "rope.scaling.factor", 0, &k->factor, err));
    if (k->factor == 0) HL_TRY(hl__key_f32(b, "rope.scale_linear", 0, &k->factor, err));
    if (k->factor == 0) k->factor = 1; /* what converters write for "none" */
    if (!isfinite(k->factor) || k->factor < 1e-3f || k->factor > 1e6f)
        return hl_fail(err, HL_EFORMAT, "model", "rope.scaling.factor %g is not in 0.001 to 1e6",
                       (double)k->factor);
    k->scaling = k->factor == 1 ? SCALING_NONE : SCALING_LINEAR;
    if (hl_str_is(type, "none")) k->scaling = SCALING_NONE;
    if (hl_str_is(type, "yarn")) k->scaling = SCALING_YARN;
    if (hl_str_is(type, "none") || hl_str_is(type, "linear") || hl_str_is(type, "yarn"))
        return HL_OK;
    return hl_fail(err, HL_EUNSUPPORTED, "model",
                   "rope.scaling.type is \"%.*s\", supported are none, linear and yarn",
                   HL_STR_ARG(type));
}

static hl_status read_yarn(const hl__binder *b, rope_keys *k, hl_error *err) {
    HL_TRY(hl__key_u32(b, "rope.scaling.original_context_length", b->model->ctx_train,
                       &k->ctx_before, err));
    HL_TRY(hl__key_f32(b, "rope.scaling.attn_factor", 1, &k->attn_factor, err));
    HL_TRY(hl__key_f32(b, "rope.scaling.yarn_attn_factor", k->attn_factor, &k->attn_factor, err));
    HL_TRY(hl__key_f32(b, "rope.scaling.yarn_beta_fast", 32, &k->beta_fast, err));
    HL_TRY(hl__key_f32(b, "rope.scaling.yarn_beta_slow", 1, &k->beta_slow, err));
    bool good = k->ctx_before > 0 && k->base > 1 && isfinite(k->attn_factor) &&
                k->attn_factor > 0 && isfinite(k->beta_fast) && k->beta_fast > 0 &&
                isfinite(k->beta_slow) && k->beta_slow > 0;
    if (good) return HL_OK;
    return hl_fail(err, HL_EFORMAT, "model",
                   "rope.scaling: yarn needs positive finite numbers and a base above 1");
}

static hl_status read_keys(const hl__binder *b, uint32_t head_dim, rope_keys *k, hl_error *err) {
    HL_TRY(hl__key_u32(b, "rope.dimension_count", head_dim, &k->n_dims, err));
    if (k->n_dims == 0 || k->n_dims > head_dim || k->n_dims % 2 != 0)
        return hl_fail(err, HL_EFORMAT, "model",
                       "rope.dimension_count is %u, expected an even number up to %u", k->n_dims,
                       head_dim);
    HL_TRY(hl__key_f32(b, "rope.freq_base", 10000, &k->base, err));
    if (!isfinite(k->base) || k->base < 1)
        return hl_fail(err, HL_EFORMAT, "model", "rope.freq_base %g is not a number from 1 up",
                       (double)k->base);
    HL_TRY(read_scaling(b, k, err));
    return k->scaling == SCALING_YARN ? read_yarn(b, k, err) : HL_OK;
}

/* The pair that turns `turns` times over the context before. */
static double yarn_pair(const rope_keys *k, double turns) {
    return k->n_dims * log(k->ctx_before / (turns * TWO_PI)) / (2 * log(k->base));
}

/* 0 where pair i keeps its frequency, 1 where it is stretched, a ramp between. */
static double yarn_ramp(const rope_keys *k, uint32_t i) {
    double low = fmax(floor(yarn_pair(k, k->beta_fast)), 0);
    double high = fmin(ceil(yarn_pair(k, k->beta_slow)), k->n_dims - 1);
    return fmin(fmax((i - low) / fmax(high - low, 0.001), 0), 1);
}

static float frequency(const rope_keys *k, uint32_t i, float divisor) {
    double freq = pow(k->base, -2.0 * i / k->n_dims) / divisor;
    switch (k->scaling) {
    case SCALING_NONE: break;
    case SCALING_LINEAR: freq /= k->factor; break;
    case SCALING_YARN: {
        double ramp = yarn_ramp(k, i);
        freq = freq / k->factor * ramp + freq * (1 - ramp);
        break;
    }
    }
    return (float)freq;
}

hl_status hl__rope_read(hl__binder *b, uint32_t head_dim, hl_rope_pairs pairs, hl_rope *ret,
                        hl_error *err) {
    rope_keys k = {0};
    HL_TRY(read_keys(b, head_dim, &k, err));
    uint32_t n = k.n_dims / 2;
    hl_vector divisors;
    HL_TRY(hl__bind_vector(b, HL__NO_LAYER, "rope_freqs.weight", HL__OPTIONAL, n, &divisors, err));
    float *freq = HL_ARENA_ARRAY(b->model->arena, n, float);
    if (!freq) return hl_fail(err, HL_ENOMEM, "model", "no memory for the rope table");
    for (uint32_t i = 0; i < n; i++) {
        freq[i] = frequency(&k, i, divisors.data ? divisors.data[i] : 1);
        if (!isfinite(freq[i]))
            return hl_fail(err, HL_EFORMAT, "model",
                           "rope_freqs.weight: divisor %u gives no finite frequency", i);
    }
    float magnitude = 1;
    if (k.scaling == SCALING_YARN)
        magnitude = k.attn_factor * (float)(1 + 0.1 * fmax(log(k.factor), 0));
    *ret = (hl_rope){pairs, k.n_dims, freq, magnitude};
    return HL_OK;
}
