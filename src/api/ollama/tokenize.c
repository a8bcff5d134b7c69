/* POST /api/tokenize and /api/detokenize: texts to tokens and back, by the model's own vocabulary.
 */
#include "api/embed.h"
#include "base/mem.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

/* The work itself is done where the model's vocabulary is: in the job's last callback. */
typedef struct tokenize {
    hl_job job;
    hl__visit visit;
    hl__fields body;     /* owned */
    hl_arena *arena;     /* owned */
    hl_package *package; /* owned */
    hl_str model, text;
    bool add_special;
    const uint32_t *tokens; /* [n_tokens] to become a text; NULL: the text is to become tokens */
    size_t n_tokens;
} tokenize;

static void drop(tokenize *t) {
    json_object_put(t->body.o);
    hl_package_drop(t->package);
    hl_arena_destroy(t->arena);
    hl_free(t);
}

/* -- the answer -------------------------------------------------------------------------------- */

static hl_status append_tokens(const tokenize *t, hl_buf *out, hl_error *err) {
    hl_tokens ids = {0};
    unsigned flags = HL_ENCODE_PARSE_SPECIAL | (t->add_special ? HL_ENCODE_ADD_BOS : 0u);
    hl_status st = hl_tokenizer_encode(t->job.tokenizer, t->text, flags, &ids, err);
    hl_buf_append_cstr(out, "{\"tokens\":[");
    for (size_t i = 0; st >= 0 && i < ids.n; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        hl_buf_append_uint(out, ids.ids[i]);
    }
    hl_buf_append_cstr(out, "]}");
    hl_tokens_deinit(&ids);
    return st;
}

static hl_status append_content(const tokenize *t, hl_buf *out, hl_error *err) {
    uint32_t n_vocab = hl_tokenizer_n_vocab(t->job.tokenizer);
    hl_detokenizer d;
    hl_buf text;
    for (size_t i = 0; i < t->n_tokens; i++)
        if (t->tokens[i] >= n_vocab)
            return hl_fail(err, HL_EINVAL, "api", "token %zu is %u, the model has %u", i,
                           t->tokens[i], n_vocab);
    hl_buf_init(&text, 0);
    hl_detokenizer_init(&d, t->job.tokenizer, true, true);
    for (size_t i = 0; i < t->n_tokens; i++) hl_detokenizer_push(&d, t->tokens[i], &text);
    hl_detokenizer_finish(&d, &text);
    hl_buf_append_char(out, '{');
    hl__json_text(out, "content", hl_buf_str(&text));
    hl_buf_append_char(out, '}');
    hl_status st = hl_buf_status(&text, "the text", err);
    hl_buf_deinit(&text);
    return st;
}

static hl_status append_answer(const tokenize *t, const hl_event *end, hl_buf *out, hl_error *err) {
    if (end->kind == HL_EVENT_FAILED) {
        *err = end->error;
        return err->status;
    }
    if (end->finish == HL_FINISH_CANCELLED)
        return hl_fail(err, HL_EBUSY, "api", "the server is shutting down");
    HL_ASSERT(t->job.tokenizer);
    return t->tokens ? append_content(t, out, err) : append_tokens(t, out, err);
}

static void on_event(void *arg, const hl_event *ev) {
    tokenize *t = arg;
    hl_error err;
    hl_buf out;
    if (ev->kind != HL_EVENT_FINISHED && ev->kind != HL_EVENT_FAILED) return;
    hl_buf_init(&out, 0);
    if (append_answer(t, ev, &out, &err) < 0)
        hl__answer_failure(&t->visit, &err);
    else
        hl__answer_json(&t->visit, 200, &out);
    hl_buf_deinit(&out);
    drop(t);
}

/* -- the request ------------------------------------------------------------------------------- */

static void on_leave(void *arg) {
    tokenize *t = arg;
    hl_hub_cancel(t->visit.api->hub, &t->job);
}

static hl_status read_common(tokenize *t, hl_error *err) {
    HL_TRY(hl__field_str(&t->body, "model", &t->model, err));
    if (t->model.len == 0) return hl_fail(err, HL_EINVAL, "api", "model is required");
    return hl__read_keep_alive(hl__field(&t->body, "keep_alive"), &t->job.keep_ns, &t->job.set_keep,
                               err);
}

/* Under the names that other servers and clients have for it. */
static hl_status read_text(tokenize *t, hl_error *err) {
    static const char *const keys[] = {"text", "content", "prompt"};
    bool has = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        has |= hl__field(&t->body, keys[i]) != NULL;
        HL_TRY(hl__field_str(&t->body, keys[i], &t->text, err));
    }
    if (!has) return hl_fail(err, HL_EINVAL, "api", "text is required");
    return hl__field_bool(&t->body, "add_special", &t->add_special, err);
}

static hl_status read_tokens(tokenize *t, hl_error *err) {
    struct json_object *array;
    HL_TRY(hl__field_array(&t->body, "tokens", &array, err));
    if (!array) return hl_fail(err, HL_EINVAL, "api", "tokens is required");
    return hl__read_tokens(array, "tokens", t->arena, &t->tokens, &t->n_tokens, err);
}

static hl_status read(tokenize *t, bool back, hl_error *err) {
    HL_TRY(hl__body_parse(hl_http_body(t->visit.x), t->visit.dialect, t->body.type, &t->body, err));
    HL_TRY(read_common(t, err));
    HL_TRY(back ? read_tokens(t, err) : read_text(t, err));
    return hl__embed_find_model(&t->visit, t->model, &t->package, err);
}

static tokenize *create(const hl__visit *v, const char *type) {
    tokenize *t = hl_calloc(1, sizeof *t);
    if (!t) return NULL;
    t->visit = *v;
    t->body.type = type;
    t->arena = hl_arena_create(ARENA_BYTES_MAX);
    if (t->arena) return t;
    hl_free(t);
    return NULL;
}

/* What is prepared is not the text, whose length has no limit here, but anything that needs the
 * vocabulary. */
static void start(tokenize *t) {
    hl_error err;
    t->job.package = t->package;
    t->job.req = (hl_request){.id = t->visit.req_id, .prompt = HL_STR("."), .raw = true};
    t->job.req.model = hl_str_from(t->package->name);
    hl_options_init(&t->job.req.options);
    t->job.prepare_only = true;
    t->job.on_event = on_event;
    t->job.arg = t;
    hl_http_on_leave(t->visit.x, on_leave, t);
    if (hl_hub_submit(t->visit.api->hub, &t->job, &err) >= 0) return;
    hl__answer_failure(&t->visit, &err);
    drop(t);
}

static void handle(const hl__visit *v, const char *type, bool back) {
    hl_error err;
    tokenize *t = create(v, type);
    if (!t) {
        (void)hl_fail(&err, HL_ENOMEM, "api", "no memory for the request");
        hl__answer_failure(v, &err);
    } else if (read(t, back, &err) < 0) {
        hl__answer_failure(v, &err);
        drop(t);
    } else {
        start(t);
    }
}

void hl__handle_tokenize(hl__visit *v) {
    handle(v, "TokenizeRequest", false);
}

void hl__handle_detokenize(hl__visit *v) {
    handle(v, "DetokenizeRequest", true);
}
