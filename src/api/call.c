#include "api/call.h"

#include "base/clock.h"
#include "base/mem.h"
#include "config/duration.h"

enum { ARENA_BYTES_MAX = 64 << 20, NS_PER_S = 1000000000, ID_NUMBERS = 999, CTX_MIN = 256 };

/* -- life -------------------------------------------------------------------------------------- */

static void drop_choice(hl__choice *ch) {
    hl_buf_deinit(&ch->answer);
    hl_buf_deinit(&ch->thinking);
    hl_buf_deinit(&ch->logprobs);
    hl_tokens_deinit(&ch->tokens);
    json_object_put(ch->json);
}

void hl__call_drop(hl__call *c) {
    if (c->voice->drop_state && c->state) c->voice->drop_state(c->state);
    for (uint32_t i = 0; c->choices && i < c->n_choices; i++) drop_choice(&c->choices[i]);
    json_object_put(c->body.o);
    hl_package_drop(c->package);
    hl_arena_destroy(c->arena);
    pthread_mutex_destroy(&c->lock);
    hl_free(c);
}

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
}

static hl__call *create(const hl__visit *v, const hl__voice *voice) {
    hl__call *c = hl_calloc(1, sizeof *c);
    if (!c) return NULL;
    pthread_mutex_init(&c->lock, NULL);
    HL_ASSERT(voice->type && voice->read);
    c->visit = *v;
    c->voice = voice;
    c->arena = hl_arena_create(ARENA_BYTES_MAX);
    c->n_choices = 1;
    c->created_s = hl_clock_wall_ns() / NS_PER_S;
    hl_rng_init(&c->ids, hl_rng_entropy());
    c->number = (unsigned)hl_rng_below(&c->ids, ID_NUMBERS);
    c->req.id = c->visit.req_id;
    hl_options_init(&c->req.options);
    if (c->arena) return c;
    hl__call_drop(c);
    return NULL;
}

hl_status hl__call_read(const hl__visit *v, hl_str body, const hl__voice *voice, hl__call **ret,
                        hl_error *err) {
    hl__call *c = create(v, voice);
    if (!c) return no_memory(err);
    c->body_bytes = body.len;
    hl_status st = hl__body_parse(body, v->dialect, voice->type, &c->body, err);
    if (st >= 0) st = voice->read(c, err);
    if (st < 0) {
        hl__call_drop(c);
        return st;
    }
    c->visit.was_read = true;
    c->render_only = c->render_only && voice->rendered;
    *ret = c;
    return HL_OK;
}

hl__call *hl__call_make(const hl__visit *v, const hl__voice *voice) {
    hl_error err;
    hl__call *c = NULL;
    if (hl__call_read(v, hl_http_body(v->x), voice, &c, &err) < 0) {
        hl__answer_failure(v, &err);
        return NULL;
    }
    c->req.cache_salt = hl__cache_salt(v);
    return c;
}

void hl__call_refuse(hl__call *c, int status, const char *text) {
    hl__answer_error(&c->visit, status, hl_str_from(text));
    hl__call_drop(c);
}

void hl__call_fail(hl__call *c, const hl_error *err) {
    hl__answer_failure(&c->visit, err);
    hl__call_drop(c);
}

/* -- the model --------------------------------------------------------------------------------- */

/* What the request leaves open comes from the model.  A context below the least is the least. */
static void complete_options(hl__call *c) {
    hl_options *o = &c->req.options;
    hl_options_merge(o, &c->package->options);
    if (o->num_ctx > 0 && o->num_ctx < CTX_MIN) o->num_ctx = CTX_MIN;
}

const hl_catalog_entry *hl__call_find_model(hl__call *c) {
    HL_ASSERT(!c->package && c->visit.was_read);
    const hl_catalog_entry *e;
    hl_error err;
    hl_status st = hl_catalog_find(c->visit.api->catalog, c->model, &e, &err);
    if (st >= 0) {
        c->package = hl_package_keep(e->package);
        c->req.model = hl_str_from(c->package->name);
        complete_options(c);
        return e;
    }
    if (st == HL_ENOTFOUND) {
        (void)hl_fail(&err, st, "api", "model '%.*s' not found",
                      HL_STR_ARG(hl_str_slice(c->model, 0, 200)));
    }
    hl__call_fail(c, &err);
    return NULL;
}

/* "images", "audio", or NULL. */
static const char *media(const hl__call *c) {
    for (size_t i = 0; i < c->req.n_messages; i++)
        for (size_t k = 0; k < c->req.messages[i].n_parts; k++) {
            hl_part_kind kind = c->req.messages[i].parts[k].kind;
            if (kind != HL_PART_TEXT) return kind == HL_PART_IMAGE ? "images" : "audio";
        }
    return c->has_media ? "images" : NULL;
}

hl_status hl__call_check_model(const hl__call *c, const hl_model_info *info, const char *verb,
                               hl_error *err) {
    hl_str asked = hl_str_slice(c->model, 0, 200);
    if (!info->can_complete)
        return hl_fail(err, HL_EINVAL, "api", "\"%.*s\" does not support %s", HL_STR_ARG(asked),
                       verb);
    if (c->req.think > HL_THINK_OFF && !info->can_think)
        return hl_fail(err, HL_EINVAL, "api", "\"%.*s\" does not support thinking",
                       HL_STR_ARG(asked));
    if (c->req.tools && !info->can_use_tools)
        return hl_fail(err, HL_EINVAL, "api",
                       "registry.ollama.ai/library/%s does not support tools", c->package->name);
    if (c->req.suffix.len > 0 && !info->can_insert)
        return hl_fail(err, HL_EINVAL, "api",
                       "registry.ollama.ai/library/%s does not support insert", c->package->name);
    if (media(c))
        return hl_fail(err, HL_EINVAL, "api", "\"%.*s\" does not support %s", HL_STR_ARG(asked),
                       media(c));
    return HL_OK;
}

/* -- reading ----------------------------------------------------------------------------------- */

hl_status hl__call_read_logprobs(hl__call *c, hl_error *err) {
    bool logprobs = false, has;
    double top = 0;
    HL_TRY(hl__field_bool(&c->body, "logprobs", &logprobs, err));
    HL_TRY(hl__field_number(&c->body, "top_logprobs", &top, &has, err));
    if (!(top >= 0 && top <= 20))
        return hl_fail(err, HL_EINVAL, "api", "top_logprobs must be between 0 and 20");
    c->req.options.logprobs = logprobs;
    c->req.options.n_logprobs = logprobs ? (uint32_t)top : 0;
    return HL_OK;
}

/* truncate and shift are on unless the request switches them off. */
static hl_status read_limits(hl__call *c, hl_error *err) {
    bool truncate = true, shift = true;
    HL_TRY(hl__field_bool(&c->body, "truncate", &truncate, err));
    HL_TRY(hl__field_bool(&c->body, "shift", &shift, err));
    c->req.no_truncate = !truncate;
    c->req.no_shift = !shift;
    return HL_OK;
}

hl_status hl__call_read_grammar(hl__call *c, struct json_object *options, hl_error *err) {
    HL_TRY(hl__field_str(&c->body, "grammar", &c->req.grammar_text, err));
    hl__fields f = {options, "options"};
    if (options) HL_TRY(hl__field_str(&f, "grammar", &c->req.grammar_text, err));
    if (c->req.grammar_text.len == 0 || c->req.format == HL_FORMAT_TEXT) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "an answer cannot have both a grammar and a format");
}

hl_status hl__call_read_common(hl__call *c, hl_error *err) {
    struct json_object *options;
    c->stream = true;
    HL_TRY(hl__field_str(&c->body, "model", &c->model, err));
    HL_TRY(hl__field_bool(&c->body, "stream", &c->stream, err));
    HL_TRY(hl__field_object(&c->body, "options", &options, err));
    HL_TRY(hl__read_keep_alive(hl__field(&c->body, "keep_alive"), &c->keep_ns, &c->set_keep, err));
    HL_TRY(hl__read_think(hl__field(&c->body, "think"), &c->req.think, err));
    HL_TRY(hl__field_bool(&c->body, "_debug_render_only", &c->render_only, err));
    HL_TRY(read_limits(c, err));
    HL_TRY(hl__call_read_logprobs(c, err));
    HL_TRY(hl__read_options(options, c->arena, &c->req.options, err));
    HL_TRY(hl__read_format(hl__field(&c->body, "format"), &c->req, err));
    return hl__call_read_grammar(c, options, err);
}
