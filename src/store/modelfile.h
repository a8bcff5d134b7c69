/* store/modelfile.h
 *
 * Modelfiles: the text form of what a model is made of.
 *
 * Values.  Plain text to the end of the line; or from '"' (or '"""') to the same mark before the
 * end of a line, over as many lines as it takes.  There are no escapes.
 *
 * Ownership: an instruction's texts belong to the arena.
 * Errors: EFORMAT in Ollama's words, with the line; ELIMIT, ENOMEM.
 * Threads: pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/* X(name, word) */
#define HL_MODELFILE_MAP(X)                                                                        \
    X(FROM, "from")                                                                                \
    X(LICENSE, "license")                                                                          \
    X(TEMPLATE, "template")                                                                        \
    X(SYSTEM, "system")                                                                            \
    X(ADAPTER, "adapter")                                                                          \
    X(DRAFT, "draft")                                                                              \
    X(RENDERER, "renderer")                                                                        \
    X(PARSER, "parser")                                                                            \
    X(PARAMETER, "parameter")                                                                      \
    X(MESSAGE, "message")                                                                          \
    X(REQUIRES, "requires")

typedef enum hl_instruction_kind {
#define X(name, word) HL_MODELFILE_##name,
    HL_MODELFILE_MAP(X)
#undef X
} hl_instruction_kind;

typedef struct hl_instruction {
    hl_instruction_kind kind;
    hl_str name; /* of PARAMETER; the role of MESSAGE; else empty */
    hl_str value;
    uint32_t line; /* from 1 */
} hl_instruction;

enum { HL_MODELFILE_BYTES_MAX = 16 << 20, HL_INSTRUCTIONS_MAX = 100000 };

/* UTF-8, or UTF-16 with a byte order mark.  At least one FROM ("no FROM line"). */
hl_status hl_modelfile_parse(hl_str text, hl_arena *arena, const hl_instruction **ret,
                             size_t *ret_n, hl_error *err) HL_NODISCARD;

/* One line: "WORD value", or "WORD name value" with a name.  Quoted where a line alone would not
 * give the value back. */
void hl_modelfile_print(hl_buf *out, const char *word, hl_str name, hl_str value);
