/* serve/prepare_talk.h
 *
 * A request's conversation on its way through a template: the messages in their order, and what
 * the two languages of templates make of them.
 *
 * Private to serve/prepare*.c.   Threads: pure, but for the talk itself.
 */
#pragma once

#include "serve/prepare.h"

/* The template of one request. */
typedef struct hl__prepare_how {
    const hl_template *jinja; /* one of these, or neither: texts, a line each */
    const struct hl_gotemplate *go;
    hl_str source;
    const hl_thinking_tags *tags;
    int64_t now_s;
} hl__prepare_how;

typedef struct hl__talk {
    const hl_message **messages; /* [n] the list is owned */
    size_t n;
    size_t last_user;     /* index; n: there is none */
    bool strip_reasoning; /* from what was said before the last message of the user's */
    const hl_thinking_tags *tags;
    struct json_object *tools; /* as templates see them, owned; NULL: none */
    hl_message system, prompt; /* those made of the request's texts */
    hl_part system_part, prompt_part;
} hl__talk;

/* t must not move afterwards. */
hl_status hl__talk_init(hl__talk *t, const hl_prepare_model *m, const hl_request *req,
                        const hl__prepare_how *how, hl_error *err) HL_NODISCARD;
void hl__talk_deinit(hl__talk *t);

static inline bool hl__talk_is(const hl__talk *t, size_t i, const char *role) {
    return hl_str_is(t->messages[i]->role, role);
}
/* Whether message i is there when the talk begins at `from`: system texts always are. */
static inline bool hl__talk_has(const hl__talk *t, size_t i, size_t from) {
    return i >= from || hl__talk_is(t, i, "system");
}
/* Appends the message's text. */
hl_status hl__talk_content(const hl__talk *t, size_t i, hl_buf *ret, hl_error *err) HL_NODISCARD;

/* Each appends the text of the talk from `from` on. */
hl_status hl__talk_render_jinja(const hl__talk *t, size_t from, const hl_prepare_model *m,
                                const hl_request *req, const hl__prepare_how *how, hl_buf *ret,
                                hl_error *err) HL_NODISCARD;
hl_status hl__talk_render_go(const hl__talk *t, size_t from, const hl_request *req,
                             const hl__prepare_how *how, hl_buf *ret, hl_error *err) HL_NODISCARD;
/* How a Jinja template wants earlier calls. */
typedef struct hl__call_style {
    bool as_text;   /* the arguments are JSON in a text, else objects */
    bool short_ids; /* ids are nine letters and digits, and always there */
} hl__call_style;

/* Puts tool_calls of message i, and of a tool's answer tool_call_id: that of the call it answers.
 */
hl_status hl__talk_put_calls(struct json_object *o, const hl__talk *t, size_t i,
                             const hl__call_style *style, hl_error *err) HL_NODISCARD;
hl_status hl__talk_put_call_id(struct json_object *o, const hl__talk *t, size_t i,
                               const hl__call_style *style, hl_error *err) HL_NODISCARD;

/* A Go template that says how to fill in: the request's prompt and suffix. */
hl_status hl__talk_render_suffix(const hl_request *req, const hl__prepare_how *how, hl_buf *ret,
                                 hl_error *err) HL_NODISCARD;

/* The tools as Ollama passes them on: its keys in its order, others left out.  *ret is owned. */
hl_status hl__talk_tools(struct json_object *tools, struct json_object **ret,
                         hl_error *err) HL_NODISCARD;

/* -- JSON -------------------------------------------------------------------------------------- */

hl_status hl__var_no_memory(hl_error *err) HL_NODISCARD;
/* Takes value; NULL for value means that there was no memory for it. */
hl_status hl__var_put(struct json_object *o, const char *key, struct json_object *value,
                      hl_error *err) HL_NODISCARD;
hl_status hl__var_put_str(struct json_object *o, const char *key, hl_str s,
                          hl_error *err) HL_NODISCARD;
hl_status hl__var_put_bool(struct json_object *o, const char *key, bool value,
                           hl_error *err) HL_NODISCARD;
/* A copy of a value that somebody else owns, so that nothing is shared between threads; NULL is
 * JSON's null. */
hl_status hl__var_put_copy(struct json_object *o, const char *key, struct json_object *value,
                           hl_error *err) HL_NODISCARD;
