/* base/arena.h
 *
 * Memory that is freed in one place.  A request, a template run or a loaded
 * tokenizer owns one arena; what it allocates there lives until the arena is
 * reset or destroyed.  An arena has a byte limit, so that a stranger's file or
 * request cannot take all memory: past it, allocation gives NULL, which callers
 * report as HL_ELIMIT or HL_ENOMEM (hl_arena_status tells which).
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl_arena hl_arena;

/* Returns owned; NULL when out of memory.  bytes_max 0: no limit. */
hl_arena *hl_arena_create(size_t bytes_max) HL_NODISCARD;
void hl_arena_destroy(hl_arena *a); /* accepts NULL */
/* Forgets everything, keeps the first block for reuse. */
void hl_arena_reset(hl_arena *a);

/* 16-byte aligned, zeroed.  NULL past the limit or without memory. */
void *hl_arena_alloc(hl_arena *a, size_t size) HL_NODISCARD;
void *hl_arena_array(hl_arena *a, size_t n, size_t size) HL_NODISCARD;
/* A copy, with a NUL behind it that .len does not count; .ptr NULL on failure. */
hl_str hl_arena_str(hl_arena *a, hl_str s) HL_NODISCARD;
/* HL_ELIMIT if an allocation was refused by the limit, HL_ENOMEM if by the system, else HL_OK. */
hl_status hl_arena_status(const hl_arena *a);
size_t hl_arena_bytes(const hl_arena *a); /* taken so far, each rounded up to 16 */

#define HL_ARENA_NEW(a, type)      ((type *)hl_arena_alloc((a), sizeof(type)))
#define HL_ARENA_ARRAY(a, n, type) ((type *)hl_arena_array((a), (n), sizeof(type)))
