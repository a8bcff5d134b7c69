#include "api/openai/common.h"

#include <math.h>

/* -- answers ----------------------------------------------------------------------------------- */

void hl__openai_begin(const hl__call *c, const char *prefix, const char *object, hl_buf *out) {
    hl_buf_printf(out, "{\"id\":\"%s-%u\",\"object\":\"%s\",\"created\":%lld", prefix, c->number,
                  object, (long long)c->created_s);
}

void hl__openai_model(const hl__call *c, hl_buf *out) {
    hl__json_text(out, "model", c->model);
    hl__json_text(out, "system_fingerprint", HL_STR("fp_ollama"));
}

static void append_details(const hl__call *c, const hl_usage *u, hl_buf *out) {
    uint32_t n_thinking = 0;
    for (uint32_t i = 0; i < c->n_choices; i++) n_thinking += c->choices[i].n_thinking;
    if (u->cached_tokens > 0)
        hl_buf_printf(out, ",\"prompt_tokens_details\":{\"cached_tokens\":%u}", u->cached_tokens);
    if (n_thinking > 0)
        hl_buf_printf(out, ",\"completion_tokens_details\":{\"reasoning_tokens\":%u}", n_thinking);
}

void hl__openai_usage(const hl__call *c, hl_buf *out) {
    hl_usage u = hl__call_usage(c);
    hl__json_key(out, "usage");
    hl_buf_append_char(out, '{');
    hl__json_uint(out, "prompt_tokens", u.prompt_tokens);
    hl__json_uint(out, "completion_tokens", u.generated_tokens);
    hl__json_uint(out, "total_tokens", (uint64_t)u.prompt_tokens + u.generated_tokens);
    append_details(c, &u, out);
    hl_buf_append_char(out, '}');
}

const char *hl__openai_finish(const hl__choice *ch) {
    return ch->n_calls > 0 ? "tool_calls" : hl__finish_text(ch->finish);
}

void hl__openai_failed(const hl__call *c, int status, hl_str text, hl_buf *out) {
    hl_buf_append_cstr(out, "data: ");
    hl__append_error(out, &c->visit, status, text);
    hl_buf_append_cstr(out, "\n\n");
}

/* -- numbers ----------------------------------------------------------------------------------- */

static hl_status read_number(hl__call *c, const char *key, hl_option_id id, hl_error *err) {
    double value = 0;
    bool has;
    HL_TRY(hl__field_number(&c->body, key, &value, &has, err));
    return has ? hl_options_set_number(&c->req.options, id, value, err) : HL_OK;
}

/* OpenAI's seeds have 64 bits. */
static hl_status read_seed(hl__call *c, hl_error *err) {
    struct json_object *v = hl__field(&c->body, "seed");
    if (!json_object_is_type(v, json_type_int)) return read_number(c, "seed", HL_OPT_seed, err);
    int64_t seed = json_object_get_int64(v);
    if (seed < INT32_MIN || seed > INT32_MAX) seed = (seed ^ (seed >> 31)) & INT32_MAX;
    return hl_options_set_number(&c->req.options, HL_OPT_seed, (double)seed, err);
}

static hl_status read_numbers(hl__call *c, hl_error *err) {
    HL_TRY(read_number(c, "temperature", HL_OPT_temperature, err));
    HL_TRY(read_number(c, "top_p", HL_OPT_top_p, err));
    HL_TRY(read_number(c, "max_tokens", HL_OPT_num_predict, err));
    HL_TRY(read_number(c, "max_completion_tokens", HL_OPT_num_predict, err));
    HL_TRY(read_number(c, "frequency_penalty", HL_OPT_frequency_penalty, err));
    HL_TRY(read_number(c, "presence_penalty", HL_OPT_presence_penalty, err));
    return read_seed(c, err);
}

static hl_status read_n(hl__call *c, hl_error *err) {
    double n = 1;
    bool has;
    HL_TRY(hl__field_number(&c->body, "n", &n, &has, err));
    if (!(n >= 1 && n <= HL__CHOICES_MAX) || n != floor(n))
        return hl_fail(err, HL_EINVAL, "api", "n must be a whole number between 1 and %d",
                       HL__CHOICES_MAX);
    c->n_choices = (uint32_t)n;
    return HL_OK;
}

/* -- logit_bias -------------------------------------------------------------------------------- */

static bool parse_token(const char *text, uint32_t *ret) {
    uint64_t id = 0;
    if (!*text || strlen(text) > 10) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        id = id * 10 + (uint64_t)(*text - '0');
    }
    *ret = (uint32_t)id;
    return id < UINT32_MAX;
}

static hl_status read_bias(const char *key, struct json_object *v, hl_logit_bias *ret,
                           hl_error *err) {
    if (!parse_token(key, &ret->token))
        return hl_fail(err, HL_EINVAL, "api", "logit_bias: \"%.40s\" is no token id", key);
    double bias = json_object_get_double(v);
    bool number = json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
    if (!number || !(bias >= -100 && bias <= 100))
        return hl_fail(err, HL_EINVAL, "api",
                       "logit_bias: token %s wants a number from -100 to 100", key);
    ret->bias = (float)bias;
    return HL_OK;
}

static hl_status read_logit_bias(hl__call *c, hl_error *err) {
    struct json_object *o;
    hl_options *options = &c->req.options;
    HL_TRY(hl__field_object(&c->body, "logit_bias", &o, err));
    if (!o) return HL_OK;
    int n = json_object_object_length(o);
    if (n > HL_LOGIT_BIAS_MAX)
        return hl_fail(err, HL_ELIMIT, "api", "logit_bias has %d tokens, at most %d", n,
                       HL_LOGIT_BIAS_MAX);
    hl_logit_bias *bias = HL_ARENA_ARRAY(c->arena, (size_t)n + 1, hl_logit_bias);
    if (!bias) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    options->n_logit_bias = 0;
    json_object_object_foreach(o, key, value)
        HL_TRY(read_bias(key, value, &bias[options->n_logit_bias++], err));
    options->logit_bias = bias;
    return HL_OK;
}

/* -- our own keys ------------------------------------------------------------------------------ */

/* Some templates are told to think by a variable; then the answer is to be split, too. */
static hl_status read_template_vars(hl__call *c, hl_error *err) {
    bool thinking = false;
    HL_TRY(hl__field_object(&c->body, "chat_template_kwargs", &c->req.template_vars, err));
    if (!c->req.template_vars) return HL_OK;
    hl__fields f = {c->req.template_vars, "chat_template_kwargs"};
    if (!hl__field(&f, "enable_thinking")) return HL_OK;
    HL_TRY(hl__field_bool(&f, "enable_thinking", &thinking, err));
    c->req.think = thinking ? HL_THINK_ON : HL_THINK_OFF;
    return HL_OK;
}

static hl_status read_extensions(hl__call *c, hl_error *err) {
    struct json_object *options;
    HL_TRY(hl__field_object(&c->body, "options", &options, err));
    HL_TRY(hl__read_options(options, c->arena, &c->req.options, err));
    HL_TRY(hl__call_read_grammar(c, options, err));
    HL_TRY(hl__read_keep_alive(hl__field(&c->body, "keep_alive"), &c->keep_ns, &c->set_keep, err));
    HL_TRY(read_template_vars(c, err));
    return hl__read_think(hl__field(&c->body, "think"), &c->req.think, err);
}

hl_status hl__openai_read_effort(hl__call *c, hl_error *err) {
    static const struct {
        const char *name;
        hl_think think;
    } efforts[] = {{"none", HL_THINK_OFF},      {"minimal", HL_THINK_LOW}, {"low", HL_THINK_LOW},
                   {"medium", HL_THINK_MEDIUM}, {"high", HL_THINK_HIGH},   {"max", HL_THINK_MAX},
                   {"xhigh", HL_THINK_MAX},     {"ultra", HL_THINK_MAX}};
    struct json_object *reasoning;
    hl_str effort = {"", 0};
    HL_TRY(hl__field_object(&c->body, "reasoning", &reasoning, err));
    if (reasoning) {
        hl__fields f = {reasoning, "Reasoning"};
        HL_TRY(hl__field_str(&f, "effort", &effort, err));
    }
    HL_TRY(hl__field_str(&c->body, "reasoning_effort", &effort, err));
    if (effort.len == 0) return HL_OK;
    for (size_t i = 0; i < sizeof efforts / sizeof *efforts; i++) {
        if (!hl_str_is(effort, efforts[i].name)) continue;
        c->req.think = efforts[i].think;
        return HL_OK;
    }
    return hl_fail(err, HL_EINVAL, "api",
                   "invalid reasoning value: \"%.*s\" (must be \"minimal\", \"low\", \"medium\", "
                   "\"high\", \"xhigh\", \"ultra\", \"max\", or \"none\")",
                   HL_STR_ARG(hl_str_slice(effort, 0, 80)));
}

/* -- all of it --------------------------------------------------------------------------------- */

static hl_status read_stream(hl__call *c, hl_error *err) {
    struct json_object *stream_options;
    HL_TRY(hl__field_bool(&c->body, "stream", &c->stream, err));
    HL_TRY(hl__field_object(&c->body, "stream_options", &stream_options, err));
    if (!stream_options) return HL_OK;
    hl__fields f = {stream_options, "StreamOptions"};
    return hl__field_bool(&f, "include_usage", &c->usage, err);
}

/* OpenAI's own keys stand against the same ones in `options`. */
hl_status hl__openai_read_common(hl__call *c, hl_error *err) {
    HL_TRY(hl__field_str(&c->body, "model", &c->model, err));
    HL_TRY(read_stream(c, err));
    HL_TRY(hl__field_bool(&c->body, "_debug_render_only", &c->render_only, err));
    HL_TRY(read_extensions(c, err));
    HL_TRY(read_numbers(c, err));
    HL_TRY(read_n(c, err));
    HL_TRY(read_logit_bias(c, err));
    return hl__read_stops(hl__field(&c->body, "stop"), c->arena, &c->req.options, err);
}

static void set_default(hl_options *o, hl_option_id id) {
    if (o->set >> id & 1) return;
    hl_error err;
    hl_status st = hl_options_set_number(o, id, 1, &err);
    HL_ASSERT(st >= 0);
}

/* Where neither the request nor the model says anything, OpenAI's defaults hold, not Ollama's. */
const hl_catalog_entry *hl__openai_find(hl__call *c, const char *verb) {
    hl_error err;
    if (c->model.len == 0) {
        hl__call_refuse(c, 400, "model is required");
        return NULL;
    }
    const hl_catalog_entry *e = hl__call_find_model(c);
    if (!e) return NULL;
    set_default(&c->req.options, HL_OPT_temperature);
    set_default(&c->req.options, HL_OPT_top_p);
    if (hl__call_check_model(c, &e->info, verb, &err) >= 0) return e;
    hl__call_fail(c, &err);
    return NULL;
}
