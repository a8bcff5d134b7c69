#include "text/template.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/template_eval.h"

const hl_template_limits hl_template_limits_default = {
    .source_bytes_max = 1024 * 1024,
    .nodes_max = 200 * 1000,
    .steps_max = 20 * 1000 * 1000,
    .output_bytes_max = 64 * 1024 * 1024,
    .memory_bytes_max = 256 * 1024 * 1024,
    .depth_max = 1000,
};

/* A copy with every kind of newline as \n, and without the last one. */
static hl_status copy_source(hl_template *t, hl_str source, hl_error *err) {
    char *to = hl_arena_alloc(t->arena, source.len + 1);
    if (!to) return hl_fail(err, HL_ENOMEM, "template", "%s: no memory for its source", t->name);
    size_t n = 0;
    for (size_t i = 0; i < source.len; i++) {
        char c = source.ptr[i];
        if (c == '\r') {
            c = '\n';
            if (i + 1 < source.len && source.ptr[i + 1] == '\n') i++;
        }
        to[n++] = c;
    }
    if (n && to[n - 1] == '\n') n--;
    t->source = (hl_str){to, n};
    return HL_OK;
}

static hl_status parse_into(hl_template *t, hl_str source, hl_error *err) {
    if (source.len > t->limits.source_bytes_max)
        return hl_fail(err, HL_ELIMIT, "template", "%s: %zu bytes, limit %zu", t->name, source.len,
                       t->limits.source_bytes_max);
    size_t bad = hl_utf8_check(source);
    if (bad != source.len)
        return hl_fail(err, HL_EFORMAT, "template", "%s: invalid UTF-8 at offset %zu", t->name,
                       bad);
    HL_TRY(copy_source(t, source, err));
    return hl__tpl_parse(t, err);
}

hl_status hl_template_parse_limited(const char *name, hl_str source,
                                    const hl_template_limits *limits, hl_template **ret,
                                    hl_error *err) {
    HL_ASSERT(name && limits && limits->source_bytes_max < UINT32_MAX);
    hl_status st = HL_ENOMEM;
    hl_template *t = hl_calloc(1, sizeof *t);
    if (t) {
        t->limits = *limits;
        t->name = hl_strdup(name);
        t->arena = hl_arena_create(limits->memory_bytes_max);
    }
    if (!t || !t->name || !t->arena)
        st = hl_fail(err, HL_ENOMEM, "template", "%s: no memory", name);
    else
        st = parse_into(t, source, err);
    if (st < 0) {
        hl_template_destroy(t);
        return st;
    }
    *ret = t;
    return HL_OK;
}

hl_status hl_template_parse(const char *name, hl_str source, hl_template **ret, hl_error *err) {
    return hl_template_parse_limited(name, source, &hl_template_limits_default, ret, err);
}

void hl_template_destroy(hl_template *t) {
    if (!t) return;
    hl_arena_destroy(t->arena);
    hl_free(t->name);
    hl_free(t);
}

static hl_status run(tpl_run *r) {
    tpl_scope *variables;
    HL_TRY(hl__tpl_scope_new(r, NULL, &variables));
    HL_TRY(hl__tpl_scope_new(r, variables, &r->root));
    HL_TRY(hl__tpl_exec(r, r->root, &r->t->body));
    HL_ASSERT(r->depth == 0 && r->flow == TPL_FLOW_ON);
    return hl__tpl_out_check(r);
}

hl_status hl_template_render(const hl_template *t, struct json_object *variables, int64_t now_s,
                             hl_buf *ret, hl_error *err) {
    HL_ASSERT(t && ret);
    if (!json_object_is_type(variables, json_type_object))
        return hl_fail(err, HL_EINVAL, "template", "%s: its variables are no JSON object", t->name);
    tpl_run r = {.t = t, .limits = &t->limits, .err = err, .now_s = now_s, .variables = variables};
    hl_buf_init(&r.out, t->limits.output_bytes_max);
    r.arena = hl_arena_create(t->limits.memory_bytes_max);
    hl_status st;
    if (!r.arena)
        st = hl_fail(err, HL_ENOMEM, "template", "%s: no memory", t->name);
    else
        st = run(&r);
    if (st >= 0) {
        hl_buf_append_str(ret, hl_buf_str(&r.out));
        st = hl_buf_status(ret, "the prompt", err);
    }
    hl_buf_deinit(&r.out);
    hl_arena_destroy(r.arena);
    return st;
}

bool hl_template_mentions(const hl_template *t, const char *name) {
    uint32_t sym = hl__tpl_symbol_find(t, hl_str_from(name));
    return sym != UINT32_MAX && t->symbols[sym].read;
}
