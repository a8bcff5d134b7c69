/* base/rng.h
 *
 * A small seeded generator (xoshiro256++, seeded by splitmix64; Blackman and
 * Vigna, "Scrambled linear pseudorandom number generators", 2019).  Same seed,
 * same numbers, on every machine.  Not for secrets.
 * Threads: one at a time.
 */
#pragma once

#include <stdint.h>

typedef struct hl_rng {
    uint64_t s[4];
} hl_rng;

void hl_rng_init(hl_rng *r, uint64_t seed);
uint64_t hl_rng_u64(hl_rng *r);
uint64_t hl_rng_below(hl_rng *r, uint64_t n); /* 0 … n-1 without bias; n > 0 */
double hl_rng_unit(hl_rng *r);                /* [0, 1), 53 bits */
float hl_rng_normal(hl_rng *r);               /* mean 0, deviation 1 */
/* A seed from the system, for those who did not ask for one. */
uint64_t hl_rng_entropy(void);
