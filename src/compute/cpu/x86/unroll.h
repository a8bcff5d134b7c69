/* compute/cpu/x86/unroll.h
 *
 * How kernels are written: a loop over a constant number of columns, unrolled until its sums are
 * registers, inside functions that are inlined with that number.
 */
#pragma once

#define HL__INLINE inline __attribute__((always_inline))

#if defined(__clang__)
#define HL__UNROLL _Pragma("clang loop unroll(full)")
#else
#define HL__UNROLL _Pragma("GCC unroll 16")
#endif

/* Keeps a vector in a register here: compilers reorder integer additions, and then run out. */
#if defined(__AVX512F__)
#define HL__KEEP(v) __asm__("" : "+v"(v))
#else
#define HL__KEEP(v) __asm__("" : "+x"(v))
#endif
