#include "serve/tools_format.h"

#define NAME_FIRST  "{\"name\": "
#define THEN_ARGS   ", \"arguments\": "
#define THEN_PARAMS ", \"parameters\": "

static const hl_tools_element FUNCTION = {
    .head = HL_STR("<function="),
    .head_end = HL_STR(">"),
    .close = HL_STR("</function>"),
    .open = HL_STR("<parameter="),
    .end = HL_STR(">"),
    .done = HL_STR("</parameter>"),
};
static const hl_tools_element FUNCTION_NAME = {
    .head = HL_STR("<function name=\""),
    .head_end = HL_STR("\">"),
    .close = HL_STR("</function>"),
    .open = HL_STR("<param name=\""),
    .end = HL_STR("\">"),
    .done = HL_STR("</param>"),
};
static const hl_tools_element INVOKE = {
    .head = HL_STR("<invoke name=\""),
    .head_end = HL_STR("\">"),
    .close = HL_STR("</invoke>"),
    .open = HL_STR("<parameter name=\""),
    .end = HL_STR("\">"),
    .done = HL_STR("</parameter>"),
};
static const hl_tools_element INVOKE_ATEM = {
    .head = HL_STR("<atem:invoke name=\""),
    .head_end = HL_STR("\">"),
    .close = HL_STR("</atem:invoke>"),
    .open = HL_STR("<atem:parameter name=\""),
    .end = HL_STR("\">"),
    .done = HL_STR("</atem:parameter>"),
};
static const hl_tools_element INVOKE_DSML = {
    .head = HL_STR("<｜DSML｜invoke name=\""),
    .head_end = HL_STR("\">"),
    .close = HL_STR("</｜DSML｜invoke>"),
    .open = HL_STR("<｜DSML｜parameter name=\""),
    .end = HL_STR("\""), /* then string="true" or string="false" */
    .value = HL_STR(">"),
    .done = HL_STR("</｜DSML｜parameter>"),
};

/* A template speaks of a format when it has the sign, and the second one where there is one.  The
 * first that fits is taken. */
typedef struct known {
    hl_str sign, second;
    hl_tools_format format;
} known;

static const known KNOWN[] = {
    {HL_STR("<｜tool▁calls▁begin｜>"),
     HL_STR("```json"),
     {.open = {HL_STR("<｜tool▁calls▁begin｜>"), HL_STR("<｜tool▁call▁begin｜>")},
      .close = {HL_STR("<｜tool▁call▁end｜>"), HL_STR("<｜tool▁calls▁end｜>"), HL_STR("```")},
      .sep = HL_STR("<｜tool▁sep｜>"),
      .named = true,
      .before = HL_STR("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>"),
      .middle = HL_STR("\n```json\n"),
      .after = HL_STR("\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
      .before_named = true}},
    {HL_STR("<｜tool▁calls▁begin｜>"),
     HL_STR(""),
     {.open = {HL_STR("<｜tool▁calls▁begin｜>"), HL_STR("<｜tool▁call▁begin｜>")},
      .close = {HL_STR("<｜tool▁call▁end｜>"), HL_STR("<｜tool▁calls▁end｜>")},
      .sep = HL_STR("<｜tool▁sep｜>"),
      .named = true,
      .before = HL_STR("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>"),
      .middle = HL_STR("<｜tool▁sep｜>"),
      .after = HL_STR("<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
      .before_named = true}},
    {HL_STR("<|tool_calls_section_begin|>"),
     HL_STR(""),
     {.open = {HL_STR("<|tool_calls_section_begin|>"), HL_STR("<|tool_call_begin|>")},
      .close = {HL_STR("<|tool_call_end|>"), HL_STR("<|tool_calls_section_end|>")},
      .sep = HL_STR("<|tool_call_argument_begin|>"),
      .named = true,
      .before = HL_STR("<|tool_calls_section_begin|><|tool_call_begin|>functions."),
      .middle = HL_STR(":0<|tool_call_argument_begin|>"),
      .after = HL_STR("<|tool_call_end|><|tool_calls_section_end|>"),
      .before_named = true}},
    {HL_STR("[TOOL_CALLS]"),
     HL_STR("[ARGS]"),
     {.open = {HL_STR("[TOOL_CALLS]")},
      .sep = HL_STR("[ARGS]"),
      .named = true,
      .before = HL_STR("[TOOL_CALLS]"),
      .middle = HL_STR("[ARGS]"),
      .before_named = true}},
    {HL_STR("[TOOL_CALLS]"),
     HL_STR(""),
     {.open = {HL_STR("[TOOL_CALLS]")},
      .sep = HL_STR("[ARGS]"),
      .named = true,
      .before = HL_STR("[TOOL_CALLS][" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}]")}},
    {HL_STR("<|START_ACTION|>"),
     HL_STR(""),
     {.open = {HL_STR("<|START_ACTION|>")},
      .close = {HL_STR("<|END_ACTION|>")},
      .before = HL_STR("<|START_ACTION|>[{\"tool_call_id\": \"0\", \"tool_name\": "),
      .middle = HL_STR(THEN_PARAMS),
      .after = HL_STR("}]<|END_ACTION|>")}},
    {HL_STR("<minimax:tool_call>"),
     HL_STR(""),
     {.element = &INVOKE,
      .open = {HL_STR("<minimax:tool_call>")},
      .close = {HL_STR("</minimax:tool_call>")},
      .before = HL_STR("<minimax:tool_call>\n" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}\n</minimax:tool_call>")}},
    {HL_STR("｜DSML｜"),
     HL_STR(""),
     {.element = &INVOKE_DSML,
      .open = {HL_STR("<｜DSML｜tool_calls>"), HL_STR("<｜DSML｜invoke name=\"")},
      .close = {HL_STR("</｜DSML｜tool_calls>")},
      .before = HL_STR("<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\""),
      .middle = HL_STR("\">"),
      .after = HL_STR("</｜DSML｜invoke>\n</｜DSML｜tool_calls>"),
      .before_named = true}},
    {HL_STR("<atem:function_calls>"),
     HL_STR(""),
     {.element = &INVOKE_ATEM,
      .open = {HL_STR("<atem:function_calls>"), HL_STR("<atem:invoke name=\"")},
      .close = {HL_STR("</atem:function_calls>")},
      .before = HL_STR("<atem:function_calls>\n<atem:invoke name=\""),
      .middle = HL_STR("\">"),
      .after = HL_STR("</atem:invoke>\n</atem:function_calls>"),
      .before_named = true}},
    {HL_STR("List of tools: "), /* LFM2's tokens are in its vocabulary only */
     HL_STR(""),
     {.open = {HL_STR("<|tool_call_start|>")},
      .close = {HL_STR("<|tool_call_end|>")},
      .loose = true,
      .before = HL_STR("<|tool_call_start|>[" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}]<|tool_call_end|>")}},
    {HL_STR("<|tool_call>call:"),
     HL_STR(""),
     {.open = {HL_STR("<|tool_call>")},
      .close = {HL_STR("<tool_call|>")},
      .loose = true,
      .quote = HL_STR("<|\"|>"),
      .before = HL_STR("<|tool_call>" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}<tool_call|>")}},
    {HL_STR("<tool_calls>"),
     HL_STR("</tool_calls>"),
     {.open = {HL_STR("<tool_calls>")},
      .close = {HL_STR("</tool_calls>")},
      .before = HL_STR("<tool_calls>[" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}]</tool_calls>")}},
    {HL_STR("<|tools_prefix|>"),
     HL_STR(""),
     {.open = {HL_STR("<|tools_prefix|>")},
      .close = {HL_STR("<|tools_suffix|>")},
      .before = HL_STR("<|tools_prefix|>[{"),
      .middle = HL_STR(": "),
      .after = HL_STR("}]<|tools_suffix|>")}},
    {HL_STR("<tool_call>"),
     HL_STR("<arg_key>"),
     {.open = {HL_STR("<tool_call>")},
      .close = {HL_STR("</tool_call>")},
      .arg_keys = true,
      .before = HL_STR("<tool_call>\n" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}\n</tool_call>")}},
    {HL_STR("<tool_call>"),
     HL_STR("<function="),
     {.element = &FUNCTION,
      .open = {HL_STR("<tool_call>"), HL_STR("<function=")},
      .close = {HL_STR("</tool_call>")},
      .before = HL_STR("<tool_call>\n" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}\n</tool_call>")}},
    {HL_STR("<tool_call>"),
     HL_STR(""),
     {.open = {HL_STR("<tool_call>")},
      .close = {HL_STR("</tool_call>")},
      .before = HL_STR("<tool_call>\n" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}\n</tool_call>")}},
    {HL_STR("<|tool_call|>"),
     HL_STR(""),
     {.open = {HL_STR("<|tool_call|>")},
      .close = {HL_STR("<|/tool_call|>")},
      .before = HL_STR("<|tool_call|>[" NAME_FIRST),
      .middle = HL_STR(THEN_ARGS),
      .after = HL_STR("}]")}},
    {HL_STR("<function="),
     HL_STR(""),
     {.element = &FUNCTION,
      .open = {HL_STR("<function="), HL_STR("<|python_tag|>")},
      .bare = true,
      .before = HL_STR("<function="),
      .middle = HL_STR(">"),
      .after = HL_STR("</function>"),
      .before_named = true}},
    {HL_STR("<function name=\""),
     HL_STR("<param name=\""),
     {.element = &FUNCTION_NAME,
      .open = {HL_STR("<function name=\"")},
      .before = HL_STR("<function name=\""),
      .middle = HL_STR("\">"),
      .after = HL_STR("</function>"),
      .before_named = true}},
    {HL_STR("\"parameters\": "),
     HL_STR("\"name\": "),
     {.open = {HL_STR("<|python_tag|>")},
      .bare = true,
      .before = HL_STR(NAME_FIRST),
      .middle = HL_STR(THEN_PARAMS),
      .after = HL_STR("}")}},
};

static bool has(hl_str text, hl_str sign) {
    return sign.len == 0 || hl_str_find(text, sign, 0) != SIZE_MAX;
}

static hl_str trimmed(hl_str s) {
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\n')) s = hl_str_slice(s, 1, s.len);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\n')) s.len--;
    return s;
}

hl_tools_format hl_tools_format_find(hl_str template_text, hl_str go_prefix) {
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        if (has(template_text, KNOWN[i].sign) && has(template_text, KNOWN[i].second))
            return KNOWN[i].format;
    hl_str prefix = trimmed(go_prefix);
    hl_tools_format f = {.before = HL_STR(NAME_FIRST),
                         .middle = HL_STR(THEN_ARGS),
                         .after = HL_STR("}"),
                         .bare = true};
    if (prefix.len == 0 || prefix.ptr[0] == '{' || prefix.ptr[0] == '[') return f;
    f.bare = false;
    f.open[0] = prefix;
    return f;
}
