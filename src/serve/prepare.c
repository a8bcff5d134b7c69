#include "serve/prepare.h"

#include "base/mem.h"
#include "serve/prepare_talk.h"
#include "text/gotemplate.h"

enum { REFUSALS_MAX = 64 };

/* One request on its way. */
typedef struct maker {
    const hl_prepare_model *m;
    const hl_request *req;
    hl__prepare_how how;
    hl_template *own_jinja; /* of the request's template */
    hl_gotemplate *own_go;
    hl__talk talk;
    hl_prepared *p;
} maker;

/* -- the template ------------------------------------------------------------------------------ */

/* Whether a template in Go's language would be of use; many texts are well-formed in both. */
static bool speaks_of_data(const hl_gotemplate *go) {
    static const char *const NAMES[] = {"Prompt", "Messages", "System", "Response", "Suffix"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (hl_gotemplate_mentions(go, NAMES[i])) return true;
    return false;
}

/* The request's template is in whichever language it can be read in.  What is wrong with it is said
 * in the language that it looks like. */
static hl_status parse_own(maker *k, hl_error *err) {
    hl_str source = k->req->template_override;
    if (hl_str_find(source, HL_STR("{%"), 0) != SIZE_MAX)
        return hl_template_parse("template", source, &k->own_jinja, err);
    hl_status st = hl_gotemplate_parse("", source, &k->own_go, err);
    bool plain = hl_str_find(source, HL_STR("{{"), 0) == SIZE_MAX;
    if (st >= 0 && (plain || speaks_of_data(k->own_go))) return HL_OK;
    if (st < 0 && st != HL_EFORMAT) return st;
    hl_error why;
    hl_status other = hl_template_parse("template", source, &k->own_jinja, &why);
    if (other == HL_EFORMAT) return st; /* Go's, of use or not, or what is wrong with it */
    if (other < 0) {
        *err = why;
        return other;
    }
    hl_gotemplate_destroy(k->own_go);
    k->own_go = NULL;
    return HL_OK;
}

static hl_status choose_template(maker *k, hl_error *err) {
    const hl_package *package = k->m->package;
    k->how.tags = package->tags;
    if (k->req->template_override.len == 0) {
        HL_TRY(hl_package_check_template(package, err));
        k->how.jinja = package->chat;
        k->how.go = package->go;
        k->how.source = package->template_text;
        return HL_OK;
    }
    HL_TRY(parse_own(k, err));
    k->how.jinja = k->own_jinja;
    k->how.go = k->own_go;
    k->how.source = k->req->template_override;
    const hl_thinking_tags *own = hl_thinking_tags_find(k->how.source);
    if (own) k->how.tags = own;
    return HL_OK;
}

/* -- without a template ------------------------------------------------------------------------ */

/* A line each. */
static hl_status render_plain(const hl__talk *t, size_t from, hl_buf *ret, hl_error *err) {
    for (size_t i = 0; i < t->n; i++) {
        if (!hl__talk_has(t, i, from)) continue;
        HL_TRY(hl__talk_content(t, i, ret, err));
        if (i + 1 < t->n) hl_buf_append_char(ret, '\n');
    }
    return HL_OK;
}

static hl_status render_chatml(const hl__talk *t, size_t from, hl_buf *ret, hl_error *err) {
    for (size_t i = 0; i < t->n; i++) {
        if (!hl__talk_has(t, i, from)) continue;
        hl_buf_append_cstr(ret, "<|im_start|>");
        hl_buf_append_str(ret, t->messages[i]->role);
        hl_buf_append_char(ret, '\n');
        HL_TRY(hl__talk_content(t, i, ret, err));
        hl_buf_append_cstr(ret, "<|im_end|>\n");
    }
    hl_buf_append_cstr(ret, "<|im_start|>assistant\n");
    return HL_OK;
}

/* A conversation that a model can tell apart by its vocabulary's own marks, as llama.cpp does. */
static bool is_chatml(const maker *k) {
    const hl_tokenizer *t = k->m->tokenizer;
    return k->req->n_messages > 0 &&
           hl_tokenizer_find(t, HL_STR("<|im_start|>")) != HL_TOKEN_NONE &&
           hl_tokenizer_find(t, HL_STR("<|im_end|>")) != HL_TOKEN_NONE;
}

static hl_status render_bare(const maker *k, size_t from, hl_buf *ret, hl_error *err) {
    return (is_chatml(k) ? render_chatml : render_plain)(&k->talk, from, ret, err);
}

/* -- text -------------------------------------------------------------------------------------- */

static hl_status check_wishes(const maker *k, hl_error *err) {
    const hl_request *req = k->req;
    const char *name = k->m->package->name;
    bool plain = !k->how.jinja && !k->how.go;
    if (req->think > HL_THINK_OFF && !k->how.tags)
        return hl_fail(err, HL_EINVAL, "prepare", "\"%s\" does not support thinking", name);
    if (plain && req->tools && req->tool_choice != HL_TOOLS_NONE)
        return hl_fail(err, HL_EINVAL, "prepare", "\"%s\" does not support tools", name);
    return HL_OK;
}

static hl_status render(maker *k, size_t from, hl_error *err) {
    hl_buf *text = &k->p->text;
    hl_buf_reset(text);
    if (k->how.go)
        HL_TRY(hl__talk_render_go(&k->talk, from, k->req, &k->how, text, err));
    else if (k->how.jinja)
        HL_TRY(hl__talk_render_jinja(&k->talk, from, k->m, k->req, &k->how, text, err));
    else
        HL_TRY(render_bare(k, from, text, err));
    return hl_buf_status(text, "the prompt", err);
}

/* -- tokens ------------------------------------------------------------------------------------ */

/* BOS where the model wants one and the template has not written it.  EOS is never added: the
 * prompt is to be continued. */
static hl_status encode_text(maker *k, hl_error *err) {
    const hl_tokenizer *t = k->m->tokenizer;
    hl_tokens *ret = &k->p->tokens;
    hl_str text = hl_buf_str(&k->p->text);
    hl_token bos = hl_tokenizer_bos(t);
    ret->n = 0;
    bool wants_bos = bos != HL_TOKEN_NONE && (hl_tokenizer_adds_bos(t) || text.len == 0);
    if (wants_bos && !(text.len > 0 && hl_str_starts(text, hl_tokenizer_piece(t, bos, true))))
        HL_TRY(hl_tokens_push(ret, bos, err));
    HL_TRY(hl_tokenizer_encode(t, text, HL_ENCODE_PARSE_SPECIAL, ret, err));
    if (ret->n == 0) return hl_fail(err, HL_EINVAL, "prepare", "the prompt is empty");
    return HL_OK;
}

static hl_status push_all(const hl_tokenizer *t, const hl_token *ids, size_t n, hl_tokens *ret,
                          hl_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (ids[i] >= hl_tokenizer_n_vocab(t))
            return hl_fail(err, HL_EINVAL, "prepare",
                           "token %zu of the request is %u, the model has %u", i, ids[i],
                           hl_tokenizer_n_vocab(t));
        HL_TRY(hl_tokens_push(ret, ids[i], err));
    }
    return HL_OK;
}

/* Tokens of an earlier answer before those of the prompt, whose own BOS goes. */
static hl_status put_context(maker *k, hl_error *err) {
    const hl_tokenizer *t = k->m->tokenizer;
    hl_tokens all = {0}, *prompt = &k->p->tokens;
    if (k->m->n_context == 0) return HL_OK;
    size_t skip = prompt->n > 1 && prompt->ids[0] == hl_tokenizer_bos(t);
    hl_status st = push_all(t, k->m->context, k->m->n_context, &all, err);
    if (st >= 0) st = push_all(t, prompt->ids + skip, prompt->n - skip, &all, err);
    hl_tokens_deinit(st < 0 ? &all : prompt);
    if (st >= 0) *prompt = all;
    return st;
}

/* -- what does not fit ------------------------------------------------------------------------- */

/* In the words of Ollama's runner, which clients look for. */
static hl_status too_long(const maker *k, hl_error *err) {
    return hl_fail(err, HL_ELIMIT, "prepare",
                   "{\"error\":{\"code\":400,\"message\":\"request (%zu tokens) exceeds the "
                   "available context size (%u tokens), try increasing it\",\"type\":"
                   "\"exceed_context_size_error\",\"n_prompt_tokens\":%zu,\"n_ctx\":%u}}",
                   k->p->tokens.n, k->m->ctx, k->p->tokens.n, k->m->ctx);
}

static hl_status cannot_shift(hl_error *err) {
    return hl_fail(err, HL_ELIMIT, "prepare",
                   "the prompt is longer than the context length currently available to the "
                   "model; shorten the prompt, adjust the context length in settings, or use a "
                   "model with a longer context length");
}

static bool fits(const maker *k) {
    return k->p->tokens.n < k->m->ctx;
}

/* Where a talk may begin that has lost the most: at its last message, or at the call that this one
 * answers. */
static size_t last_start(const hl__talk *t) {
    size_t i = t->n - 1;
    while (i > 0 && hl__talk_is(t, i, "tool")) i--;
    return i;
}

/* Not with the answer of a tool; before a system text is the same as behind it. */
static bool may_start(const hl__talk *t, size_t i, size_t last) {
    return i == last || !(hl__talk_is(t, i, "tool") || hl__talk_is(t, i, "system"));
}

/* Some templates refuse talks that begin in the middle of a turn: then at the first place from *at
 * to `to` that this one takes.  HL_DONE: there is none, or not among the first REFUSALS_MAX: each
 * costs a rendering. */
static hl_status make_from(maker *k, size_t *at, size_t to, size_t last, hl_error *err) {
    for (size_t i = *at, n = 0; i <= to && n < REFUSALS_MAX; i++) {
        if (!may_start(&k->talk, i, last)) continue;
        n++;
        *at = i;
        hl_status st = render(k, i, err);
        if (st >= 0) return encode_text(k, err);
        if (st != HL_EINVAL && st != HL_EFORMAT) return st;
    }
    return HL_DONE;
}

/* The earliest beginning that fits; else the shortest talk that the template takes. */
static hl_status drop_oldest(maker *k, hl_error *err) {
    size_t last = last_start(&k->talk), made = 0, best = SIZE_MAX, shortest = 0;
    for (size_t low = 1, high = last; low <= high;) {
        size_t middle = low + (high - low) / 2;
        made = middle;
        hl_status st = make_from(k, &made, high, last, err);
        if (st < 0) return st;
        if (st == HL_DONE) {
            high = middle - 1;
        } else if (fits(k)) {
            best = made;
            high = middle - 1;
        } else {
            shortest = made;
            low = made + 1;
        }
    }
    size_t from = best != SIZE_MAX ? best : shortest;
    if (made != from) HL_TRY(render(k, from, err));
    if (made != from) HL_TRY(encode_text(k, err));
    for (size_t i = 0; i < from; i++) k->p->n_dropped += !hl__talk_has(&k->talk, i, from);
    return HL_OK;
}

/* The first num_keep tokens and the newest ones, so that half of the rest is free. */
static hl_status cut(maker *k, hl_error *err) {
    hl_prepared *p = k->p;
    size_t ctx = k->m->ctx, n = p->tokens.n, most = ctx > 4 ? ctx - 4 : 0;
    int32_t asked = k->req->options.num_keep;
    size_t keep = asked < 0 ? n : (size_t)asked + hl_tokenizer_adds_bos(k->m->tokenizer);
    if (keep > most) keep = most;
    size_t free_part = (ctx - keep) / 2 > 1 ? (ctx - keep) / 2 : 1, total = ctx - free_part;
    HL_ASSERT(n >= ctx && total >= keep && total > 0);
    hl_tokens left = {0};
    hl_status st = push_all(k->m->tokenizer, p->tokens.ids, keep, &left, err);
    if (st >= 0)
        st = push_all(k->m->tokenizer, p->tokens.ids + n - (total - keep), total - keep, &left,
                      err);
    if (st < 0) {
        hl_tokens_deinit(&left);
        return st;
    }
    p->uncut = p->tokens;
    p->tokens = left;
    return HL_OK;
}

/* Ollama's runner cuts what its server rendered, and refuses chats that it rendered itself. */
static hl_status limit(maker *k, hl_error *err) {
    if (fits(k)) return HL_OK;
    bool chat = k->req->n_messages > 0 && !k->req->raw && !k->how.go;
    if (k->req->no_truncate || chat || k->m->ctx < 2) return too_long(k, err);
    return k->req->no_shift ? cannot_shift(err) : cut(k, err);
}

/* -- the kinds of prompts ---------------------------------------------------------------------- */

static hl_status make_chat(maker *k, hl_error *err) {
    HL_TRY(check_wishes(k, err));
    HL_TRY(render(k, 0, err));
    HL_TRY(encode_text(k, err));
    if (!fits(k) && !k->req->no_truncate && k->talk.n > 1) HL_TRY(drop_oldest(k, err));
    k->p->tags = k->how.tags;
    k->p->thinking_open = hl_thinking_prompt_open(k->how.tags, hl_buf_str(&k->p->text));
    return HL_OK;
}

/* The vocabularies' tokens: what comes before the prompt, the suffix and the answer. */
static const char *const FILL_IN[][3] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},
    {"<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"},
    {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},
    {" <PRE>", " <SUF>", " <MID>"},
    {"<PRE>", "<SUF>", "<MID>"},
};

static hl_status fill_in(maker *k, hl_error *err) {
    const hl_tokenizer *t = k->m->tokenizer;
    for (size_t i = 0; i < sizeof FILL_IN / sizeof FILL_IN[0]; i++) {
        const char *const *names = FILL_IN[i];
        size_t n = 0;
        while (n < 3 && hl_tokenizer_find(t, hl_str_from(names[n])) != HL_TOKEN_NONE) n++;
        if (n < 3) continue;
        hl_buf_append_cstr(&k->p->text, names[0]);
        hl_buf_append_str(&k->p->text, k->req->prompt);
        hl_buf_append_cstr(&k->p->text, names[1]);
        hl_buf_append_str(&k->p->text, k->req->suffix);
        hl_buf_append_cstr(&k->p->text, names[2]);
        return hl_buf_status(&k->p->text, "the prompt", err);
    }
    return hl_fail(err, HL_EINVAL, "prepare", "%s does not support insert", k->m->package->name);
}

static hl_status make_insert(maker *k, hl_error *err) {
    if (k->how.go && hl_gotemplate_mentions(k->how.go, "Suffix"))
        HL_TRY(hl__talk_render_suffix(k->req, &k->how, &k->p->text, err));
    else
        HL_TRY(fill_in(k, err));
    return encode_text(k, err);
}

static hl_status make_raw(maker *k, hl_error *err) {
    hl_buf_append_str(&k->p->text, k->req->prompt);
    HL_TRY(hl_buf_status(&k->p->text, "the prompt", err));
    return encode_text(k, err);
}

/* Calls are looked for where the request has tools, and no format of the answer's own. */
static void note_tools(maker *k) {
    const hl_request *req = k->req;
    bool forced = req->tool_choice == HL_TOOLS_REQUIRED || req->tool_choice == HL_TOOLS_NAMED;
    if (!k->talk.tools || (req->format != HL_FORMAT_TEXT && !forced)) return;
    hl_str prefix = k->m->package->go && k->how.go == k->m->package->go
                        ? hl_gotemplate_tool_prefix(k->m->package->go)
                        : (hl_str){"", 0};
    k->p->tools = req->tools;
    k->p->tools_format = hl_tools_format_find(k->how.source, prefix);
}

static hl_status make_generate(maker *k, hl_error *err) {
    if (k->req->raw) return make_raw(k, err);
    HL_TRY(choose_template(k, err));
    if (k->req->suffix.len > 0) return make_insert(k, err);
    HL_TRY(hl__talk_init(&k->talk, k->m, k->req, &k->how, err));
    HL_TRY(make_chat(k, err));
    note_tools(k);
    return HL_OK;
}

/* -- embeddings -------------------------------------------------------------------------------- */

static hl_status cut_end(maker *k, bool has_eos, hl_error *err) {
    hl_tokens *tokens = &k->p->tokens;
    if (tokens->n <= k->m->ctx) return HL_OK;
    if (k->req->no_truncate)
        return hl_fail(err, HL_ELIMIT, "prepare", "the input length exceeds the context length");
    hl_token last = tokens->ids[tokens->n - 1];
    tokens->n = k->m->ctx;
    if (has_eos) tokens->ids[tokens->n - 1] = last;
    return HL_OK;
}

/* BOS and EOS where the model wants them; both stay. */
static hl_status make_input(maker *k, hl_error *err) {
    enum { FLAGS = HL_ENCODE_PARSE_SPECIAL | HL_ENCODE_ADD_BOS };
    const hl_tokenizer *t = k->m->tokenizer;
    hl_tokens *tokens = &k->p->tokens;
    hl_buf_append_str(&k->p->text, k->req->prompt);
    HL_TRY(hl_buf_status(&k->p->text, "the input", err));
    HL_TRY(hl_tokenizer_encode(t, (hl_str){"", 0}, FLAGS, tokens, err));
    bool has_eos = tokens->n > (hl_tokenizer_adds_bos(t) ? 1u : 0u);
    tokens->n = 0;
    HL_TRY(hl_tokenizer_encode(t, k->req->prompt, FLAGS, tokens, err));
    if (tokens->n == 0) return hl_fail(err, HL_EINVAL, "prepare", "the input is empty");
    return cut_end(k, has_eos, err);
}

/* -- all of them ------------------------------------------------------------------------------- */

static hl_status make(maker *k, hl_error *err) {
    const hl_request *req = k->req;
    bool embeds = req->kind == HL_REQUEST_EMBED;
    if (req->n_tokens > 0) {
        HL_TRY(push_all(k->m->tokenizer, req->tokens, req->n_tokens, &k->p->tokens, err));
        return embeds ? cut_end(k, false, err) : limit(k, err);
    }
    if (embeds) return make_input(k, err);
    HL_TRY(make_generate(k, err));
    HL_TRY(put_context(k, err));
    return limit(k, err);
}

hl_status hl_prepare(const hl_prepare_model *m, const hl_request *req, int64_t now_s,
                     hl_prepared *ret, hl_error *err) {
    hl_prepared p = {0};
    maker k = {.m = m, .req = req, .how = {.now_s = now_s}, .p = &p};
    HL_ASSERT(m->tokenizer && m->package && m->ctx > 0);
    hl_buf_init(&p.text, 0);
    hl_status st = make(&k, err);
    hl__talk_deinit(&k.talk);
    hl_template_destroy(k.own_jinja);
    hl_gotemplate_destroy(k.own_go);
    if (st < 0) {
        hl_prepared_deinit(&p);
        return st;
    }
    HL_ASSERT(p.tokens.n > 0 && p.tokens.n <= m->ctx);
    *ret = p;
    return HL_OK;
}

void hl_prepared_deinit(hl_prepared *p) {
    hl_buf_deinit(&p->text);
    hl_tokens_deinit(&p->tokens);
    hl_tokens_deinit(&p->uncut);
}
