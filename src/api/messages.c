/* A request's messages. */
#include "api/fields.h"
#include "base/map.h"

/* What reading one message needs of those before it. */
typedef struct reader {
    bool openai;
    hl_arena *arena;
    hl_map ids;    /* of calls so far, to indexes of names */
    hl_str *names; /* [n_names] of the tools that the last call of an id has called */
    size_t n_names, names_cap;
} reader;

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
}

static bool is_type(struct json_object *v, json_type type) {
    return json_object_is_type(v, type);
}

/* -- pictures ---------------------------------------------------------------------------------- */

static bool is_base64(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* Where text stops being base64 with padding, line breaks aside; SIZE_MAX: nowhere. */
static size_t base64_error(hl_str text) {
    size_t n = 0, n_padding = 0, last = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r') continue;
        bool padding = c == '=' && (n + n_padding) % 4 >= 2;
        if (!padding && (n_padding > 0 || !is_base64(c))) return i;
        if ((n + n_padding) % 4 == 0) last = i;
        n += !padding;
        n_padding += padding;
    }
    return (n + n_padding) % 4 == 0 ? SIZE_MAX : last;
}

static hl_status check_base64(hl_str text, hl_error *err) {
    size_t at = base64_error(text);
    if (at == SIZE_MAX) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "illegal base64 data at input byte %zu", at);
}

hl_status hl__read_images(const hl__fields *f, size_t *ret_n, hl_error *err) {
    struct json_object *images;
    HL_TRY(hl__field_array(f, "images", &images, err));
    *ret_n = images ? json_object_array_length(images) : 0;
    for (size_t i = 0; i < *ret_n; i++) {
        struct json_object *v = json_object_array_get_idx(images, i);
        if (!is_type(v, json_type_string))
            return hl_fail(err, HL_EINVAL, "api",
                           "json: cannot unmarshal %s into Go struct field %s.images of type uint8",
                           hl__json_type_name(v), f->type);
        HL_TRY(check_base64(hl__json_str(v), err));
    }
    return HL_OK;
}

/* data:image/TYPE;base64,… */
static hl_status check_data_url(hl_str url, hl_error *err) {
    static const char *const prefixes[] = {"data:image/jpeg;base64,", "data:image/jpg;base64,",
                                           "data:image/png;base64,", "data:image/webp;base64,",
                                           "data:;base64,"};
    if (hl_str_starts(url, HL_STR("http://")) || hl_str_starts(url, HL_STR("https://")))
        return hl_fail(err, HL_EINVAL, "api",
                       "image URLs are not currently supported, please use base64 encoded data "
                       "instead");
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        hl_str prefix = hl_str_from(prefixes[i]);
        if (!hl_str_starts(url, prefix)) continue;
        if (base64_error(hl_str_slice(url, prefix.len, url.len)) == SIZE_MAX) return HL_OK;
    }
    return hl_fail(err, HL_EINVAL, "api", "invalid image input");
}

/* -- content ----------------------------------------------------------------------------------- */

static hl_status read_image_url(const hl__fields *f, hl_error *err) {
    struct json_object *image = hl__field(f, "image_url");
    if (is_type(image, json_type_string)) return check_data_url(hl__json_str(image), err);
    return check_data_url(hl__json_get_str(image, "url"), err);
}

static hl_status read_part(struct json_object *v, hl_part *ret, hl_error *err) {
    hl__fields f = {v, "message.content"};
    hl_str type = {"", 0};
    if (!is_type(v, json_type_object))
        return hl_fail(err, HL_EINVAL, "api", "invalid message format");
    HL_TRY(hl__field_str(&f, "type", &type, err));
    if (hl_str_is(type, "text")) return hl__field_str(&f, "text", &ret->text, err);
    if (hl_str_is(type, "refusal")) return hl__field_str(&f, "refusal", &ret->text, err);
    if (hl_str_is(type, "image_url")) {
        ret->kind = HL_PART_IMAGE;
        return read_image_url(&f, err);
    }
    ret->kind = HL_PART_AUDIO;
    if (hl_str_is(type, "input_audio")) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "invalid message format");
}

static hl_status read_parts(struct json_object *array, hl_arena *arena, hl_message *ret,
                            hl_error *err) {
    size_t n = json_object_array_length(array);
    hl_part *parts = HL_ARENA_ARRAY(arena, n + 1, hl_part);
    if (!parts) return no_memory(err);
    for (size_t i = 0; i < n; i++)
        HL_TRY(read_part(json_object_array_get_idx(array, i), &parts[i], err));
    ret->parts = parts;
    ret->n_parts = n;
    return HL_OK;
}

/* OpenAI's content is left out only beside tool calls. */
static hl_status check_openai_content(const hl__fields *f, struct json_object *content,
                                      hl_error *err) {
    if (is_type(content, json_type_string)) return HL_OK;
    if (!content && hl__field(f, "tool_calls")) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "invalid message content type: %s",
                   hl__json_go_type(content));
}

/* A text, and a part for pictures so that they are refused where the model is known. */
static hl_status read_content(const hl__fields *f, bool openai, hl_arena *arena, hl_message *ret,
                              hl_error *err) {
    struct json_object *content = hl__field(f, "content");
    size_t n_images = 0;
    if (openai && is_type(content, json_type_array)) return read_parts(content, arena, ret, err);
    if (openai) HL_TRY(check_openai_content(f, content, err));
    hl_part *parts = HL_ARENA_ARRAY(arena, 2, hl_part);
    if (!parts) return no_memory(err);
    HL_TRY(hl__field_str(f, "content", &parts[0].text, err));
    if (!openai) HL_TRY(hl__read_images(f, &n_images, err));
    parts[1].kind = HL_PART_IMAGE;
    ret->parts = parts;
    ret->n_parts = n_images > 0 ? 2 : 1;
    return HL_OK;
}

/* -- tool calls of earlier answers ------------------------------------------------------------- */

/* A text with JSON in it (OpenAI's) becomes the object that templates want. */
static hl_status parse_arguments(struct json_object *function, hl_error *err) {
    struct json_object *arguments = hl__json_get(function, "arguments"), *parsed = NULL;
    if (!is_type(arguments, json_type_string)) return HL_OK;
    if (hl_json_parse(hl__json_str(arguments), &parsed, NULL) < 0 ||
        !is_type(parsed, json_type_object)) {
        json_object_put(parsed);
        return hl_fail(err, HL_EINVAL, "api", "invalid tool call arguments");
    }
    if (json_object_object_add(function, "arguments", parsed) == 0) return HL_OK;
    json_object_put(parsed);
    return no_memory(err);
}

/* Each an object with a function that has, perhaps, arguments. */
static hl_status read_tool_call(struct json_object *call, bool openai, hl_error *err) {
    struct json_object *function = hl__json_get(call, "function");
    if (!is_type(function, json_type_object))
        return hl_fail(err, HL_EINVAL, "api", "a tool call of a message has no function");
    if (openai) HL_TRY(parse_arguments(function, err));
    struct json_object *arguments = hl__json_get(function, "arguments");
    if (!arguments || is_type(arguments, json_type_object)) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "the arguments of a tool call are no object");
}

static bool grow_names(reader *r) {
    size_t cap = r->names_cap ? 2 * r->names_cap : 16;
    hl_str *names = HL_ARENA_ARRAY(r->arena, cap, hl_str);
    if (!names) return false;
    if (r->n_names > 0) memcpy(names, r->names, r->n_names * sizeof *names);
    r->names = names;
    r->names_cap = cap;
    return true;
}

/* Ids may come again in later turns. */
static hl_status note_call(reader *r, struct json_object *call, hl_error *err) {
    hl_str id = hl__json_get_str(call, "id");
    hl_str name = hl__json_get_str(hl__json_get(call, "function"), "name");
    uint32_t at;
    if (id.len == 0) return HL_OK;
    if (hl_map_find(&r->ids, id, &at)) {
        r->names[at] = name;
        return HL_OK;
    }
    if (r->n_names == r->names_cap && !grow_names(r)) return no_memory(err);
    HL_TRY(hl_map_add(&r->ids, id, (uint32_t)r->n_names, err));
    r->names[r->n_names++] = name;
    return HL_OK;
}

static hl_str name_by_id(const reader *r, hl_str id) {
    uint32_t at;
    return hl_map_find(&r->ids, id, &at) ? r->names[at] : (hl_str){"", 0};
}

static hl_status read_tool_calls(const hl__fields *f, reader *r, hl_message *ret, hl_error *err) {
    struct json_object *calls;
    HL_TRY(hl__field_array(f, "tool_calls", &calls, err));
    size_t n = calls ? json_object_array_length(calls) : 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *call = json_object_array_get_idx(calls, i);
        HL_TRY(read_tool_call(call, r->openai, err));
        HL_TRY(note_call(r, call, err));
    }
    if (n > 0) ret->tool_calls = calls;
    return HL_OK;
}

/* -- messages ---------------------------------------------------------------------------------- */

static hl_status lower_role(hl_arena *arena, hl_str role, hl_str *ret, hl_error *err) {
    char *copy = hl_arena_alloc(arena, role.len + 1);
    if (!copy) return no_memory(err);
    for (size_t i = 0; i < role.len; i++) {
        char c = role.ptr[i];
        copy[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    *ret = (hl_str){copy, role.len};
    return HL_OK;
}

/* What OpenAI's newer models call it: the developer's word is the system's. */
static hl_status read_role(const hl__fields *f, bool openai, hl_arena *arena, hl_message *ret,
                           hl_error *err) {
    hl_str role = {"", 0};
    HL_TRY(hl__field_str(f, "role", &role, err));
    HL_TRY(lower_role(arena, role, &ret->role, err));
    if (openai && hl_str_is(ret->role, "developer")) ret->role = HL_STR("system");
    return HL_OK;
}

/* The reasoning goes by two names among OpenAI's clients. */
static hl_status read_thinking(const hl__fields *f, bool openai, hl_message *ret, hl_error *err) {
    if (!openai) return hl__field_str(f, "thinking", &ret->thinking, err);
    HL_TRY(hl__field_str(f, "reasoning_content", &ret->thinking, err));
    return hl__field_str(f, "reasoning", &ret->thinking, err);
}

static hl_status read_message(struct json_object *v, reader *r, hl_message *ret, hl_error *err) {
    bool openai = r->openai;
    hl__fields f = {v, openai ? "Message" : "ChatRequest.messages"};
    hl_str call_id = {"", 0};
    if (!is_type(v, json_type_object))
        return hl_fail(err, HL_EINVAL, "api",
                       "json: cannot unmarshal %s into Go struct field %s.messages of type "
                       "%s.Message",
                       hl__json_type_name(v), openai ? "ChatCompletionRequest" : "ChatRequest",
                       openai ? "openai" : "api");
    HL_TRY(read_role(&f, openai, r->arena, ret, err));
    HL_TRY(read_content(&f, openai, r->arena, ret, err));
    HL_TRY(read_thinking(&f, openai, ret, err));
    HL_TRY(hl__field_str(&f, openai ? "name" : "tool_name", &ret->tool_name, err));
    HL_TRY(hl__field_str(&f, "tool_call_id", &call_id, err));
    if (ret->tool_name.len == 0 && call_id.len > 0) ret->tool_name = name_by_id(r, call_id);
    return read_tool_calls(&f, r, ret, err);
}

hl_status hl__read_messages(struct json_object *array, bool openai, hl_arena *arena,
                            hl_request *ret, hl_error *err) {
    size_t n = array ? json_object_array_length(array) : 0;
    hl_message *messages = HL_ARENA_ARRAY(arena, n + 1, hl_message);
    if (!messages) return no_memory(err);
    reader r = {.openai = openai, .arena = arena};
    hl_status st = hl_map_init(&r.ids, 16, err);
    for (size_t i = 0; i < n && st >= 0; i++)
        st = read_message(json_object_array_get_idx(array, i), &r, &messages[i], err);
    hl_map_deinit(&r.ids);
    if (st < 0) return st;
    ret->messages = messages;
    ret->n_messages = n;
    return HL_OK;
}
