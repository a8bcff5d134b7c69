#include "serve/resolve.h"

#include "base/dir.h"
#include "base/fs.h"
#include "config/env.h"

#include <stdio.h>

/* Given by the build; without it only the places beside the program remain. */
#ifndef HL_SOURCE_DIR
#define HL_SOURCE_DIR ""
#endif

static bool is_path(hl_str model) {
    return hl_str_find(model, HL_STR("/"), 0) != SIZE_MAX || hl_str_ends(model, HL_STR(".gguf"));
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* NAME or NAME:TAG of letters, digits, '.', '_', '-', beginning with a letter or digit. */
static bool split_name(hl_str model, hl_str *ret_name, hl_str *ret_tag) {
    size_t colon = hl_str_find(model, HL_STR(":"), 0);
    hl_str parts[2] = {hl_str_slice(model, 0, colon), HL_STR("latest")};
    if (colon != SIZE_MAX) parts[1] = hl_str_slice(model, colon + 1, model.len);
    for (size_t p = 0; p < 2; p++) {
        if (parts[p].len == 0 || parts[p].ptr[0] == '.' || parts[p].ptr[0] == '-') return false;
        for (size_t i = 0; i < parts[p].len; i++)
            if (!is_name_char(parts[p].ptr[i])) return false;
    }
    *ret_name = parts[0];
    *ret_tag = parts[1];
    return model.len <= HL_MODEL_NAME_MAX;
}

void hl_model_display(hl_str model, char *out, size_t cap) {
    hl_str name, tag;
    if (!is_path(model) && split_name(model, &name, &tag))
        snprintf(out, cap, "%.*s:%.*s", HL_STR_ARG(name), HL_STR_ARG(tag));
    else
        snprintf(out, cap, "%.*s", HL_STR_ARG(hl_str_slice(model, 0, HL_MODEL_NAME_MAX)));
}

static bool try_place(hl_str dir, const char *middle, hl_model_place_fn *each, void *arg) {
    char place[HL_MODEL_PATH_MAX];
    if (dir.len == 0) return false;
    int n = snprintf(place, sizeof place, "%.*s%s", HL_STR_ARG(dir), middle);
    return n > 0 && (size_t)n < sizeof place && each(arg, place);
}

bool hl_model_places(hl_model_place_fn *each, void *arg) {
    char program[HL_MODEL_PATH_MAX];
    hl_str beside = {"", 0}, given = hl_env_text("MODELS_DIR");
    if (given.len > 0) return try_place(given, "", each, arg);
    if (hl_path_of_program(program, sizeof program)) beside = hl_str_from(program);
    return try_place(beside, "/../models", each, arg) ||
           try_place(beside, "/../share/hyperllama/models", each, arg) ||
           try_place(HL_STR(HL_SOURCE_DIR), "/models", each, arg) ||
           try_place(HL_STR("/usr/share/hyperllama/models"), "", each, arg);
}

typedef struct wanted {
    hl_str name;
    char *path; /* [HL_MODEL_PATH_MAX] */
} wanted;

/* The .gguf in PLACE/NAME, if there is one. */
static bool look_in(void *arg, const char *place) {
    wanted *w = arg;
    char dir[HL_MODEL_PATH_MAX];
    int n = snprintf(dir, sizeof dir, "%s/%.*s", place, HL_STR_ARG(w->name));
    return n > 0 && (size_t)n < sizeof dir &&
           hl_dir_first(dir, HL_STR(".gguf"), w->path, HL_MODEL_PATH_MAX);
}

static bool find_name(hl_str name, char out[HL_MODEL_PATH_MAX]) {
    wanted w = {name, out};
    return hl_model_places(look_in, &w);
}

static hl_status take_path(hl_str model, char ret_path[HL_MODEL_PATH_MAX], hl_error *err) {
    if (model.len >= HL_MODEL_PATH_MAX)
        return hl_fail(err, HL_EINVAL, "model", "a path of %zu bytes is too long", model.len);
    HL_ASSERT(model.len > 0);
    memcpy(ret_path, model.ptr, model.len);
    ret_path[model.len] = '\0';
    if (hl_path_is_dir(ret_path))
        return hl_fail(err, HL_EINVAL, "model", "%s is a directory: name the .gguf file in it",
                       ret_path);
    return HL_OK;
}

hl_status hl_model_resolve(hl_str model, char ret_path[HL_MODEL_PATH_MAX], hl_error *err) {
    hl_str name, tag;
    if (is_path(model)) return take_path(model, ret_path, err);
    if (!split_name(model, &name, &tag))
        return hl_fail(err, HL_EINVAL, "model", "invalid model name '%.*s'",
                       HL_STR_ARG(hl_str_slice(model, 0, 80)));
    if (hl_str_is(tag, "latest") && find_name(name, ret_path)) return HL_OK;
    return hl_fail(err, HL_ENOTFOUND, "model", "model '%.*s:%.*s' not found", HL_STR_ARG(name),
                   HL_STR_ARG(tag));
}
