/* A template, a NUL byte, and JSON with its variables.  Whatever they are, parsing and rendering
 * end with a text or a status. */
#include "text/template.h"

#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const hl_template_limits LIMITS = {
    .source_bytes_max = 64 * 1024,
    .nodes_max = 20 * 1000,
    .steps_max = 300 * 1000,
    .output_bytes_max = 1024 * 1024,
    .memory_bytes_max = 16 * 1024 * 1024,
    .depth_max = 1000,
};

static struct json_object *variables_of(hl_str text) {
    struct json_object *o = NULL;
    if (text.len && hl_json_parse(text, &o, NULL) == HL_OK &&
        json_object_is_type(o, json_type_object))
        return o;
    json_object_put(o);
    return json_object_new_object();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_str all = {(const char *)data, size};
    size_t nul = hl_str_find(all, (hl_str){"", 1}, 0);
    hl_str source = hl_str_slice(all, 0, nul);
    hl_template *t;
    hl_error err;
    if (hl_template_parse_limited("fuzz", source, &LIMITS, &t, &err) < 0) return 0;
    struct json_object *variables = variables_of(hl_str_slice(all, source.len + 1, size));
    hl_buf out;
    hl_buf_init(&out, 0);
    hl_status st = hl_template_render(t, variables, 1700000000, &out, &err);
    HL_ASSERT(st == HL_OK || (st < 0 && err.status == st && err.text[0]));
    HL_ASSERT(out.len <= LIMITS.output_bytes_max);
    hl_buf_deinit(&out);
    json_object_put(variables);
    hl_template_destroy(t);
    return 0;
}
