/* base/utf8.h
 *
 * UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, shortest form.
 * Threads: pure.
 */
#pragma once

#include "base/str.h"

enum { HL_UTF8_BAD = 0xFFFD };

/* Decodes the character at s[at] (at < s.len); returns its length in bytes, 1 to 4.
 * A malformed byte is one byte long and decodes to HL_UTF8_BAD with *ret_ok false. */
size_t hl_utf8_decode(hl_str s, size_t at, uint32_t *ret_cp, bool *ret_ok);
/* Writes cp (a valid scalar value) to out[4]; returns the length. */
size_t hl_utf8_encode(uint32_t cp, char out[4]);
/* Offset of the first malformed byte, or s.len when all is well. */
size_t hl_utf8_check(hl_str s);
/* Length of the longest end of s that is an unfinished but so far valid character, 0 to 3:
 * what a stream must hold back. */
size_t hl_utf8_tail(hl_str s);
