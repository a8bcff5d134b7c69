/* text/unicode_gen.h
 *
 * The shape of the generated tables (tools/gen_unicode.py writes unicode_gen.c).
 * Private to text/: use unicode.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HL__UNICODE_BLOCK_SHIFT = 7 }; /* 128 characters a block */

/* Canonical order of a character: its combining class, and whether NFC has to look at it
 * (NFC_Quick_Check is No or Maybe). */
typedef struct hl__unicode_order {
    uint8_t combining;
    bool look;
} hl__unicode_order;

/* Decompositions: from = a b (b 0: one character), sorted by from.
 * Compositions: from b = a as {from, a, b} with the composite last, sorted by the first two. */
typedef struct hl__unicode_triple {
    uint32_t from, a, b;
} hl__unicode_triple;

typedef struct hl__unicode_range {
    uint32_t first, last;
} hl__unicode_range;

extern const char hl__unicode_version[];
extern const uint16_t hl__unicode_class_index[];
extern const uint8_t hl__unicode_class_blocks[]; /* block 0 first: ASCII without an index */
extern const uint16_t hl__unicode_order_index[];
extern const uint8_t hl__unicode_order_blocks[]; /* numbers of hl__unicode_orders */
extern const hl__unicode_order hl__unicode_orders[];
extern const hl__unicode_triple hl__unicode_decompositions[];
extern const size_t hl__unicode_n_decompositions;
extern const hl__unicode_triple hl__unicode_compositions[];
extern const size_t hl__unicode_n_compositions;
extern const hl__unicode_range hl__unicode_han[]; /* Script=Han, sorted */
extern const size_t hl__unicode_n_han;
