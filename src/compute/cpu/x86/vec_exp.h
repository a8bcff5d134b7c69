/* compute/cpu/x86/vec_exp.h
 *
 * exp of a register, after vec_LEVEL.h.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) = 1 + r + r^2 P(r), where P minimises the
 * relative error (fitted by iteratively reweighted least squares; 4e-9 before rounding); ln 2 is
 * split in two so that n ln 2 is exact.  Within 2 units in the last place of the true value.  Below
 * -87 the result is 0, above 88 it is exp(88); NaN gives NaN; exp(0) is exactly 1.
 */
#pragma once

VEC_INLINE vec vec_exp(vec x) {
    const float low = -87.0f, high = 88.0f;
    vec y = vec_max(vec_set1(low), vec_min(vec_set1(high), x));
    vec n = vec_round(vec_mul(y, vec_set1(0x1.715476p+0f)));
    vec r = vec_fnma(n, vec_set1(0x1.62p-1f), y);
    r = vec_fnma(n, vec_set1(0x1.c85fep-10f), r);
    vec p = vec_set1(0x1.6a23dp-10f);
    p = vec_fma(p, r, vec_set1(0x1.123a2p-7f));
    p = vec_fma(p, r, vec_set1(0x1.5558f2p-5f));
    p = vec_fma(p, r, vec_set1(0x1.555492p-3f));
    p = vec_fma(p, r, vec_set1(0x1.fffffcp-2f));
    p = vec_fma(vec_mul(r, r), p, r);
    return vec_zero_below(vec_scale2(vec_add(p, vec_set1(1)), n), x, low);
}
