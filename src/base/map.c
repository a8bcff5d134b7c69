#include "base/map.h"

#include "base/mem.h"

struct hl_map_slot {
    hl_str key;
    uint32_t hash; /* the rest of it; spares most comparisons */
    uint32_t value;
    bool used;
};

hl_status hl_map_init(hl_map *m, size_t n, hl_error *err) {
    *m = (hl_map){0};
    size_t n_slots = 4;
    while (n_slots / 2 < n && n_slots <= SIZE_MAX / 4) n_slots *= 2;
    m->slots = n_slots / 2 >= n ? hl_calloc(n_slots, sizeof *m->slots) : NULL;
    if (!m->slots) return hl_fail(err, HL_ENOMEM, "map", "no memory for %zu names", n);
    m->n_slots = n_slots;
    return HL_OK;
}

void hl_map_deinit(hl_map *m) {
    hl_free(m->slots);
    *m = (hl_map){0};
}

/* FNV-1a over the bytes, then a multiply and shift so that the lower bits depend on all. */
static uint64_t hash_of(hl_str key) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.len; i++) h = (h ^ (unsigned char)key.ptr[i]) * 0x100000001b3u;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* The slot that has the key or is free for it; NULL past the limit of steps. */
static hl_map_slot *slot_of(const hl_map *m, hl_str key, uint64_t hash) {
    size_t at = hash & (m->n_slots - 1);
    for (size_t n = 0; n < HL_MAP_PROBES_MAX; n++, at = (at + 1) & (m->n_slots - 1)) {
        hl_map_slot *s = &m->slots[at];
        if (!s->used) return s;
        if (s->hash == (uint32_t)(hash >> 32) && hl_str_eq(s->key, key)) return s;
    }
    return NULL;
}

static hl_status grow(hl_map *m, hl_error *err) {
    hl_map larger;
    HL_TRY(hl_map_init(&larger, m->n_slots, err));
    for (size_t i = 0; i < m->n_slots; i++) {
        if (!m->slots[i].used) continue;
        hl_status st = hl_map_add(&larger, m->slots[i].key, m->slots[i].value, err);
        if (st < 0) {
            hl_map_deinit(&larger);
            return st;
        }
    }
    HL_ASSERT(larger.n == m->n);
    hl_map_deinit(m);
    *m = larger;
    return HL_OK;
}

hl_status hl_map_add(hl_map *m, hl_str key, uint32_t value, hl_error *err) {
    HL_ASSERT(m->slots);
    uint64_t hash = hash_of(key);
    hl_map_slot *s = slot_of(m, key, hash);
    if (s && s->used) return HL_DONE;
    if (m->n >= m->n_slots / 2) {
        HL_TRY(grow(m, err));
        s = slot_of(m, key, hash);
    }
    if (!s)
        return hl_fail(err, HL_ELIMIT, "map", "more than %d names share a hash", HL_MAP_PROBES_MAX);
    *s = (hl_map_slot){.key = key, .hash = (uint32_t)(hash >> 32), .value = value, .used = true};
    m->n++;
    return HL_OK;
}

bool hl_map_find(const hl_map *m, hl_str key, uint32_t *ret_value) {
    if (m->n == 0) return false;
    const hl_map_slot *s = slot_of(m, key, hash_of(key));
    if (!s || !s->used) return false;
    *ret_value = s->value;
    return true;
}
