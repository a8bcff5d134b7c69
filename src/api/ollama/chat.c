/* POST /api/chat */
#include "api/ollama/voice.h"

static hl_status read_tools(hl__call *c, hl_error *err) {
    struct json_object *tools = hl__field(&c->body, "tools");
    if (tools && !json_object_is_type(tools, json_type_array))
        return hl_fail(err, HL_EINVAL, "api",
                       "json: cannot unmarshal %s into Go struct field ChatRequest.tools of type "
                       "api.Tools",
                       hl__json_type_name(tools));
    return hl__read_tools(tools, &c->req, err);
}

static hl_status read(hl__call *c, hl_error *err) {
    struct json_object *messages;
    HL_TRY(hl__call_read_common(c, err));
    HL_TRY(hl__field_array(&c->body, "messages", &messages, err));
    HL_TRY(hl__read_messages(messages, false, c->arena, &c->req, err));
    return read_tools(c, err);
}

const hl__voice hl__voice_chat = {.type = "ChatRequest", .read = read, HL__OLLAMA_VOICE};

void hl__handle_chat(hl__visit *v) {
    hl_error err;
    hl__call *c = hl__call_make(v, &hl__voice_chat);
    if (!c) return;
    if (c->model.len == 0) {
        hl__call_refuse(c, 400, "model is required");
        return;
    }
    const hl_catalog_entry *e = hl__call_find_model(c);
    if (!e) return;
    bool empty = c->req.n_messages == 0;
    if (empty && c->set_keep && c->keep_ns == 0)
        hl__call_unload(c);
    else if (hl__call_check_model(c, &e->info, "chat", &err) < 0)
        hl__call_fail(c, &err);
    else
        hl__call_start(c, empty);
}
