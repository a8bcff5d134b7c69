/* POST /v1/completions: a text goes on, without a chat template. */
#include "api/logprobs.h"
#include "api/openai/common.h"

#include "base/mem.h"

enum { LOGPROBS_MAX = 20 };

typedef struct prompt {
    hl_str text;
    const uint32_t *tokens; /* [n_tokens] instead of a text; NULL: a text */
    size_t n_tokens;
} prompt;

/* Log-probabilities in their older form: lists side by side. */
typedef struct lists {
    hl_buf tokens, values, top, offsets; /* elements with commas between */
    size_t n_chars;                      /* of the text before the next token */
} lists;

typedef struct state {
    bool echo;
    size_t n_prompts;
    prompt *prompts; /* [n_prompts] in the arena */
    uint32_t n_lists;
    lists *lists; /* [n_lists], a choice each, in the arena */
} state;

static const state *state_of(const hl__choice *ch) {
    return ch->call->state;
}

static void drop_state(void *arg) {
    state *s = arg;
    for (uint32_t i = 0; i < s->n_lists; i++) {
        hl_buf_deinit(&s->lists[i].tokens);
        hl_buf_deinit(&s->lists[i].values);
        hl_buf_deinit(&s->lists[i].top);
        hl_buf_deinit(&s->lists[i].offsets);
    }
}

/* -- log-probabilities ------------------------------------------------------------------------- */

static void comma(hl_buf *b) {
    if (b->len > 0 && b->ptr[b->len - 1] != '{') hl_buf_append_char(b, ',');
}

static void append_pair(const hl_tokenizer *t, const hl_logprob *p, hl_buf *out) {
    comma(out);
    hl_json_append_string(out, hl_tokenizer_piece(t, p->token, false));
    hl_buf_append_char(out, ':');
    hl__logprob_number((double)p->logprob, out);
}

/* The likeliest, and the chosen one if it is not among them. */
static void append_top(const hl_tokenizer *t, const hl_token_logprobs *p, hl_buf *out) {
    bool found = false;
    comma(out);
    hl_buf_append_char(out, '{');
    for (uint32_t i = 0; i < p->n_top; i++) {
        append_pair(t, &p->top[i], out);
        found = found || p->top[i].token == p->chosen.token;
    }
    if (!found) append_pair(t, &p->chosen, out);
    hl_buf_append_char(out, '}');
}

static size_t n_chars(hl_str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

static void take_logprobs(hl__choice *ch, const hl_event *ev) {
    const hl_tokenizer *t = ch->job.tokenizer;
    lists *l = &state_of(ch)->lists[ch->index];
    for (size_t i = 0; ev->logprobs && i < ev->n_tokens; i++) {
        const hl_token_logprobs *p = &ev->logprobs[i];
        hl_str text = hl_tokenizer_piece(t, p->chosen.token, false);
        comma(&l->tokens);
        hl_json_append_string(&l->tokens, text);
        comma(&l->values);
        hl__logprob_number((double)p->chosen.logprob, &l->values);
        if (p->n_top > 0) append_top(t, p, &l->top);
        comma(&l->offsets);
        hl_buf_append_uint(&l->offsets, l->n_chars);
        l->n_chars += n_chars(text);
    }
}

static void append_list(const char *key, hl_buf *list, hl_buf *out) {
    hl__json_key(out, key);
    hl_buf_append_char(out, '[');
    hl_buf_append_str(out, hl_buf_str(list));
    hl_buf_append_char(out, ']');
    if (list->failed < 0) out->failed = list->failed;
    hl_buf_reset(list);
}

/* What has not been sent yet. */
static void append_logprobs(const hl__choice *ch, hl_buf *out) {
    lists *l = &state_of(ch)->lists[ch->index];
    if (l->tokens.len == 0) return;
    hl_buf_append_cstr(out, ",\"logprobs\":{");
    append_list("tokens", &l->tokens, out);
    append_list("token_logprobs", &l->values, out);
    if (l->top.len > 0)
        append_list("top_logprobs", &l->top, out);
    else
        hl_buf_append_cstr(out, ",\"top_logprobs\":null");
    append_list("text_offset", &l->offsets, out);
    hl_buf_append_char(out, '}');
}

/* -- answers ----------------------------------------------------------------------------------- */

static const prompt *prompt_of(const hl__choice *ch) {
    return &state_of(ch)->prompts[ch->index / ch->call->n_each];
}

/* {"text":…,"index":… without its end; the prompt's text stands before an echoed answer. */
static void begin_choice(const hl__choice *ch, hl_str text, bool first, hl_buf *out) {
    hl_buf both;
    hl_buf_init(&both, 0);
    if (first && state_of(ch)->echo) hl_buf_append_str(&both, prompt_of(ch)->text);
    hl_buf_append_str(&both, text);
    hl_buf_append_char(out, '{');
    hl__json_text(out, "text", hl_buf_str(&both));
    hl__json_uint(out, "index", ch->index);
    append_logprobs(ch, out);
    if (both.failed < 0) out->failed = both.failed;
    hl_buf_deinit(&both);
}

static void begin_event(const hl__call *c, hl_buf *out) {
    hl_buf_append_cstr(out, "data: ");
    hl__openai_begin(c, "cmpl", "text_completion", out);
    hl_buf_append_cstr(out, ",\"choices\":[");
}

/* With include_usage every event has the key, and the true numbers come last. */
static void end_event(const hl__call *c, hl_buf *out) {
    hl_buf_append_char(out, ']');
    hl__openai_model(c, out);
    if (c->usage)
        hl_buf_append_cstr(
            out, ",\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}");
    hl_buf_append_cstr(out, "}\n\n");
}

static void piece(const hl__choice *ch, hl_channel channel, hl_str text, hl_buf *out) {
    (void)channel; /* a bare text has no reasoning */
    begin_event(ch->call, out);
    begin_choice(ch, text, ch->n_pieces == 0, out);
    hl_buf_append_cstr(out, ",\"finish_reason\":null}");
    end_event(ch->call, out);
}

static void end_choice(const hl__choice *ch, hl_buf *out) {
    begin_event(ch->call, out);
    begin_choice(ch, HL_STR(""), ch->n_pieces == 0, out);
    hl__json_text(out, "finish_reason", hl_str_from(hl__finish_text(ch->finish)));
    hl_buf_append_char(out, '}');
    end_event(ch->call, out);
}

static void last(const hl__call *c, hl_buf *out) {
    if (c->usage) {
        begin_event(c, out);
        hl_buf_append_char(out, ']');
        hl__openai_model(c, out);
        hl__openai_usage(c, out);
        hl_buf_append_cstr(out, "}\n\n");
    }
    hl_buf_append_cstr(out, "data: [DONE]\n\n");
}

static void begin_whole(const hl__call *c, hl_buf *out) {
    hl__openai_begin(c, "cmpl", "text_completion", out);
    hl__openai_model(c, out);
    hl_buf_append_cstr(out, ",\"choices\":[");
}

static void whole(const hl__call *c, hl_buf *out) {
    begin_whole(c, out);
    for (uint32_t i = 0; i < c->n_choices; i++) {
        const hl__choice *ch = &c->choices[i];
        if (i > 0) hl_buf_append_char(out, ',');
        begin_choice(ch, hl_buf_str(&ch->answer), true, out);
        hl__json_text(out, "finish_reason", hl_str_from(hl__finish_text(ch->finish)));
        hl_buf_append_char(out, '}');
    }
    hl_buf_append_char(out, ']');
    hl__openai_usage(c, out);
    hl_buf_append_char(out, '}');
}

static void short_answer(const hl__call *c, const char *reason, hl_buf *out) {
    begin_whole(c, out);
    hl_buf_append_cstr(out, "{\"text\":\"\",\"index\":0");
    hl__json_text(out, "finish_reason", hl_str_from(reason));
    hl_buf_append_cstr(out, "}],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,"
                            "\"total_tokens\":0}}");
}

static void rendered(const hl__call *c, hl_str prompt_text, hl_buf *out) {
    begin_whole(c, out);
    hl_buf_append_cstr(out, "],\"_debug_info\":{");
    hl__json_text(out, "rendered_template", prompt_text);
    hl_buf_append_cstr(out, "}}");
}

/* -- the request ------------------------------------------------------------------------------- */

static bool is_type(struct json_object *v, json_type type) {
    return json_object_is_type(v, type);
}

static bool is_token_list(struct json_object *v) {
    return is_type(v, json_type_array) && json_object_array_length(v) > 0 &&
           is_type(json_object_array_get_idx(v, 0), json_type_int);
}

static hl_status read_one(hl__call *c, struct json_object *v, prompt *ret, hl_error *err) {
    if (is_token_list(v))
        return hl__read_tokens(v, "prompt", c->arena, &ret->tokens, &ret->n_tokens, err);
    if (!is_type(v, json_type_string))
        return hl_fail(err, HL_EINVAL, "api",
                       "prompt must be a string, an array of strings, or tokens");
    ret->text = hl__json_str(v);
    return HL_OK;
}

/* A text, tokens, or an array of texts or of tokens. */
static hl_status read_prompts(hl__call *c, state *s, hl_error *err) {
    struct json_object *v = hl__field(&c->body, "prompt");
    bool many = is_type(v, json_type_array) && !is_token_list(v);
    size_t n = many ? json_object_array_length(v) : 1;
    if (n == 0 || n > HL__CHOICES_MAX)
        return hl_fail(err, HL_EINVAL, "api", "prompt has %zu elements, wants 1 to %d", n,
                       HL__CHOICES_MAX);
    s->prompts = HL_ARENA_ARRAY(c->arena, n, prompt);
    if (!s->prompts) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    s->n_prompts = n;
    for (size_t i = 0; v && i < n; i++)
        HL_TRY(read_one(c, many ? json_object_array_get_idx(v, i) : v, &s->prompts[i], err));
    return HL_OK;
}

/* A number of the likeliest tokens, or false. */
static hl_status read_logprobs(hl__call *c, hl_error *err) {
    double n = 0;
    bool has;
    if (is_type(hl__field(&c->body, "logprobs"), json_type_boolean))
        return hl__field_bool(&c->body, "logprobs", &c->req.options.logprobs, err);
    HL_TRY(hl__field_number(&c->body, "logprobs", &n, &has, err));
    if (!(n >= 0 && n <= LOGPROBS_MAX))
        return hl_fail(err, HL_EINVAL, "api", "logprobs must be between 0 and %d", LOGPROBS_MAX);
    c->req.options.logprobs = has;
    c->req.options.n_logprobs = (uint32_t)n;
    return HL_OK;
}

static hl_status check_echo(const hl__call *c, const state *s, hl_error *err) {
    if (!s->echo) return HL_OK;
    if (c->req.options.logprobs)
        return hl_fail(err, HL_EINVAL, "api", "echo with logprobs is not supported");
    for (size_t i = 0; i < s->n_prompts; i++)
        if (s->prompts[i].tokens)
            return hl_fail(err, HL_EINVAL, "api", "echo of a prompt of tokens is not supported");
    return HL_OK;
}

/* n answers to each prompt.  best_of would need the likelihood of whole answers. */
static hl_status read_counts(hl__call *c, const state *s, hl_error *err) {
    double best_of = c->n_choices;
    bool has;
    HL_TRY(hl__field_number(&c->body, "best_of", &best_of, &has, err));
    if (best_of != c->n_choices) return hl_fail(err, HL_EINVAL, "api", "best_of is not supported");
    c->n_each = c->n_choices;
    if (c->n_each * s->n_prompts > HL__CHOICES_MAX)
        return hl_fail(err, HL_EINVAL, "api", "%zu answers are asked for, at most %d",
                       c->n_each * s->n_prompts, HL__CHOICES_MAX);
    c->n_choices = (uint32_t)(c->n_each * s->n_prompts);
    return HL_OK;
}

static hl_status make_lists(hl__call *c, state *s, hl_error *err) {
    s->lists = HL_ARENA_ARRAY(c->arena, c->n_choices, lists);
    if (!s->lists) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    s->n_lists = c->n_choices;
    return HL_OK;
}

static hl_status read(hl__call *c, hl_error *err) {
    state *s = HL_ARENA_NEW(c->arena, state);
    if (!s) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    c->state = s;
    HL_TRY(hl__openai_read_common(c, err));
    HL_TRY(hl__field_str(&c->body, "suffix", &c->req.suffix, err));
    HL_TRY(hl__field_bool(&c->body, "echo", &s->echo, err));
    HL_TRY(read_prompts(c, s, err));
    HL_TRY(read_logprobs(c, err));
    HL_TRY(check_echo(c, s, err));
    HL_TRY(read_counts(c, s, err));
    c->req.raw = c->req.suffix.len == 0; /* a suffix needs the template that knows its place */
    return make_lists(c, s, err);
}

const hl__voice hl__voice_openai_completion = {.type = "CompletionRequest",
                                               .read = read,
                                               .stream_type = "text/event-stream",
                                               .piece = piece,
                                               .end_choice = end_choice,
                                               .last = last,
                                               .failed = hl__openai_failed,
                                               .whole = whole,
                                               .short_answer = short_answer,
                                               .rendered = rendered,
                                               .take_logprobs = take_logprobs,
                                               .drop_state = drop_state};

/* The same seed for the same place among the answers to each prompt. */
static void put_prompts(hl__call *c) {
    for (uint32_t i = 0; i < c->n_choices; i++) {
        hl__choice *ch = &c->choices[i];
        const prompt *p = prompt_of(ch);
        ch->job.req.prompt = p->text;
        ch->job.req.tokens = p->tokens;
        ch->job.req.n_tokens = p->n_tokens;
        ch->job.req.options.seed = c->choices[i % c->n_each].job.req.options.seed;
    }
}

void hl__handle_openai_completions(hl__visit *v) {
    hl_error err;
    hl__call *c = hl__call_make(v, &hl__voice_openai_completion);
    if (!c || !hl__openai_find(c, "generate")) return;
    if (hl__call_create_choices(c, &err) < 0) {
        hl__call_fail(c, &err);
        return;
    }
    put_prompts(c);
    const prompt *first = &((const state *)c->state)->prompts[0];
    hl__call_start(c, c->n_choices == 1 && first->text.len == 0 && !first->tokens);
}
