#include "base/arena.h"

#include "base/mem.h"

enum { BLOCK_BYTES_MIN = 16 * 1024, BLOCK_BYTES_STEP_MAX = 4 * 1024 * 1024, ALIGN = 16 };

typedef struct block {
    struct block *next;
    size_t size, used; /* of data[] */
    _Alignas(ALIGN) uint8_t data[];
} block;

struct hl_arena {
    block *head; /* the newest; the first block is the last of the list */
    size_t bytes, bytes_max;
    hl_status refused; /* why the last NULL was given */
};

static size_t round_up(size_t size) {
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

hl_arena *hl_arena_create(size_t bytes_max) {
    hl_arena *a = hl_calloc(1, sizeof *a);
    if (!a) return NULL;
    if (bytes_max == 0 || bytes_max > SIZE_MAX - ALIGN) bytes_max = SIZE_MAX - ALIGN;
    a->bytes_max = round_up(bytes_max);
    return a;
}

static void free_until(hl_arena *a, const block *keep) {
    while (a->head && a->head != keep) {
        block *b = a->head;
        a->head = b->next;
        hl_free(b);
    }
}

void hl_arena_destroy(hl_arena *a) {
    if (!a) return;
    free_until(a, NULL);
    hl_free(a);
}

void hl_arena_reset(hl_arena *a) {
    block *first = a->head;
    while (first && first->next) first = first->next;
    free_until(a, first);
    if (first) {
        memset(first->data, 0, first->used);
        first->used = 0;
    }
    a->bytes = 0;
    a->refused = HL_OK;
}

static block *grow(hl_arena *a, size_t need) {
    size_t size = a->head ? a->head->size * 2 : BLOCK_BYTES_MIN;
    if (size > BLOCK_BYTES_STEP_MAX) size = BLOCK_BYTES_STEP_MAX;
    if (size < need) size = need;
    block *b = size <= SIZE_MAX - sizeof *b ? hl_calloc(1, sizeof *b + size) : NULL;
    if (!b) return NULL;
    b->size = size;
    b->next = a->head;
    a->head = b;
    return b;
}

static void *refuse(hl_arena *a, hl_status why) {
    a->refused = why;
    return NULL;
}

void *hl_arena_alloc(hl_arena *a, size_t size) {
    if (size > a->bytes_max - a->bytes) return refuse(a, HL_ELIMIT);
    size_t need = round_up(size);
    block *b = a->head;
    if (!b || b->size - b->used < need) b = grow(a, need);
    if (!b) return refuse(a, HL_ENOMEM);
    void *p = b->data + b->used;
    b->used += need;
    a->bytes += need;
    return p;
}

void *hl_arena_array(hl_arena *a, size_t n, size_t size) {
    if (size && n > SIZE_MAX / size) return refuse(a, HL_ELIMIT);
    return hl_arena_alloc(a, n * size);
}

hl_str hl_arena_str(hl_arena *a, hl_str s) {
    char *copy = s.len < SIZE_MAX ? hl_arena_alloc(a, s.len + 1) : NULL;
    if (!copy) return (hl_str){NULL, 0};
    if (s.len) memcpy(copy, s.ptr, s.len);
    return (hl_str){copy, s.len};
}

hl_status hl_arena_status(const hl_arena *a) {
    return a->refused;
}

size_t hl_arena_bytes(const hl_arena *a) {
    return a->bytes;
}
