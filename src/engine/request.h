/* engine/request.h
 *
 * What goes into an engine and what comes out: one request type, one event type, whatever the
 * API in front and the engine behind.
 *
 * Ownership: everything in a request is borrowed by whom it is passed to, for the call; an
 * event's texts are borrowed until the next step.
 */
#pragma once

#include "base/json.h"
#include "config/options.h"

typedef uint64_t hl_seq_id;

typedef enum hl_part_kind { HL_PART_TEXT, HL_PART_IMAGE, HL_PART_AUDIO } hl_part_kind;

typedef struct hl_part {
    hl_part_kind kind;
    hl_str text;   /* of TEXT */
    hl_bytes data; /* of IMAGE and AUDIO: the file's bytes */
} hl_part;

typedef struct hl_message {
    hl_str role; /* system, user, assistant, tool, … */
    const hl_part *parts;
    size_t n_parts;
    hl_str thinking;                /* reasoning of an earlier answer; empty: none */
    struct json_object *tool_calls; /* array as templates want it, or NULL */
    hl_str tool_name;               /* of a tool's answer; empty: none */
} hl_message;

typedef enum hl_request_kind { HL_REQUEST_GENERATE, HL_REQUEST_EMBED } hl_request_kind;

typedef enum hl_think {
    HL_THINK_UNSET,
    HL_THINK_OFF,
    HL_THINK_ON,
    HL_THINK_LOW,
    HL_THINK_MEDIUM,
    HL_THINK_HIGH,
    HL_THINK_MAX
} hl_think;

/* Whether the answer may, must not or must be a tool call; serve turns it into a grammar. */
typedef enum hl_tool_choice {
    HL_TOOLS_AUTO,
    HL_TOOLS_NONE,
    HL_TOOLS_REQUIRED,
    HL_TOOLS_NAMED
} hl_tool_choice;

typedef enum hl_format { HL_FORMAT_TEXT, HL_FORMAT_JSON, HL_FORMAT_SCHEMA } hl_format;

typedef struct hl_request {
    hl_request_kind kind;
    const char *id; /* for the log */
    hl_str model;   /* as the user named it */

    /* Either messages, or a prompt.  A prompt goes through the template as one user message unless
     * raw. */
    const hl_message *messages;
    size_t n_messages;
    hl_str prompt;
    bool raw;
    hl_str system;             /* stands before a prompt; empty: none */
    hl_str template_override;  /* instead of the model's; empty: none */
    hl_str suffix;             /* what follows the answer (fill in the middle); empty: none */
    struct json_object *tools; /* array, or NULL */
    hl_tool_choice tool_choice;
    hl_str tool_name;                  /* of HL_TOOLS_NAMED */
    struct json_object *template_vars; /* further variables, an object or NULL */
    hl_think think;
    hl_format format;
    struct json_object *schema; /* of HL_FORMAT_SCHEMA */
    hl_str grammar_text;        /* GBNF that the answer is held to instead; empty: none */
    hl_options options;
    bool no_truncate;    /* a prompt that is too long fails instead of being cut */
    bool no_shift;       /* a full context ends the answer; else its oldest tokens make room */
    uint64_t cache_salt; /* prompts share cached pages only with the same salt */

    /* What serve's preparation makes of the above for engines that take tokens. */
    const uint32_t *tokens;
    size_t n_tokens;
    /* And of format and schema (text/grammar.h); NULL: none.  Unlike the rest these are borrowed
     * until the terminal event.  The vocabulary is that of the engine's tokenizer. */
    const struct hl_grammar *grammar;
    const struct hl_grammar_vocab *grammar_vocab;
} hl_request;

typedef enum hl_event_kind {
    HL_EVENT_TEXT,      /* a piece of the answer */
    HL_EVENT_TOOL_CALL, /* one whole call; engines that take tokens never say it, serve does */
    HL_EVENT_EMBEDDING, /* of HL_REQUEST_EMBED, once, before FINISHED */
    HL_EVENT_FINISHED,  /* terminal */
    HL_EVENT_FAILED     /* terminal */
} hl_event_kind;

typedef enum hl_channel { HL_CHANNEL_ANSWER, HL_CHANNEL_THINKING } hl_channel;

typedef enum hl_finish { HL_FINISH_STOP, HL_FINISH_LENGTH, HL_FINISH_CANCELLED } hl_finish;

typedef struct hl_logprob {
    uint32_t token;
    float logprob;
} hl_logprob;

/* One generated token's log-probabilities, before temperature. */
typedef struct hl_token_logprobs {
    hl_logprob chosen;
    const hl_logprob *top; /* [n_top], likeliest first */
    uint32_t n_top;
} hl_token_logprobs;

typedef struct hl_usage {
    uint32_t prompt_tokens, cached_tokens; /* cached: of the prompt, found in the KV cache */
    uint32_t generated_tokens;
    uint64_t total_ns, load_ns, prompt_ns, generate_ns;
} hl_usage;

typedef struct hl_tool_call {
    hl_str name;
    hl_str arguments; /* a JSON object's text, keys in the order that the model wrote */
} hl_tool_call;

typedef struct hl_event {
    hl_event_kind kind;
    hl_seq_id seq;
    hl_channel channel;     /* of TEXT; engines say ANSWER, serve tells thinking apart */
    hl_str text;            /* of TEXT: complete UTF-8 characters; may be empty */
    const uint32_t *tokens; /* of TEXT: the ids it came from */
    size_t n_tokens;
    const hl_token_logprobs *logprobs; /* [n_tokens] where asked for, else NULL */
    hl_tool_call call;                 /* of TOOL_CALL */
    const float *vector;               /* [n_vector] of EMBEDDING, of length 1 */
    uint32_t n_vector;
    hl_finish finish; /* of FINISHED */
    hl_usage usage;   /* of FINISHED */
    hl_error error;   /* of FAILED */
} hl_event;
