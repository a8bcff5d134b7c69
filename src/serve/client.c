#include "serve/client.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/format.h"
#include "serve/load.h"
#include "serve/prepare.h"
#include "serve/show.h"
#include "serve/split.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { EVENTS_MAX = 16, NS_PER_MS = 1000000 };

struct hl_client {
    hl__loaded *loaded;            /* the one model that is kept; NULL: none */
    hl_package *package;           /* the same file's */
    char asked[HL_MODEL_PATH_MAX]; /* what it was asked for as */
    atomic_bool cancelled;         /* set by hl_client_cancel, cleared when a request begins */
};

hl_status hl_client_open(hl_client **ret, hl_error *err) {
    hl_client *c = hl_calloc(1, sizeof *c);
    if (!c) return hl_fail(err, HL_ENOMEM, "client", "no memory");
    atomic_init(&c->cancelled, false);
    *ret = c;
    return HL_OK;
}

void hl_client_close(hl_client *c) {
    if (!c) return;
    hl__loaded_close(c->loaded);
    hl_package_drop(c->package);
    hl_free(c);
}

void hl_client_cancel(hl_client *c) {
    atomic_store(&c->cancelled, true);
}

/* -- the loaded model -------------------------------------------------------------------------- */

static void unload(hl_client *c) {
    hl__loaded_close(c->loaded);
    hl_package_drop(c->package);
    c->loaded = NULL;
    c->package = NULL;
}

/* Makes c->loaded the model of this name, as far as its metadata.  The same name again is not
 * looked up again: it costs system calls, and thousands of short texts may come. */
static hl_status find(hl_client *c, hl_str model, hl_error *err) {
    char path[HL_MODEL_PATH_MAX], name[HL_MODEL_NAME_MAX];
    if (c->loaded && c->package && hl_str_is(model, c->asked)) return HL_OK;
    HL_TRY(hl_model_resolve(model, path, err));
    HL_ASSERT(model.len < sizeof c->asked);
    memcpy(c->asked, model.ptr, model.len);
    c->asked[model.len] = '\0';
    if (c->loaded && c->package && strcmp(c->loaded->path, path) == 0) return HL_OK;
    unload(c);
    hl_model_display(model, name, sizeof name);
    HL_TRY(hl__loaded_open(path, name, &c->loaded, err));
    return hl_package_open(path, name, &c->package, err);
}

/* What a generation needs; after a failure nothing half-made stays. */
static hl_status load(hl_client *c, hl_str model, const hl_options *o, bool raw, hl_error *err) {
    HL_TRY(find(c, model, err));
    hl_status st = raw ? HL_OK : hl_package_check_template(c->package, err);
    if (st >= 0) st = hl__loaded_need_engine(c->loaded, o, err);
    if (st < 0) unload(c);
    return st;
}

hl_status hl_client_load(hl_client *c, hl_str model, const hl_options *o, uint64_t *ret_load_ns,
                         hl_error *err) {
    uint64_t started = hl_clock_ns();
    HL_TRY(load(c, model, o, false, err));
    if (ret_load_ns) *ret_load_ns = hl_clock_ns() - started;
    return HL_OK;
}

/* -- a request --------------------------------------------------------------------------------- */

/* One running generation. */
typedef struct run {
    hl_client *client;
    hl_engine *engine;
    const char *req_id; /* for the log */
    const hl_prepared *prepared;
    const hl_grammar *grammar; /* NULL: any text */
    hl__split split;
    hl_client_event_fn *on_event;
    void *arg;
    uint64_t started_ns, loaded_ns;
    bool done, cancel_sent;
} run;

enum { SEQ = 1 };

static void want_cancel(run *r) {
    if (r->cancel_sent) return;
    r->cancel_sent = true;
    r->engine->ops->cancel(r->engine, SEQ);
}

static void tell(void *arg, const hl_event *ev) {
    run *r = arg;
    if (!r->on_event(r->arg, ev) && !r->done) want_cancel(r);
}

static void log_end(const char *req_id, const hl_usage *u) {
    hl_log(HL_LOG_INFO, req_id,
           "msg=\"request finished\" prompt_tokens=%u cached_tokens=%u tokens=%u load_ns=%llu "
           "prompt_ns=%llu generate_ns=%llu total_ns=%llu",
           u->prompt_tokens, u->cached_tokens, u->generated_tokens, (unsigned long long)u->load_ns,
           (unsigned long long)u->prompt_ns, (unsigned long long)u->generate_ns,
           (unsigned long long)u->total_ns);
}

/* What was held back must come before the end. */
static void take_end(run *r, const hl_event *ev) {
    hl__split_finish(&r->split, ev->seq);
    hl_event end = *ev;
    end.usage.load_ns = r->loaded_ns - r->started_ns;
    end.usage.total_ns = hl_clock_ns() - r->started_ns;
    r->done = true;
    if (ev->kind == HL_EVENT_FINISHED) log_end(r->req_id, &end.usage);
    tell(r, &end);
}

static hl_status take_event(run *r, const hl_event *ev, hl_error *err) {
    HL_ASSERT(ev->seq == SEQ && !r->done);
    if (ev->kind == HL_EVENT_TEXT) {
        hl__split_text(&r->split, ev);
        return hl_buf_status(&r->split.answer, "the answer", err);
    }
    take_end(r, ev);
    if (ev->kind == HL_EVENT_FINISHED) return HL_OK;
    if (err) *err = ev->error;
    HL_ASSERT(ev->error.status < 0);
    return ev->error.status;
}

/* Until the engine has something to do again. */
static void wait_for(hl_engine *e, uint64_t now_ns) {
    int fd = -1;
    uint64_t at = e->ops->wake_at(e, &fd);
    uint64_t ns = at > now_ns ? at - now_ns : 0;
    int ms = ns > 50 * NS_PER_MS ? 50 : (int)(ns / NS_PER_MS); /* short: cancel is a flag */
    struct pollfd p = {.fd = fd, .events = POLLIN};
    poll(&p, fd >= 0 ? 1 : 0, ms);
}

static hl_status run_steps(run *r, hl_error *err) {
    hl_event events[EVENTS_MAX];
    while (!r->done) {
        if (atomic_load(&r->client->cancelled)) want_cancel(r);
        size_t n = 0;
        uint64_t now_ns = hl_clock_ns();
        hl_status st = r->engine->ops->step(r->engine, now_ns, events, EVENTS_MAX, &n, err);
        if (st < 0) return st;
        HL_ASSERT(n <= EVENTS_MAX);
        for (size_t i = 0; i < n && !r->done; i++) HL_TRY(take_event(r, &events[i], err));
        if (st == HL_AGAIN && n == 0) wait_for(r->engine, now_ns);
    }
    return HL_OK;
}

/* After a failure in between the engine still has the sequence: it goes with the engine. */
static hl_status run_request(run *r, const hl_request *req, hl_error *err) {
    hl_client *c = r->client;
    hl__split_init(&r->split, r->prepared, c->loaded->tokenizer, tell, r);
    hl_request ready = *req;
    ready.tokens = r->prepared->tokens.ids;
    ready.n_tokens = r->prepared->tokens.n;
    ready.grammar = r->grammar;
    ready.grammar_vocab = r->grammar ? c->loaded->vocab : NULL;
    ready.options.num_ctx = (int32_t)c->loaded->shape.ctx; /* what was asked may not be possible */
    hl_status st = r->engine->ops->submit(r->engine, SEQ, &ready, hl_clock_ns(), err);
    if (st >= 0) {
        st = run_steps(r, err);
        if (!r->done) unload(c);
    }
    hl__split_deinit(&r->split);
    return st;
}

static hl_status check_request(const hl_request *req, hl_error *err) {
    if (req->kind != HL_REQUEST_GENERATE)
        return hl_fail(err, HL_EUNSUPPORTED, "client", "embeddings are not supported yet");
    return HL_OK;
}

hl_status hl_client_generate(hl_client *c, const hl_request *req, hl_client_event_fn *on_event,
                             void *arg, hl_error *err) {
    HL_ASSERT(c && on_event);
    run r = {.client = c,
             .req_id = req->id,
             .on_event = on_event,
             .arg = arg,
             .started_ns = hl_clock_ns()};
    atomic_store(&c->cancelled, false);
    HL_TRY(check_request(req, err));
    HL_TRY(load(c, req->model, &req->options, req->raw, err));
    r.loaded_ns = hl_clock_ns();
    r.engine = c->loaded->engine;
    HL_ASSERT(r.engine && c->loaded->tokenizer);

    hl_prepare_model m = {.package = c->package,
                          .tokenizer = c->loaded->tokenizer,
                          .ctx = c->loaded->shape.ctx};
    hl_prepared prepared;
    HL_TRY(hl_prepare(&m, req, hl_client_now_s(), &prepared, err));
    if (prepared.n_dropped > 0)
        hl_log(HL_LOG_INFO, req->id, "msg=\"old messages left out\" n=%zu", prepared.n_dropped);
    r.prepared = &prepared;
    HL_ASSERT(prepared.tokens.n > 0 && prepared.tokens.n < m.ctx);
    hl_grammar *grammar = NULL;
    hl_status st = hl__format_compile(c->loaded, req, &prepared, &grammar, err);
    r.grammar = grammar;
    if (st >= 0) st = run_request(&r, req, err);
    hl_grammar_destroy(grammar);
    hl_prepared_deinit(&prepared);
    return st;
}

/* -- looking at a model ------------------------------------------------------------------------ */

hl_status hl_client_show(hl_client *c, hl_str model, bool verbose, hl_model_info *ret,
                         hl_error *err) {
    HL_TRY(find(c, model, err));
    return hl__show(c->loaded, verbose, ret, err);
}

hl_status hl_client_tokenize(hl_client *c, hl_str model, hl_str text, bool parse_special,
                             uint32_t **ret_ids, size_t *ret_n, hl_error *err) {
    HL_TRY(find(c, model, err));
    HL_TRY(hl__loaded_need_tokenizer(c->loaded, err));
    hl_tokens tokens = {0};
    unsigned flags = parse_special ? HL_ENCODE_PARSE_SPECIAL : 0;
    hl_status st = hl_tokenizer_encode(c->loaded->tokenizer, text, flags, &tokens, err);
    if (st < 0) {
        hl_tokens_deinit(&tokens);
        return st;
    }
    *ret_ids = tokens.ids;
    *ret_n = tokens.n;
    return HL_OK;
}

static hl_status render_own(hl_client *c, hl_str model, struct json_object *variables,
                            int64_t now_s, hl_buf *ret, hl_error *err) {
    HL_TRY(find(c, model, err));
    HL_TRY(hl_package_check_template(c->package, err));
    if (!c->package->chat)
        return hl_fail(err, HL_EUNSUPPORTED, "client", "%s has no chat template", c->loaded->path);
    HL_TRY(hl__loaded_need_tokenizer(c->loaded, err));
    HL_TRY(hl_prepare_defaults(c->loaded->tokenizer, variables, err));
    hl_status st = hl_template_render(c->package->chat, variables, now_s, ret, err);
    if (st == HL_EINVAL) hl_error_prefix(err, "the chat template of %s", c->loaded->name);
    return st;
}

hl_status hl_client_render(hl_client *c, hl_str model, hl_str template_text,
                           struct json_object *variables, int64_t now_s, hl_buf *ret,
                           hl_error *err) {
    HL_ASSERT(json_object_is_type(variables, json_type_object));
    if (!json_object_object_get_ex(variables, "documents", NULL) &&
        json_object_object_add(variables, "documents", NULL) != 0)
        return hl_fail(err, HL_ENOMEM, "client", "no memory for the variables");
    if (template_text.len == 0) return render_own(c, model, variables, now_s, ret, err);
    hl_template *t;
    char name[HL_MODEL_PATH_MAX];
    hl_str shown = model.len > 0 ? model : HL_STR("template");
    snprintf(name, sizeof name, "%.*s", HL_STR_ARG(hl_str_slice(shown, 0, sizeof name - 1)));
    HL_TRY(hl_template_parse(name, template_text, &t, err));
    hl_status st = hl_template_render(t, variables, now_s, ret, err);
    hl_template_destroy(t);
    return st;
}

int64_t hl_client_now_s(void) {
    time_t utc = (time_t)(hl_clock_wall_ns() / 1000000000);
    struct tm local = {0};
    if (!localtime_r(&utc, &local)) return utc;
    return utc + local.tm_gmtoff;
}
