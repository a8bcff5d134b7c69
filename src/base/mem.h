/* base/mem.h
 *
 * The only door to the heap.  Everything outside base/ allocates here or from an
 * arena, so that three things can be done in one place: failing the n-th
 * allocation in a test, refusing allocations where the program has promised
 * none (an engine's step), and counting.
 *
 * Threads: all functions are safe from any thread; the guard is per thread.
 */
#pragma once

#include "base/status.h"

/* As malloc, calloc, realloc, free; NULL when there is no memory.  Size 0 gives
 * a pointer that may be freed.  n * size is checked for overflow. */
void *hl_alloc(size_t size) HL_NODISCARD __attribute__((malloc));
void *hl_calloc(size_t n, size_t size) HL_NODISCARD __attribute__((malloc));
void *hl_realloc(void *p, size_t size) HL_NODISCARD;
void hl_free(void *p);

/* Memory aligned to `align` (a power of two); freed with hl_free.  Not cleared. */
void *hl_alloc_aligned(size_t align, size_t size) HL_NODISCARD;

/* Large anonymous memory, page aligned, zero, with huge pages where the system
 * gives them; freed with hl_unmap_anon(p, the same size). */
void *hl_map_anon(size_t size) HL_NODISCARD;
void hl_unmap_anon(void *p, size_t size);

char *hl_strdup(const char *s) HL_NODISCARD;
char *hl_strndup(const char *s, size_t len) HL_NODISCARD;

/* Between enter and leave an allocation by this thread is a failed assertion. */
void hl_mem_guard_enter(void);
void hl_mem_guard_leave(void);

/* Tests: the n-th allocation from now (1 = the next) fails, once; 0 turns it off. */
void hl_mem_fail_nth(uint64_t n);
/* Allocations made since the program began, over all threads. */
uint64_t hl_mem_count(void);
