/* store/registry_fetch.h
 *
 * Fetches blobs: a few of them at a time, in parts, over a number of connections; private to
 * store/.
 *
 * The first request for a blob asks the registry, with its token; where that leads elsewhere, the
 * parts that follow go there at once and without the token.  A part whose connection breaks, that
 * gets no byte for a while, or that a busy server refuses, is asked for again from where it
 * was, after a pause that grows until a byte has come.
 */
#pragma once

#include "store/registry_link.h"

typedef struct hl__wanted {
    const hl_layer *layer;
    const char *url; /* where it is; NULL: the registry's blob of that digest */
    bool unnamed;    /* nobody has said its digest: the layer's is only a name on the way */
    hl_digest got;   /* of an unnamed one, once it is there */
} hl__wanted;

/* Until all blobs are in the store.  wanted [n], borrowed, with digests that differ.  Reports
 * "pulling HEX" and "verifying sha256 digest".  On failure what has arrived stays. */
hl_status hl__fetch_blobs(hl__link *l, const hl_store *s, hl__wanted *wanted, size_t n,
                          hl_error *err) HL_NODISCARD;
