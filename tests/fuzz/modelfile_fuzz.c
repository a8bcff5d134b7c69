/* Any bytes as a Modelfile: a status, or instructions that come back from their printed form and
 * parameters that a request may have. */
#include "store/layers.h"
#include "store/modelfile.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool one_line(hl_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\n' || s.ptr[i] == '"' || s.ptr[i] == '\t') return false;
    return s.len > 0;
}

/* Values of one line are printed so that they are read as they were. */
static void comes_back(const hl_instruction *in, hl_arena *arena) {
    const hl_instruction *list;
    size_t n;
    hl_buf b;
    if (in->kind != HL_MODELFILE_FROM || !one_line(in->value)) return;
    hl_buf_init(&b, 0);
    hl_modelfile_print(&b, "FROM", in->name, in->value);
    HL_ASSERT(hl_modelfile_parse(hl_buf_str(&b), arena, &list, &n, NULL) == HL_OK);
    HL_ASSERT(n == 1 && hl_str_eq(list[0].value, in->value));
    hl_buf_deinit(&b);
}

/* A parameter's text: a status, or a value that a request may have. */
static void becomes_a_value(const hl_instruction *in, hl_arena *arena) {
    struct json_object *all = json_object_new_object(), *v = NULL;
    const char *name = hl_arena_str(arena, in->name).ptr; /* with its NUL */
    if (all && name && hl_param_from_text(name, in->value, &v, NULL) == HL_OK &&
        json_object_object_add(all, name, v) == 0)
        HL_ASSERT(hl_params_check(all, NULL) == HL_OK);
    json_object_put(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const hl_instruction *list;
    size_t n;
    hl_error err;
    hl_arena *arena = hl_arena_create(64 << 20);
    if (!arena) return 0;
    if (hl_modelfile_parse((hl_str){(const char *)data, size}, arena, &list, &n, &err) == HL_OK)
        for (size_t i = 0; i < n; i++) {
            HL_ASSERT(list[i].line > 0 && list[i].value.ptr);
            if (n < 100) comes_back(&list[i], arena);
            if (list[i].kind == HL_MODELFILE_PARAMETER) becomes_a_value(&list[i], arena);
        }
    else
        HL_ASSERT(err.text[0] != '\0');
    hl_arena_destroy(arena);
    return 0;
}
