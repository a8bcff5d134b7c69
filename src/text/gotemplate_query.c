/* What the source of a template says about the model it was written for. */
#include "text/gotemplate_ast.h"

const go_define *hl__go_find_define(const hl_gotemplate *t, hl_str name) {
    for (const go_define *d = t->defines; d; d = d->next)
        if (hl_str_eq(d->name, name)) return d;
    return NULL;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same_word(hl_str a, const char *b) {
    size_t i = 0;
    for (; i < a.len && b[i]; i++)
        if (lower(a.ptr[i]) != lower(b[i])) return false;
    return i == a.len && !b[i];
}

static bool names_have(const go_node *n, const char *name) {
    for (size_t i = 0; i < n->n_names; i++)
        if (same_word(n->names[i], name)) return true;
    return n->kind == GO_N_VARIABLE && same_word(n->text, name);
}

static bool pipe_has(const go_pipe *pipe, const char *name);

static bool operand_has(const go_node *n, const char *name) {
    if (names_have(n, name) || pipe_has(n->pipe, name)) return true;
    return n->base && operand_has(n->base, name);
}

static bool pipe_has(const go_pipe *pipe, const char *name) {
    if (!pipe) return false;
    for (const go_command *c = pipe->commands; c; c = c->next)
        for (const go_node *n = c->args; n; n = n->next)
            if (operand_has(n, name)) return true;
    return false;
}

static bool list_has(const go_node *list, const char *name) {
    for (const go_node *n = list; n; n = n->next)
        if (pipe_has(n->pipe, name) || list_has(n->list, name) || list_has(n->list_else, name))
            return true;
    return false;
}

bool hl_gotemplate_mentions(const hl_gotemplate *t, const char *name) {
    if (list_has(t->list, name)) return true;
    for (const go_define *d = t->defines; d; d = d->next)
        if (list_has(d->list, name)) return true;
    return false;
}

/* The first field of this name in a pipeline, as Ollama looks for them: not below a chain.
 * first_only: as the first of its names. */
static const go_node *find_field(const go_pipe *pipe, const char *name, bool first_only) {
    if (!pipe) return NULL;
    for (const go_command *c = pipe->commands; c; c = c->next) {
        for (const go_node *n = c->args; n; n = n->next) {
            const go_node *inner = n->kind == GO_N_PIPE ? find_field(n->pipe, name, first_only)
                                                        : NULL;
            if (inner) return inner;
            for (size_t i = 0; n->kind == GO_N_FIELD && i < n->n_names; i++)
                if (hl_str_is(n->names[i], name) && (i == 0 || !first_only)) return n;
        }
    }
    return NULL;
}

static uint32_t response_in(const go_node *list) {
    for (const go_node *n = list; n; n = n->next) {
        const go_node *field = n->kind == GO_N_ACTION ? find_field(n->pipe, "Response", false)
                                                      : NULL;
        if (field) return field->at;
        uint32_t at = response_in(n->list);
        if (at == UINT32_MAX) at = response_in(n->list_else);
        if (at != UINT32_MAX) return at;
    }
    return UINT32_MAX;
}

uint32_t hl__go_find_response(const hl_gotemplate *t) {
    return response_in(t->list);
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static hl_str trim(hl_str s) {
    while (s.len && is_blank(s.ptr[s.len - 1])) s.len--;
    while (s.len && is_blank(s.ptr[0])) s = hl_str_slice(s, 1, s.len);
    return s;
}

typedef struct go_tags {
    hl_str open, close;
} go_tags;

static void take_tags(const go_node *list, go_tags *tags) {
    const go_node *last = list;
    while (last->next) last = last->next;
    if (list->kind == GO_N_TEXT) tags->open = trim(list->text);
    if (last->kind == GO_N_TEXT) tags->close = trim(last->text);
}

/* in_messages: the innermost loop is over .Messages.  The last .Thinking in source order wins. */
static void find_tags(const go_node *list, bool in_messages, go_tags *tags) {
    for (const go_node *n = list; n; n = n->next) {
        bool range = n->kind == GO_N_RANGE;
        bool inside = range ? find_field(n->pipe, "Messages", true) != NULL : in_messages;
        if (inside && find_field(n->pipe, "Thinking", true)) take_tags(list, tags);
        find_tags(n->list, inside, tags);
        find_tags(n->list_else, inside, tags);
    }
}

bool hl_gotemplate_thinking_tags(const hl_gotemplate *t, hl_str *ret_open, hl_str *ret_close) {
    go_tags tags = {0};
    find_tags(t->list, false, &tags);
    *ret_open = tags.open;
    *ret_close = tags.close;
    return tags.open.len || tags.close.len;
}

/* The first {{ if … .ToolCalls … }}, nested ones included. */
static const go_node *find_calls(const go_node *list) {
    for (const go_node *n = list; n; n = n->next) {
        if (n->kind == GO_N_IF && find_field(n->pipe, "ToolCalls", false)) return n;
        const go_node *inner = find_calls(n->list);
        if (!inner) inner = find_calls(n->list_else);
        if (inner) return inner;
    }
    return NULL;
}

/* The first text of a list; an action or a structure without any ends the search. */
static const go_node *first_text(const go_node *list) {
    const go_node *n = list;
    if (!n || n->kind == GO_N_TEXT) return n;
    if (n->kind != GO_N_IF && n->kind != GO_N_RANGE && n->kind != GO_N_WITH) return NULL;
    const go_node *inner = first_text(n->list);
    return inner ? inner : first_text(n->list_else);
}

hl_str hl_gotemplate_tool_prefix(const hl_gotemplate *t) {
    const go_node *calls = find_calls(t->list);
    const go_node *text = calls ? first_text(calls->list) : NULL;
    if (!text) return (hl_str){"", 0};
    hl_str s = trim(text->text);
    size_t end = hl_str_find(s, HL_STR("{"), 0);
    s = trim(hl_str_slice(s, 0, end));
    /* "[TOOL_CALLS] [": the second bracket is the list's */
    if (hl_str_ends(s, HL_STR("["))) s.len--;
    return trim(s);
}
