/* From the automata of grammar_nfa.h to the one that runs: made deterministic rule by rule (calls
 * are symbols like bytes), freed of what leads nowhere, checked. */
#include "base/mem.h"
#include "text/grammar_nfa.h"

#include <stdlib.h>

enum {
    SETS_MAX = 4 * 1000 * 1000,   /* members of all sets of states */
    WORK_MAX = 100 * 1000 * 1000, /* elementary steps; a second or so */
    CHOICES_MAX = 200             /* rules that may begin at one place */
};

typedef struct made {
    uint32_t set, n_set; /* its states of the nfa, in build.sets */
    uint32_t rule;
    uint32_t edge, call;
    bool final;
} made;

typedef struct build {
    hl__nfa *b;
    made *states;
    hl__bytes_edge *edges;
    hl__call_edge *calls; /* start: a rule until all rules have a start */
    uint32_t *sets, *table, *queue;
    uint32_t *rule_starts; /* [b->n_rules] HL__NONE: not needed yet */
    uint8_t *seen;         /* [b->n_states] */
    uint32_t n_states, n_edges, n_calls, n_sets, n_queue, table_size;
    uint32_t states_cap, edges_cap, calls_cap, sets_cap;
    uint64_t work;
} build;

static void *grown(build *d, void *array, uint32_t n, uint32_t *cap, uint32_t max, size_t size) {
    if (n < *cap) return array;
    uint32_t more = *cap ? 2 * *cap : 1024;
    void *p = n < max ? hl_realloc(array, more * size) : NULL;
    if (!p) {
        hl__nfa_fail(d->b, n < max ? HL_ENOMEM : HL_ELIMIT, "%s",
                     n < max ? "no memory for a grammar" : "the grammar is too large");
        return array;
    }
    *cap = more;
    return p;
}

static bool work(build *d, uint64_t n) {
    d->work += n;
    if (d->work > WORK_MAX) hl__nfa_fail(d->b, HL_ELIMIT, "the grammar takes too long to compile");
    return hl__nfa_ok(d->b);
}

/* -- sets of states ---------------------------------------------------------------------------- */

static void set_begin(build *d) {
    d->n_queue = 0;
}

static void set_add(build *d, uint32_t state) {
    if (d->seen[state]) return;
    d->seen[state] = 1;
    d->queue[d->n_queue++] = state;
}

static void set_close(build *d) {
    const hl__nfa *b = d->b;
    for (uint32_t i = 0; i < d->n_queue; i++)
        for (uint32_t e = b->first[d->queue[i]]; e != HL__NONE; e = b->edges[e].next)
            if (b->edges[e].kind == HL__EDGE_EMPTY) set_add(d, b->edges[e].to);
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Leaves only states that matter, in order. */
static void set_sort(build *d, uint32_t end) {
    const hl__nfa *b = d->b;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->n_queue; i++) {
        uint32_t s = d->queue[i];
        bool matters = s == end;
        d->seen[s] = 0;
        for (uint32_t e = b->first[s]; e != HL__NONE && !matters; e = b->edges[e].next)
            matters = b->edges[e].kind != HL__EDGE_EMPTY;
        if (matters) d->queue[kept++] = s;
    }
    d->n_queue = kept;
    qsort(d->queue, kept, sizeof *d->queue, by_number);
}

static uint32_t hash_of(const uint32_t *set, uint32_t n) {
    uint64_t h = n;
    for (uint32_t i = 0; i < n; i++) h = (h ^ set[i]) * 0x9E3779B97F4A7C15u, h ^= h >> 29;
    return (uint32_t)h;
}

static bool table_grow(build *d) {
    if (d->table && 2 * d->n_states < d->table_size) return true;
    uint32_t size = d->table ? 2 * d->table_size : 1024;
    uint32_t *t = hl_calloc(size, sizeof *t);
    if (!t) {
        hl__nfa_fail(d->b, HL_ENOMEM, "no memory for a grammar");
        return false;
    }
    for (uint32_t i = 0; i < d->n_states; i++) {
        uint32_t at = hash_of(d->sets + d->states[i].set, d->states[i].n_set);
        while (t[at & (size - 1)]) at++;
        t[at & (size - 1)] = i + 1;
    }
    hl_free(d->table);
    d->table = t;
    d->table_size = size;
    return true;
}

static bool keep_set(build *d) {
    for (uint32_t i = 0; i < d->n_queue && hl__nfa_ok(d->b); i++) {
        d->sets = grown(d, d->sets, d->n_sets, &d->sets_cap, SETS_MAX, sizeof *d->sets);
        if (hl__nfa_ok(d->b)) d->sets[d->n_sets++] = d->queue[i];
    }
    return hl__nfa_ok(d->b);
}

/* The state that stands for the set in the queue, made if there is none. */
static uint32_t set_state(build *d, uint32_t rule) {
    set_close(d);
    HL_ASSERT(rule < d->b->n_rules && d->n_queue <= d->b->n_states);
    uint32_t end = d->b->rules[rule].end, n = d->n_queue;
    set_sort(d, end);
    if (!work(d, n + 1) || !table_grow(d)) return 0;
    uint32_t at = hash_of(d->queue, d->n_queue);
    for (;; at++) {
        uint32_t i = d->table[at & (d->table_size - 1)];
        if (i == 0) break;
        const made *m = &d->states[i - 1];
        if (m->rule == rule && m->n_set == d->n_queue &&
            (d->n_queue == 0 ||
             memcmp(d->sets + m->set, d->queue, d->n_queue * sizeof *d->queue) == 0))
            return i - 1;
    }
    d->states = grown(d, d->states, d->n_states, &d->states_cap, HL_GRAMMAR_STATES_MAX,
                      sizeof *d->states);
    uint32_t first = d->n_sets;
    if (!hl__nfa_ok(d->b) || !keep_set(d)) return 0;
    made m = {.set = first, .n_set = d->n_queue, .rule = rule};
    for (uint32_t i = 0; i < d->n_queue; i++) m.final |= d->queue[i] == end;
    d->states[d->n_states] = m;
    d->table[at & (d->table_size - 1)] = ++d->n_states;
    return d->n_states - 1;
}

static void need_rule(build *d, uint32_t rule) {
    if (d->rule_starts[rule] != HL__NONE) return;
    set_begin(d);
    set_add(d, d->b->rules[rule].start);
    d->rule_starts[rule] = set_state(d, rule);
}

/* -- edges ------------------------------------------------------------------------------------- */

static void add_bytes(build *d, uint32_t first_edge, uint8_t lo, uint8_t hi, uint32_t to) {
    if (d->n_edges > first_edge) { /* joins the one before */
        hl__bytes_edge *last = &d->edges[d->n_edges - 1];
        if (last->to == to && last->hi + 1 == lo) {
            last->hi = hi;
            return;
        }
    }
    d->edges = grown(d, d->edges, d->n_edges, &d->edges_cap, SETS_MAX, sizeof *d->edges);
    if (hl__nfa_ok(d->b)) d->edges[d->n_edges++] = (hl__bytes_edge){lo, hi, to};
}

/* Calls fn for each edge of a made state that is no empty one. */
typedef void edge_fn(const hl__nfa_edge *e, void *arg);
static void each_edge(build *d, uint32_t state, edge_fn *fn, void *arg) {
    const hl__nfa *b = d->b;
    for (uint32_t i = 0; i < d->states[state].n_set; i++)
        for (uint32_t e = b->first[d->sets[d->states[state].set + i]]; e != HL__NONE;
             e = b->edges[e].next)
            if (b->edges[e].kind != HL__EDGE_EMPTY) fn(&b->edges[e], arg);
}

static void note_borders(const hl__nfa_edge *e, void *arg) {
    bool *borders = arg;
    if (e->kind == HL__EDGE_BYTES) borders[e->lo] = borders[e->hi + 1] = true;
}

typedef struct wanted {
    build *d;
    uint32_t symbol; /* a byte or a rule */
    hl__edge_kind kind;
} wanted;

static void add_target(const hl__nfa_edge *e, void *arg) {
    const wanted *w = arg;
    bool on = e->kind == w->kind &&
              (e->kind == HL__EDGE_CALL ? e->rule == w->symbol
                                        : e->lo <= w->symbol && w->symbol <= e->hi);
    w->d->work++;
    if (on) set_add(w->d, e->to);
}

static uint32_t target_of(build *d, uint32_t state, hl__edge_kind kind, uint32_t symbol) {
    wanted w = {.d = d, .symbol = symbol, .kind = kind};
    set_begin(d);
    each_edge(d, state, add_target, &w);
    return d->n_queue ? set_state(d, d->states[state].rule) : HL__NONE;
}

static void make_bytes(build *d, uint32_t state) {
    bool borders[257] = {false};
    uint32_t first = d->n_edges;
    each_edge(d, state, note_borders, borders);
    borders[0] = true;
    for (uint32_t lo = 0, hi; lo < 256 && hl__nfa_ok(d->b); lo = hi) {
        for (hi = lo + 1; hi < 256 && !borders[hi]; hi++) {
        }
        uint32_t to = target_of(d, state, HL__EDGE_BYTES, lo);
        if (to != HL__NONE) add_bytes(d, first, (uint8_t)lo, (uint8_t)(hi - 1), to);
    }
}

typedef struct callees {
    uint32_t rules[CHOICES_MAX + 1];
    uint32_t n;
} callees;

static void note_callee(const hl__nfa_edge *e, void *arg) {
    callees *c = arg;
    if (e->kind != HL__EDGE_CALL) return;
    for (uint32_t i = 0; i < c->n; i++)
        if (c->rules[i] == e->rule) return;
    if (c->n <= CHOICES_MAX) c->rules[c->n++] = e->rule;
}

static void make_calls(build *d, uint32_t state) {
    callees c = {.n = 0};
    each_edge(d, state, note_callee, &c);
    if (c.n > CHOICES_MAX)
        hl__nfa_fail(d->b, HL_ELIMIT, "more than %d choices at one place", CHOICES_MAX);
    for (uint32_t i = 0; i < c.n && hl__nfa_ok(d->b); i++) {
        uint32_t ret = target_of(d, state, HL__EDGE_CALL, c.rules[i]);
        need_rule(d, c.rules[i]);
        d->calls = grown(d, d->calls, d->n_calls, &d->calls_cap, SETS_MAX, sizeof *d->calls);
        if (hl__nfa_ok(d->b)) d->calls[d->n_calls++] = (hl__call_edge){c.rules[i], ret};
    }
}

static void make_all(build *d, uint32_t root) {
    need_rule(d, root);
    for (uint32_t i = 0; i < d->n_states && hl__nfa_ok(d->b); i++) {
        d->states[i].edge = d->n_edges;
        d->states[i].call = d->n_calls;
        make_bytes(d, i);
        make_calls(d, i);
    }
    for (uint32_t i = 0; i < d->n_calls && hl__nfa_ok(d->b); i++)
        d->calls[i].start = d->rule_starts[d->calls[i].start];
}

/* -- the result -------------------------------------------------------------------------------- */

static uint32_t edges_end(const build *d, uint32_t i) {
    return i + 1 < d->n_states ? d->states[i + 1].edge : d->n_edges;
}

static uint32_t calls_end(const build *d, uint32_t i) {
    return i + 1 < d->n_states ? d->states[i + 1].call : d->n_calls;
}

static bool reaches_end(const build *d, const uint8_t *ends, uint32_t i) {
    if (d->states[i].final) return true;
    for (uint32_t e = d->states[i].edge; e < edges_end(d, i); e++)
        if (ends[d->edges[e].to]) return true;
    for (uint32_t c = d->states[i].call; c < calls_end(d, i); c++)
        if (ends[d->calls[c].start] && ends[d->calls[c].ret]) return true;
    return false;
}

/* Which states have a way to their rule's end. */
static void find_ends(build *d, uint8_t *ends) {
    for (bool more = true; more && work(d, d->n_edges + d->n_calls + 1);) {
        more = false;
        for (uint32_t i = d->n_states; i-- > 0;) {
            if (ends[i] || !reaches_end(d, ends, i)) continue;
            ends[i] = 1;
            more = true;
        }
    }
}

/* Takes away edges and calls that have no end. */
static void trim(build *d, const uint8_t *ends) {
    uint32_t n_edges = 0, n_calls = 0;
    for (uint32_t i = 0; i < d->n_states; i++) {
        uint32_t edge = d->states[i].edge, edge_end = edges_end(d, i);
        uint32_t call = d->states[i].call, call_end = calls_end(d, i);
        d->states[i].edge = n_edges;
        d->states[i].call = n_calls;
        for (; edge < edge_end; edge++)
            if (ends[d->edges[edge].to]) d->edges[n_edges++] = d->edges[edge];
        for (; call < call_end; call++)
            if (ends[d->calls[call].start] && ends[d->calls[call].ret])
                d->calls[n_calls++] = d->calls[call];
    }
    HL_ASSERT(n_edges <= d->n_edges && n_calls <= d->n_calls);
    d->n_edges = n_edges;
    d->n_calls = n_calls;
}

static bool is_empty(const build *d, const uint8_t *empty, uint32_t i) {
    if (d->states[i].final) return true;
    for (uint32_t c = d->states[i].call; c < calls_end(d, i); c++)
        if (empty[d->calls[c].start] && empty[d->calls[c].ret]) return true;
    return false;
}

/* Which states reach their rule's end without a byte. */
static void find_empty(build *d, uint8_t *empty) {
    for (bool more = true; more && work(d, d->n_calls + d->n_states);) {
        more = false;
        for (uint32_t i = d->n_states; i-- > 0;) {
            if (empty[i] || !is_empty(d, empty, i)) continue;
            empty[i] = 1;
            more = true;
        }
    }
}

static uint32_t choices_at(const build *d, const uint8_t *empty, const uint16_t *counts,
                           uint32_t i) {
    uint32_t n = 1;
    for (uint32_t c = d->states[i].call; c < calls_end(d, i); c++) {
        n += counts[d->calls[c].start];
        if (empty[d->calls[c].start] && d->calls[c].ret != i) n += counts[d->calls[c].ret];
    }
    return n;
}

/* How many states stand open at one; without bound where a rule begins with itself. */
static void check_choices(build *d, const uint8_t *empty, uint16_t *counts) {
    for (bool more = true; more && work(d, d->n_calls + d->n_states);) {
        more = false;
        for (uint32_t i = d->n_states; i-- > 0;) {
            uint32_t n = choices_at(d, empty, counts, i);
            if (n > CHOICES_MAX) {
                hl__nfa_fail(d->b, HL_ELIMIT,
                             "more than %d choices at one place, or a rule that begins with itself",
                             CHOICES_MAX);
                return;
            }
            more |= n != counts[i];
            counts[i] = (uint16_t)n;
        }
    }
}

/* A call behind which nothing is left to do need not come back. */
static void shorten_calls(build *d) {
    for (uint32_t c = 0; c < d->n_calls; c++) {
        uint32_t ret = d->calls[c].ret;
        if (d->states[ret].final && d->states[ret].edge == edges_end(d, ret) &&
            d->states[ret].call == calls_end(d, ret))
            d->calls[c].ret = HL__NONE;
    }
}

static void check(build *d, uint32_t start) {
    uint8_t *ends = hl_calloc(d->n_states, 1), *empty = hl_calloc(d->n_states, 1);
    uint16_t *counts = hl_calloc(d->n_states, sizeof *counts);
    if (ends && empty && counts) {
        find_ends(d, ends);
        if (hl__nfa_ok(d->b) && !ends[start])
            hl__nfa_fail(d->b, HL_EINVAL, "no text can satisfy it");
        trim(d, ends);
        find_empty(d, empty);
        check_choices(d, empty, counts);
        shorten_calls(d);
    } else {
        hl__nfa_fail(d->b, HL_ENOMEM, "no memory for a grammar");
    }
    hl_free(ends);
    hl_free(empty);
    hl_free(counts);
}

static uint64_t mix(uint64_t h, uint64_t a, uint64_t b) {
    h = (h ^ a) * 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
    h = (h ^ b) * 0xBF58476D1CE4E5B9u;
    return h ^ h >> 29;
}

static uint64_t hash_all(const hl_grammar *g) {
    uint64_t h = mix(g->n_states, g->start, g->depth_max);
    for (uint32_t i = 0; i < g->n_states; i++)
        h = mix(h, (uint64_t)g->states[i].edge << 1 | g->states[i].final, g->states[i].call);
    for (uint32_t i = 0; i < g->states[g->n_states].edge; i++)
        h = mix(h, (uint64_t)g->edges[i].lo << 8 | g->edges[i].hi, g->edges[i].to);
    for (uint32_t i = 0; i < g->states[g->n_states].call; i++)
        h = mix(h, g->calls[i].start, g->calls[i].ret);
    return h;
}

static hl_status make_grammar(build *d, uint32_t start, hl_grammar **ret, hl_error *err) {
    HL_ASSERT(start < d->n_states);
    hl_grammar *g = hl_calloc(1, sizeof *g);
    if (g) {
        g->states = hl_calloc(d->n_states + 1, sizeof *g->states);
        g->edges = hl_calloc(d->n_edges + 1, sizeof *g->edges);
        g->calls = hl_calloc(d->n_calls + 1, sizeof *g->calls);
    }
    if (!g || !g->states || !g->edges || !g->calls) {
        hl_grammar_destroy(g);
        return hl_fail(err, HL_ENOMEM, "grammar", "no memory for a grammar");
    }
    for (uint32_t i = 0; i < d->n_states; i++)
        g->states[i] = (hl__state){d->states[i].edge, d->states[i].call, d->states[i].final};
    g->states[d->n_states] = (hl__state){d->n_edges, d->n_calls, false};
    if (d->n_edges) memcpy(g->edges, d->edges, d->n_edges * sizeof *d->edges);
    if (d->n_calls) memcpy(g->calls, d->calls, d->n_calls * sizeof *d->calls);
    g->n_states = d->n_states;
    g->start = start;
    g->depth_max = d->b->depth_max;
    g->hash = hash_all(g);
    *ret = g;
    return HL_OK;
}

static void build_deinit(build *d) {
    hl_free(d->states);
    hl_free(d->edges);
    hl_free(d->calls);
    hl_free(d->sets);
    hl_free(d->table);
    hl_free(d->queue);
    hl_free(d->rule_starts);
    hl_free(d->seen);
}

hl_status hl__nfa_finish(hl__nfa *b, uint32_t root, hl_grammar **ret, hl_error *err) {
    build d = {.b = b};
    hl_status st = HL_OK;
    if (hl__nfa_ok(b)) {
        d.queue = hl_calloc(b->n_states, sizeof *d.queue);
        d.seen = hl_calloc(b->n_states, 1);
        d.rule_starts = hl_alloc(b->n_rules * sizeof *d.rule_starts);
        if (!d.queue || !d.seen || !d.rule_starts)
            hl__nfa_fail(b, HL_ENOMEM, "no memory for a grammar");
    }
    if (hl__nfa_ok(b)) {
        memset(d.rule_starts, 0xFF, b->n_rules * sizeof *d.rule_starts);
        make_all(&d, root);
    }
    if (hl__nfa_ok(b)) check(&d, d.rule_starts[root]);
    if (hl__nfa_ok(b)) {
        st = make_grammar(&d, d.rule_starts[root], ret, err);
    } else {
        st = b->failed.status;
        if (err) *err = b->failed;
    }
    build_deinit(&d);
    return st;
}

void hl_grammar_destroy(hl_grammar *g) {
    if (!g) return;
    hl_free(g->states);
    hl_free(g->edges);
    hl_free(g->calls);
    hl_free(g);
}

uint32_t hl_grammar_n_states(const hl_grammar *g) {
    return g->n_states;
}
