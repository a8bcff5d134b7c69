#include "serve/show.h"

#include "base/fs.h"
#include "serve/thinking.h"
#include "text/template.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* general.file_type of the GGUF specification: what most of the tensors are.  Fixed numbers. */
static const char *const FILE_TYPES[] = {
    [0] = "F32",      [1] = "F16",      [2] = "Q4_0",    [3] = "Q4_1",    [7] = "Q8_0",
    [8] = "Q5_0",     [9] = "Q5_1",     [10] = "Q2_K",   [11] = "Q3_K_S", [12] = "Q3_K_M",
    [13] = "Q3_K_L",  [14] = "Q4_K_S",  [15] = "Q4_K_M", [16] = "Q5_K_S", [17] = "Q5_K_M",
    [18] = "Q6_K",    [19] = "IQ2_XXS", [20] = "IQ2_XS", [21] = "Q2_K_S", [22] = "IQ3_XS",
    [23] = "IQ3_XXS", [24] = "IQ1_S",   [25] = "IQ4_NL", [26] = "IQ3_S",  [27] = "IQ3_M",
    [28] = "IQ2_S",   [29] = "IQ2_M",   [30] = "IQ4_XS", [31] = "IQ1_M",  [32] = "BF16",
    [36] = "TQ1_0",   [37] = "TQ2_0",   [38] = "MXFP4",
};

enum { KEY_MAX = 160 };

void hl__parameters_text(uint64_t n, char out[16]) {
    static const struct {
        double unit;
        const char *name;
        int digits;
    } scales[] = {{1e9, "B", 1}, {1e6, "M", 2}, {1e3, "K", 0}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        double value = (double)n / scales[i].unit;
        if (value < 1) continue;
        bool whole = n % (uint64_t)scales[i].unit == 0;
        snprintf(out, 16, "%.*f%s", whole ? 0 : scales[i].digits, value, scales[i].name);
        return;
    }
    snprintf(out, 16, "%u", (unsigned)n);
}

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

static hl_status fill_tensors(const hl_gguf *g, struct json_object *array, hl_error *err) {
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        struct json_object *o = json_tensor(hl_gguf_tensor_at(g, i));
        if (o && json_object_array_add(array, o) == 0) continue;
        json_object_put(o);
        return no_memory(err);
    }
    return HL_OK;
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

static uint64_t count_parameters(const hl_gguf *g) {
    uint64_t n = 0;
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        n += t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
    }
    return n;
}

/* The file's own word, else the type that most of the weights have. */
static const char *quantization_name(const hl_gguf *g) {
    uint32_t type = UINT32_MAX;
    if (hl_gguf_get_u32(g, "general.file_type", UINT32_MAX, &type, NULL) >= 0 &&
        type < sizeof FILE_TYPES / sizeof *FILE_TYPES && FILE_TYPES[type])
        return FILE_TYPES[type];
    size_t largest = 0;
    const char *name = NULL;
    for (size_t i = 0; i < hl_gguf_n_tensors(g); i++) {
        const hl_gguf_tensor *t = hl_gguf_tensor_at(g, i);
        if (t->data.len <= largest) continue;
        largest = t->data.len;
        name = hl_dtype_lookup(t->type).name;
    }
    return name ? name : "unknown";
}

static bool mentions_tools(hl_str template_text) {
    hl_template *t;
    if (template_text.len == 0 || hl_template_parse("", template_text, &t, NULL) < 0) return false;
    bool mentions = hl_template_mentions(t, "tools");
    hl_template_destroy(t);
    return mentions;
}

static void fill_capabilities(const hl__loaded *l, hl_model_info *info) {
    info->can_embed = family_u32(l->gguf, info->family, "pooling_type") != 0;
    info->can_complete = !info->can_embed;
    info->can_think = hl_thinking_tags_find(info->template_text) != NULL;
    info->can_use_tools = mentions_tools(info->template_text);
}

static uint32_t vocabulary_size(const hl_gguf *g, hl_str family) {
    const hl_gguf_value *v = hl_gguf_find(g, HL_STR("tokenizer.ggml.tokens"));
    if (v && v->type == HL_GGUF_ARRAY) return (uint32_t)v->as.array.n;
    return family_u32(g, family, "vocab_size");
}

static void fill_numbers(const hl__loaded *l, hl_model_info *info) {
    const hl_gguf *g = l->gguf;
    struct stat s;
    info->n_parameters = count_parameters(g);
    info->file_bytes = stat(l->path, &s) == 0 ? (uint64_t)s.st_size : 0;
    info->ctx_train = family_u32(g, info->family, "context_length");
    info->n_embd = family_u32(g, info->family, "embedding_length");
    info->n_layers = family_u32(g, info->family, "block_count");
    info->n_vocab = vocabulary_size(g, info->family);
}

static void fill_texts(const hl__loaded *l, hl_model_info *info) {
    const hl_gguf *g = l->gguf;
    char parameters[16];
    hl__parameters_text(count_parameters(g), parameters);
    hl_str license = text_of(g, "general.license");
    info->name = hl_arena_str(info->arena, hl_str_from(l->name));
    info->path = hl_arena_str(info->arena, hl_str_from(l->path));
    info->family = hl_arena_str(info->arena, text_of(g, "general.architecture"));
    info->quantization = hl_arena_str(info->arena, hl_str_from(quantization_name(g)));
    info->parameters_text = hl_arena_str(info->arena, hl_str_from(parameters));
    info->template_text = hl_arena_str(info->arena, text_of(g, "tokenizer.chat_template"));
    info->license = hl_arena_str(info->arena, license);
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

hl_status hl__show(const hl__loaded *l, bool verbose, hl_model_info *ret, hl_error *err) {
    hl_model_info info = {0};
    hl_status st = fill(l, verbose, &info, err);
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
