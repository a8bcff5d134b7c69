#include "api/call.h"

#include "api/logprobs.h"
#include "base/clock.h"
#include "base/mem.h"

enum { ARENA_BYTES_MAX = 64 << 20, NS_PER_S = 1000000000, ID_NUMBERS = 999 };

static void drop(hl__call *c) {
    json_object_put(c->body.o);
    hl_package_drop(c->job.package);
    hl_arena_destroy(c->arena);
    hl_buf_deinit(&c->answer);
    hl_buf_deinit(&c->thinking);
    hl_buf_deinit(&c->logprobs);
    hl_tokens_deinit(&c->tokens);
    hl_free(c);
}

static hl_status make(const hl__visit *v, const hl__voice *voice, const char *type, hl__call **ret,
                      hl_error *err) {
    hl__call *c = hl_calloc(1, sizeof *c);
    if (!c) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    c->visit = *v;
    c->voice = voice;
    c->job.req.id = c->visit.req_id;
    c->arena = hl_arena_create(ARENA_BYTES_MAX);
    c->created_s = hl_clock_wall_ns() / NS_PER_S;
    c->number = (unsigned)(hl_clock_ns() / 1000 % ID_NUMBERS);
    hl_options_init(&c->job.req.options);
    hl_status st = c->arena ? HL_OK : hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    if (st >= 0) st = hl__body_parse(hl_http_body(v->x), v->openai, type, &c->body, err);
    if (st < 0)
        drop(c);
    else
        *ret = c;
    return st;
}

void hl__call_make(const hl__visit *v, const hl__voice *voice, const char *type, hl__call **ret) {
    hl_error err;
    *ret = NULL;
    if (make(v, voice, type, ret, &err) < 0) hl__answer_failure(v, &err);
}

void hl__call_refuse(hl__call *c, int status, const char *text) {
    hl__answer_error(&c->visit, status, hl_str_from(text));
    drop(c);
}

void hl__call_fail(hl__call *c, const hl_error *err) {
    hl__answer_failure(&c->visit, err);
    drop(c);
}

/* -- the request ------------------------------------------------------------------------------- */

bool hl__call_find_model(hl__call *c, const hl_catalog_entry **ret) {
    hl_error err;
    hl_status st = hl_catalog_find(c->visit.api->catalog, c->model, ret, &err);
    if (st >= 0) {
        c->job.package = hl_package_keep((*ret)->package);
        c->job.req.model = hl_str_from(c->job.package->name);
        return true;
    }
    if (st == HL_ENOTFOUND) {
        (void)hl_fail(&err, st, "api", "model '%.*s' not found",
                      HL_STR_ARG(hl_str_slice(c->model, 0, 200)));
    }
    hl__call_fail(c, &err);
    return false;
}

hl_status hl__call_read_logprobs(hl__call *c, hl_error *err) {
    bool logprobs = false, has;
    double top = 0;
    HL_TRY(hl__field_bool(&c->body, "logprobs", &logprobs, err));
    HL_TRY(hl__field_number(&c->body, "top_logprobs", &top, &has, err));
    if (!(top >= 0 && top <= 20))
        return hl_fail(err, HL_EINVAL, "api", "top_logprobs must be between 0 and 20");
    c->job.req.options.logprobs = logprobs;
    c->job.req.options.n_logprobs = logprobs ? (uint32_t)top : 0;
    return HL_OK;
}

hl_status hl__call_read_common(hl__call *c, hl_error *err) {
    struct json_object *options;
    HL_TRY(hl__field_str(&c->body, "model", &c->model, err));
    HL_TRY(hl__field_bool(&c->body, "stream", &c->stream, err));
    HL_TRY(hl__field_object(&c->body, "options", &options, err));
    HL_TRY(hl__read_keep_alive(hl__field(&c->body, "keep_alive"), &c->job.keep_ns, &c->job.set_keep,
                               err));
    HL_TRY(hl__read_think(hl__field(&c->body, "think"), &c->job.req.think, err));
    HL_TRY(hl__call_read_logprobs(c, err));
    HL_TRY(hl__read_options(options, c->arena, &c->job.req.options, err));
    return hl__read_format(hl__field(&c->body, "format"), &c->job.req, err);
}

hl_status hl__call_check_model(hl__call *c, const hl_model_info *info, const char *verb,
                               hl_error *err) {
    hl_str asked = hl_str_slice(c->model, 0, 200);
    if (!info->can_complete)
        return hl_fail(err, HL_EINVAL, "api", "\"%.*s\" does not support %s", HL_STR_ARG(asked),
                       verb);
    if (c->job.req.think > HL_THINK_OFF && !info->can_think)
        return hl_fail(err, HL_EINVAL, "api", "\"%.*s\" does not support thinking",
                       HL_STR_ARG(asked));
    if (c->job.req.tools && !info->can_use_tools)
        return hl_fail(err, HL_EINVAL, "api",
                       "registry.ollama.ai/library/%s does not support tools", c->job.package->name);
    return HL_OK;
}

/* -- the answer -------------------------------------------------------------------------------- */

const char *hl__finish_text(hl_finish finish) {
    return finish == HL_FINISH_LENGTH ? "length" : "stop";
}

static void begin_stream(hl__call *c) {
    if (c->begun) return;
    c->begun = true;
    hl_http_begin(c->visit.x, 200, c->voice->stream_type);
}

static void take_text(hl__call *c, const hl_event *ev) {
    hl_error err;
    for (size_t i = 0; i < ev->n_tokens; i++)
        if (hl_tokens_push(&c->tokens, ev->tokens[i], &err) < 0) break;
    hl__logprobs_append(c->job.tokenizer, ev, &c->logprobs);
    if (!c->stream) {
        hl_buf_append_str(ev->channel == HL_CHANNEL_THINKING ? &c->thinking : &c->answer, ev->text);
        return;
    }
    if (ev->text.len == 0 || c->deaf) return;
    hl_buf piece;
    hl_buf_init(&piece, 0);
    begin_stream(c);
    c->voice->piece(c, ev->channel, ev->text, &piece);
    hl_buf_reset(&c->logprobs);
    c->n_pieces++;
    c->deaf = piece.failed < 0 || !c->voice->write(c->visit.x, hl_buf_str(&piece));
    hl_buf_deinit(&piece);
    if (c->deaf) hl_hub_cancel(c->visit.api->hub, &c->job);
}

static void finish_whole(hl__call *c, const hl_event *ev) {
    hl_buf b;
    hl_buf_init(&b, 0);
    if (c->load)
        c->voice->short_answer(c, "load", &b);
    else
        c->voice->whole(c, ev, &b);
    if (c->answer.failed < 0 || c->thinking.failed < 0 || c->logprobs.failed < 0)
        b.failed = HL_ENOMEM;
    hl__answer_json(&c->visit, 200, &b);
    hl_buf_deinit(&b);
}

static void fail_stream(hl__call *c, int status, hl_str text) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl__append_error(&b, c->visit.openai, status, text);
    c->voice->write(c->visit.x, hl_buf_str(&b));
    hl_http_end(c->visit.x, true);
    hl_buf_deinit(&b);
}

static void fail(hl__call *c, int status, hl_str text) {
    if (c->begun)
        fail_stream(c, status, text);
    else
        hl__answer_error(&c->visit, status, text);
}

static void finish(hl__call *c, const hl_event *ev) {
    if (c->stream && !c->load) {
        begin_stream(c);
        c->voice->last(c, ev);
        hl_http_end(c->visit.x, true);
    } else {
        finish_whole(c, ev);
    }
}

/* On the model's thread.  A job is cancelled because its client has left, which hears nothing of
 * this any more, or because the program ends. */
static void on_event(void *arg, const hl_event *ev) {
    hl__call *c = arg;
    if (ev->kind == HL_EVENT_TEXT) {
        take_text(c, ev);
        return;
    }
    if (ev->kind == HL_EVENT_FAILED)
        fail(c, hl_status_http(ev->error.status), hl_str_from(ev->error.text));
    else if (ev->finish == HL_FINISH_CANCELLED)
        fail(c, 503, HL_STR("the server is shutting down"));
    else
        finish(c, ev);
    drop(c);
}

static void on_leave(void *arg) {
    hl__call *c = arg;
    hl_hub_cancel(c->visit.api->hub, &c->job);
}

void hl__call_unload(hl__call *c) {
    hl_buf b;
    hl_buf_init(&b, 0);
    hl_hub_unload(c->visit.api->hub, c->job.package->path);
    c->voice->short_answer(c, "unload", &b);
    hl__answer_json(&c->visit, 200, &b);
    hl_buf_deinit(&b);
    drop(c);
}

/* The watch for the client begins before the job: an event may end the call at any moment. */
void hl__call_start(hl__call *c, bool load) {
    hl_error err;
    HL_ASSERT(c->job.package);
    c->load = c->job.load_only = load;
    c->job.on_event = on_event;
    c->job.arg = c;
    hl_http_on_leave(c->visit.x, on_leave, c);
    if (hl_hub_submit(c->visit.api->hub, &c->job, &err) < 0) hl__call_fail(c, &err);
}
