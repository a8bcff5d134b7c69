#include "text/gotemplate.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/gotemplate_run.h"

const hl_gotemplate_limits hl_gotemplate_limits_default = {
    .source_bytes_max = 1024 * 1024,
    .nodes_max = 200 * 1000,
    .steps_max = 20 * 1000 * 1000,
    .output_bytes_max = 64 * 1024 * 1024,
    .memory_bytes_max = 256 * 1024 * 1024,
    .depth_max = 500,
};

static hl_status parse_into(hl_gotemplate *t, hl_str source, hl_error *err) {
    if (source.len > t->limits.source_bytes_max)
        return hl_fail(err, HL_ELIMIT, "template", "template: %s: %zu bytes, limit %zu", t->name,
                       source.len, t->limits.source_bytes_max);
    size_t bad = hl_utf8_check(source);
    if (bad != source.len)
        return hl_fail(err, HL_EFORMAT, "template", "template: %s: invalid UTF-8 at offset %zu",
                       t->name, bad);
    t->source = hl_arena_str(t->arena, source);
    if (!t->source.ptr)
        return hl_fail(err, HL_ENOMEM, "template", "template: %s: no memory for its source",
                       t->name);
    return hl__go_parse(t, err);
}

hl_status hl_gotemplate_parse_limited(const char *name, hl_str source,
                                      const hl_gotemplate_limits *limits, hl_gotemplate **ret,
                                      hl_error *err) {
    HL_ASSERT(name && limits && limits->source_bytes_max < UINT32_MAX);
    hl_status st;
    hl_gotemplate *t = hl_calloc(1, sizeof *t);
    if (t) {
        t->limits = *limits;
        t->name = hl_strdup(name);
        t->arena = hl_arena_create(limits->memory_bytes_max);
    }
    if (!t || !t->name || !t->arena)
        st = hl_fail(err, HL_ENOMEM, "template", "template: %s: no memory", name);
    else
        st = parse_into(t, source, err);
    if (st < 0) {
        hl_gotemplate_destroy(t);
        return st;
    }
    *ret = t;
    return HL_OK;
}

hl_status hl_gotemplate_parse(const char *name, hl_str source, hl_gotemplate **ret, hl_error *err) {
    return hl_gotemplate_parse_limited(name, source, &hl_gotemplate_limits_default, ret, err);
}

void hl_gotemplate_destroy(hl_gotemplate *t) {
    if (!t) return;
    hl_arena_destroy(t->arena);
    hl_free(t->name);
    hl_free(t);
}

static bool adds_response(const go_run *r) {
    return r->how->add_response && !hl_gotemplate_mentions(r->t, "Messages") &&
           !hl_gotemplate_mentions(r->t, "Response");
}

static hl_status run(go_run *r, struct json_object *variables) {
    go_value root = hl__go_from_json(variables, r->how->type);
    if (root.kind != GO_MAP)
        return hl_fail(r->err, HL_EINVAL, "template", "template: %s: its type is no map",
                       r->t->name);
    HL_TRY(hl__go_var_add(r, HL_STR("$"), &root));
    HL_TRY(hl__go_exec(r, &root, r->t->list));
    HL_ASSERT(r->depth == 0 && r->flow == GO_FLOW_ON);
    if (adds_response(r)) {
        go_value response = hl__go_lookup(&root, HL_STR("Response"));
        if (response.kind == GO_NIL) response.kind = GO_NONE;
        HL_TRY(hl__go_print_value(r, &response, &r->out));
    }
    return hl_buf_status(&r->out, "the prompt", r->err);
}

hl_status hl_gotemplate_render(const hl_gotemplate *t, struct json_object *variables,
                               const hl_gotemplate_how *how, hl_buf *ret, hl_error *err) {
    HL_ASSERT(t && how && ret);
    if (!json_object_is_type(variables, json_type_object))
        return hl_fail(err, HL_EINVAL, "template", "template: %s: its variables are no JSON object",
                       t->name);
    go_run r = {.t = t, .how = how, .err = err, .name = hl_str_from(t->name)};
    r.cut_at = how->cut_at_response ? t->response_at : UINT32_MAX;
    hl_buf_init(&r.out, t->limits.output_bytes_max);
    r.arena = hl_arena_create(t->limits.memory_bytes_max);
    hl_status st;
    if (!r.arena)
        st = hl_fail(err, HL_ENOMEM, "template", "template: %s: no memory", t->name);
    else
        st = run(&r, variables);
    if (st >= 0) {
        hl_buf_append_str(ret, hl_buf_str(&r.out));
        st = hl_buf_status(ret, "the prompt", err);
    }
    hl_buf_deinit(&r.out);
    hl_arena_destroy(r.arena);
    return st;
}
