/* From the events of a call's jobs to its answer. */
#include "api/call.h"
#include "api/logprobs.h"

#include <stdio.h>

/* -- for voices -------------------------------------------------------------------------------- */

const char *hl__finish_text(hl_finish finish) {
    return finish == HL_FINISH_LENGTH ? "length" : "stop";
}

hl_usage hl__call_usage(const hl__call *c) {
    hl_usage u = c->choices[0].usage;
    for (uint32_t i = 1; i < c->n_choices; i++) {
        const hl_usage *more = &c->choices[i].usage;
        u.generated_tokens += more->generated_tokens;
        if (c->n_each == 0 || i % c->n_each > 0) continue;
        u.prompt_tokens += more->prompt_tokens;
        u.cached_tokens += more->cached_tokens;
    }
    return u;
}

void hl__call_id(hl__call *c, const char *prefix, size_t n, char ret[HL__ID_MAX]) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = (size_t)snprintf(ret, HL__ID_MAX, "%s", prefix);
    HL_ASSERT(len + n < HL__ID_MAX);
    for (size_t i = 0; i < n; i++) ret[len++] = letters[hl_rng_below(&c->ids, sizeof letters - 1)];
    ret[len] = '\0';
}

/* -- the stream -------------------------------------------------------------------------------- */

static void cancel_all(hl__call *c) {
    for (uint32_t i = 0; i < c->n_choices; i++)
        hl_hub_cancel(c->visit.api->hub, &c->choices[i].job);
}

static void begin_stream(hl__call *c, hl_buf *out) {
    if (c->begun) return;
    c->begun = true;
    hl_http_begin(c->visit.x, 200, c->voice->stream_type);
    if (c->voice->begin) c->voice->begin(c, out);
}

/* Whether somebody reads it; without memory for it, nobody does. */
static bool send(hl__call *c, hl_buf *out) {
    if (!c->deaf && (out->failed < 0 || out->len > 0))
        c->deaf = out->failed < 0 || !hl_http_write(c->visit.x, hl_buf_str(out));
    hl_buf_deinit(out);
    return !c->deaf;
}

static void send_piece(hl__choice *ch, const hl_event *ev) {
    hl__call *c = ch->call;
    hl_buf out;
    if (ev->text.len == 0 || c->deaf) return;
    hl_buf_init(&out, 0);
    begin_stream(c, &out);
    c->voice->piece(ch, ev->channel, ev->text, &out);
    hl_buf_reset(&ch->logprobs);
    ch->n_pieces++;
    if (!send(c, &out)) cancel_all(c);
}

/* -- events ------------------------------------------------------------------------------------ */

static void fail_choice(hl__choice *ch, const hl_error *why) {
    ch->failed = true;
    ch->error = *why;
    cancel_all(ch->call);
}

static void take_text(hl__choice *ch, const hl_event *ev) {
    hl__call *c = ch->call;
    hl_error err;
    HL_ASSERT(!ch->done && ev->n_tokens <= UINT32_MAX);
    ch->n_tokens += (uint32_t)ev->n_tokens;
    if (ev->channel == HL_CHANNEL_THINKING) ch->n_thinking = ch->n_tokens;
    for (size_t i = 0; c->keep_tokens && i < ev->n_tokens; i++)
        if (hl_tokens_push(&ch->tokens, ev->tokens[i], &err) < 0) {
            fail_choice(ch, &err);
            break;
        }
    if (c->voice->take_logprobs)
        c->voice->take_logprobs(ch, ev);
    else
        hl__logprobs_append(ch->job.tokenizer, ev, &ch->logprobs);
    if (c->stream)
        send_piece(ch, ev);
    else
        hl_buf_append_str(ev->channel == HL_CHANNEL_THINKING ? &ch->thinking : &ch->answer,
                          ev->text);
}

/* Ollama's, by the language of the template. */
static void make_call_id(hl__call *c, char ret[HL__ID_MAX]) {
    bool go = c->package->go != NULL;
    hl__call_id(c, go ? "call_" : "", go ? 8 : 32, ret);
}

static hl__tool_call *add_call(hl__choice *ch) {
    hl_arena *arena = ch->call->arena;
    if (ch->n_calls == ch->calls_cap) {
        size_t cap = ch->calls_cap ? 2 * ch->calls_cap : 4;
        hl__tool_call *larger = HL_ARENA_ARRAY(arena, cap, hl__tool_call);
        if (!larger) return NULL;
        if (ch->n_calls > 0) memcpy(larger, ch->calls, ch->n_calls * sizeof *larger);
        ch->calls = larger;
        ch->calls_cap = cap;
    }
    return &ch->calls[ch->n_calls];
}

/* The same JSON without the white space that a model may write: answers are lines. */
static hl_str compact(hl_arena *arena, hl_str json) {
    char *to = hl_arena_alloc(arena, json.len + 1);
    bool inside = false;
    size_t n = 0;
    for (size_t i = 0; to && i < json.len; i++) {
        char ch = json.ptr[i];
        if (!inside && (ch == ' ' || ch == '\n' || ch == '\r' || ch == '\t')) continue;
        if (ch == '"') inside = !inside;
        to[n++] = ch;
        if (inside && ch == '\\' && i + 1 < json.len) to[n++] = json.ptr[++i];
    }
    return (hl_str){to, n};
}

static void take_tool_call(hl__choice *ch, const hl_event *ev) {
    hl__call *c = ch->call;
    if (c->one_call && ch->n_calls > 0) return;
    hl__tool_call *call = add_call(ch);
    if (call) {
        make_call_id(c, call->id);
        call->name = hl_arena_str(c->arena, ev->call.name);
        call->arguments = compact(c->arena, ev->call.arguments);
    }
    if (!call || !call->name.ptr || !call->arguments.ptr) {
        hl_error err;
        (void)hl_fail(&err, HL_ENOMEM, "api", "no memory for a tool call");
        fail_choice(ch, &err);
        return;
    }
    ch->n_calls++;
    if (c->one_call) hl_hub_cancel(c->visit.api->hub, &ch->job);
    if (!c->stream || !c->voice->tool_call || c->deaf) return;
    hl_buf out;
    hl_buf_init(&out, 0);
    begin_stream(c, &out);
    c->voice->tool_call(ch, call, &out);
    ch->n_pieces++;
    if (!send(c, &out)) cancel_all(c);
}

/* Where the first of the stop strings begins; SIZE_MAX: nowhere. */
static size_t find_stop(const hl_options *o, hl_str text) {
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < o->n_stop; i++) {
        size_t at = hl_str_find(text, o->stop[i], 0);
        if (at < first) first = at;
    }
    return first;
}

/* A stop string, which is no part of the answer, may end inside a token. */
static hl_status cut_stop(hl__choice *ch, hl_error *err) {
    const hl_tokenizer *t = ch->job.tokenizer;
    hl_buf text;
    hl_buf_init(&text, 0);
    for (size_t i = 0; i < ch->tokens.n; i++)
        hl_buf_append_str(&text, hl_tokenizer_piece(t, ch->tokens.ids[i], true));
    size_t at = find_stop(&ch->job.req.options, hl_buf_str(&text));
    hl_status st = hl_buf_status(&text, "the answer", err);
    if (st >= 0 && at != SIZE_MAX) {
        ch->tokens.n = 0;
        st = hl_tokenizer_encode(t, hl_str_slice(hl_buf_str(&text), 0, at), HL_ENCODE_PARSE_SPECIAL,
                                 &ch->tokens, err);
    }
    hl_buf_deinit(&text);
    return st;
}

/* The prompt's tokens go to the front: they are the job's only until its last callback. */
static hl_status put_prompt(hl__choice *ch, hl_error *err) {
    const hl_prepared *prepared = &ch->job.prepared;
    const hl_tokens *prompt = prepared->uncut.n > 0 ? &prepared->uncut : &prepared->tokens;
    hl_tokens all = {0};
    hl_status st = HL_OK;
    for (size_t i = 0; i < prompt->n && st >= 0; i++)
        st = hl_tokens_push(&all, prompt->ids[i], err);
    for (size_t i = 0; i < ch->tokens.n && st >= 0; i++)
        st = hl_tokens_push(&all, ch->tokens.ids[i], err);
    hl_tokens_deinit(&ch->tokens);
    ch->tokens = all;
    return st;
}

static void keep_tokens(hl__choice *ch) {
    hl_error err;
    hl_status st = ch->job.req.options.n_stop > 0 ? cut_stop(ch, &err) : HL_OK;
    if (st >= 0) st = put_prompt(ch, &err);
    if (st < 0) fail_choice(ch, &err);
}

/* Of a call that wants nothing but the prompt. */
static void take_prompt(hl__choice *ch) {
    hl_buf_append_str(&ch->answer, hl_buf_str(&ch->job.prepared.text));
    ch->usage.prompt_tokens = (uint32_t)ch->job.prepared.tokens.n;
}

/* A job is cancelled because its client has left, another choice failed, or the program ends; or
 * because the answer has all the tool calls it may have. */
static void take_end(hl__choice *ch, const hl_event *ev) {
    hl__call *c = ch->call;
    ch->done = true;
    ch->usage = ev->usage;
    ch->finish = ev->finish;
    if (ev->kind == HL_EVENT_FAILED) {
        fail_choice(ch, &ev->error);
        return;
    }
    if (ev->finish == HL_FINISH_CANCELLED && c->one_call && ch->n_calls > 0)
        ch->finish = HL_FINISH_STOP;
    if (ch->failed || ch->finish == HL_FINISH_CANCELLED) return;
    if (ch->job.has_prepared && c->render_only)
        take_prompt(ch);
    else if (ch->job.has_prepared && c->keep_tokens)
        keep_tokens(ch);
    if (!c->stream || c->load || c->render_only || !c->voice->end_choice) return;
    hl_buf out;
    hl_buf_init(&out, 0);
    begin_stream(c, &out);
    c->voice->end_choice(ch, &out);
    send(c, &out);
}

/* -- the end ----------------------------------------------------------------------------------- */

static void finish_stream(hl__call *c) {
    hl_buf out;
    HL_ASSERT(c->voice->last && c->voice->stream_type);
    hl_buf_init(&out, 0);
    begin_stream(c, &out);
    c->voice->last(c, &out);
    send(c, &out);
    hl_http_end(c->visit.x, !c->deaf);
}

static void finish_whole(hl__call *c) {
    hl_buf b;
    hl_buf_init(&b, 0);
    if (c->load)
        c->voice->short_answer(c, "load", &b);
    else if (c->render_only)
        c->voice->rendered(c, hl_buf_str(&c->choices[0].answer), &b);
    else
        c->voice->whole(c, &b);
    for (uint32_t i = 0; i < c->n_choices; i++) {
        const hl__choice *ch = &c->choices[i];
        if (ch->answer.failed < 0 || ch->thinking.failed < 0 || ch->logprobs.failed < 0)
            b.failed = HL_ENOMEM;
    }
    hl__answer_json(&c->visit, 200, &b);
    hl_buf_deinit(&b);
}

static void fail(hl__call *c, const hl_error *why) {
    hl_buf out;
    if (!c->begun) {
        hl__answer_failure(&c->visit, why);
        return;
    }
    hl_buf_init(&out, 0);
    c->voice->failed(c, hl_status_http(why->status), hl_str_from(why->text), &out);
    send(c, &out);
    hl_http_end(c->visit.x, !c->deaf);
}

static const hl__choice *failed_choice(const hl__call *c) {
    for (uint32_t i = 0; i < c->n_choices; i++)
        if (c->choices[i].failed) return &c->choices[i];
    return NULL;
}

static bool any_cancelled(const hl__call *c) {
    for (uint32_t i = 0; i < c->n_choices; i++)
        if (!c->choices[i].done || c->choices[i].finish == HL_FINISH_CANCELLED) return true;
    return false;
}

static void finish(hl__call *c) {
    const hl__choice *failed = failed_choice(c);
    hl_error stopped;
    (void)hl_fail(&stopped, HL_EBUSY, "api", "the server is shutting down");
    if (failed)
        fail(c, &failed->error);
    else if (any_cancelled(c))
        fail(c, &stopped);
    else if (c->stream && !c->load && !c->render_only)
        finish_stream(c);
    else
        finish_whole(c);
    hl__call_drop(c);
}

/* True: the choice is over. */
static bool take_event(hl__choice *ch, const hl_event *ev) {
    switch (ev->kind) {
    case HL_EVENT_TEXT: take_text(ch, ev); return false;
    case HL_EVENT_TOOL_CALL: take_tool_call(ch, ev); return false;
    case HL_EVENT_EMBEDDING: return false;
    case HL_EVENT_FINISHED:
    case HL_EVENT_FAILED: break;
    }
    HL_ASSERT(!ch->done && ch->call->n_open > 0);
    take_end(ch, ev);
    return true;
}

static void on_event(void *arg, const hl_event *ev) {
    hl__choice *ch = arg;
    hl__call *c = ch->call;
    pthread_mutex_lock(&c->lock);
    bool over = take_event(ch, ev) && --c->n_open == 0;
    pthread_mutex_unlock(&c->lock);
    if (over) finish(c);
}

/* -- the start --------------------------------------------------------------------------------- */

/* Without the lock: the exchange may be waiting for this while the lock is held. */
static void on_leave(void *arg) {
    hl__call *c = arg;
    atomic_store(&c->left, true);
    cancel_all(c);
}

static bool copy_value(struct json_object **value, struct json_object *keep) {
    struct json_object *copy = NULL;
    if (!*value) return true;
    if (json_object_deep_copy(*value, &copy, NULL) != 0) return false;
    *value = copy;
    if (json_object_array_add(keep, copy) == 0) return true;
    json_object_put(copy);
    return false;
}

static bool copy_messages(hl_request *req, hl_arena *arena, struct json_object *keep) {
    hl_message *messages = HL_ARENA_ARRAY(arena, req->n_messages + 1, hl_message);
    if (!messages) return false;
    for (size_t i = 0; i < req->n_messages; i++) {
        messages[i] = req->messages[i];
        if (!copy_value(&messages[i].tool_calls, keep)) return false;
    }
    req->messages = messages;
    return true;
}

/* Jobs are prepared at the same time, and JSON is counted without locks: each has its own. */
static bool copy_json(hl__choice *ch) {
    hl_request *req = &ch->job.req;
    ch->json = json_object_new_array();
    return ch->json && copy_value(&req->tools, ch->json) && copy_value(&req->schema, ch->json) &&
           copy_value(&req->template_vars, ch->json) &&
           copy_messages(req, ch->call->arena, ch->json);
}

/* Choices with one seed would be the same. */
static bool init_choice(hl__call *c, uint32_t i) {
    hl__choice *ch = &c->choices[i];
    ch->call = c;
    ch->index = i;
    hl_buf_init(&ch->answer, 0);
    hl_buf_init(&ch->thinking, 0);
    hl_buf_init(&ch->logprobs, 0);
    ch->job = (hl_job){.package = c->package,
                       .req = c->req,
                       .context = c->context,
                       .n_context = c->n_context,
                       .prepare_only = c->render_only,
                       .set_keep = c->set_keep,
                       .keep_ns = c->keep_ns,
                       .on_event = on_event,
                       .arg = ch};
    hl_options *o = &ch->job.req.options;
    if (o->seed >= 0) o->seed = (int32_t)(((uint32_t)o->seed + i) & INT32_MAX);
    return i == 0 || copy_json(ch);
}

/* A prompt is rendered, and its JSON copied, for each of its answers. */
static hl_status check_copies(const hl__call *c, hl_error *err) {
    enum { COPIES_BYTES_MAX = 32 << 20 };
    uint32_t n = c->n_each && !c->req.template_vars ? c->n_each : c->n_choices;
    size_t bytes_max = COPIES_BYTES_MAX / n;
    if (n == 1 || c->body_bytes <= bytes_max) return HL_OK;
    return hl_fail(err, HL_ELIMIT, "api",
                   "%u answers to a request of %zu bytes: %zu bytes would be the most", n,
                   c->body_bytes, bytes_max);
}

hl_status hl__call_create_choices(hl__call *c, hl_error *err) {
    HL_ASSERT(c->package && !c->choices && c->n_choices >= 1);
    HL_TRY(check_copies(c, err));
    c->choices = HL_ARENA_ARRAY(c->arena, c->n_choices, hl__choice);
    bool fits = c->choices != NULL;
    for (uint32_t i = 0; fits && i < c->n_choices; i++) fits = init_choice(c, i);
    return fits ? HL_OK : hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
}

/* With the lock, so that nothing ends before everything has begun.  One that finds no place ends
 * all of them. */
static void submit_all(hl__call *c) {
    hl_error err;
    for (uint32_t i = 0; i < c->n_choices && !atomic_load(&c->left); i++) {
        hl__choice *ch = &c->choices[i];
        ch->job.load_only = c->load;
        if (hl_hub_submit(c->visit.api->hub, &ch->job, &err) < 0) {
            fail_choice(ch, &err);
            return;
        }
        c->n_open++;
    }
    if (atomic_load(&c->left)) cancel_all(c);
}

/* The watch for the client begins before the jobs: an event may end the call at any moment. */
void hl__call_start(hl__call *c, bool load) {
    hl_error err;
    if (!c->choices && hl__call_create_choices(c, &err) < 0) {
        hl__call_fail(c, &err);
        return;
    }
    c->load = load;
    hl_http_on_leave(c->visit.x, on_leave, c);
    pthread_mutex_lock(&c->lock);
    submit_all(c);
    bool over = c->n_open == 0;
    pthread_mutex_unlock(&c->lock);
    if (over) finish(c);
}

void hl__call_unload(hl__call *c) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_hub_unload(c->visit.api->hub, c->package->path);
    c->voice->short_answer(c, "unload", &b);
    hl__answer_json(&c->visit, 200, &b);
    hl_buf_deinit(&b);
    hl__call_drop(c);
}
