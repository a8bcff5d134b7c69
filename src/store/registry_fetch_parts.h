/* store/registry_fetch_parts.h — the parts of a fetch (store/registry_fetch.h) and their
 * connections. */
#pragma once

#include "store/registry_fetch.h"
#include "store/registry_hash.h"

/* A connection's work: one part of one blob. */
typedef struct hl__fetch_line {
    hl_http_task task;
    struct hl__fetch *fetch;
    hl__blob *blob; /* NULL: idle */
    uint32_t part;
    bool checked;   /* the answer's head fits */
    bool moved;     /* a byte has come */
    bool direct;    /* not from the registry itself */
    bool other_tag; /* the answer is of another representation */
    bool no_ranges; /* the server gives whole blobs only */
    hl_buf url, range;
} hl__fetch_line;

typedef struct hl__fetch {
    hl__link *link;
    hl_http_pool *pool;
    hl__blob *blobs;       /* [hashing.n] */
    hl__fetch_line *lines; /* [n_lines] */
    size_t n_lines;
    hl__hashing hashing;
    uint64_t reported_ns, kept_ns;
} hl__fetch;

/* Gives idle connections parts that are due. */
hl_status hl__fetch_parts_begin(hl__fetch *f, uint64_t now_ns, hl_error *err) HL_NODISCARD;
/* What to do about a part whose transfer is over. */
hl_status hl__fetch_part_over(hl__fetch *f, hl_http_task *t, hl_error *err) HL_NODISCARD;
/* Breaks off transfers that stand still; their parts are due again. */
hl_status hl__fetch_parts_revive(hl__fetch *f, uint64_t now_ns, hl_error *err) HL_NODISCARD;
/* Breaks off everything; what has come is told to the disk. */
void hl__fetch_parts_end(hl__fetch *f);

/* "bytes FROM-TO/TOTAL" of a 206's Content-Range; false: it is none. */
bool hl__content_range_parse(hl_str text, uint64_t *ret_from, uint64_t *ret_to,
                             uint64_t *ret_total);
