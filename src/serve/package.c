#include "serve/package.h"

#include "base/mem.h"
#include "config/env.h"
#include "serve/package_parts.h"
#include "store/template_kind.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

static void destroy(hl_package *p) {
    hl_template_destroy(p->chat);
    hl_gotemplate_destroy(p->go);
    json_object_put(p->params_json);
    json_object_put(p->messages_json);
    hl_arena_destroy(p->arena);
    hl_free(p);
}

static hl_status create(const char *name, hl_package **ret, hl_error *err) {
    hl_package *p = hl_calloc(1, sizeof *p);
    if (!p) return hl_fail(err, HL_ENOMEM, "package", "no memory for %s", name);
    HL_ASSERT(strlen(name) < sizeof p->name);
    atomic_init(&p->refs, 1);
    memcpy(p->name, name, strlen(name) + 1);
    hl_options_init(&p->options);
    p->arena = hl_arena_create(ARENA_BYTES_MAX);
    if (!p->arena) {
        destroy(p);
        return hl_fail(err, HL_ENOMEM, "package", "no memory for %s", name);
    }
    *ret = p;
    return HL_OK;
}

hl_status hl__package_text(hl_package *p, hl_str text, hl_str *ret, hl_error *err) {
    *ret = hl_arena_str(p->arena, text);
    if (ret->ptr) return HL_OK;
    return hl_fail(err, hl_arena_status(p->arena), "package", "the texts of %s are too large",
                   p->name);
}

/* -- templates --------------------------------------------------------------------------------- */

/* One of the templates that a package could use. */
typedef struct candidate {
    hl_str text;
    hl_any_template parsed; /* owned */
    hl_error error;         /* status 0: none */
    const hl_thinking_tags *tags;
    bool tools, insert;
} candidate;

/* The tags around .Thinking, else those that the text is known by. */
static const hl_thinking_tags *go_tags(hl_package *p, const hl_gotemplate *go, hl_str text) {
    hl_str open, close;
    if (!hl_gotemplate_mentions(go, "Thinking") || !hl_gotemplate_thinking_tags(go, &open, &close))
        return hl_thinking_tags_find(text);
    hl_thinking_tags *tags = HL_ARENA_NEW(p->arena, hl_thinking_tags);
    if (!tags || open.len == 0 || close.len == 0) return hl_thinking_tags_find(text);
    tags->open = hl_arena_str(p->arena, open);
    tags->close = hl_arena_str(p->arena, close);
    return tags->open.ptr && tags->close.ptr ? tags : NULL;
}

static void judge(hl_package *p, hl_str text, bool is_layer, candidate *c) {
    *c = (candidate){.text = text};
    if (text.len == 0) return;
    hl_status st = is_layer ? hl_any_template_parse(p->name, text, &c->parsed, &c->error)
                            : hl_template_parse(p->name, text, &c->parsed.jinja, &c->error);
    if (st >= 0) c->error.status = HL_OK;
    if (c->parsed.go) {
        c->tags = go_tags(p, c->parsed.go, text);
        c->tools = hl_gotemplate_mentions(c->parsed.go, "Tools");
        c->insert = hl_gotemplate_mentions(c->parsed.go, "Suffix");
    } else {
        c->tags = hl_thinking_tags_find(text);
        c->tools = c->parsed.jinja && hl_template_mentions(c->parsed.jinja, "tools");
        c->insert = c->parsed.jinja && hl_template_mentions(c->parsed.jinja, "suffix");
    }
}

static bool is_bare_prompt(hl_str text) {
    size_t n = 0;
    static const char bare[] = "{{.Prompt}}";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r') continue;
        if (n + 1 >= sizeof bare || c != bare[n++]) return false;
    }
    return n + 1 == sizeof bare;
}

/* Whether the file's own template goes before the layer's. */
static bool own_wins(const candidate *layer, const candidate *own) {
    if (layer->text.len == 0) return true;
    if (!own->parsed.jinja) return false;
    if (layer->parsed.jinja) return false;
    if (!layer->parsed.go || is_bare_prompt(layer->text)) return true;
    if (!hl_env_bool("GO_TEMPLATE", true)) return true;
    return (own->tools && !layer->tools) || (own->tags && !layer->tags);
}

static void choose_template(hl_package *p, hl_str own_text) {
    candidate layer, own;
    judge(p, p->template_layer, true, &layer);
    judge(p, own_text, false, &own);
    candidate *best = own_wins(&layer, &own) ? &own : &layer;
    p->template_text = best->text;
    p->chat = best->parsed.jinja;
    p->go = best->parsed.go;
    p->template_error = best->error;
    p->tags = best->tags;
    p->can_use_tools = best->tools;
    p->can_insert = best->insert;
    best->parsed = (hl_any_template){0};
    hl_any_template_deinit(&layer.parsed);
    hl_any_template_deinit(&own.parsed);
}

static hl_status read_own_template(hl_package *p, hl_str *ret, hl_error *err) {
    hl_gguf *g;
    hl_str text;
    HL_TRY(hl_gguf_open(p->path, &g, err));
    hl_status st = hl_gguf_get_str(g, "tokenizer.chat_template", (hl_str){"", 0}, &text, err);
    if (st >= 0) st = hl__package_text(p, text, ret, err);
    hl_gguf_close(g);
    return st;
}

/* -- making ------------------------------------------------------------------------------------ */

/* own_template NULL: the file's. */
static hl_status finish(hl_package *p, const hl_str *own_template, hl_package **ret,
                        hl_error *err) {
    hl_str own = {"", 0};
    hl_status st = own_template ? hl__package_text(p, *own_template, &own, err)
                                : read_own_template(p, &own, err);
    if (st < 0) return st;
    choose_template(p, own);
    HL_ASSERT(!(p->chat && p->go));
    HL_ASSERT(!(p->chat || p->go) || p->template_error.status == HL_OK);
    *ret = p;
    return HL_OK;
}

hl_status hl_package_open(const char *path, const char *name, hl_package **ret, hl_error *err) {
    hl_package *p;
    HL_TRY(create(name, &p, err));
    HL_ASSERT(strlen(path) < sizeof p->path);
    memcpy(p->path, path, strlen(path) + 1);
    hl_status st = finish(p, NULL, ret, err);
    if (st < 0) destroy(p);
    return st;
}

hl_status hl_package_open_stored(const hl_store *s, const hl_manifest *m, const char *name,
                                 const hl_str *own_template, hl_package **ret, hl_error *err) {
    hl_package *p;
    HL_TRY(create(name, &p, err));
    hl_status st = hl__package_read_layers(p, s, m, err);
    if (st >= 0) st = finish(p, own_template, ret, err);
    if (st < 0) destroy(p);
    return st;
}

hl_package *hl_package_keep(hl_package *p) {
    unsigned before = atomic_fetch_add(&p->refs, 1);
    HL_ASSERT(before > 0);
    return p;
}

void hl_package_drop(hl_package *p) {
    if (p && atomic_fetch_sub(&p->refs, 1) == 1) destroy(p);
}

hl_status hl_package_check_template(const hl_package *p, hl_error *err) {
    if (p->template_error.status == HL_OK) return HL_OK;
    if (err) *err = p->template_error;
    return p->template_error.status;
}
