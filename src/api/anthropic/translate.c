#include "api/anthropic/translate.h"

#include "api/build.h"

static bool is_string(struct json_object *v) {
    return json_object_is_type(v, json_type_string);
}

static bool is_array(struct json_object *v) {
    return json_object_is_type(v, json_type_array);
}

static hl_status bad_block(hl_str type, const char *where, hl_error *err) {
    return hl_fail(err, HL_EINVAL, "api", "%s: a block of the type \"%.*s\" is not supported",
                   where, HL_STR_ARG(hl_str_slice(type, 0, 80)));
}

/* The block at i as fields, and its type. */
static hl_status block_at(struct json_object *blocks, size_t i, hl__fields *ret, hl_str *ret_type,
                          hl_error *err) {
    struct json_object *v = json_object_array_get_idx(blocks, i);
    if (!json_object_is_type(v, json_type_object))
        return hl_fail(err, HL_EINVAL, "api", "a block of a message's content is no object");
    *ret = (hl__fields){v, "ContentBlock"};
    *ret_type = (hl_str){"", 0};
    return hl__field_str(ret, "type", ret_type, err);
}

/* -- texts ------------------------------------------------------------------------------------- */

/* A text, or blocks of text one behind the other; nothing for null. */
static hl_status join_texts(struct json_object *v, const char *where, hl_buf *out, hl_error *err) {
    if (!v) return HL_OK;
    if (is_string(v)) {
        hl_buf_append_str(out, hl__json_str(v));
        return hl_buf_status(out, where, err);
    }
    if (!is_array(v)) return hl_fail(err, HL_EINVAL, "api", "%s is no text and no blocks", where);
    for (size_t i = 0; i < json_object_array_length(v); i++) {
        hl__fields f;
        hl_str type, text = {"", 0};
        HL_TRY(block_at(v, i, &f, &type, err));
        if (!hl_str_is(type, "text")) return bad_block(type, where, err);
        HL_TRY(hl__field_str(&f, "text", &text, err));
        if (i > 0) hl_buf_append_char(out, '\n');
        hl_buf_append_str(out, text);
    }
    return hl_buf_status(out, where, err);
}

static hl_status put_texts(struct json_object *o, const char *key, struct json_object *v,
                           const char *where, hl_error *err) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_status st = join_texts(v, where, &text, err);
    if (st >= 0) st = hl__put_str(o, key, hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    return st;
}

static hl_status push_message(struct json_object *messages, hl_str role, struct json_object **ret,
                              hl_error *err) {
    HL_TRY(hl__push_object(messages, ret, err));
    return hl__put_str(*ret, "role", role, err);
}

static hl_status add_system(const hl__fields *body, struct json_object *messages, hl_error *err) {
    struct json_object *system = hl__field(body, "system"), *message;
    if (!system) return HL_OK;
    HL_TRY(push_message(messages, HL_STR("system"), &message, err));
    return put_texts(message, "content", system, "system", err);
}

/* -- blocks ------------------------------------------------------------------------------------ */

/* What the blocks of one message become: a message of its role, behind the tools' answers. */
typedef struct builder {
    struct json_object *messages, *parts, *calls; /* calls: NULL until there is one */
    struct json_object *message;
    hl_buf thinking;
} builder;

static hl_status add_text(builder *b, const hl__fields *f, hl_error *err) {
    struct json_object *part;
    hl_str text = {"", 0};
    HL_TRY(hl__field_str(f, "text", &text, err));
    HL_TRY(hl__push_object(b->parts, &part, err));
    HL_TRY(hl__put_str(part, "type", HL_STR("text"), err));
    return hl__put_str(part, "text", text, err);
}

static hl_status add_image(builder *b, const hl__fields *f, hl_error *err) {
    struct json_object *source, *part;
    hl_str type = {"", 0}, media = {"", 0}, data = {"", 0};
    hl_buf url;
    HL_TRY(hl__field_object(f, "source", &source, err));
    hl__fields s = {source, "ImageSource"};
    if (source) HL_TRY(hl__field_str(&s, "type", &type, err));
    if (!hl_str_is(type, "base64"))
        return hl_fail(err, HL_EINVAL, "api", "invalid image source type: %.*s",
                       HL_STR_ARG(hl_str_slice(type, 0, 80)));
    HL_TRY(hl__field_str(&s, "media_type", &media, err));
    HL_TRY(hl__field_str(&s, "data", &data, err));
    HL_TRY(hl__push_object(b->parts, &part, err));
    HL_TRY(hl__put_str(part, "type", HL_STR("image_url"), err));
    hl_buf_init(&url, 0);
    hl_buf_append_cstr(&url, "data:");
    hl_buf_append_str(&url, media);
    hl_buf_append_cstr(&url, ";base64,");
    hl_buf_append_str(&url, data);
    hl_status st = hl_buf_status(&url, "the image", err);
    if (st >= 0) st = hl__put_str(part, "image_url", hl_buf_str(&url), err);
    hl_buf_deinit(&url);
    return st;
}

static hl_status add_tool_use(builder *b, const hl__fields *f, hl_error *err) {
    struct json_object *input, *call, *function;
    hl_str id = {"", 0}, name = {"", 0};
    HL_TRY(hl__field_str(f, "id", &id, err));
    HL_TRY(hl__field_str(f, "name", &name, err));
    HL_TRY(hl__field_object(f, "input", &input, err));
    if (id.len == 0 || name.len == 0)
        return hl_fail(err, HL_EINVAL, "api", "tool_use block missing required '%s' field",
                       id.len == 0 ? "id" : "name");
    if (!b->calls) HL_TRY(hl__put_array(b->message, "tool_calls", &b->calls, err));
    HL_TRY(hl__push_object(b->calls, &call, err));
    HL_TRY(hl__put_str(call, "id", id, err));
    HL_TRY(hl__put_str(call, "type", HL_STR("function"), err));
    HL_TRY(hl__put_object(call, "function", &function, err));
    HL_TRY(hl__put_str(function, "name", name, err));
    if (input) return hl__put_shared(function, "arguments", input, err);
    return hl__put(function, "arguments", json_object_new_object(), err);
}

static hl_status add_tool_result(builder *b, const hl__fields *f, hl_error *err) {
    struct json_object *message;
    hl_str id = {"", 0};
    HL_TRY(hl__field_str(f, "tool_use_id", &id, err));
    HL_TRY(push_message(b->messages, HL_STR("tool"), &message, err));
    HL_TRY(hl__put_str(message, "tool_call_id", id, err));
    return put_texts(message, "content", hl__field(f, "content"), "tool_result", err);
}

static hl_status add_thinking(builder *b, const hl__fields *f, hl_error *err) {
    hl_str text = {"", 0};
    HL_TRY(hl__field_str(f, "thinking", &text, err));
    hl_buf_append_str(&b->thinking, text);
    return hl_buf_status(&b->thinking, "the reasoning", err);
}

static hl_status add_block(builder *b, const hl__fields *f, hl_str type, hl_error *err) {
    static const struct {
        const char *type;
        hl_status (*add)(builder *b, const hl__fields *f, hl_error *err);
    } kinds[] = {{"text", add_text},         {"image", add_image},
                 {"tool_use", add_tool_use}, {"tool_result", add_tool_result},
                 {"thinking", add_thinking}, {"redacted_thinking", NULL}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (hl_str_is(type, kinds[i].type)) return kinds[i].add ? kinds[i].add(b, f, err) : HL_OK;
    return bad_block(type, "messages", err);
}

/* A message that only brought tools' answers is none itself. */
static hl_status finish_message(builder *b, hl_error *err) {
    bool empty = json_object_array_length(b->parts) == 0 && !b->calls && b->thinking.len == 0;
    if (empty) return HL_OK;
    if (b->thinking.len > 0)
        HL_TRY(hl__put_str(b->message, "reasoning", hl_buf_str(&b->thinking), err));
    return hl__push(b->messages, json_object_get(b->message), err);
}

static hl_status add_blocks(builder *b, struct json_object *blocks, hl_error *err) {
    for (size_t i = 0; i < json_object_array_length(blocks); i++) {
        hl__fields f;
        hl_str type;
        HL_TRY(block_at(blocks, i, &f, &type, err));
        HL_TRY(add_block(b, &f, type, err));
    }
    return finish_message(b, err);
}

static hl_status translate_blocks(struct json_object *messages, hl_str role,
                                  struct json_object *blocks, hl_error *err) {
    builder b = {.messages = messages, .message = json_object_new_object()};
    hl_buf_init(&b.thinking, 0);
    hl_status st = b.message ? HL_OK : hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    if (st >= 0) st = hl__put_str(b.message, "role", role, err);
    if (st >= 0) st = hl__put_array(b.message, "content", &b.parts, err);
    if (st >= 0) st = add_blocks(&b, blocks, err);
    json_object_put(b.message);
    hl_buf_deinit(&b.thinking);
    return st;
}

/* -- messages ---------------------------------------------------------------------------------- */

static hl_status translate_message(struct json_object *v, struct json_object *messages,
                                   hl_error *err) {
    hl__fields f = {v, "MessageParam"};
    struct json_object *message;
    hl_str role = {"", 0};
    if (!json_object_is_type(v, json_type_object))
        return hl_fail(err, HL_EINVAL, "api", "an element of messages is no object");
    HL_TRY(hl__field_str(&f, "role", &role, err));
    if (!hl_str_is(role, "user") && !hl_str_is(role, "assistant") && !hl_str_is(role, "system"))
        return hl_fail(err, HL_EINVAL, "api", "invalid role: %.*s",
                       HL_STR_ARG(hl_str_slice(role, 0, 80)));
    struct json_object *content = hl__field(&f, "content");
    if (is_array(content)) return translate_blocks(messages, role, content, err);
    if (!is_string(content))
        return hl_fail(err, HL_EINVAL, "api", "invalid message content type: %s",
                       hl__json_go_type(content));
    HL_TRY(push_message(messages, role, &message, err));
    return hl__put_str(message, "content", hl__json_str(content), err);
}

static hl_status translate_messages(const hl__fields *body, struct json_object *messages,
                                    hl_error *err) {
    struct json_object *given;
    HL_TRY(add_system(body, messages, err));
    HL_TRY(hl__field_array(body, "messages", &given, err));
    for (size_t i = 0; given && i < json_object_array_length(given); i++)
        HL_TRY(translate_message(json_object_array_get_idx(given, i), messages, err));
    return HL_OK;
}

hl_status hl__anthropic_messages(const hl__fields *body, struct json_object **ret, hl_error *err) {
    struct json_object *messages = json_object_new_array();
    if (!messages) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    hl_status st = translate_messages(body, messages, err);
    if (st < 0)
        json_object_put(messages);
    else
        *ret = messages;
    return st;
}

/* -- tools ------------------------------------------------------------------------------------- */

/* Tools that Anthropic runs itself are named by a type; ours all are the client's. */
static hl_status translate_tool(struct json_object *v, struct json_object *tools, hl_error *err) {
    hl__fields f = {v, "Tool"};
    struct json_object *schema, *tool, *function;
    hl_str type = {"", 0}, name = {"", 0};
    if (!json_object_is_type(v, json_type_object))
        return hl_fail(err, HL_EINVAL, "api", "an element of tools is no object");
    HL_TRY(hl__field_str(&f, "type", &type, err));
    if (type.len > 0 && !hl_str_is(type, "custom"))
        return hl_fail(err, HL_EINVAL, "api", "a tool of the type \"%.*s\" is not supported",
                       HL_STR_ARG(hl_str_slice(type, 0, 80)));
    HL_TRY(hl__field_str(&f, "name", &name, err));
    HL_TRY(hl__field_object(&f, "input_schema", &schema, err));
    HL_TRY(hl__push_object(tools, &tool, err));
    HL_TRY(hl__put_str(tool, "type", HL_STR("function"), err));
    HL_TRY(hl__put_object(tool, "function", &function, err));
    HL_TRY(hl__put_str(function, "name", name, err));
    HL_TRY(hl__put_shared(function, "description", hl__field(&f, "description"), err));
    return hl__put_shared(function, "parameters", schema, err);
}

static hl_status translate_tools(struct json_object *given, struct json_object *tools,
                                 hl_error *err) {
    for (size_t i = 0; i < json_object_array_length(given); i++)
        HL_TRY(translate_tool(json_object_array_get_idx(given, i), tools, err));
    return HL_OK;
}

hl_status hl__anthropic_tools(const hl__fields *body, struct json_object **ret, hl_error *err) {
    struct json_object *given;
    *ret = NULL;
    HL_TRY(hl__field_array(body, "tools", &given, err));
    if (!given) return HL_OK;
    struct json_object *tools = json_object_new_array();
    if (!tools) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    hl_status st = translate_tools(given, tools, err);
    if (st < 0)
        json_object_put(tools);
    else
        *ret = tools;
    return st;
}

static hl_status named_choice(const hl__fields *f, struct json_object *o, hl_error *err) {
    struct json_object *function;
    hl_str name = {"", 0};
    HL_TRY(hl__field_str(f, "name", &name, err));
    HL_TRY(hl__put_str(o, "type", HL_STR("function"), err));
    HL_TRY(hl__put_object(o, "function", &function, err));
    return hl__put_str(function, "name", name, err);
}

static hl_status make_choice(const hl__fields *f, hl_str type, struct json_object **ret,
                             hl_error *err) {
    static const char *const words[][2] = {{"auto", "auto"}, {"any", "required"}, {"none", "none"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (hl_str_is(type, words[i][0])) *ret = json_object_new_string(words[i][1]);
    if (*ret) return HL_OK;
    if (!hl_str_is(type, "tool"))
        return hl_fail(err, HL_EINVAL, "api", "tool_choice: the type \"%.*s\" is not supported",
                       HL_STR_ARG(hl_str_slice(type, 0, 80)));
    *ret = json_object_new_object();
    if (!*ret) return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
    hl_status st = named_choice(f, *ret, err);
    if (st >= 0) return HL_OK;
    json_object_put(*ret);
    *ret = NULL;
    return st;
}

hl_status hl__anthropic_tool_choice(const hl__fields *body, struct json_object **ret, bool *ret_one,
                                    hl_error *err) {
    struct json_object *choice;
    hl_str type = {"", 0};
    *ret = NULL;
    HL_TRY(hl__field_object(body, "tool_choice", &choice, err));
    if (!choice) return HL_OK;
    hl__fields f = {choice, "ToolChoice"};
    HL_TRY(hl__field_bool(&f, "disable_parallel_tool_use", ret_one, err));
    HL_TRY(hl__field_str(&f, "type", &type, err));
    return make_choice(&f, type, ret, err);
}
