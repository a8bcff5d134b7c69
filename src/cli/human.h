/* cli/human.h
 *
 * Sizes and times in Ollama's words, and the dates that its API writes.
 *
 * Threads: pure.
 */
#pragma once

#include "base/str.h"

enum { HL__HUMAN_MAX = 32 };

/* "58 MB", "4.7 GB": decimal units. */
void hl__size_text(uint64_t bytes, char out[HL__HUMAN_MAX]);
/* A time as seen from `now`, both in milliseconds since 1970: "2 days ago", "4 minutes from now".
 */
void hl__time_text(int64_t at_ms, int64_t now_ms, char out[HL__HUMAN_MAX]);
/* How much of a model is where: "100% CPU", "48%/52% CPU/GPU". */
void hl__processor_text(uint64_t bytes, uint64_t vram_bytes, char out[HL__HUMAN_MAX]);
/* When a model goes: hl__time_text, "Forever", or "Stopping..." for what has passed. */
void hl__until_text(int64_t at_ms, int64_t now_ms, char out[HL__HUMAN_MAX]);

/* "2026-03-09T14:05:06" to seconds, as a clock that shows this counts them. */
bool hl__date_parse(hl_str text, int64_t *ret_s);
/* The same with a zone and perhaps a fraction, to milliseconds since 1970:
 * "2026-03-09T14:05:06.123456+01:00". */
bool hl__time_parse(hl_str text, int64_t *ret_ms);
