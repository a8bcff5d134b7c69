#include "serve/package.h"

#include "base/mem.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

static void destroy(hl_package *p) {
    hl_template_destroy(p->chat);
    hl_arena_destroy(p->arena);
    hl_free(p);
}

static hl_status create(const char *path, const char *name, hl_package **ret, hl_error *err) {
    hl_package *p = hl_calloc(1, sizeof *p);
    if (!p) return hl_fail(err, HL_ENOMEM, "package", "no memory for %s", name);
    HL_ASSERT(strlen(path) < sizeof p->path && strlen(name) < sizeof p->name);
    atomic_init(&p->refs, 1);
    memcpy(p->path, path, strlen(path) + 1);
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

static hl_status read_template(hl_package *p, hl_error *err) {
    hl_gguf *g;
    hl_str text;
    HL_TRY(hl_gguf_open(p->path, &g, err));
    hl_status st = hl_gguf_get_str(g, "tokenizer.chat_template", (hl_str){"", 0}, &text, err);
    if (st >= 0) {
        p->template_text = hl_arena_str(p->arena, text);
        st = hl_arena_status(p->arena);
        if (st < 0) (void)hl_fail(err, st, "package", "the template of %s is too large", p->name);
    }
    hl_gguf_close(g);
    return st;
}

static void parse_template(hl_package *p) {
    if (p->template_text.len == 0) return;
    p->tags = hl_thinking_tags_find(p->template_text);
    if (hl_template_parse(p->name, p->template_text, &p->chat, &p->template_error) >= 0)
        p->template_error.status = HL_OK;
}

hl_status hl_package_open(const char *path, const char *name, hl_package **ret, hl_error *err) {
    hl_package *p;
    HL_TRY(create(path, name, &p, err));
    hl_status st = read_template(p, err);
    if (st < 0) {
        destroy(p);
        return st;
    }
    parse_template(p);
    HL_ASSERT(!p->chat || p->template_error.status == HL_OK);
    *ret = p;
    return HL_OK;
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
