#include "base/rng.h"

#include "base/clock.h"
#include "base/status.h"

#include <math.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t x, int k) {
    return x << k | x >> (64 - k);
}

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15ull);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

void hl_rng_init(hl_rng *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) r->s[i] = splitmix(&seed);
}

uint64_t hl_rng_u64(hl_rng *r) {
    uint64_t *s = r->s;
    uint64_t result = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t hl_rng_below(hl_rng *r, uint64_t n) {
    HL_ASSERT(n > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;
    do x = hl_rng_u64(r);
    while (x >= limit);
    return x % n;
}

double hl_rng_unit(hl_rng *r) {
    return (double)(hl_rng_u64(r) >> 11) * 0x1p-53;
}

float hl_rng_normal(hl_rng *r) {
    double u = 1.0 - hl_rng_unit(r), v = hl_rng_unit(r); /* Box and Muller; u > 0 */
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

uint64_t hl_rng_entropy(void) {
    uint64_t x;
    if (getrandom(&x, sizeof x, 0) == (ssize_t)sizeof x) return x;
    return (uint64_t)hl_clock_wall_ns() ^ hl_clock_ns() << 20;
}
