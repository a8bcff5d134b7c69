/* Descriptions that are remembered from one start to the next. */
#include "base/json.h"
#include "serve/show.h"

static const char FAMILY[] = "family", QUANTIZATION[] = "quantization", PARAMETERS[] = "parameters",
                  TEMPLATE[] = "chat_template", METADATA[] = "metadata", TENSORS[] = "tensors",
                  EMBEDS[] = "embeds";

/* -- writing ----------------------------------------------------------------------------------- */

static void print_key(hl_buf *out, const char *key) {
    if (out->len > 1) hl_buf_append_char(out, ',');
    hl_json_append_string(out, hl_str_from(key));
    hl_buf_append_char(out, ':');
}

static void print_str(hl_buf *out, const char *key, hl_str value) {
    print_key(out, key);
    hl_json_append_string(out, value);
}

static void print_number(hl_buf *out, const char *key, uint64_t value) {
    print_key(out, key);
    hl_buf_append_uint(out, value);
}

static void print_json(hl_buf *out, const char *key, struct json_object *value) {
    print_key(out, key);
    hl_buf_append_cstr(out, json_object_to_json_string_ext(
                                value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

void hl__show_print(const hl__loaded *l, const hl_model_info *info, hl_buf *out) {
    hl_str own = {"", 0};
    if (hl_gguf_get_str(l->gguf, "tokenizer.chat_template", own, &own, NULL) < 0)
        own = (hl_str){"", 0};
    HL_ASSERT(out->len == 0 && info->metadata && info->tensors);
    hl_buf_append_char(out, '{');
    print_str(out, FAMILY, info->family);
    print_str(out, QUANTIZATION, info->quantization);
    print_str(out, PARAMETERS, info->parameters_text);
    print_str(out, TEMPLATE, own);
    print_number(out, "n_parameters", info->n_parameters);
    print_number(out, "file_bytes", info->file_bytes);
    print_number(out, "ctx_train", info->ctx_train);
    print_number(out, "n_embd", info->n_embd);
    print_number(out, "n_layers", info->n_layers);
    print_number(out, "n_vocab", info->n_vocab);
    print_number(out, EMBEDS, info->can_embed);
    print_json(out, METADATA, info->metadata);
    print_json(out, TENSORS, info->tensors);
    hl_buf_append_char(out, '}');
}

/* -- reading ----------------------------------------------------------------------------------- */

static hl_status bad(const char *key, hl_error *err) {
    return hl_fail(err, HL_EFORMAT, "show", "a remembered description has no %s", key);
}

static hl_status read_str(struct json_object *o, const char *key, hl_str *ret, hl_error *err) {
    struct json_object *v = NULL;
    (void)json_object_object_get_ex(o, key, &v);
    if (!json_object_is_type(v, json_type_string)) return bad(key, err);
    *ret = (hl_str){json_object_get_string(v), (size_t)json_object_get_string_len(v)};
    return HL_OK;
}

static hl_status read_number(struct json_object *o, const char *key, uint64_t max, uint64_t *ret,
                             hl_error *err) {
    struct json_object *v = NULL;
    (void)json_object_object_get_ex(o, key, &v);
    if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
        return bad(key, err);
    *ret = json_object_get_uint64(v);
    return *ret <= max ? HL_OK : bad(key, err);
}

static hl_status read_u32(struct json_object *o, const char *key, uint32_t *ret, hl_error *err) {
    uint64_t value;
    HL_TRY(read_number(o, key, UINT32_MAX, &value, err));
    *ret = (uint32_t)value;
    return HL_OK;
}

static hl_status read_json(struct json_object *o, const char *key, json_type type,
                           struct json_object **ret, hl_error *err) {
    struct json_object *v = NULL;
    (void)json_object_object_get_ex(o, key, &v);
    if (!v || !json_object_is_type(v, type)) return bad(key, err);
    *ret = json_object_get(v);
    return HL_OK;
}

hl_status hl__show_own_template(struct json_object *text, hl_str *ret, hl_error *err) {
    return read_str(text, TEMPLATE, ret, err);
}

hl_status hl__show_from_text(struct json_object *text, hl_model_info *info, hl_error *err) {
    uint64_t embeds;
    HL_TRY(read_str(text, FAMILY, &info->family, err));
    HL_TRY(read_str(text, QUANTIZATION, &info->quantization, err));
    HL_TRY(read_str(text, PARAMETERS, &info->parameters_text, err));
    HL_TRY(read_number(text, "n_parameters", UINT64_MAX, &info->n_parameters, err));
    HL_TRY(read_number(text, "file_bytes", UINT64_MAX, &info->file_bytes, err));
    HL_TRY(read_u32(text, "ctx_train", &info->ctx_train, err));
    HL_TRY(read_u32(text, "n_embd", &info->n_embd, err));
    HL_TRY(read_u32(text, "n_layers", &info->n_layers, err));
    HL_TRY(read_u32(text, "n_vocab", &info->n_vocab, err));
    HL_TRY(read_number(text, EMBEDS, 1, &embeds, err));
    info->can_embed = embeds != 0;
    info->can_complete = !info->can_embed;
    HL_TRY(read_json(text, METADATA, json_type_object, &info->metadata, err));
    return read_json(text, TENSORS, json_type_array, &info->tensors, err);
}
