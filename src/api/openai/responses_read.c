/* From a request of /v1/responses to one of chat completions: input items become messages. */
#include "api/build.h"
#include "api/openai/common.h"
#include "api/openai/responses.h"

static bool is_string(struct json_object *v) {
    return json_object_is_type(v, json_type_string);
}

static bool is_object(struct json_object *v) {
    return json_object_is_type(v, json_type_object);
}

static hl_status unsupported(const char *where, hl_str type, hl_error *err) {
    return hl_fail(err, HL_EINVAL, "api", "%s: the type \"%.*s\" is not supported", where,
                   HL_STR_ARG(hl_str_slice(type, 0, 80)));
}

/* -- parts ------------------------------------------------------------------------------------- */

static hl_status add_part(const hl__fields *f, struct json_object *parts, hl_error *err) {
    static const char *const texts[] = {"input_text", "output_text", "text", "summary_text",
                                        "reasoning_text"};
    struct json_object *part;
    hl_str type = {"", 0}, text = {"", 0};
    HL_TRY(hl__field_str(f, "type", &type, err));
    if (hl_str_is(type, "input_file"))
        return hl_fail(err, HL_EINVAL, "api", "file inputs are not currently supported");
    HL_TRY(hl__push_object(parts, &part, err));
    if (hl_str_is(type, "input_image")) {
        HL_TRY(hl__put_str(part, "type", HL_STR("image_url"), err));
        return hl__put_shared(part, "image_url", hl__field(f, "image_url"), err);
    }
    HL_TRY(hl__put_str(part, "type", HL_STR("text"), err));
    if (hl_str_is(type, "refusal")) {
        HL_TRY(hl__field_str(f, "refusal", &text, err));
        return hl__put_str(part, "text", text, err);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!hl_str_is(type, texts[i])) continue;
        HL_TRY(hl__field_str(f, "text", &text, err));
        return hl__put_str(part, "text", text, err);
    }
    return unsupported("input", type, err);
}

/* A text or an array of parts behind those that are there; null is none. */
static hl_status add_content(struct json_object *value, struct json_object *parts, hl_error *err) {
    struct json_object *part;
    if (!value) return HL_OK;
    if (is_string(value)) {
        HL_TRY(hl__push_object(parts, &part, err));
        HL_TRY(hl__put_str(part, "type", HL_STR("text"), err));
        return hl__put_shared(part, "text", value, err);
    }
    if (!json_object_is_type(value, json_type_array))
        return hl_fail(err, HL_EINVAL, "api", "input: a content is no text and no array of parts");
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        hl__fields f = {json_object_array_get_idx(value, i), "ResponsesContent"};
        if (!is_object(f.o))
            return hl_fail(err, HL_EINVAL, "api", "input: a part of a content is no object");
        HL_TRY(add_part(&f, parts, err));
    }
    return HL_OK;
}

/* -- items ------------------------------------------------------------------------------------- */

static hl_status push_message(struct json_object *messages, hl_str role, struct json_object **ret,
                              struct json_object **ret_parts, hl_error *err) {
    HL_TRY(hl__push_object(messages, ret, err));
    HL_TRY(hl__put_str(*ret, "role", role, err));
    return hl__put_array(*ret, "content", ret_parts, err);
}

/* The assistant's message that the items before this one have begun, else a new one: reasoning,
 * text and calls of one answer are items of their own here. */
static hl_status assistant(struct json_object *messages, struct json_object **ret, hl_error *err) {
    struct json_object *parts;
    size_t n = json_object_array_length(messages);
    struct json_object *before = n > 0 ? json_object_array_get_idx(messages, n - 1) : NULL;
    if (hl_str_is(hl__json_get_str(before, "role"), "assistant")) {
        *ret = before;
        return HL_OK;
    }
    return push_message(messages, HL_STR("assistant"), ret, &parts, err);
}

static hl_status add_message(const hl__fields *f, struct json_object *messages, hl_error *err) {
    struct json_object *message, *parts, *content = hl__field(f, "content");
    hl_str role = {"", 0};
    HL_TRY(hl__field_str(f, "role", &role, err));
    if (role.len == 0) return hl_fail(err, HL_EINVAL, "api", "input: a message has no role");
    if (!hl_str_is(role, "assistant")) {
        HL_TRY(push_message(messages, role, &message, &parts, err));
        return add_content(content, parts, err);
    }
    HL_TRY(assistant(messages, &message, err));
    return add_content(content, hl__json_get(message, "content"), err);
}

static hl_status add_call(const hl__fields *f, struct json_object *messages, hl_error *err) {
    struct json_object *message, *call, *function;
    hl_str id = {"", 0}, name = {"", 0}, arguments = HL_STR("{}");
    HL_TRY(hl__field_str(f, "call_id", &id, err));
    HL_TRY(hl__field_str(f, "name", &name, err));
    HL_TRY(hl__field_str(f, "arguments", &arguments, err));
    HL_TRY(assistant(messages, &message, err));
    struct json_object *calls = hl__json_get(message, "tool_calls");
    if (!calls) HL_TRY(hl__put_array(message, "tool_calls", &calls, err));
    HL_TRY(hl__push_object(calls, &call, err));
    HL_TRY(hl__put_str(call, "id", id, err));
    HL_TRY(hl__put_str(call, "type", HL_STR("function"), err));
    HL_TRY(hl__put_object(call, "function", &function, err));
    HL_TRY(hl__put_str(function, "name", name, err));
    return hl__put_str(function, "arguments", arguments, err);
}

static hl_status add_output(const hl__fields *f, struct json_object *messages, hl_error *err) {
    struct json_object *message, *parts;
    hl_str id = {"", 0};
    HL_TRY(hl__field_str(f, "call_id", &id, err));
    HL_TRY(push_message(messages, HL_STR("tool"), &message, &parts, err));
    HL_TRY(hl__put_str(message, "tool_call_id", id, err));
    return add_content(hl__field(f, "output"), parts, err);
}

static void append_texts(struct json_object *array, hl_buf *out) {
    size_t n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *text = hl__json_get(json_object_array_get_idx(array, i), "text");
        if (is_string(text)) hl_buf_append_str(out, hl__json_str(text));
    }
}

/* The reasoning as we gave it: in the place for what other servers encrypt, else its parts. */
static hl_status add_reasoning(const hl__fields *f, struct json_object *messages, hl_error *err) {
    struct json_object *message, *given = hl__field(f, "encrypted_content");
    hl_buf text;
    HL_TRY(assistant(messages, &message, err));
    hl_buf_init(&text, 0);
    if (is_string(given))
        hl_buf_append_str(&text, hl__json_str(given));
    else
        append_texts(hl__field(f, "summary"), &text);
    if (text.len == 0) append_texts(hl__field(f, "content"), &text);
    hl_status st = hl_buf_status(&text, "the reasoning", err);
    if (st >= 0) st = hl__put_str(message, "reasoning", hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    return st;
}

static hl_status add_item(struct json_object *v, struct json_object *messages, hl_error *err) {
    static const struct {
        const char *type;
        hl_status (*add)(const hl__fields *f, struct json_object *messages, hl_error *err);
    } kinds[] = {{"", add_message},
                 {"message", add_message},
                 {"function_call", add_call},
                 {"function_call_output", add_output},
                 {"reasoning", add_reasoning},
                 {"web_search_call", NULL}};
    hl__fields f = {v, "ResponsesInput"};
    hl_str type = {"", 0};
    if (!is_object(v)) return hl_fail(err, HL_EINVAL, "api", "input: an item is no object");
    HL_TRY(hl__field_str(&f, "type", &type, err));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (hl_str_is(type, kinds[i].type))
            return kinds[i].add ? kinds[i].add(&f, messages, err) : HL_OK;
    return unsupported("input", type, err);
}

static hl_status add_text(struct json_object *messages, const char *role, struct json_object *text,
                          hl_error *err) {
    struct json_object *message, *parts;
    HL_TRY(push_message(messages, hl_str_from(role), &message, &parts, err));
    return add_content(text, parts, err);
}

static hl_status translate_input(const hl__fields *body, struct json_object *messages,
                                 hl_error *err) {
    struct json_object *input = hl__field(body, "input");
    struct json_object *instructions = hl__field(body, "instructions");
    if (is_string(instructions) && json_object_get_string_len(instructions) > 0)
        HL_TRY(add_text(messages, "system", instructions, err));
    if (is_string(input)) return add_text(messages, "user", input, err);
    if (!json_object_is_type(input, json_type_array))
        return hl_fail(err, HL_EINVAL, "api", "input is required: a text or an array of items");
    for (size_t i = 0; i < json_object_array_length(input); i++)
        HL_TRY(add_item(json_object_array_get_idx(input, i), messages, err));
    return HL_OK;
}

/* -- tools ------------------------------------------------------------------------------------- */

/* Those of OpenAI's own that search the web are left out: a model works without them. */
static bool is_search(hl_str type) {
    return hl_str_starts(type, HL_STR("web_search"));
}

static hl_status add_function(const hl__fields *f, hl_str space, struct json_object *tools,
                              hl_error *err) {
    struct json_object *tool, *function;
    hl_str name = {"", 0};
    hl_buf full;
    HL_TRY(hl__field_str(f, "name", &name, err));
    HL_TRY(hl__push_object(tools, &tool, err));
    HL_TRY(hl__put_str(tool, "type", HL_STR("function"), err));
    HL_TRY(hl__put_object(tool, "function", &function, err));
    hl_buf_init(&full, 0);
    if (space.len > 0) hl_buf_printf(&full, "%.*s.", HL_STR_ARG(space));
    hl_buf_append_str(&full, name);
    hl_status st = hl_buf_status(&full, "a tool's name", err);
    if (st >= 0) st = hl__put_str(function, "name", hl_buf_str(&full), err);
    hl_buf_deinit(&full);
    if (st >= 0) st = hl__put_shared(function, "description", hl__field(f, "description"), err);
    return st < 0 ? st : hl__put_shared(function, "parameters", hl__field(f, "parameters"), err);
}

static hl_status add_tools(struct json_object *given, hl_str space, struct json_object *tools,
                           hl_error *err);

static hl_status add_tool(struct json_object *v, hl_str space, struct json_object *tools,
                          hl_error *err) {
    hl__fields f = {v, "ResponsesTool"};
    hl_str type = {"", 0}, name = {"", 0};
    struct json_object *inner;
    if (!is_object(v)) return hl_fail(err, HL_EINVAL, "api", "tools: an element is no object");
    HL_TRY(hl__field_str(&f, "type", &type, err));
    if (hl_str_is(type, "function")) return add_function(&f, space, tools, err);
    if (is_search(type)) return HL_OK;
    if (!hl_str_is(type, "namespace") || space.len > 0) return unsupported("tools", type, err);
    HL_TRY(hl__field_str(&f, "name", &name, err));
    if (name.len == 0) return hl_fail(err, HL_EINVAL, "api", "tools: a namespace has no name");
    HL_TRY(hl__field_array(&f, "tools", &inner, err));
    return add_tools(inner, name, tools, err);
}

static hl_status add_tools(struct json_object *given, hl_str space, struct json_object *tools,
                           hl_error *err) {
    for (size_t i = 0; given && i < json_object_array_length(given); i++)
        HL_TRY(add_tool(json_object_array_get_idx(given, i), space, tools, err));
    return HL_OK;
}

/* {"type":"function","name":…} has its name one level higher than in chat completions. */
static hl_status translate_choice(const hl__fields *body, struct json_object **ret, hl_error *err) {
    struct json_object *choice = hl__field(body, "tool_choice"), *function;
    struct json_object *name = hl__json_get(choice, "name");
    *ret = NULL;
    if (!choice) return HL_OK;
    if (!name) {
        *ret = json_object_get(choice);
        return HL_OK;
    }
    *ret = json_object_new_object();
    if (!*ret) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    HL_TRY(hl__put_str(*ret, "type", HL_STR("function"), err));
    HL_TRY(hl__put_object(*ret, "function", &function, err));
    return hl__put_shared(function, "name", name, err);
}

static hl_status read_tools(hl__call *c, hl__response *r, hl_error *err) {
    struct json_object *given;
    bool parallel = true;
    HL_TRY(hl__field_array(&c->body, "tools", &given, err));
    HL_TRY(add_tools(given, (hl_str){"", 0}, r->tools, err));
    HL_TRY(translate_choice(&c->body, &r->choice, err));
    HL_TRY(hl__read_tools(r->tools, &c->req, err));
    HL_TRY(hl__field_bool(&c->body, "parallel_tool_calls", &parallel, err));
    c->one_call = !parallel;
    return hl__read_tool_choice(r->choice, &c->req, err);
}

/* -- the rest ---------------------------------------------------------------------------------- */

static hl_status read_format(hl__call *c, hl_error *err) {
    struct json_object *text, *format = NULL, *schema = NULL;
    hl_str type = {"", 0};
    HL_TRY(hl__field_object(&c->body, "text", &text, err));
    hl__fields t = {text, "ResponsesText"};
    if (text) HL_TRY(hl__field_object(&t, "format", &format, err));
    if (!format) return HL_OK;
    hl__fields f = {format, "ResponsesTextFormat"};
    HL_TRY(hl__field_str(&f, "type", &type, err));
    if (type.len == 0 || hl_str_is(type, "text")) return HL_OK;
    if (hl_str_is(type, "json_object")) {
        c->req.format = HL_FORMAT_JSON;
        return HL_OK;
    }
    if (!hl_str_is(type, "json_schema")) return unsupported("text.format", type, err);
    HL_TRY(hl__field_object(&f, "schema", &schema, err));
    if (!schema) return hl_fail(err, HL_EINVAL, "api", "text.format has no schema");
    c->req.format = HL_FORMAT_SCHEMA;
    c->req.schema = schema;
    return HL_OK;
}

static hl_status read_limit(hl__call *c, hl__response *r, hl_error *err) {
    bool has;
    HL_TRY(hl__field_number(&c->body, "max_output_tokens", &r->max_tokens, &has, err));
    if (!has) return HL_OK;
    return hl_options_set_number(&c->req.options, HL_OPT_num_predict, r->max_tokens, err);
}

static hl_status make_state(hl__call *c, hl__response **ret, hl_error *err) {
    hl__response *r = HL_ARENA_NEW(c->arena, hl__response);
    if (!r) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    hl_buf_init(&r->text, 0);
    hl_buf_init(&r->output, 0);
    hl__call_id(c, "resp_", 24, r->id);
    c->state = r;
    *ret = r;
    r->messages = json_object_new_array();
    r->tools = json_object_new_array();
    if (!r->messages || !r->tools)
        return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    return HL_OK;
}

hl_status hl__responses_read(hl__call *c, hl_error *err) {
    hl__response *r;
    HL_TRY(make_state(c, &r, err));
    HL_TRY(read_format(c, err)); /* a grammar is only taken without one */
    HL_TRY(hl__openai_read_common(c, err));
    c->n_choices = 1; /* there is no n here, and no way to show a prompt */
    c->render_only = false;
    HL_TRY(hl__openai_read_effort(c, err));
    HL_TRY(read_limit(c, r, err));
    HL_TRY(translate_input(&c->body, r->messages, err));
    HL_TRY(hl__read_messages(r->messages, true, c->arena, &c->req, err));
    return read_tools(c, r, err);
}
