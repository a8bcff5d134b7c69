/* store/registry_hash.h
 *
 * A thread that hashes blobs while they arrive, and gives them their places when they are whole.
 *
 * Threads: the fetching one calls; `lock` is held by whoever reads or writes what
 * store/registry_blob.h says it guards.  Private to store/.
 */
#pragma once

#include "base/thread.h"
#include "store/registry_blob.h"

typedef struct hl__hashing {
    const hl_store *store;
    hl__blob *blobs; /* [n], borrowed */
    size_t n;
    hl_thread thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the thread: more to do; for others: it has let go of a blob */
    bool ends;
    bool no_more; /* of memory for its buffer */
} hl__hashing;

hl_status hl__hashing_start(hl__hashing *h, const hl_store *s, hl__blob *blobs, size_t n,
                            hl_error *err) HL_NODISCARD;
/* Ends in the middle of whatever it does. */
void hl__hashing_stop(hl__hashing *h);

void hl__hashing_lock(hl__hashing *h);
void hl__hashing_unlock(hl__hashing *h); /* and wakes the thread */
/* With the lock held: until the thread does nothing with the blob. */
void hl__hashing_await(hl__hashing *h, const hl__blob *b);
