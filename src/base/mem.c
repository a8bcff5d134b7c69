#define _GNU_SOURCE
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Thread_local unsigned guard_depth;
static atomic_uint_fast64_t n_allocs;
static atomic_uint_fast64_t fail_at; /* value of n_allocs at which one fails; 0: never */

/* Every allocation passes here; false: this one is to fail. */
static bool admit(void) {
    HL_ASSERT(guard_depth == 0);
    uint64_t now = atomic_fetch_add_explicit(&n_allocs, 1, memory_order_relaxed) + 1;
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    return at == 0 || now != at;
}

void *hl_alloc(size_t size) {
    return admit() ? malloc(size ? size : 1) : NULL;
}

void *hl_calloc(size_t n, size_t size) {
    if (!admit() || (size && n > SIZE_MAX / size)) return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}

void *hl_realloc(void *p, size_t size) {
    return admit() ? realloc(p, size ? size : 1) : NULL;
}

void hl_free(void *p) {
    free(p);
}

void *hl_alloc_aligned(size_t align, size_t size) {
    HL_ASSERT(align && (align & (align - 1)) == 0);
    if (!admit() || size > SIZE_MAX - align) return NULL;
    size_t rounded = (size + align - 1) & ~(align - 1);
    return aligned_alloc(align, rounded ? rounded : align);
}

void *hl_map_anon(size_t size) {
    if (!admit() || size == 0) return NULL;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) return NULL;
    (void)madvise(p, size, MADV_HUGEPAGE); /* advice only: a kernel without it is fine */
    return p;
}

void hl_unmap_anon(void *p, size_t size) {
    if (p) (void)munmap(p, size);
}

char *hl_strdup(const char *s) {
    return hl_strndup(s, strlen(s));
}

char *hl_strndup(const char *s, size_t len) {
    char *copy = len < SIZE_MAX ? hl_alloc(len + 1) : NULL;
    if (!copy) return NULL;
    if (len) memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void hl_mem_guard_enter(void) {
    guard_depth++;
}

void hl_mem_guard_leave(void) {
    HL_ASSERT(guard_depth > 0);
    guard_depth--;
}

void hl_mem_fail_nth(uint64_t n) {
    uint64_t now = atomic_load_explicit(&n_allocs, memory_order_relaxed);
    atomic_store_explicit(&fail_at, n ? now + n : 0, memory_order_relaxed);
}

uint64_t hl_mem_count(void) {
    return atomic_load_explicit(&n_allocs, memory_order_relaxed);
}
