/* A Go template, a NUL byte, and JSON with its variables.  Whatever they are, parsing, asking and
 * rendering, as plain data and as a prompt's, end with a text or a status. */
#include "text/gotemplate.h"

#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const hl_gotemplate_limits LIMITS = {
    .source_bytes_max = 64 * 1024,
    .nodes_max = 20 * 1000,
    .steps_max = 200 * 1000,
    .output_bytes_max = 1024 * 1024,
    .memory_bytes_max = 16 * 1024 * 1024,
    .depth_max = 200,
};

static struct json_object *variables_of(hl_str text) {
    struct json_object *o = NULL;
    if (text.len && hl_json_parse(text, &o, NULL) == HL_OK &&
        json_object_is_type(o, json_type_object))
        return o;
    json_object_put(o);
    return json_object_new_object();
}

static void render(const hl_gotemplate *t, struct json_object *variables, bool typed) {
    hl_gotemplate_how how = {.type = typed ? &hl_gotemplate_ollama : NULL,
                             .now_s = 1700000000,
                             .add_response = typed,
                             .cut_at_response = typed};
    hl_error err;
    hl_buf out = {0};
    hl_status st = hl_gotemplate_render(t, variables, &how, &out, &err);
    HL_ASSERT(st == HL_OK || (st < 0 && err.status == st && err.text[0]));
    HL_ASSERT(out.len <= LIMITS.output_bytes_max && (st == HL_OK || out.len == 0));
    hl_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_str all = {(const char *)data, size}, open, close;
    size_t nul = hl_str_find(all, (hl_str){"", 1}, 0);
    hl_str source = hl_str_slice(all, 0, nul);
    hl_gotemplate *t;
    hl_error err;
    if (hl_gotemplate_parse_limited("fuzz", source, &LIMITS, &t, &err) < 0) return 0;
    struct json_object *variables = variables_of(hl_str_slice(all, source.len + 1, size));
    render(t, variables, false);
    render(t, variables, true);
    (void)hl_gotemplate_mentions(t, "Tools");
    (void)hl_gotemplate_thinking_tags(t, &open, &close);
    HL_ASSERT(hl_gotemplate_tool_prefix(t).len <= source.len && open.len <= source.len);
    json_object_put(variables);
    hl_gotemplate_destroy(t);
    return 0;
}
