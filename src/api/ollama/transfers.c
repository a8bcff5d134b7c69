#include "api/ollama/transfers.h"

#include "base/mem.h"
#include "base/thread.h"
#include "store/registry.h"

typedef enum slot_state { FREE, RUNNING, OVER } slot_state;

typedef struct slot {
    hl__transfers *owner;
    hl_thread thread;
    slot_state state; /* under the lock */
    atomic_bool cancelled;
    hl__change *change;
    hl__transfer_fn *fn;
} slot;

struct hl__transfers {
    pthread_mutex_t lock;
    slot slots[HL__TRANSFERS_MAX];
};

hl_status hl__transfers_open(hl__transfers **ret, hl_error *err) {
    hl__transfers *t = hl_calloc(1, sizeof *t);
    if (!t) return hl_fail(err, HL_ENOMEM, "api", "no memory");
    pthread_mutex_init(&t->lock, NULL);
    for (size_t i = 0; i < HL__TRANSFERS_MAX; i++) t->slots[i].owner = t;
    *ret = t;
    return HL_OK;
}

static slot_state state_of(slot *s) {
    pthread_mutex_lock(&s->owner->lock);
    slot_state state = s->state;
    pthread_mutex_unlock(&s->owner->lock);
    return state;
}

static void set_state(slot *s, slot_state state) {
    pthread_mutex_lock(&s->owner->lock);
    s->state = state;
    pthread_mutex_unlock(&s->owner->lock);
}

void hl__transfers_cancel(hl__transfers *t) {
    for (size_t i = 0; i < HL__TRANSFERS_MAX; i++) atomic_store(&t->slots[i].cancelled, true);
}

void hl__transfers_close(hl__transfers *t) {
    if (!t) return;
    hl__transfers_cancel(t);
    for (size_t i = 0; i < HL__TRANSFERS_MAX; i++)
        if (state_of(&t->slots[i]) != FREE) hl_thread_join(&t->slots[i].thread);
    pthread_mutex_destroy(&t->lock);
    hl_free(t);
}

static void run(void *arg) {
    slot *s = arg;
    s->fn(s->change, &s->cancelled);
    set_state(s, OVER);
}

static void cancel(void *arg) {
    slot *s = arg;
    atomic_store(&s->cancelled, true);
}

static slot *find_slot(hl__transfers *t) {
    for (size_t i = 0; i < HL__TRANSFERS_MAX; i++) {
        slot *s = &t->slots[i];
        slot_state state = state_of(s);
        if (state == OVER) hl_thread_join(&s->thread);
        if (state == RUNNING) continue;
        s->state = FREE;
        return s;
    }
    return NULL;
}

void hl__transfers_start(hl__transfers *t, hl__change *c, hl__transfer_fn *fn) {
    hl_error err = {0};
    slot *s = find_slot(t);
    if (!s) {
        (void)hl_fail(&err, HL_EBUSY, "api",
                      "server busy, please try again.  %d transfers of models run",
                      HL__TRANSFERS_MAX);
        hl__change_fail(c, &err);
        return;
    }
    s->change = c;
    s->fn = fn;
    s->state = RUNNING;
    atomic_store(&s->cancelled, false);
    hl_http_on_leave(c->visit.x, cancel, s);
    if (hl_thread_start(&s->thread, run, s, &err) >= 0) return;
    set_state(s, FREE);
    hl__change_fail(c, &err);
}

/* -- reading ----------------------------------------------------------------------------------- */

static hl_status read_ask(const hl__change *c, hl_registry_ask *ret, hl_error *err) {
    HL_TRY(hl__change_read_model(c, &ret->model, err));
    return hl__field_bool(&c->body, "insecure", &ret->insecure, err);
}

static void report(void *arg, const hl_create_progress *p) {
    hl__change_say(arg, p);
}

hl_status hl__transfer_ask(hl__change *c, const atomic_bool *cancelled, hl_registry_ask *ret,
                           hl_error *err) {
    *ret = (hl_registry_ask){.cancelled = cancelled, .report = report, .arg = c};
    return read_ask(c, ret, err);
}

void hl__transfers_handle(hl__visit *v, const char *type, bool name_required, hl__transfer_fn *fn) {
    hl_error err = {0};
    hl_registry_ask ask = {0};
    hl__change *c = hl__change_make(v, type);
    if (!c) return;
    hl_status st = hl__field_bool(&c->body, "stream", &c->stream, &err);
    if (st >= 0) st = read_ask(c, &ask, &err);
    if (st >= 0 && name_required && ask.model.len == 0)
        st = hl_fail(&err, HL_EINVAL, "api", "model is required");
    bool file = !name_required && hl_registry_is_file(ask.model);
    if (st >= 0 && file) st = hl_registry_check(ask.model, ask.insecure, &c->name, &err);
    if (st >= 0 && !file) st = hl_name_parse(ask.model, &c->name, &err);
    if (st < 0)
        hl__change_fail(c, &err);
    else
        hl__transfers_start(v->api->transfers, c, fn);
}
