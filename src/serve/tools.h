/* serve/tools.h
 *
 * Tells calls of tools from text while an answer streams.  A call is told as soon as it is whole;
 * what looked like one and is none comes out as text.  Nothing is an error.
 *
 *     text    goes out at once, but for what may be the beginning of a mark
 *     call    held back until it is whole; HL_TOOLS_HELD_MAX bytes at most, more is text
 *     behind  marks, white space and separators behind a call belong to it and go nowhere
 *
 * A call's name must be one of the request's tools.  Marks that are control tokens leave no text:
 * hl_tools_mark puts them in their place; what turns out to be text is given without them.
 *
 * Ownership: owns what it holds back; format's texts and tools are borrowed.  Texts given out live
 * for the callback.
 * Threads: one at a time.
 */
#pragma once

#include "engine/request.h"
#include "serve/tools_format.h"

enum { HL_TOOLS_HELD_MAX = 256 * 1024 };

typedef enum hl_tools_state {
    HL_TOOLS_TEXT,
    HL_TOOLS_CALL,  /* what is held may be a call */
    HL_TOOLS_BEHIND /* of a call */
} hl_tools_state;

typedef struct hl_tools {
    hl_tools_format format;
    struct json_object *tools; /* the request's */
    hl_tools_state state;
    bool at_start; /* nothing but white space so far */
    bool closed;   /* a mark has ended the last call */
    hl_buf held;

    /* Of a candidate, so that each byte is looked at once: JSON that begins at `json`. */
    size_t json, json_at, json_depth;
    bool json_in_string, json_escaped;
    size_t searched; /* where its closing tag cannot begin */
} hl_tools;

/* A piece of text, or a call (then not NULL). */
typedef void hl_tools_fn(void *arg, hl_str text, const hl_tool_call *call);

void hl_tools_init(hl_tools *t, const hl_tools_format *format, struct json_object *tools);
void hl_tools_deinit(hl_tools *t);

/* text: whole UTF-8 characters. */
void hl_tools_push(hl_tools *t, hl_str text, hl_tools_fn *fn, void *arg);
/* A control token whose text is mark, of at most 255 bytes. */
void hl_tools_mark(hl_tools *t, hl_str mark, hl_tools_fn *fn, void *arg);
/* The end of the text. */
void hl_tools_finish(hl_tools *t, hl_tools_fn *fn, void *arg);
