/* Chat with a model: one question, or interactively. */
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/embed.h"
#include "cli/interrupt.h"
#include "cli/member.h"
#include "cli/repl.h"
#include "cli/show_text.h"
#include "cli/transfer.h"
#include "config/duration.h"
#include "serve/format.h"

typedef struct args {
    bool verbose, insecure, nowordwrap, hidethinking;
    hl_str keepalive, format, think, truncate;
    int64_t dimensions;
    hl_flag_texts stop;
} args;

static const hl_flag FLAGS[] = {
    {"dimensions", 0, HL_FLAG_INT, offsetof(args, dimensions), "N", NULL,
     "Truncate output embeddings to specified dimension (embedding models only)"},
    {"format", 0, HL_FLAG_TEXT, offsetof(args, format), "FORMAT", NULL,
     "Response format: json, or a JSON schema"},
    {"hidethinking", 0, HL_FLAG_SWITCH, offsetof(args, hidethinking), NULL, NULL,
     "Hide thinking output (if provided)"},
    {"insecure", 0, HL_FLAG_SWITCH, offsetof(args, insecure), NULL, NULL,
     "Use an insecure registry: http, and addresses of private networks"},
    {"keepalive", 0, HL_FLAG_TEXT, offsetof(args, keepalive), "DURATION", NULL,
     "Duration to keep a model loaded (e.g. 5m); without a server it goes when this command ends"},
    {"nowordwrap", 0, HL_FLAG_SWITCH, offsetof(args, nowordwrap), NULL, NULL,
     "Don't wrap words to the next line automatically"},
    {"num-predict", 'n', HL_FLAG_GENERATION, 0, "N", NULL,
     "most tokens to generate; 0 or negative: until the model ends or the context is full"},
    {"stop", 0, HL_FLAG_TEXTS, offsetof(args, stop), "TEXT", NULL,
     "End the answer before this text; may be repeated"},
    {"think", 0, HL_FLAG_OPTIONAL, offsetof(args, think), "LEVEL", "true",
     "Enable thinking: true, false, low, medium, high or max (default: on where the model can)"},
    {"truncate", 0, HL_FLAG_OPTIONAL, offsetof(args, truncate), "BOOL", "true",
     "For embedding models: truncate inputs exceeding context length (default true)"},
    {"verbose", 0, HL_FLAG_SWITCH, offsetof(args, verbose), NULL, NULL,
     "Show timings for response"},
};

/* -- settings ---------------------------------------------------------------------------------- */

static hl_status read_think(const args *a, hl_think *ret, hl_error *err) {
    *ret = HL_THINK_UNSET;
    if (!a->think.ptr || hl__think_parse(a->think, ret)) return HL_OK;
    return hl_fail(err, HL_EINVAL, "run",
                   "invalid value for --think: \"%.*s\" (must be true, false, high, medium, low, "
                   "or max)",
                   HL_STR_ARG(hl_str_slice(a->think, 0, 80)));
}

static hl_status set_keep(hl_client *c, const args *a, hl_error *err) {
    int64_t keep_ns;
    if (!a->keepalive.ptr) return HL_OK;
    hl_status st = hl_duration_parse(a->keepalive, &keep_ns, err);
    if (st < 0)
        hl_error_prefix(err, "--keepalive");
    else
        hl_client_set_keep(c, keep_ns);
    return st;
}

static hl_status read_embed(const args *a, hl__embed *ret, hl_error *err) {
    *ret = (hl__embed){.dimensions = a->dimensions};
    if (!a->truncate.ptr) return HL_OK;
    ret->set_truncate = true;
    if (hl_bool_parse(a->truncate, &ret->truncate)) return HL_OK;
    return hl_fail(err, HL_EINVAL, "run", "invalid value for --truncate: \"%.*s\"",
                   HL_STR_ARG(hl_str_slice(a->truncate, 0, 80)));
}

static hl_status set_up(hl__session *s, const hl__call *call, hl_error *err) {
    const args *a = call->args;
    s->options = call->options;
    s->verbose = a->verbose;
    s->wordwrap = !a->nowordwrap;
    s->hide_thinking = a->hidethinking;
    HL_TRY(read_think(a, &s->think, err));
    HL_TRY(hl_format_parse(a->format, &s->format, &s->schema, err));
    /* A list without entries would stand against the model's own. */
    return a->stop.n > 0 ? hl__session_set_stops(s, a->stop.items, a->stop.n, err) : HL_OK;
}

/* -- the prompt -------------------------------------------------------------------------------- */

/* What is piped in stands before the words, joined as Ollama joins them: by a space. */
static hl_status read_prompt(const hl__call *call, bool piped, hl_buf *ret, hl_error *err) {
    if (piped) HL_TRY(hl__read_stdin(ret, err));
    if (ret->len > 0 && call->n_words > 1) hl_buf_append_char(ret, ' ');
    hl__join_words(call, 1, ret);
    return hl_buf_status(ret, "the prompt", err);
}

/* -- one question ------------------------------------------------------------------------------ */

static hl_status answer_once(hl__session *s, const hl_request *req, hl_error *err) {
    hl__answer a;
    hl_buf figures;
    hl__answer_init(&a, s->wordwrap, s->hide_thinking);
    hl_buf_init(&figures, 0);
    hl__interrupt_begin(s->client, true);
    hl_status st = hl_client_generate(s->client, req, hl__answer_event, &a, err);
    bool interrupted = hl__interrupt_end();
    if (st >= 0) st = hl__answer_end(&a, err);
    if (st >= 0 && s->verbose) {
        hl__usage_text(&a.usage, &figures);
        hl__complain(hl_buf_str(&figures));
    }
    if (st >= 0 && interrupted) st = hl_fail(err, HL_ECANCELLED, "run", "interrupted");
    hl_buf_deinit(&figures);
    hl__answer_deinit(&a);
    return st;
}

/* A prompt that does not fit is told, not cut behind one's back. */
static hl_status ask_once(hl__session *s, hl_str prompt, hl_error *err) {
    hl_request req = hl__session_request(s);
    req.prompt = prompt;
    req.no_truncate = true;
    if (prompt.len == 0) return hl_client_load(s->client, req.model, &s->options, err);
    return answer_once(s, &req, err);
}

/* -- many questions ---------------------------------------------------------------------------- */

/* The messages that the model comes with. */
static hl_status show_messages(struct json_object *shown, hl_error *err) {
    struct json_object *messages = hl__member_array(shown, "messages");
    hl_buf out;
    hl_buf_init(&out, 0);
    for (size_t i = 0; i < hl__array_len(messages); i++) {
        struct json_object *m = json_object_array_get_idx(messages, i);
        bool user = hl_str_is(hl__member_text(m, "role"), "user");
        hl_buf_append_cstr(&out, user ? ">>> " : "");
        hl_buf_append_str(&out, hl__member_text(m, "content"));
        hl_buf_append_cstr(&out, user ? "\n" : "\n\n");
    }
    hl_status st = hl__out_strange(&out, err);
    hl_buf_deinit(&out);
    return st;
}

static hl_status converse(hl__session *s, struct json_object *shown, hl_error *err) {
    HL_TRY(hl_client_load(s->client, hl_buf_str(&s->model), &s->options, err));
    HL_TRY(show_messages(shown, err));
    return hl__repl_run(s, err);
}

static hl_status answer(hl__session *s, const hl__call *call, struct json_object *shown,
                        hl_error *err) {
    hl_buf prompt;
    hl__embed embed;
    HL_TRY(read_embed(call->args, &embed, err));
    hl_buf_init(&prompt, 0);
    bool piped = hl__stdin_is_piped();
    hl_status st = read_prompt(call, piped, &prompt, err);
    bool once = piped || prompt.len > 0 || !hl__out_is_terminal();
    if (st >= 0) {
        if (hl__shown_can(shown, "embedding") && !hl__shown_can(shown, "completion"))
            st = hl__embed_run(s, &embed, hl_buf_str(&prompt), err);
        else
            st = once ? ask_once(s, hl_buf_str(&prompt), err) : converse(s, shown, err);
    }
    hl_buf_deinit(&prompt);
    return st;
}

/* No registry has these. */
static bool is_path(hl_str model) {
    return hl_str_starts(model, HL_STR("/")) || hl_str_starts(model, HL_STR(".")) ||
           hl_str_ends(model, HL_STR(".gguf"));
}

/* A model that is not here is pulled. */
static hl_status find_model(const hl__session *s, const hl__call *call, struct json_object **ret,
                            hl_error *err) {
    const args *a = call->args;
    hl__transfer pull = {.model = hl_str_from(call->words[0]), .insecure = a->insecure};
    hl_status st = hl_client_show(s->client, pull.model, false, ret, err);
    if (st != HL_ENOTFOUND || is_path(pull.model)) return st;
    HL_TRY(hl__pull_model(s->client, &pull, err));
    return hl_client_show(s->client, pull.model, false, ret, err);
}

static hl_status run_session(hl__session *s, const hl__call *call, hl_error *err) {
    struct json_object *shown;
    HL_TRY(set_up(s, call, err));
    HL_TRY(set_keep(s->client, call->args, err));
    HL_TRY(find_model(s, call, &shown, err));
    hl_status st = answer(s, call, shown, err);
    json_object_put(shown);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_client *c;
    hl__session s;
    HL_TRY(hl_client_open(&c, err));
    hl_status st = hl__session_init(&s, c, hl_str_from(call->words[0]), err);
    if (st >= 0) {
        st = run_session(&s, call, err);
        hl__session_deinit(&s);
    }
    hl_client_close(c);
    return st;
}

const hl__command hl__command_run = {
    .name = "run",
    .usage = "run MODEL [PROMPT...] [flags]",
    .summary = "Run a model",
    .about = "Run a model: answer a prompt, or talk when there is none.  What is piped in stands "
             "before the\nprompt's words.  MODEL is a name (tiny comes with the program) or the "
             "path of a .gguf file.",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, true),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run,
};
