/* base/map.h
 *
 * A hash map from borrowed strings to 32-bit numbers: names to indexes of a table
 * that its owner keeps.
 *
 * Keys may come from strangers.  The hash is not secret, so that runs can be
 * repeated; instead a key that would have to walk over more than
 * HL_MAP_PROBES_MAX others is refused, which honest keys never meet.
 *
 * Threads: one writer; any number of readers afterwards.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

enum { HL_MAP_PROBES_MAX = 4096 };

typedef struct hl_map_slot hl_map_slot;

typedef struct hl_map {
    hl_map_slot *slots; /* owned */
    size_t n_slots;     /* a power of two; at most half are used */
    size_t n;
} hl_map;

/* Room for n keys; more make it grow.  ENOMEM.  A failed or zeroed map may be deinitialised. */
hl_status hl_map_init(hl_map *m, size_t n, hl_error *err) HL_NODISCARD;
void hl_map_deinit(hl_map *m);

/* Adds the key, whose bytes the caller keeps.  HL_DONE: it is there already and keeps its value.
 * ELIMIT: too many keys share a hash; ENOMEM.  After an error the map is as before. */
hl_status hl_map_add(hl_map *m, hl_str key, uint32_t value, hl_error *err) HL_NODISCARD;
bool hl_map_find(const hl_map *m, hl_str key, uint32_t *ret_value);
