/* Prompts of recorded requests: the same tokens, as far as the answers tell them (the context that
 * generate gives back), else as many. */
#include "serve/prepare.h"

#include "base/fs.h"
#include "testing.h"

#include <stdio.h>
#include <unistd.h>

static const char *const RECORDS = "../shared/reference/ollama-recorded.jsonl";
static const char *const FILE_OF_MODEL = "../shared/tiny-model/tiny-q8_0.gguf";

static hl_gguf *gguf;
static hl_tokenizer *tokenizer;
static hl_template *chat;
static hl_str chat_text;
static struct json_object *created; /* name: the body that created the model */
static hl_error err;
static size_t n_same, n_counted, n_refused;

static struct json_object *get(struct json_object *o, const char *key) {
    struct json_object *value = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &value)
               ? value
               : NULL;
}

static hl_str text(struct json_object *o, const char *key) {
    struct json_object *value = get(o, key);
    if (!json_object_is_type(value, json_type_string)) return HL_STR("");
    return (hl_str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

/* -- models ------------------------------------------------------------------------------------ */

/* The file's own template wins where it can do more. */
static bool make_package(hl_str name, hl_package *p, hl_message *messages, hl_part *parts) {
    struct json_object *body = get(created, name.ptr);
    *p = (hl_package){.name = "tiny"};
    bool bare = hl_str_find(name, HL_STR("nt-"), 0) != SIZE_MAX;
    if (bare) {
        p->template_text = text(body, "template");
        if (hl_gotemplate_parse("", p->template_text, &p->go, &err) < 0) return false;
    } else {
        p->template_text = chat_text;
        p->chat = chat;
    }
    p->tags = hl_thinking_tags_find(p->template_text);
    p->system = text(body, "system");
    struct json_object *list = get(body, "messages");
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *m = json_object_array_get_idx(list, i);
        parts[i] = (hl_part){.text = text(m, "content")};
        messages[i] = (hl_message){.role = text(m, "role"), .parts = &parts[i], .n_parts = 1};
        p->n_messages++;
    }
    p->messages = messages;
    return true;
}

/* -- requests ---------------------------------------------------------------------------------- */

enum { MESSAGES_MAX = 8 };

typedef struct call {
    hl_request req;
    hl_message messages[MESSAGES_MAX];
    hl_part parts[MESSAGES_MAX];
    uint32_t context[256];
    size_t n_context;
} call;

static hl_think think_of(struct json_object *body) {
    struct json_object *think = get(body, "think");
    if (json_object_is_type(think, json_type_boolean))
        return json_object_get_boolean(think) ? HL_THINK_ON : HL_THINK_OFF;
    return think ? HL_THINK_HIGH : HL_THINK_UNSET;
}

static void read_message(call *c, size_t i, struct json_object *m) {
    c->parts[i] = (hl_part){.text = text(m, "content")};
    c->messages[i] = (hl_message){.role = text(m, "role"),
                                  .parts = &c->parts[i],
                                  .n_parts = 1,
                                  .thinking = text(m, "thinking"),
                                  .tool_calls = get(m, "tool_calls"),
                                  .tool_name = text(m, "tool_name")};
}

static void read_call(call *c, struct json_object *body) {
    struct json_object *messages = get(body, "messages"), *context = get(body, "context");
    *c = (call){.req = {.prompt = text(body, "prompt"),
                        .system = text(body, "system"),
                        .suffix = text(body, "suffix"),
                        .template_override = text(body, "template"),
                        .raw = json_object_get_boolean(get(body, "raw")),
                        .tools = get(body, "tools"),
                        .think = think_of(body),
                        .messages = c->messages}};
    hl_options_init(&c->req.options);
    struct json_object *truncate = get(body, "truncate"), *shift = get(body, "shift");
    c->req.no_truncate = truncate && !json_object_get_boolean(truncate);
    c->req.no_shift = shift && !json_object_get_boolean(shift);
    for (size_t i = 0; messages && i < json_object_array_length(messages); i++)
        read_message(c, c->req.n_messages++, json_object_array_get_idx(messages, i));
    for (size_t i = 0; context && i < json_object_array_length(context); i++)
        c->context[c->n_context++] = (uint32_t)json_object_get_int(
            json_object_array_get_idx(context, i));
}

/* -- what is compared -------------------------------------------------------------------------- */

static void compare_tokens(const hl_prepared *p, struct json_object *event, int n) {
    struct json_object *context = get(event, "context");
    const hl_tokens *all = p->uncut.n > 0 ? &p->uncut : &p->tokens;
    bool listed = json_object_is_type(context, json_type_array);
    if (!listed || json_object_array_length(context) < (size_t)n) return;
    for (size_t i = 0; i < all->n; i++) {
        struct json_object *id = json_object_array_get_idx(context, i);
        if (!json_object_is_type(id, json_type_int)) return; /* a list that was cut */
        assert_int_equal(all->ids[i], json_object_get_int(id));
    }
    n_same++;
}

static void compare(const call *c, const hl_package *package, struct json_object *body,
                    struct json_object *event, int status, const char *name) {
    hl_prepared p;
    struct json_object *ctx = get(get(body, "options"), "num_ctx");
    hl_prepare_model m = {.package = package,
                          .tokenizer = tokenizer,
                          .ctx = ctx ? (uint32_t)json_object_get_int(ctx) : 4096,
                          .context = c->context,
                          .n_context = c->n_context};
    hl_status st = hl_prepare(&m, &c->req, 0, &p, &err);
    if (st < 0) {
        assert_int_equal(status, 400);
        assert_true(hl_str_is(text(event, "error"), err.text));
        n_refused++;
        return;
    }
    int n = json_object_get_int(get(event, "prompt_eval_count"));
    if (n > 0 && p.tokens.n != (size_t)n) print_error("%s: %zu, not %d\n", name, p.tokens.n, n);
    if (n > 0) assert_int_equal(p.tokens.n, n);
    if (n > 0) n_counted++;
    if (n > 0) compare_tokens(&p, event, n);
    struct json_object *rendered = get(get(event, "_debug_info"), "rendered_template");
    if (rendered) assert_string_equal(p.text.ptr, json_object_get_string(rendered));
    hl_prepared_deinit(&p);
}

static void take_record(struct json_object *record) {
    struct json_object *body = get(record, "body"), *answer = get(record, "answer");
    struct json_object *events = get(answer, "events");
    int status = json_object_get_int(get(answer, "status"));
    hl_str path = text(record, "path"), model = text(body, "model");
    size_t n = json_object_is_type(events, json_type_array) ? json_object_array_length(events) : 0;
    if (hl_str_is(path, "/api/create") && model.len > 0)
        json_object_object_add(created, model.ptr, json_object_get(body));
    bool ours = hl_str_is(path, "/api/generate") || hl_str_is(path, "/api/chat");
    if (!ours || !hl_str_starts(model, HL_STR("tiny")) || n == 0) return;
    struct json_object *event = json_object_array_get_idx(events, n - 1);
    bool about_length = hl_str_find(text(event, "error"), HL_STR("exceed_context"), 0) != SIZE_MAX;
    if (!get(event, "prompt_eval_count") && !get(event, "_debug_info") && !about_length) return;
    if (hl_str_is(model, "tiny-notmpl")) return; /* its template is guessed by serve/package */

    hl_message messages[MESSAGES_MAX];
    hl_part parts[MESSAGES_MAX];
    hl_package package;
    call c;
    if (!make_package(model, &package, messages, parts)) fail();
    read_call(&c, body);
    compare(&c, &package, body, event, status, json_object_get_string(get(record, "name")));
    hl_gotemplate_destroy(package.go);
}

static void prompts_have_the_same_tokens(void **state) {
    hl_buf all;
    (void)state;
    if (!gguf) skip();
    hl_buf_init(&all, 0);
    assert_int_equal(hl_file_read(RECORDS, 64 << 20, &all, &err), HL_OK);
    for (hl_str rest = hl_buf_str(&all); rest.len > 0;) {
        struct json_object *record;
        size_t end = hl_str_find(rest, HL_STR("\n"), 0);
        assert_int_equal(hl_json_parse(hl_str_slice(rest, 0, end), &record, &err), HL_OK);
        take_record(record);
        json_object_put(record);
        rest = hl_str_slice(rest, end == SIZE_MAX ? rest.len : end + 1, rest.len);
    }
    hl_buf_deinit(&all);
    print_message("%zu prompts of the same length, %zu of the same tokens, %zu refused alike\n",
                  n_counted, n_same, n_refused);
    assert_true(n_counted > 40 && n_same > 20 && n_refused > 1);
}

static int open_model(void **state) {
    (void)state;
    created = json_object_new_object();
    if (access(RECORDS, R_OK) != 0 || access(FILE_OF_MODEL, R_OK) != 0) {
        print_message("skipped: %s or the model is not there\n", RECORDS);
        return 0;
    }
    return hl_gguf_open(FILE_OF_MODEL, &gguf, &err) < 0 ||
           hl_tokenizer_create(gguf, &tokenizer, &err) < 0 ||
           hl_gguf_require_str(gguf, "tokenizer.chat_template", &chat_text, &err) < 0 ||
           hl_template_parse("tiny", chat_text, &chat, &err) < 0;
}

static int close_model(void **state) {
    (void)state;
    json_object_put(created);
    hl_template_destroy(chat);
    hl_tokenizer_destroy(tokenizer);
    hl_gguf_close(gguf);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(prompts_have_the_same_tokens)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
