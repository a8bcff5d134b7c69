#include "store/template_kind.h"

/* Whether the text behind "{{" can only be Go's: "{{- range", "{{ .Field", … */
static bool is_go_action(hl_str s) {
    static const char *const words[] = {"if ",   "range ", "with ",   "end}",      "end ",
                                        "else}", "else ",  "define ", "template ", "block ",
                                        "/*",    "$",      ".",       "if}"};
    size_t at = 0;
    if (s.len > 1 && s.ptr[0] == '-' && s.ptr[1] == ' ') at = 1;
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\n' || s.ptr[at] == '\t')) at++;
    hl_str rest = hl_str_slice(s, at, s.len);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (hl_str_starts(rest, hl_str_from(words[i]))) return true;
    return false;
}

static bool looks_go(hl_str text) {
    for (size_t at = hl_str_find(text, HL_STR("{{"), 0); at != SIZE_MAX;
         at = hl_str_find(text, HL_STR("{{"), at + 2))
        if (is_go_action(hl_str_slice(text, at + 2, text.len))) return true;
    return false;
}

hl_status hl_any_template_parse(const char *name, hl_str text, hl_any_template *ret,
                                hl_error *err) {
    *ret = (hl_any_template){0};
    if (hl_str_find(text, HL_STR("{%"), 0) != SIZE_MAX)
        return hl_template_parse(name, text, &ret->jinja, err);
    hl_status st = hl_gotemplate_parse("", text, &ret->go, err);
    if (st == HL_EFORMAT && !looks_go(text) &&
        hl_template_parse(name, text, &ret->jinja, NULL) >= 0)
        return HL_OK;
    HL_ASSERT(st < 0 || ret->go);
    return st;
}

void hl_any_template_deinit(hl_any_template *t) {
    hl_gotemplate_destroy(t->go);
    hl_template_destroy(t->jinja);
    *t = (hl_any_template){0};
}
