#include "store/registry_fetch.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/mem.h"
#include "store/registry_fetch_parts.h"

#include <stdio.h>

enum {
    OPEN_MAX = 16, /* blobs */
    STEP_MS = 20,
    NS_PER_MS = 1000000,
    REPORT_NS = 80 * NS_PER_MS,
    SPARE_BYTES = 16 << 20, /* for the disk's own bookkeeping */
};
static const uint64_t KEEP_NS = 600ull * 1000 * NS_PER_MS;

/* -- what people see --------------------------------------------------------------------------- */

static void report_blob(hl__fetch *f, hl__blob *b) {
    char status[32];
    if (b->told == b->there) return;
    snprintf(status, sizeof status, "pulling %.12s", hl_digest_hex(&b->layer->digest));
    hl_create_progress p = {.status = status,
                            .digest = &b->layer->digest,
                            .total = b->layer->bytes,
                            .completed = b->there};
    f->link->ask->report(f->link->ask->arg, &p);
    b->told = b->there;
}

static hl__stage stage_of(hl__fetch *f, const hl__blob *b) {
    hl__hashing_lock(&f->hashing);
    hl__stage stage = b->stage;
    hl__hashing_unlock(&f->hashing);
    return stage;
}

static void report_all(hl__fetch *f) {
    for (size_t i = 0; i < f->hashing.n; i++)
        if (stage_of(f, &f->blobs[i]) != HL__WAITING) report_blob(f, &f->blobs[i]);
}

static void report_text(const hl__fetch *f, const char *status) {
    hl_create_progress p = {.status = status};
    f->link->ask->report(f->link->ask->arg, &p);
}

/* -- the state of things ----------------------------------------------------------------------- */

typedef struct tally {
    size_t waiting, open, arrived, stored;
    hl__blob *broken;
} tally;

static tally count(hl__fetch *f) {
    tally t = {0};
    hl__hashing_lock(&f->hashing);
    for (size_t i = 0; i < f->hashing.n; i++) {
        hl__blob *b = &f->blobs[i];
        t.waiting += b->stage == HL__WAITING || b->stage == HL__TAKEN;
        t.open += b->stage == HL__ARRIVING || b->stage == HL__ARRIVED;
        t.arrived += b->stage == HL__ARRIVED;
        t.stored += b->stage == HL__STORED;
        if (b->stage == HL__BROKEN) t.broken = b;
    }
    bool no_memory = f->hashing.no_more;
    hl__hashing_unlock(&f->hashing);
    if (no_memory && !t.broken) {
        t.broken = &f->blobs[0];
        (void)hl_fail(&t.broken->error, HL_ENOMEM, "registry", "no memory to hash a download");
    }
    return t;
}

/* What is stored is closed by this thread, and not pruned while the rest arrives. */
static void look_after_stored(hl__fetch *f, uint64_t now_ns) {
    bool keep = now_ns - f->kept_ns > KEEP_NS;
    for (size_t i = 0; i < f->hashing.n; i++) {
        hl__blob *b = &f->blobs[i];
        hl__hashing_lock(&f->hashing);
        bool stored = b->stage == HL__STORED && !b->hashing;
        hl__hashing_unlock(&f->hashing);
        if (!stored) continue;
        if (b->data.fd >= 0) hl__blob_close(b);
        if (keep && hl_store_keep(f->hashing.store, &b->layer->digest, NULL) < 0)
            continue; /* the manifest's writing says so */
    }
    if (keep) f->kept_ns = now_ns;
}

static hl_status open_more(hl__fetch *f, size_t n_open, uint64_t now_ns, hl_error *err) {
    for (size_t i = 0; i < f->hashing.n && n_open < OPEN_MAX; i++) {
        hl__blob *b = &f->blobs[i];
        hl__stage stage = stage_of(f, b);
        if (stage != HL__WAITING && (stage != HL__TAKEN || now_ns < b->look_again)) continue;
        hl__hashing_lock(&f->hashing);
        hl_status st = hl__blob_open(f->hashing.store, b, now_ns, err);
        hl__hashing_unlock(&f->hashing);
        if (st < 0) return st;
        stage = stage_of(f, b);
        n_open += stage == HL__ARRIVING || stage == HL__ARRIVED;
    }
    return HL_OK;
}

/* -- the loop ---------------------------------------------------------------------------------- */

static hl_status move_bytes(hl__fetch *f, hl_error *err) {
    uint32_t wait_ms = STEP_MS;
    for (;;) {
        hl_http_task *over;
        HL_TRY(hl_http_pool_step(f->pool, wait_ms, &over, err));
        if (!over) return HL_OK;
        HL_TRY(hl__fetch_part_over(f, over, err));
        wait_ms = 0;
    }
}

static hl_status turn(hl__fetch *f, tally *ret, hl_error *err) {
    uint64_t now_ns = hl_clock_ns();
    if (hl__link_is_cancelled(f->link)) return hl__link_fail_cancelled(err);
    *ret = count(f);
    if (ret->broken) {
        *err = ret->broken->error;
        return err->status;
    }
    HL_TRY(open_more(f, ret->open, now_ns, err));
    HL_TRY(hl__fetch_parts_begin(f, now_ns, err));
    HL_TRY(move_bytes(f, err));
    HL_TRY(hl__fetch_parts_revive(f, hl_clock_ns(), err));
    look_after_stored(f, now_ns);
    if (now_ns - f->reported_ns >= REPORT_NS) {
        report_all(f);
        f->reported_ns = now_ns;
    }
    return HL_OK;
}

static hl_status loop(hl__fetch *f, hl_error *err) {
    bool verifying = false;
    tally t = {0};
    while (t.stored < f->hashing.n) {
        HL_TRY(turn(f, &t, err));
        if (!verifying && t.arrived + t.stored == f->hashing.n) {
            report_all(f);
            report_text(f, "verifying sha256 digest");
            verifying = true;
        }
    }
    look_after_stored(f, hl_clock_ns());
    if (!verifying) report_all(f);
    if (!verifying) report_text(f, "verifying sha256 digest");
    return HL_OK;
}

static hl_status check_disk(const hl__fetch *f, hl_error *err) {
    uint64_t missing = 0, free_bytes;
    for (size_t i = 0; i < f->hashing.n; i++) {
        uint64_t more = hl__blob_missing(f->hashing.store, f->blobs[i].layer);
        missing = more > UINT64_MAX / 2 - missing ? UINT64_MAX / 2 : missing + more;
    }
    const char *root = hl_store_root(f->hashing.store);
    if (missing == 0) return HL_OK;
    HL_TRY(hl_dir_make_all(root, err));
    HL_TRY(hl_disk_free(root, &free_bytes, err));
    if (missing <= free_bytes && free_bytes - missing >= SPARE_BYTES) return HL_OK;
    return hl_fail(err, HL_EIO, "registry",
                   "no space left on device: the model needs %llu MB more, %s has %llu MB",
                   (unsigned long long)(missing / 1000000), root,
                   (unsigned long long)(free_bytes / 1000000));
}

/* -- beginning and end ------------------------------------------------------------------------- */

static void close_all(hl__fetch *f) {
    hl__fetch_parts_end(f);
    hl__hashing_stop(&f->hashing);
    for (size_t i = 0; i < f->hashing.n; i++) hl__blob_close(&f->blobs[i]);
    hl_http_pool_close(f->pool);
}

static hl_status run(hl__fetch *f, const hl_store *s, size_t n, hl_error *err) {
    HL_TRY(hl__link_pool(f->link, &f->pool, err));
    hl_status st = hl__hashing_start(&f->hashing, s, f->blobs, n, err);
    if (st < 0) {
        hl_http_pool_close(f->pool);
        return st;
    }
    st = check_disk(f, err);
    if (st >= 0) st = loop(f, err);
    if (st < 0) report_all(f);
    close_all(f);
    return st;
}

hl_status hl__fetch_blobs(hl__link *l, const hl_store *s, hl__wanted *wanted, size_t n,
                          hl_error *err) {
    hl__fetch f = {.link = l, .n_lines = l->tuning.connections, .kept_ns = hl_clock_ns()};
    HL_ASSERT(err);
    f.blobs = hl_calloc(n, sizeof *f.blobs);
    f.lines = hl_calloc(f.n_lines, sizeof *f.lines);
    hl_status st = f.blobs && f.lines
                       ? HL_OK
                       : hl_fail(err, HL_ENOMEM, "registry", "no memory for downloads");
    for (size_t i = 0; st >= 0 && i < n; i++)
        f.blobs[i] = (hl__blob){.layer = wanted[i].layer,
                                .url = wanted[i].url,
                                .unnamed = wanted[i].unnamed,
                                .data = {-1},
                                .state = {-1},
                                .told = UINT64_MAX};
    if (st >= 0) st = run(&f, s, n, err);
    for (size_t i = 0; st >= 0 && i < n; i++) wanted[i].got = f.blobs[i].got;
    hl_free(f.lines);
    hl_free(f.blobs);
    return st;
}
