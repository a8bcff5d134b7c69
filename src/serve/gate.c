#include "serve/gate.h"

#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <string.h>

static const double NS_PER_MINUTE = 60e9;

/* A good key, and what it has asked. */
typedef struct holder {
    hl_key key;
    double allowance; /* requests that it may send now: a bucket of one minute's worth */
    uint64_t filled_ns;
    uint32_t inside;
} holder;

struct hl_gate {
    char *path;
    hl_keys *keys; /* NULL: no file yet */
    int64_t version;
    hl_key_limits limits;
    hl_gate_wants wants;
    holder *holders; /* [n], of those that are good */
    size_t n;
    pthread_mutex_t lock;
};

/* -- what the file says ------------------------------------------------------------------------ */

static holder *find_id(const hl_gate *g, int64_t id) {
    for (size_t i = 0; i < g->n; i++)
        if (g->holders[i].key.id == id) return &g->holders[i];
    return NULL;
}

static void add_holder(const hl_gate *g, const hl_key *key, holder *ret) {
    const holder *known = find_id(g, key->id);
    if (known) *ret = *known;
    ret->key = *key;
    if (key->limits.per_minute == 0) ret->key.limits.per_minute = g->limits.per_minute;
    if (key->limits.at_once == 0) ret->key.limits.at_once = g->limits.at_once;
    if (!known) ret->allowance = ret->key.limits.per_minute;
}

static hl_status reload(hl_gate *g, hl_error *err) {
    hl_key *keys;
    size_t n, good = 0;
    HL_TRY(hl_keys_list(g->keys, &keys, &n, err));
    holder *holders = hl_calloc(n + 1, sizeof *holders);
    if (!holders) {
        hl_free(keys);
        return hl_fail(err, HL_ENOMEM, "keys", "no memory");
    }
    for (size_t i = 0; i < n; i++)
        if (keys[i].revoked_s == 0) add_holder(g, &keys[i], &holders[good++]);
    hl_free(keys);
    hl_free(g->holders);
    g->holders = holders;
    g->n = good;
    return HL_OK;
}

/* With the lock. */
static hl_status refresh(hl_gate *g, hl_error *err) {
    int64_t version = 0;
    bool fresh = !g->keys;
    if (fresh) HL_TRY(hl_keys_open(g->path, false, &g->keys, err));
    if (!g->keys) return HL_OK;
    HL_TRY(hl_keys_version(g->keys, &version, err));
    if (!fresh && version == g->version) return HL_OK;
    HL_TRY(reload(g, err));
    g->version = version;
    return HL_OK;
}

hl_status hl_gate_open(const char *path, hl_gate_wants wants, hl_key_limits limits, hl_gate **ret,
                       hl_error *err) {
    hl_gate *g = hl_calloc(1, sizeof *g);
    if (!g) return hl_fail(err, HL_ENOMEM, "keys", "no memory");
    g->wants = wants;
    g->limits = limits;
    pthread_mutex_init(&g->lock, NULL);
    g->path = hl_strdup(path);
    hl_status st = g->path ? HL_OK : hl_fail(err, HL_ENOMEM, "keys", "no memory");
    if (st >= 0) st = refresh(g, err);
    if (st < 0)
        hl_gate_close(g);
    else
        *ret = g;
    return st;
}

void hl_gate_close(hl_gate *g) {
    if (!g) return;
    hl_keys_close(g->keys);
    pthread_mutex_destroy(&g->lock);
    hl_free(g->holders);
    hl_free(g->path);
    hl_free(g);
}

bool hl_gate_has_keys(hl_gate *g) {
    pthread_mutex_lock(&g->lock);
    bool has = refresh(g, NULL) >= 0 && g->n > 0;
    pthread_mutex_unlock(&g->lock);
    return has;
}

/* -- coming and going -------------------------------------------------------------------------- */

static holder *find_hash(const hl_gate *g, hl_str key) {
    uint8_t hash[HL_SHA256_BYTES];
    if (!hl_key_hash(key, hash)) return NULL;
    for (size_t i = 0; i < g->n; i++)
        if (memcmp(g->holders[i].key.hash, hash, sizeof hash) == 0) return &g->holders[i];
    return NULL;
}

/* Whole seconds until the bucket has one again. */
static uint32_t seconds_until_one(const holder *h) {
    double missing = 1 - h->allowance;
    double seconds = missing * 60 / h->key.limits.per_minute;
    return seconds < 1 ? 1 : (uint32_t)seconds + 1;
}

static bool may_now(holder *h, uint64_t now_ns) {
    double most = h->key.limits.per_minute;
    if (most <= 0) return true;
    if (h->filled_ns && now_ns > h->filled_ns)
        h->allowance += (double)(now_ns - h->filled_ns) / NS_PER_MINUTE * most;
    if (h->allowance > most) h->allowance = most;
    h->filled_ns = now_ns;
    if (h->allowance < 1) return false;
    h->allowance -= 1;
    return true;
}

static hl_gate_answer enter(hl_gate *g, hl_str key, uint64_t now_ns, hl_gate_pass *ret) {
    hl_error err;
    if (refresh(g, &err) < 0) {
        hl_log(HL_LOG_ERROR, NULL, "msg=\"keys cannot be read\" error=\"%s\"", err.text);
        return HL_GATE_BROKEN;
    }
    if (g->wants == HL_GATE_IF_ANY && g->n == 0) return HL_GATE_OPEN;
    if (key.len == 0) return HL_GATE_NO_KEY;
    holder *h = find_hash(g, key);
    if (!h) return HL_GATE_BAD_KEY;
    if (h->key.limits.at_once > 0 && h->inside >= h->key.limits.at_once) {
        ret->retry_s = 1;
        return HL_GATE_TOO_MANY;
    }
    if (!may_now(h, now_ns)) {
        ret->retry_s = seconds_until_one(h);
        return HL_GATE_TOO_FAST;
    }
    h->inside++;
    ret->key_id = h->key.id;
    return HL_GATE_OPEN;
}

hl_gate_answer hl_gate_enter(hl_gate *g, hl_str key, uint64_t now_ns, hl_gate_pass *ret) {
    *ret = (hl_gate_pass){0};
    if (g->wants == HL_GATE_NEVER) return HL_GATE_OPEN;
    pthread_mutex_lock(&g->lock);
    hl_gate_answer answer = enter(g, key, now_ns, ret);
    pthread_mutex_unlock(&g->lock);
    HL_ASSERT(answer == HL_GATE_OPEN || ret->key_id == 0);
    return answer;
}

void hl_gate_leave(hl_gate *g, int64_t key_id) {
    if (key_id == 0) return;
    pthread_mutex_lock(&g->lock);
    holder *h = find_id(g, key_id); /* may have been revoked meanwhile */
    if (h && h->inside > 0) h->inside--;
    pthread_mutex_unlock(&g->lock);
}
