#include "store/registry_hash.h"

#include "base/mem.h"

enum { PIECE_BYTES = 1 << 20 };

/* With the lock held: the blob that has something to hash, or that is to be finished. */
static hl__blob *find_work(hl__hashing *h) {
    for (size_t i = 0; i < h->n; i++) {
        hl__blob *b = &h->blobs[i];
        bool open = b->stage == HL__ARRIVING || b->stage == HL__ARRIVED;
        if (open && (b->stage == HL__ARRIVED || b->front - b->hashed >= PIECE_BYTES)) return b;
    }
    return NULL;
}

/* One piece, without the lock. */
static hl_status hash_piece(hl__blob *b, uint64_t front, uint8_t *piece, hl_error *err) {
    uint64_t left = front - b->hashed;
    size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, got;
    HL_TRY(hl_file_rw_read(&b->data, b->hashed, piece, n, &got, err));
    if (got < n) return hl_fail(err, HL_EIO, "registry", "a download's file was cut off");
    hl_sha256_update(b->hash, (hl_bytes){piece, n});
    b->hashed += n;
    return HL_OK;
}

static void work_on(hl__hashing *h, hl__blob *b, uint8_t *piece) {
    hl_error err = {0};
    uint64_t front = b->front;
    bool last = b->stage == HL__ARRIVED;
    hl_status st = HL_OK;
    b->hashing = true;
    pthread_mutex_unlock(&h->lock);
    if (b->hashed < front) st = hash_piece(b, front, piece, &err);
    bool whole = st >= 0 && last && b->hashed == b->layer->bytes;
    if (whole) st = hl__blob_finish(h->store, b, &err);
    pthread_mutex_lock(&h->lock);
    b->hashing = false;
    if (st < 0) {
        b->error = err;
        b->stage = HL__BROKEN;
    } else if (whole) {
        b->stage = HL__STORED;
    }
    pthread_cond_broadcast(&h->changed);
}

static void run(void *arg) {
    hl__hashing *h = arg;
    uint8_t *piece = hl_alloc(PIECE_BYTES);
    pthread_mutex_lock(&h->lock);
    h->no_more = !piece;
    while (!h->ends && piece) {
        hl__blob *b = find_work(h);
        if (b)
            work_on(h, b, piece);
        else
            pthread_cond_wait(&h->changed, &h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    hl_free(piece);
}

hl_status hl__hashing_start(hl__hashing *h, const hl_store *s, hl__blob *blobs, size_t n,
                            hl_error *err) {
    *h = (hl__hashing){.store = s, .blobs = blobs, .n = n};
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    return hl_thread_start(&h->thread, run, h, err);
}

void hl__hashing_stop(hl__hashing *h) {
    pthread_mutex_lock(&h->lock);
    h->ends = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    hl_thread_join(&h->thread);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
}

void hl__hashing_lock(hl__hashing *h) {
    pthread_mutex_lock(&h->lock);
}

void hl__hashing_unlock(hl__hashing *h) {
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

void hl__hashing_await(hl__hashing *h, const hl__blob *b) {
    while (b->hashing) pthread_cond_wait(&h->changed, &h->lock);
}
