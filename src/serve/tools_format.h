/* serve/tools_format.h
 *
 * How a model writes a call of a tool.  Its chat template shows it: the template writes the calls
 * of earlier turns in the same form.  One reader (serve/tools.h) understands all forms; what
 * differs is which texts begin and end a call.
 *
 *     {"name": "f", "arguments": {…}}          Llama 3, and whatever has no mark of its own
 *     <tool_call>{"name": …}</tool_call>       Hermes, Qwen, the tiny model
 *     <tool_call><function=f><parameter=a>1</parameter></function></tool_call>    Qwen3-Coder
 *     <tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>        GLM
 *     [TOOL_CALLS][{"name": …}]                Mistral
 *     [TOOL_CALLS]f[ARGS]{…}                   Mistral, later
 *     <｜tool▁call▁begin｜>f<｜tool▁sep｜>{…}<｜tool▁call▁end｜>                     DeepSeek
 *     <|tool_call_start|>[f(a=1)]<|tool_call_end|>                                LFM2
 *     <|tool_call>call:f{a:1}<tool_call|>                                        Gemma 4
 *     and those of Kimi, Command R, MiniMax, MiniCPM, Granite, Apertus, Apriel
 *
 * Ownership: texts are static, or the template's.   Threads: pure.
 */
#pragma once

#include "base/str.h"

enum { HL_TOOLS_MARKS_MAX = 3 };

/* A call as an element: head NAME head_end, then parameters or JSON, then close.  A parameter: open
 * NAME end … value VALUE done. */
typedef struct hl_tools_element {
    hl_str head, head_end, close;
    hl_str open, end, value, done;
} hl_tools_element;

typedef struct hl_tools_format {
    hl_str open[HL_TOOLS_MARKS_MAX];  /* where a call may begin; empty ones behind the last */
    hl_str close[HL_TOOLS_MARKS_MAX]; /* what may stand behind a call */
    hl_str sep;                       /* between a bare name and its arguments; empty: none */
    const hl_tools_element *element;  /* a call may be one; NULL: none is */
    bool bare;                        /* JSON at the very start of the answer is a call, too */
    bool named;                       /* a bare name may stand first */
    bool arg_keys;                    /* the same, with <arg_key> and <arg_value> */

    bool loose;   /* calls as Python or Gemma writes them, up to the first of close */
    hl_str quote; /* of loose: a mark around strings; empty: none */

    /* One call as the model writes it: before, the name (a JSON string unless named), middle, the
     * arguments' JSON, after. */
    hl_str before, middle, after;
    bool before_named;
} hl_tools_format;

/* By the template's text, Jinja or Go.  go_prefix: what a Go template writes before a call, empty
 * for others; the result may borrow it. */
hl_tools_format hl_tools_format_find(hl_str template_text, hl_str go_prefix);
