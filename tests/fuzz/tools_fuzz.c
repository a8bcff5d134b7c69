/* A format (first byte), a size of pieces (second), and an answer in which the bytes 1 to 3 are the
 * format's marks as control tokens.  However the answer is cut, the same comes out; every call's
 * arguments are an object; without a call, all of the text comes out. */
#include "serve/tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const TEMPLATES[] = {"<tool_call>",
                                        "none",
                                        "<tool_call> <function=",
                                        "<tool_call> <arg_key>",
                                        "[TOOL_CALLS]",
                                        "[TOOL_CALLS] [ARGS]",
                                        "<｜tool▁calls▁begin｜> ```json",
                                        "<|tool_calls_section_begin|>",
                                        "<minimax:tool_call>",
                                        "｜DSML｜",
                                        "\"name\": \"parameters\": ",
                                        "<|tools_prefix|>",
                                        "List of tools: [",
                                        "<|tool_call>call:"};

typedef struct log {
    hl_buf events, text;
    size_t n_calls;
} log;

static void check_call(const hl_tool_call *call) {
    struct json_object *o;
    HL_ASSERT(hl_str_is(call->name, "f") || hl_str_is(call->name, "get_weather"));
    HL_ASSERT(hl_json_parse(call->arguments, &o, NULL) == HL_OK);
    HL_ASSERT(json_object_is_type(o, json_type_object));
    json_object_put(o);
}

static void tell(void *arg, hl_str text, const hl_tool_call *call) {
    log *l = arg;
    HL_ASSERT((text.len > 0) != (call != NULL));
    hl_buf_append_str(&l->text, text);
    hl_buf_append_str(&l->events, text);
    if (!call) return;
    check_call(call);
    l->n_calls++;
    hl_buf_append_char(&l->events, '\0');
    hl_buf_append_str(&l->events, call->name);
    hl_buf_append_str(&l->events, call->arguments);
}

static hl_str mark_of(const hl_tools *t, char c) {
    const hl_tools_format *f = &t->format;
    hl_str mark = c == 1 ? f->open[0] : c == 2 ? f->close[0] : f->sep.len > 0 ? f->sep : f->quote;
    return mark.len > 0 ? mark : HL_STR("<|other|>");
}

static void push(hl_tools *t, hl_str piece, log *l) {
    for (size_t at = 0, from = 0; at <= piece.len; at++) {
        if (at < piece.len && (piece.ptr[at] < 1 || piece.ptr[at] > 3)) continue;
        hl_tools_push(t, hl_str_slice(piece, from, at), tell, l);
        if (at < piece.len) hl_tools_mark(t, mark_of(t, piece.ptr[at]), tell, l);
        from = at + 1;
    }
    HL_ASSERT(t->held.len <= HL_TOOLS_HELD_MAX + 1024);
}

static void run(const hl_tools_format *format, struct json_object *tools, hl_str text, size_t piece,
                log *l) {
    hl_tools t;
    hl_tools_init(&t, format, tools);
    for (size_t at = 0; at < text.len; at += piece) push(&t, hl_str_slice(text, at, at + piece), l);
    hl_tools_finish(&t, tell, l);
    hl_tools_deinit(&t);
}

/* What is text of what was pushed. */
static void plain_of(hl_str text, hl_buf *ret) {
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] != 0xFF && (text.ptr[i] < 1 || text.ptr[i] > 3))
            hl_buf_append_char(ret, text.ptr[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_object *tools;
    hl_buf plain = {0};
    log whole = {0}, cut = {0};
    if (size < 2 || size > 4096) return 0;
    hl_str text = {(const char *)data + 2, size - 2};
    hl_tools_format format = hl_tools_format_find(
        hl_str_from(TEMPLATES[data[0] % (sizeof TEMPLATES / sizeof TEMPLATES[0])]),
        (hl_str){"", 0});
    HL_ASSERT(
        hl_json_parse(HL_STR("[{\"name\":\"f\"},{\"function\":{\"name\":\"get_weather\","
                             "\"parameters\":{\"properties\":{\"city\":{\"type\":\"string\"}}}"
                             "}}]"),
                      &tools, NULL) == HL_OK);
    run(&format, tools, text, text.len ? text.len : 1, &whole);
    run(&format, tools, text, data[1] % 16 + 1u, &cut);
    HL_ASSERT(hl_str_eq(hl_buf_str(&whole.events), hl_buf_str(&cut.events)));
    HL_ASSERT(whole.n_calls == cut.n_calls && whole.text.len <= text.len);
    plain_of(text, &plain);
    if (whole.n_calls == 0) HL_ASSERT(hl_str_eq(hl_buf_str(&whole.text), hl_buf_str(&plain)));
    hl_buf_deinit(&plain);
    hl_buf_deinit(&whole.events);
    hl_buf_deinit(&whole.text);
    hl_buf_deinit(&cut.events);
    hl_buf_deinit(&cut.text);
    json_object_put(tools);
    return 0;
}
