#include "serve/show.h"

#include "base/fs.h"
#include "base/mem.h"
#include "store/describe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { KEY_MAX = 160 };

/* -- JSON of metadata -------------------------------------------------------------------------- */

static struct json_object *json_str(hl_str s) {
    return json_object_new_string_len(s.ptr ? s.ptr : "", s.len > INT32_MAX ? 0 : (int)s.len);
}

static bool is_float(hl_gguf_type type) {
    return type == HL_GGUF_F32 || type == HL_GGUF_F64;
}

/* As few digits as give the same number again: 1e-05, not 9.9999997473787516e-06. */
static struct json_object *json_float(hl_gguf_type type, double value) {
    bool single = type == HL_GGUF_F32;
    char text[40];
    if (!isfinite(value)) return json_object_new_string(isnan(value) ? "nan" : "inf");
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double again = strtod(text, NULL);
        if (again == value || (single && (float)again == (float)value)) break;
    }
    if (value == floor(value) && fabs(value) < 1e15) snprintf(text, sizeof text, "%.0f", value);
    return json_object_new_double_s(value, text);
}

static struct json_object *json_element(const hl_gguf_value *v, size_t i) {
    if (v->as.array.type == HL_GGUF_STR) return json_str(v->as.array.strs[i]);
    if (is_float(v->as.array.type)) return json_float(v->as.array.type, hl_gguf_array_f64(v, i));
    return json_object_new_int64(hl_gguf_array_i64(v, i));
}

static struct json_object *json_array(const hl_gguf_value *v) {
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; array && i < v->as.array.n; i++) {
        struct json_object *element = json_element(v, i);
        if (element && json_object_array_add(array, element) == 0) continue;
        json_object_put(element);
        json_object_put(array);
        return NULL;
    }
    return array;
}

static struct json_object *json_value(const hl_gguf_value *v) {
    switch (v->type) {
    case HL_GGUF_U8:
    case HL_GGUF_U16:
    case HL_GGUF_U32:
    case HL_GGUF_U64: return json_object_new_uint64(v->as.u);
    case HL_GGUF_I8:
    case HL_GGUF_I16:
    case HL_GGUF_I32:
    case HL_GGUF_I64: return json_object_new_int64(v->as.i);
    case HL_GGUF_F32:
    case HL_GGUF_F64: return json_float(v->type, v->as.f);
    case HL_GGUF_BOOL: return json_object_new_boolean(v->as.u != 0);
    case HL_GGUF_STR: return json_str(v->as.str);
    case HL_GGUF_ARRAY: return json_array(v);
    }
    return NULL;
}

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "show", "no memory for the metadata");
}

/* NULL for value is JSON's null. */
static hl_status add_metadata(struct json_object *o, hl_str name, struct json_object *value,
                              hl_error *err) {
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%.*s", HL_STR_ARG(name));
    if (json_object_object_add(o, key, value) == 0) return HL_OK;
    json_object_put(value);
    return no_memory(err);
}

/* As Ollama: without what the answer has elsewhere, and with arrays when they are asked for. */
static hl_status fill_metadata(const hl_gguf *g, bool verbose, uint64_t n_parameters,
                               struct json_object *o, hl_error *err) {
    for (size_t i = 0; i < hl_gguf_n_values(g); i++) {
        const hl_gguf_value *v = hl_gguf_value_at(g, i);
        if (hl_str_is(v->key, "general.name") || hl_str_is(v->key, "tokenizer.chat_template"))
            continue;
        bool left_out = v->type == HL_GGUF_ARRAY && !verbose;
        struct json_object *value = left_out ? NULL : json_value(v);
        if (!value && !left_out) return no_memory(err);
        HL_TRY(add_metadata(o, v->key, value, err));
    }
    struct json_object *n = json_object_new_uint64(n_parameters);
    if (!n) return no_memory(err);
    return add_metadata(o, HL_STR("general.parameter_count"), n, err);
}

static struct json_object *json_shape(const hl_gguf_tensor *t) {
    struct json_object *shape = json_object_new_array();
    for (uint32_t d = 0; shape && d < t->n_dims; d++)
        if (json_object_array_add(shape, json_object_new_uint64(t->dims[d])) != 0) break;
    return shape;
}

static struct json_object *json_tensor(const hl_gguf_tensor *t) {
    struct json_object *o = json_object_new_object();
    const char *type = hl_dtype_lookup(t->type).name;
    if (!o) return NULL;
    if (json_object_object_add(o, "name", json_str(t->name)) != 0 ||
        json_object_object_add(o, "type", json_object_new_string(type ? type : "?")) != 0 ||
        json_object_object_add(o, "shape", json_shape(t)) != 0) {
        json_object_put(o);
        return NULL;
    }
    return o;
}

/* N of "blk.N.…"; -1: a tensor of no block. */
static long block_of(hl_str name) {
    long n = 0;
    size_t at = 4;
    if (!hl_str_starts(name, HL_STR("blk."))) return -1;
    for (; at < name.len && name.ptr[at] >= '0' && name.ptr[at] <= '9' && n < 100000; at++)
        n = 10 * n + (name.ptr[at] - '0');
    return at > 4 ? n : -1;
}

/* Ollama's order: what belongs to no block, then block by block, each by name. */
static int by_block_and_name(const void *a, const void *b) {
    const hl_gguf_tensor *x = *(const hl_gguf_tensor *const *)a;
    const hl_gguf_tensor *y = *(const hl_gguf_tensor *const *)b;
    long bx = block_of(x->name), by = block_of(y->name);
    if (bx != by) return bx < by ? -1 : 1;
    size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.ptr, y->name.ptr, n);
    return order ? order : x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

static hl_status fill_tensors(const hl_gguf *g, struct json_object *array, hl_error *err) {
    size_t n = hl_gguf_n_tensors(g);
    const hl_gguf_tensor **sorted = hl_calloc(n + 1, sizeof *sorted);
    if (!sorted) return no_memory(err);
    for (size_t i = 0; i < n; i++) sorted[i] = hl_gguf_tensor_at(g, i);
    qsort(sorted, n, sizeof *sorted, by_block_and_name);
    hl_status st = HL_OK;
    for (size_t i = 0; st >= 0 && i < n; i++) {
        struct json_object *o = json_tensor(sorted[i]);
        if (o && json_object_array_add(array, o) == 0) continue;
        json_object_put(o);
        st = no_memory(err);
    }
    hl_free(sorted);
    return st;
}

/* -- what the keys mean ------------------------------------------------------------------------ */

/* FAMILY.suffix as a number; 0 when it is missing or something else. */
static uint32_t family_u32(const hl_gguf *g, hl_str family, const char *suffix) {
    char key[KEY_MAX];
    uint32_t value = 0;
    snprintf(key, sizeof key, "%.*s.%s", HL_STR_ARG(family), suffix);
    return hl_gguf_get_u32(g, key, 0, &value, NULL) < 0 ? 0 : value;
}

static hl_str text_of(const hl_gguf *g, const char *key) {
    hl_str value = {"", 0};
    if (hl_gguf_get_str(g, key, value, &value, NULL) < 0) return (hl_str){"", 0};
    return value;
}

static void fill_capabilities(const hl__loaded *l, hl_model_info *info) {
    info->can_embed = family_u32(l->gguf, info->family, "pooling_type") != 0;
    info->can_complete = !info->can_embed;
}

static uint32_t vocabulary_size(const hl_gguf *g, hl_str family) {
    const hl_gguf_value *v = hl_gguf_find(g, HL_STR("tokenizer.ggml.tokens"));
    if (v && v->type == HL_GGUF_ARRAY) return (uint32_t)v->as.array.n;
    return family_u32(g, family, "vocab_size");
}

static void fill_numbers(const hl__loaded *l, hl_model_info *info) {
    const hl_gguf *g = l->gguf;
    struct stat s;
    info->n_parameters = hl_gguf_n_parameters(g);
    info->file_bytes = stat(l->path, &s) == 0 ? (uint64_t)s.st_size : 0;
    info->ctx_train = family_u32(g, info->family, "context_length");
    info->n_embd = family_u32(g, info->family, "embedding_length");
    info->n_layers = family_u32(g, info->family, "block_count");
    info->n_vocab = vocabulary_size(g, info->family);
}

static void fill_texts(const hl__loaded *l, hl_model_info *info) {
    const hl_gguf *g = l->gguf;
    char parameters[16];
    hl_parameters_text(hl_gguf_n_parameters(g), parameters);
    info->name = hl_arena_str(info->arena, hl_str_from(l->name));
    info->path = hl_arena_str(info->arena, hl_str_from(l->path));
    info->family = hl_arena_str(info->arena, text_of(g, "general.architecture"));
    info->quantization = hl_arena_str(info->arena, hl_str_from(hl_gguf_quantization(g)));
    info->parameters_text = hl_arena_str(info->arena, hl_str_from(parameters));
}

static hl_status fill(const hl__loaded *l, bool verbose, hl_model_info *info, hl_error *err) {
    info->arena = hl_arena_create(0);
    info->metadata = json_object_new_object();
    info->tensors = json_object_new_array();
    if (!info->arena || !info->metadata || !info->tensors) return no_memory(err);
    hl_options_init(&info->options);
    fill_texts(l, info);
    if (hl_arena_status(info->arena) < 0) return no_memory(err);
    fill_numbers(l, info);
    fill_capabilities(l, info);
    HL_TRY(fill_metadata(l->gguf, verbose, info->n_parameters, info->metadata, err));
    return fill_tensors(l->gguf, info->tensors, err);
}

/* What stands over the file. */
static hl_status fill_from_package(const hl_package *p, hl_model_info *info, hl_error *err) {
    info->template_text = hl_arena_str(info->arena, p->template_text);
    info->license = hl_arena_str(info->arena, p->license);
    info->system = hl_arena_str(info->arena, p->system);
    if (hl_arena_status(info->arena) < 0) return no_memory(err);
    info->options = p->options;
    info->options.stop = NULL; /* the package's; its parameters have them */
    info->options.n_stop = 0;
    /* An adapter cannot be applied yet, and its model is not the one without it. */
    if (p->adapter_path.len > 0) info->can_complete = info->can_embed = false;
    info->can_use_tools = info->can_complete && p->can_use_tools;
    info->can_think = info->can_complete && p->tags != NULL;
    info->can_insert = info->can_complete && p->can_insert;
    return HL_OK;
}

hl_status hl__show(const hl__loaded *l, const hl_package *p, bool verbose, hl_model_info *ret,
                   hl_error *err) {
    hl_model_info info = {0};
    hl_status st = fill(l, verbose, &info, err);
    if (st >= 0) st = fill_from_package(p, &info, err);
    if (st < 0)
        hl_model_info_deinit(&info);
    else
        *ret = info;
    return st;
}

/* The text's strings are borrowed until they are copied here. */
static void own_texts(const hl_package *p, const char *name, hl_model_info *info) {
    info->name = hl_arena_str(info->arena, hl_str_from(name));
    info->path = hl_arena_str(info->arena, hl_str_from(p->path));
    info->family = hl_arena_str(info->arena, info->family);
    info->quantization = hl_arena_str(info->arena, info->quantization);
    info->parameters_text = hl_arena_str(info->arena, info->parameters_text);
}

hl_status hl__show_recall(struct json_object *text, const hl_package *p, const char *name,
                          hl_model_info *ret, hl_error *err) {
    hl_model_info info = {.arena = hl_arena_create(0)};
    hl_status st = info.arena ? HL_OK : no_memory(err);
    hl_options_init(&info.options);
    if (st >= 0) st = hl__show_from_text(text, &info, err);
    if (st >= 0) own_texts(p, name, &info);
    if (st >= 0) st = fill_from_package(p, &info, err);
    if (st < 0)
        hl_model_info_deinit(&info);
    else
        *ret = info;
    return st;
}

void hl_model_info_deinit(hl_model_info *info) {
    json_object_put(info->metadata);
    json_object_put(info->tensors);
    hl_arena_destroy(info->arena);
    *info = (hl_model_info){0};
}

hl_status hl__show_metadata(const char *path, struct json_object **ret, hl_error *err) {
    hl_gguf *g;
    HL_TRY(hl_gguf_open(path, &g, err));
    struct json_object *o = json_object_new_object();
    hl_status st = o ? fill_metadata(g, false, hl_gguf_n_parameters(g), o, err) : no_memory(err);
    hl_gguf_close(g);
    if (st < 0)
        json_object_put(o);
    else
        *ret = o;
    return st;
}
