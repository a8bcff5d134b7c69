/* template_render.h: what the tests of templates share. */
#pragma once

#include "testing.h"

#include "text/template.h"

/* A template and its variables as JSON text; *ret is empty unless the status is OK. */
static inline hl_status render(const char *source, const char *json, int64_t now_s,
                               const hl_template_limits *limits, hl_buf *ret, hl_error *err) {
    struct json_object *variables = NULL;
    hl_template *t = NULL;
    *ret = (hl_buf){0};
    hl_status st = hl_json_parse(hl_str_from(json), &variables, err);
    if (st == HL_OK) st = hl_template_parse_limited("t", hl_str_from(source), limits, &t, err);
    if (st == HL_OK) st = hl_template_render(t, variables, now_s, ret, err);
    hl_template_destroy(t);
    json_object_put(variables);
    return st;
}
