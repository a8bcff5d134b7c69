#include "serve/client.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/load.h"
#include "serve/prepare.h"
#include "serve/show.h"

#include <poll.h>
#include <stdatomic.h>
#include <time.h>

enum { EVENTS_MAX = 16, NS_PER_MS = 1000000, MODEL_BYTES_MAX = HL_MODEL_PATH_MAX };

struct hl_client {
    hl__loaded *loaded;    /* the one model that is kept; NULL: none */
    atomic_bool cancelled; /* set by hl_client_cancel, cleared when a request begins */
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
    hl_free(c);
}

void hl_client_cancel(hl_client *c) {
    atomic_store(&c->cancelled, true);
}

/* -- the loaded model -------------------------------------------------------------------------- */

static void unload(hl_client *c) {
    hl__loaded_close(c->loaded);
    c->loaded = NULL;
}

/* Makes c->loaded the model of this name, as far as its metadata. */
static hl_status find(hl_client *c, hl_str model, hl_error *err) {
    char path[HL_MODEL_PATH_MAX], name[HL_MODEL_NAME_MAX];
    HL_TRY(hl_model_resolve(model, path, err));
    if (c->loaded && strcmp(c->loaded->path, path) == 0) return HL_OK;
    unload(c);
    hl_model_display(model, name, sizeof name);
    return hl__loaded_open(path, name, &c->loaded, err);
}

/* What a generation needs; after a failure nothing half-made stays. */
static hl_status load(hl_client *c, hl_str model, const hl_options *o, bool raw, hl_error *err) {
    HL_TRY(find(c, model, err));
    hl_status st = raw ? HL_OK : hl__loaded_need_template(c->loaded, err);
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
    const hl_prepared *prepared;
    hl_thinking thinking;
    hl_token tags[2]; /* control tokens that open and close reasoning; HL_TOKEN_NONE: texts do */
    hl_buf reasoning, answer;
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

static void tell(run *r, const hl_event *ev) {
    if (!r->on_event(r->arg, ev) && !r->done) want_cancel(r);
}

/* Passes on a text event as one of reasoning and one of answer; tokens go with the first. */
static void tell_texts(run *r, const hl_event *ev) {
    hl_event part = *ev;
    if (r->reasoning.len > 0) {
        part.channel = HL_CHANNEL_THINKING;
        part.text = hl_buf_str(&r->reasoning);
        tell(r, &part);
        part.tokens = NULL;
        part.n_tokens = 0;
        part.logprobs = NULL;
    }
    if (r->answer.len > 0 || part.n_tokens > 0) {
        part.channel = HL_CHANNEL_ANSWER;
        part.text = hl_buf_str(&r->answer);
        tell(r, &part);
    }
    hl_buf_reset(&r->reasoning);
    hl_buf_reset(&r->answer);
}

static void take_text(run *r, const hl_event *ev) {
    for (size_t i = 0; i < ev->n_tokens; i++)
        for (size_t k = 0; k < 2; k++)
            if (ev->tokens[i] == r->tags[k]) hl_thinking_mark(&r->thinking, k == 0, &r->reasoning);
    hl_thinking_push(&r->thinking, ev->text, &r->reasoning, &r->answer);
    tell_texts(r, ev);
}

/* What was held back must come before the end. */
static void take_end(run *r, const hl_event *ev) {
    hl_event rest = {.kind = HL_EVENT_TEXT, .seq = ev->seq};
    hl_thinking_finish(&r->thinking, &r->reasoning, &r->answer);
    if (r->reasoning.len > 0 || r->answer.len > 0) tell_texts(r, &rest);
    hl_event end = *ev;
    end.usage.load_ns = r->loaded_ns - r->started_ns;
    end.usage.total_ns = hl_clock_ns() - r->started_ns;
    r->done = true;
    tell(r, &end);
}

static hl_status take_event(run *r, const hl_event *ev, hl_error *err) {
    HL_ASSERT(ev->seq == SEQ && !r->done);
    if (ev->kind == HL_EVENT_TEXT) {
        take_text(r, ev);
        if (r->answer.failed < 0) return hl_buf_status(&r->answer, "the answer", err);
        return HL_OK;
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

/* A tag that is a control token leaves no text, so that its id must be watched. */
static hl_token control_token(const hl_tokenizer *t, hl_str tag) {
    hl_token id = hl_tokenizer_find(t, tag);
    bool hidden = id != HL_TOKEN_NONE && hl_tokenizer_kind(t, id) == HL_TOKEN_CONTROL;
    return hidden ? id : HL_TOKEN_NONE;
}

static void run_init(run *r, const hl_tokenizer *t) {
    const hl_thinking_tags *tags = r->prepared->tags;
    r->tags[0] = tags ? control_token(t, tags->open) : HL_TOKEN_NONE;
    r->tags[1] = tags ? control_token(t, tags->close) : HL_TOKEN_NONE;
    hl_thinking_init(&r->thinking, tags, r->prepared->thinking_open);
    hl_buf_init(&r->reasoning, 0);
    hl_buf_init(&r->answer, 0);
}

/* After a failure in between the engine still has the sequence: it goes with the engine. */
static hl_status run_request(run *r, const hl_request *req, hl_error *err) {
    hl_client *c = r->client;
    run_init(r, c->loaded->tokenizer);
    hl_request ready = *req;
    ready.tokens = r->prepared->tokens.ids;
    ready.n_tokens = r->prepared->tokens.n;
    hl_status st = r->engine->ops->submit(r->engine, SEQ, &ready, hl_clock_ns(), err);
    if (st >= 0) {
        st = run_steps(r, err);
        if (!r->done) unload(c);
    }
    hl_thinking_deinit(&r->thinking);
    hl_buf_deinit(&r->reasoning);
    hl_buf_deinit(&r->answer);
    return st;
}

static hl_status check_request(const hl_request *req, hl_error *err) {
    if (req->kind != HL_REQUEST_GENERATE)
        return hl_fail(err, HL_EUNSUPPORTED, "client", "embeddings are not supported yet");
    if (req->format != HL_FORMAT_TEXT)
        return hl_fail(err, HL_EUNSUPPORTED, "client",
                       "structured output (format) is not supported yet");
    return HL_OK;
}

hl_status hl_client_generate(hl_client *c, const hl_request *req, hl_client_event_fn *on_event,
                             void *arg, hl_error *err) {
    HL_ASSERT(c && on_event);
    run r = {.client = c, .on_event = on_event, .arg = arg, .started_ns = hl_clock_ns()};
    atomic_store(&c->cancelled, false);
    HL_TRY(check_request(req, err));
    HL_TRY(load(c, req->model, &req->options, req->raw, err));
    r.loaded_ns = hl_clock_ns();
    r.engine = c->loaded->engine;
    HL_ASSERT(r.engine && c->loaded->tokenizer);

    hl_prepare_model m = {.name = c->loaded->name,
                          .chat = c->loaded->chat,
                          .tokenizer = c->loaded->tokenizer,
                          .tags = c->loaded->tags,
                          .ctx = c->loaded->shape.ctx};
    hl_prepared prepared;
    HL_TRY(hl_prepare(&m, req, hl_client_now_s(), &prepared, err));
    if (prepared.n_dropped > 0)
        hl_log(HL_LOG_INFO, req->id, "msg=\"old messages left out\" n=%zu", prepared.n_dropped);
    r.prepared = &prepared;
    HL_ASSERT(prepared.tokens.n > 0 && prepared.tokens.n < m.ctx);
    hl_status st = run_request(&r, req, err);
    hl_prepared_deinit(&prepared);
    return st;
}

/* -- looking at a model ------------------------------------------------------------------------ */

hl_status hl_client_show(hl_client *c, hl_str model, hl_model_info *ret, hl_error *err) {
    HL_TRY(find(c, model, err));
    return hl__show(c->loaded, ret, err);
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
    HL_TRY(hl__loaded_need_template(c->loaded, err));
    if (!c->loaded->chat)
        return hl_fail(err, HL_EUNSUPPORTED, "client", "%s has no chat template", c->loaded->path);
    HL_TRY(hl__loaded_need_tokenizer(c->loaded, err));
    HL_TRY(hl_prepare_defaults(c->loaded->tokenizer, variables, err));
    return hl_template_render(c->loaded->chat, variables, now_s, ret, err);
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
    HL_TRY(hl_template_parse("template", template_text, &t, err));
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
