/* Two programs of ours on one store, in simulation: their operations, whose turn it is, and what
 * has to hold.  The world is one seed's; the writers are coroutines that hand over at system calls
 * (store_calls.h). */
#pragma once

#include "sim/store_calls.h"
#include "stored_model.h"

#include <ctype.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifdef SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define MODELS  SIM_ROOT "/models"
#define OUTSIDE SIM_ROOT "/outside.gguf"

enum { WRITERS_N = 2, STACK_BYTES = 1 << 20, FILES_N = 7, NAMES_N = 6, SEEN_MAX = 32 };
enum { CALLS_MAX = 200000 };
static const int64_t SECOND_NS = 1000000000, HOUR_NS = 3600 * (int64_t)1000000000;

/* What a name can be after a power cut: nothing (0), or manifests, by their hashes. */
typedef struct tracked {
    char path[HL_NAME_TEXT_MAX]; /* of the manifest, in small letters */
    uint64_t seen[SEEN_MAX];
    uint32_t n_seen;
} tracked;

typedef enum writer_state {
    WRITER_NEW,     /* between two seeds */
    WRITER_READY,   /* in a call */
    WRITER_WAITING, /* for a lock */
    WRITER_DYING,   /* unwinds: its calls do nothing */
    WRITER_DOWN,
    WRITER_DONE,
} writer_state;

typedef struct writer {
    ucontext_t context;
    void *stack, *fake_stack;
    writer_state state;
    int waits_for; /* a node */
    hl_store *store;
    uint32_t n_ops;                /* left */
    char target[HL_NAME_TEXT_MAX]; /* the name that is being changed, as tracked's; "": none */
    stored said;                   /* takes reports of progress */
} writer;

typedef struct sim_file {
    char bytes[4000];
    size_t len;
    hl_digest digest;
} sim_file;

typedef struct rates { /* one in so many calls; 0: never */
    uint32_t turns, faults, kills, cuts, leaps, full;
    call_kind fault_kind; /* CALLS_N: any */
} rates;

typedef struct counts {
    uint64_t ops, ops_done, ops_lost, calls, turns, faults, kills, cuts, deleted_blobs;
} counts;

typedef struct world {
    uint64_t seed;
    hl_rng rng;
    disk disk;
    calls calls;
    rates rates;
    counts counts;
    ucontext_t context;
    void *fake_stack;
    const void *stack; /* of who looks on */
    size_t stack_bytes;
    writer writers[WRITERS_N];
    tracked names[2 * NAMES_N + 2];
    uint32_t n_names;
    size_t room;         /* bytes, while the disk is nearly full */
    uint64_t full_until; /* a call */
    bool calm;           /* nothing breaks and no time leaps: all has to go well */
    const sim_file *files;
    char wrong[512];
} world;

static world *the_world;

static inline void wrong(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void wrong(world *w, const char *format, ...) {
    va_list args;
    if (w->wrong[0]) return;
    va_start(args, format);
    (void)vsnprintf(w->wrong, sizeof w->wrong, format, args);
    va_end(args);
    for (int i = 0; i < WRITERS_N; i++) /* what follows would say nothing */
        if (w->writers[i].state == WRITER_READY || w->writers[i].state == WRITER_WAITING)
            w->writers[i].state = WRITER_DYING;
}

static inline uint32_t below(world *w, uint32_t n) {
    return (uint32_t)hl_rng_below(&w->rng, n);
}

static inline bool one_in(world *w, uint32_t n) {
    return n > 0 && below(w, n) == 0;
}

/* -- coroutines -------------------------------------------------------------------------------- */

static inline void leave(void **fake_stack, const void *bottom, size_t bytes) {
#ifdef SIM_ASAN
    __sanitizer_start_switch_fiber(fake_stack, bottom, bytes);
#else
    (void)fake_stack, (void)bottom, (void)bytes;
#endif
}

static inline void arrive(void *fake_stack, const void **ret_bottom, size_t *ret_bytes) {
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, ret_bottom, ret_bytes);
#else
    (void)fake_stack, (void)ret_bottom, (void)ret_bytes;
#endif
}

static inline void yield(world *w, writer *me) {
    leave(&me->fake_stack, w->stack, w->stack_bytes);
    (void)swapcontext(&me->context, &w->context);
    arrive(me->fake_stack, &w->stack, &w->stack_bytes);
    w->calls.owner = (int)(me - w->writers);
}

static inline void resume(world *w, writer *who) {
    if (who->state == WRITER_NEW || who->state == WRITER_WAITING || who->state == WRITER_DOWN)
        who->state = WRITER_READY;
    w->calls.owner = (int)(who - w->writers);
    leave(&w->fake_stack, who->stack, STACK_BYTES);
    (void)swapcontext(&w->context, &who->context);
    arrive(w->fake_stack, NULL, NULL);
    w->calls.owner = -1;
}

/* -- manifests --------------------------------------------------------------------------------- */

static inline uint64_t hash_of(const disk_node *n) {
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    for (size_t i = 0; i < n->bytes.len; i++) hash = (hash ^ n->bytes.ptr[i]) * 0x100000001B3u;
    return hash ? hash : 1;
}

static inline void to_small(char *text) {
    for (; *text; text++) *text = (char)tolower((unsigned char)*text);
}

typedef void manifest_fn(world *w, const char *path, const disk_node *n, void *arg);

static inline void walk_manifests(world *w, int dir, char *path, uint32_t depth, manifest_fn *each,
                                  void *arg) {
    const disk_entries *e = &w->disk.nodes[dir].names;
    size_t len = strlen(path);
    for (uint32_t i = 0; i < e->n; i++) {
        const disk_node *n = &w->disk.nodes[e->at[i].node];
        if (e->at[i].name[0] == '.') continue;
        (void)snprintf(path + len, HL_NAME_TEXT_MAX - len, "%s%s", depth ? "/" : "", e->at[i].name);
        if (n->is_dir && depth < HL_NAME_PARTS - 1)
            walk_manifests(w, e->at[i].node, path, depth + 1, each, arg);
        else if (!n->is_dir && depth == HL_NAME_PARTS - 1)
            each(w, path, n, arg);
        path[len] = '\0';
    }
}

static inline void each_manifest(world *w, manifest_fn *each, void *arg) {
    char path[HL_NAME_TEXT_MAX] = "";
    int dir = disk_find(&w->disk, MODELS "/manifests");
    if (dir != DISK_NONE) walk_manifests(w, dir, path, 0, each, arg);
}

static inline bool bytes_contain(const disk_node *n, const char *text) {
    hl_str all = {(const char *)n->bytes.ptr, n->bytes.len};
    return n->bytes.len > 0 && hl_str_find(all, hl_str_from(text), 0) != SIZE_MAX;
}

typedef struct naming_arg {
    const char *hex;
    bool found;
} naming_arg;

static inline void look_for_name(world *w, const char *path, const disk_node *n, void *arg) {
    naming_arg *a = arg;
    (void)w, (void)path;
    a->found = a->found || bytes_contain(n, a->hex);
}

static inline bool is_named(world *w, const char *hex) {
    naming_arg a = {hex, false};
    each_manifest(w, look_for_name, &a);
    return a.found;
}

/* -- what names can be ------------------------------------------------------------------------- */

static inline tracked *tracked_of(world *w, const char *path) {
    for (uint32_t i = 0; i < w->n_names; i++)
        if (strcmp(w->names[i].path, path) == 0) return &w->names[i];
    HL_ASSERT(w->n_names < sizeof w->names / sizeof *w->names);
    tracked *t = &w->names[w->n_names++];
    *t = (tracked){.n_seen = 1}; /* nothing, at first */
    (void)snprintf(t->path, sizeof t->path, "%s", path);
    return t;
}

static inline void see(tracked *t, uint64_t hash) {
    for (uint32_t i = 0; i < t->n_seen; i++)
        if (t->seen[i] == hash) return;
    HL_ASSERT(t->n_seen < SEEN_MAX);
    t->seen[t->n_seen++] = hash;
}

typedef struct finding {
    const char *path;
    uint64_t hash;
    uint32_t n;
} finding;

static inline void find_manifest(world *w, const char *path, const disk_node *n, void *arg) {
    finding *f = arg;
    char small[HL_NAME_TEXT_MAX];
    (void)w;
    (void)snprintf(small, sizeof small, "%s", path);
    to_small(small);
    if (strcmp(small, f->path) != 0) return;
    f->hash = hash_of(n);
    f->n++;
}

static inline uint64_t hash_now(world *w, const char *path) {
    finding f = {.path = path};
    each_manifest(w, find_manifest, &f);
    if (f.n > 1) wrong(w, "%s is there in %u spellings", path, f.n);
    return f.hash;
}

/* Nothing but what it is now: an operation has told that it went well. */
static inline void settle(world *w, const char *path) {
    tracked *t = tracked_of(w, path);
    t->seen[0] = hash_now(w, path);
    t->n_seen = 1;
}

static inline void check_name(world *w, tracked *t) {
    uint64_t hash = hash_now(w, t->path);
    for (uint32_t i = 0; i < t->n_seen; i++)
        if (t->seen[i] == hash) return;
    wrong(w, "%s is %s", t->path, hash ? "none of its manifests" : "gone");
}

/* -- what holds at every moment ---------------------------------------------------------------- */

static inline bool bytes_are(const disk_node *n, const char *hex) {
    hl_digest d;
    hl_status st = hl_digest_of((hl_bytes){n->bytes.ptr, n->bytes.len}, &d, NULL);
    return st >= 0 && strcmp(hl_digest_hex(&d), hex) == 0;
}

static inline void check_layer(world *w, const char *path, const hl_layer *l) {
    char blob[128];
    (void)snprintf(blob, sizeof blob, MODELS "/blobs/sha256-%s", hl_digest_hex(&l->digest));
    int node = disk_find(&w->disk, blob);
    if (node == DISK_NONE)
        wrong(w, "%s is there without its blob %.8s", path, hl_digest_hex(&l->digest));
    else if (w->disk.nodes[node].bytes.len != l->bytes)
        wrong(w, "%s has a blob of the wrong length", path);
}

static inline void check_manifest(world *w, const char *path, const disk_node *n, void *arg) {
    hl_manifest m;
    (void)arg;
    if (hl_manifest_parse((hl_str){(const char *)n->bytes.ptr, n->bytes.len}, &m, NULL) < 0) {
        wrong(w, "%s is torn", path);
        return;
    }
    for (size_t i = 0; i < m.n_layers; i++) check_layer(w, path, &m.layers[i]);
    check_layer(w, path, &m.config);
    hl_manifest_deinit(&m);
}

static inline void check_blobs(world *w) {
    hl_digest d;
    int dir = disk_find(&w->disk, MODELS "/blobs");
    if (dir == DISK_NONE) return;
    const disk_entries *e = &w->disk.nodes[dir].names;
    for (uint32_t i = 0; i < e->n; i++)
        if (hl_digest_parse(hl_str_from(e->at[i].name), &d) &&
            !bytes_are(&w->disk.nodes[e->at[i].node], hl_digest_hex(&d)))
            wrong(w, "the bytes of blob %.8s are not its own", hl_digest_hex(&d));
}

static inline void check_world(world *w) {
    each_manifest(w, check_manifest, NULL);
    check_blobs(w);
    for (uint32_t i = 0; i < w->n_names; i++) check_name(w, &w->names[i]);
}

/* Below blobs/: its digest's hexadecimal digits; NULL: no blob. */
static inline const char *hex_of_blob(const char *path) {
    static const char prefix[] = MODELS "/blobs/sha256-";
    hl_digest d;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0) return NULL;
    const char *name = path + sizeof MODELS "/blobs/" - 1;
    return hl_digest_parse(hl_str_from(name), &d) ? path + sizeof prefix - 1 : NULL;
}

/* Below manifests/; NULL: no manifest. */
static inline const char *rest_of_manifest(const char *path) {
    static const char prefix[] = MODELS "/manifests/";
    uint32_t n = 0;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0) return NULL;
    for (const char *p = path + sizeof prefix - 1; *p; p++) n += *p == '/';
    return n == HL_NAME_PARTS - 1 && strrchr(path, '/')[1] != '.' ? path + sizeof prefix - 1 : NULL;
}

static void changed(const char *path, int node) {
    world *w = the_world;
    char small[HL_NAME_TEXT_MAX];
    const char *hex = hex_of_blob(path), *rest = rest_of_manifest(path);
    const disk_node *n = node == DISK_NONE ? NULL : &w->disk.nodes[node];
    if (hex && n && !bytes_are(n, hex)) wrong(w, "blob %.8s has come with other bytes", hex);
    if (!rest) return;
    if (n) check_manifest(w, rest, n, NULL);
    (void)snprintf(small, sizeof small, "%s", rest);
    to_small(small);
    see(tracked_of(w, small), n ? hash_of(n) : 0);
}

static bool going(const char *path, int node) {
    world *w = the_world;
    const char *hex = hex_of_blob(path);
    if (!hex) return true;
    w->counts.deleted_blobs++;
    if (w->calls.now_ns - w->disk.nodes[node].mtime_ns < HOUR_NS)
        wrong(w, "a blob goes that is not an hour old: %.8s", hex);
    if (is_named(w, hex)) wrong(w, "a blob goes that a manifest names: %.8s", hex);
    return !w->wrong[0];
}

/* -- at every call ----------------------------------------------------------------------------- */

static inline void die(writer *me) {
    if (me->state == WRITER_READY || me->state == WRITER_WAITING) me->state = WRITER_DYING;
}

static inline void kill_writer(world *w, writer *me) {
    w->counts.kills++;
    die(me);
    calls_end_process((int)(me - w->writers));
    check_world(w);
}

static inline void cut_power(world *w) {
    w->counts.cuts++;
    for (int i = 0; i < WRITERS_N; i++) {
        die(&w->writers[i]);
        calls_end_process(i);
    }
    disk_cut(&w->disk, (disk_mercy)below(w, MERCIES_N), &w->rng);
    check_world(w);
    for (uint32_t i = 0; i < w->n_names; i++) settle(w, w->names[i].path);
}

static inline bool break_call(world *w, call_kind kind) {
    static const int errors[] = {EIO, ENOSPC, EIO, EDQUOT};
    const rates *r = &w->rates;
    if ((kind == CALL_WRITE || kind == CALL_LOCK) && one_in(w, 20)) {
        errno = EINTR;
        return true;
    }
    bool may = r->fault_kind == CALLS_N || r->fault_kind == kind;
    if (kind == CALL_CLOSE || !may || !one_in(w, r->faults)) return false;
    w->counts.faults++;
    errno = errors[below(w, 4)];
    return true;
}

static bool before(call_kind kind) {
    world *w = the_world;
    if (w->calls.owner < 0) return false;
    writer *me = &w->writers[w->calls.owner];
    if (me->state != WRITER_DYING) {
        w->calls.now_ns += 1000;
        if (++w->counts.calls > CALLS_MAX) wrong(w, "it does not end");
        if (one_in(w, w->rates.turns)) {
            w->counts.turns++;
            yield(w, me);
        }
    }
    if (me->state != WRITER_DYING) {
        if (one_in(w, w->rates.leaps)) w->calls.now_ns += (int64_t)below(w, 5000) * SECOND_NS;
        if (one_in(w, w->rates.kills)) kill_writer(w, me);
        if (one_in(w, w->rates.cuts)) cut_power(w);
    }
    errno = EIO;
    return me->state == WRITER_DYING || break_call(w, kind);
}

static void wait_for_lock(int node) {
    world *w = the_world;
    HL_ASSERT(w->calls.owner >= 0); /* who looks on finds no lock taken */
    writer *me = &w->writers[w->calls.owner];
    if (me->state == WRITER_DYING) return;
    me->state = WRITER_WAITING;
    me->waits_for = node;
    yield(w, me);
}

/* Short writes, and the end of the disk's room. */
static size_t room(size_t bytes) {
    world *w = the_world;
    if (w->calls.owner < 0) return bytes;
    if (w->counts.calls >= w->full_until && one_in(w, w->rates.full)) {
        w->full_until = w->counts.calls + below(w, 200);
        w->room = below(w, 1000);
    }
    if (bytes > 1 && one_in(w, 4)) bytes = 1 + below(w, (uint32_t)bytes);
    if (w->counts.calls >= w->full_until) return bytes;
    if (bytes > w->room) bytes = w->room;
    w->room -= bytes;
    return bytes;
}

/* -- a writer's life --------------------------------------------------------------------------- */

/* One of store_ops.h. */
static hl_status run_op(world *w, writer *me, hl_error *err);

static inline void finish_op(world *w, writer *me, hl_status st, const hl_error *err) {
    const writer *other = &w->writers[me == w->writers];
    if (calls_n_open((int)(me - w->writers)) > 0) wrong(w, "files stay open");
    if (st >= 0) w->counts.ops_done++;
    if (st < 0 && st != HL_ENOTFOUND && w->calm) wrong(w, "for no reason: %s", err->text);
    if (st >= 0 && me->target[0] && strcmp(me->target, other->target) != 0) settle(w, me->target);
}

static inline void open_store(writer *me) {
    const char *dirs[] = {MODELS};
    hl_error err;
    hl_store_close(me->store);
    if (hl_store_open(dirs, 1, &me->store, &err) < 0) fail_msg("%s", err.text);
}

static inline void live(world *w, writer *me) {
    for (; me->n_ops > 0 && !w->wrong[0]; me->n_ops--) {
        hl_error err = {0};
        w->counts.ops++;
        me->said.said[0] = '\0';
        hl_status st = run_op(w, me, &err);
        if (me->state == WRITER_DYING) {
            w->counts.ops_lost++;
            me->target[0] = '\0';
            me->state = WRITER_DOWN;
            yield(w, me);
            open_store(me);
        } else {
            finish_op(w, me, st, &err);
        }
        me->target[0] = '\0';
        w->calls.now_ns += SECOND_NS;
    }
}

static void writer_main(int i) {
    world *w = the_world;
    writer *me = &w->writers[i];
    arrive(NULL, &w->stack, &w->stack_bytes);
    for (;;) {
        open_store(me);
        live(w, me);
        hl_store_close(me->store);
        me->store = NULL;
        me->state = WRITER_DONE;
        yield(w, me);
    }
}

static inline bool can_run(const world *w, const writer *me, bool dying) {
    if (dying) return me->state == WRITER_DYING;
    return me->state == WRITER_NEW || me->state == WRITER_READY || me->state == WRITER_DOWN ||
           (me->state == WRITER_WAITING && w->disk.nodes[me->waits_for].lock == DISK_NONE);
}

/* One of those that can run; who is dying goes first.  NULL: nobody. */
static inline writer *next_writer(world *w) {
    bool dying = false;
    writer *can[WRITERS_N];
    uint32_t n = 0;
    for (int i = 0; i < WRITERS_N; i++) dying = dying || w->writers[i].state == WRITER_DYING;
    for (int i = 0; i < WRITERS_N; i++)
        if (can_run(w, &w->writers[i], dying)) can[n++] = &w->writers[i];
    return n > 0 ? can[below(w, n)] : NULL;
}

static inline void run_writers(world *w) {
    for (writer *next = next_writer(w); next; next = next_writer(w)) resume(w, next);
    for (int i = 0; i < WRITERS_N; i++) {
        if (w->writers[i].state == WRITER_DONE) continue;
        wrong(w, "a lock is never given back");
        while (w->writers[i].state != WRITER_DONE) resume(w, &w->writers[i]);
    }
}
