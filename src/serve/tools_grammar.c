#include "serve/tools_grammar.h"

#include "base/arena.h"
#include "base/mem.h"

enum { ARENA_BYTES_MAX = 16 << 20 };

typedef struct frames {
    hl_arena *arena; /* of the texts */
    hl_grammar_frame *list;
    size_t n;
    struct json_object *any; /* the schema of any object */
    struct json_object
        *tools; /* a copy: compiling counts references, which threads must not share */
} frames;

static struct json_object *get(struct json_object *o, const char *key) {
    struct json_object *value = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &value)
               ? value
               : NULL;
}

static hl_str name_of(struct json_object *tool) {
    struct json_object *name = get(tool, "name");
    if (!json_object_is_type(name, json_type_string)) return (hl_str){"", 0};
    return (hl_str){json_object_get_string(name), (size_t)json_object_get_string_len(name)};
}

/* -- texts ------------------------------------------------------------------------------------- */

static bool is_control(const hl_tokenizer *t, hl_str mark) {
    hl_token id = mark.len > 0 ? hl_tokenizer_find(t, mark) : HL_TOKEN_NONE;
    return id != HL_TOKEN_NONE && hl_tokenizer_kind(t, id) == HL_TOKEN_CONTROL;
}

/* The mark that stands at `at` and is a control token; empty: none. */
static hl_str control_at(const hl_tokenizer *t, const hl_tools_format *f, hl_str text, size_t at) {
    for (size_t i = 0; i <= 2 * HL_TOOLS_MARKS_MAX; i++) {
        hl_str mark = i == 2 * HL_TOOLS_MARKS_MAX ? f->sep
                      : i % 2                     ? f->close[i / 2]
                                                  : f->open[i / 2];
        bool here = mark.len > 0 && hl_str_starts(hl_str_slice(text, at, text.len), mark);
        if (here && is_control(t, mark)) return mark;
    }
    return (hl_str){"", 0};
}

/* As grammars want control tokens: behind a byte FF. */
static void append_marked(hl_buf *b, const hl_tokenizer *t, const hl_tools_format *f, hl_str text) {
    for (size_t at = 0; at < text.len;) {
        hl_str mark = control_at(t, f, text, at);
        if (mark.len > 0) hl_buf_append_char(b, (char)0xFF);
        size_t n = mark.len > 0 ? mark.len : 1;
        hl_buf_append_str(b, hl_str_slice(text, at, at + n));
        at += n;
    }
}

static hl_status keep(frames *fs, const hl_buf *b, hl_str *ret, hl_error *err) {
    HL_TRY(hl_buf_status(b, "a tool's name", err));
    *ret = hl_arena_str(fs->arena, hl_buf_str(b));
    if (ret->ptr) return HL_OK;
    return hl_fail(err, hl_arena_status(fs->arena), "format", "the tools' names are too long");
}

static hl_status make_texts(frames *fs, const hl_tokenizer *t, const hl_tools_format *f,
                            hl_str name, hl_grammar_frame *frame, hl_error *err) {
    hl_buf before, after;
    hl_buf_init(&before, 0);
    hl_buf_init(&after, 0);
    append_marked(&before, t, f, f->before);
    if (f->before_named)
        hl_buf_append_str(&before, name);
    else
        hl_json_append_string(&before, name);
    append_marked(&before, t, f, f->middle);
    append_marked(&after, t, f, f->after);
    hl_status st = keep(fs, &before, &frame->before, err);
    if (st >= 0) st = keep(fs, &after, &frame->after, err);
    hl_buf_deinit(&before);
    hl_buf_deinit(&after);
    return st;
}

/* -- schemas ----------------------------------------------------------------------------------- */

/* Whether it says of objects what a grammar can hold them to. */
static bool is_usable(struct json_object *schema) {
    hl_grammar *g;
    struct json_object *type = get(schema, "type");
    bool of_objects = json_object_is_type(type, json_type_string)
                          ? strcmp(json_object_get_string(type), "object") == 0
                          : !type && get(schema, "properties");
    if (!of_objects || hl_grammar_schema(schema, NULL, &g, NULL) < 0) return false;
    hl_grammar_destroy(g);
    return true;
}

static hl_status add_tool(frames *fs, const hl_tokenizer *t, const hl_request *req,
                          const hl_prepared *p, struct json_object *tool, hl_error *err) {
    struct json_object *function = get(tool, "function");
    if (!function) function = tool;
    hl_str name = name_of(function);
    bool wanted = req->tool_choice == HL_TOOLS_REQUIRED || hl_str_eq(name, req->tool_name);
    if (name.len == 0 || !wanted) return HL_OK;
    hl_grammar_frame *frame = &fs->list[fs->n++];
    struct json_object *schema = get(function, "parameters");
    frame->schema = is_usable(schema) ? schema : fs->any;
    return make_texts(fs, t, &p->tools_format, name, frame, err);
}

static hl_status fill(frames *fs, const hl_tokenizer *t, const hl_request *req,
                      const hl_prepared *p, hl_error *err) {
    size_t n = json_object_array_length(p->tools);
    fs->arena = hl_arena_create(ARENA_BYTES_MAX);
    fs->list = hl_calloc(n + 1, sizeof *fs->list);
    if (!fs->arena || !fs->list)
        return hl_fail(err, HL_ENOMEM, "format", "no memory for the tools");
    if (json_object_deep_copy(p->tools, &fs->tools, NULL) != 0)
        return hl_fail(err, HL_ENOMEM, "format", "no memory for the tools");
    HL_TRY(hl_json_parse(HL_STR("{\"type\":\"object\"}"), &fs->any, err));
    for (size_t i = 0; i < n; i++)
        HL_TRY(add_tool(fs, t, req, p, json_object_array_get_idx(fs->tools, i), err));
    if (fs->n == 0)
        return hl_fail(err, HL_EINVAL, "format", "tool_choice: there is no tool \"%.*s\"",
                       HL_STR_ARG(hl_str_slice(req->tool_name, 0, 100)));
    return HL_OK;
}

/* All schemas together may be too large, where each is not. */
static hl_status compile(frames *fs, const hl_grammar_thinking *thinking, hl_grammar **ret,
                         hl_error *err) {
    hl_status st = hl_grammar_framed(fs->list, fs->n, thinking, ret, err);
    if (st != HL_ELIMIT) return st;
    for (size_t i = 0; i < fs->n; i++) fs->list[i].schema = fs->any;
    return hl_grammar_framed(fs->list, fs->n, thinking, ret, err);
}

hl_status hl__tools_grammar(const hl_tokenizer *t, const hl_request *req, const hl_prepared *p,
                            const hl_grammar_thinking *thinking, hl_grammar **ret, hl_error *err) {
    frames fs = {0};
    HL_ASSERT(p->tools && json_object_is_type(p->tools, json_type_array));
    hl_status st = fill(&fs, t, req, p, err);
    if (st >= 0) st = compile(&fs, thinking, ret, err);
    json_object_put(fs.any);
    json_object_put(fs.tools);
    hl_free(fs.list);
    hl_arena_destroy(fs.arena);
    return st;
}
