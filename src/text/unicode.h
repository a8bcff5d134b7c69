/* text/unicode.h
 *
 * What tokenizers ask of Unicode, from generated tables of one fixed version
 * (hl_unicode_version), so that ids do not depend on the system's libraries:
 * the general category as a few class bits, White_Space, Script=Han, and
 * normalisation form C.
 *
 * What this does not do: case mapping, collation, segmentation.
 *
 * Threads: pure.
 */
#pragma once

#include "base/buf.h"
#include "base/utf8.h"
#include "text/unicode_gen.h"

/* Bits of a character's class; a character without any is a control, a format character,
 * a private, unassigned or malformed one. */
enum {
    HL_UNICODE_LU = 1, /* Lu and Lt: upper and title case */
    HL_UNICODE_LL = 2, /* Ll */
    HL_UNICODE_LO = 4, /* Lm and Lo: letters without case */
    HL_UNICODE_M = 8,
    HL_UNICODE_N = 16,
    HL_UNICODE_P = 32,
    HL_UNICODE_S = 64,
    HL_UNICODE_SPACE = 128, /* White_Space: what \s means in Rust, Python and PCRE2 with UCP */
    HL_UNICODE_L = HL_UNICODE_LU | HL_UNICODE_LL | HL_UNICODE_LO
};

const char *hl_unicode_version(void);

static inline unsigned hl_unicode_class(uint32_t cp) {
    if (cp >= 0x110000) return 0;
    uint32_t block = hl__unicode_class_index[cp >> HL__UNICODE_BLOCK_SHIFT];
    return hl__unicode_class_blocks[block << HL__UNICODE_BLOCK_SHIFT |
                                    (cp & ((1u << HL__UNICODE_BLOCK_SHIFT) - 1))];
}

bool hl_unicode_is_han(uint32_t cp);

/* Whether text is surely in normalisation form C already; false means "perhaps not".
 * Costs little on text that is. */
bool hl_unicode_is_nfc(hl_str text);

/* Appends text in normalisation form C.  Malformed bytes stay as they are.  Linear time but for
 * the sorting of long runs of combining marks.  A failure is the buffer's (hl_buf_status). */
void hl_unicode_to_nfc(hl_str text, hl_buf *out);
