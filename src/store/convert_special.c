/* Special tokens: which begin and end a text, which end an answer, the template of chats. */
#include "base/fs.h"
#include "base/inside.h"
#include "store/convert_vocab.h"

#define TEMPLATE_FILE "chat_template.jinja"

/* -- ids --------------------------------------------------------------------------------------- */

/* A token by its text: "bos_token": "<s>" or {"content": "<s>", …}.  One that is not in the
 * vocabulary counts as none. */
static hl_status id_of_text(const hl__convert_vocab *v, hl__node n, const char *key, uint32_t *ret,
                            hl_error *err) {
    struct json_object *value = hl__node_get(n, key);
    hl_str text = {0};
    *ret = HL__NO_ID;
    if (json_object_is_type(value, json_type_object)) {
        HL_TRY(hl__node_str((hl__node){n.file, key, value}, "content", &text, err));
    } else {
        HL_TRY(hl__node_str(n, key, &text, err));
    }
    if (!text.ptr || !hl_map_find(&v->ids, text, ret)) *ret = HL__NO_ID;
    return HL_OK;
}

/* ids below 0 are how some files write "none". */
static hl_status check_id(const hl__convert_vocab *v, hl__node n, const char *key,
                          struct json_object *id, uint32_t *ret, hl_error *err) {
    int64_t i = json_object_is_type(id, json_type_int) ? json_object_get_int64(id) : INT64_MAX;
    if (i >= v->n) return hl__node_fail(n, HL_EFORMAT, key, "is no token's id", err);
    *ret = i < 0 ? HL__NO_ID : (uint32_t)i;
    return HL_OK;
}

/* The first id of a key that holds one or a list. */
static hl_status first_id(const hl__convert_vocab *v, hl__node n, const char *key, uint32_t *ret,
                          hl_error *err) {
    struct json_object *value = hl__node_get(n, key);
    *ret = HL__NO_ID;
    if (json_object_is_type(value, json_type_array)) value = json_object_array_get_idx(value, 0);
    return value ? check_id(v, n, key, value, ret, err) : HL_OK;
}

static hl_status find_id(const hl__convert_vocab *v, const hl__special_docs *d,
                         const char *text_key, const char *id_key, uint32_t *ret, hl_error *err) {
    HL_TRY(id_of_text(v, hl__doc_node(d->tokenizer_config), text_key, ret, err));
    if (*ret == HL__NO_ID) HL_TRY(first_id(v, hl__doc_node(d->config), id_key, ret, err));
    if (*ret == HL__NO_ID)
        HL_TRY(first_id(v, hl__doc_node(d->generation_config), id_key, ret, err));
    return HL_OK;
}

static hl_status add_end(hl__convert_vocab *v, uint32_t id, hl_error *err) {
    if (id == HL__NO_ID) return HL_OK;
    for (uint32_t i = 0; i < v->n_ends; i++) {
        if (v->ends[i] == id) return HL_OK;
    }
    if (v->n_ends == HL__ENDS_MAX)
        return hl_fail(err, HL_ELIMIT, "convert", "more than %d tokens end an answer",
                       HL__ENDS_MAX);
    v->ends[v->n_ends++] = id;
    return HL_OK;
}

static hl_status add_ends(hl__convert_vocab *v, hl__node n, hl_error *err) {
    static const char KEY[] = "eos_token_id";
    struct json_object *value = hl__node_get(n, KEY);
    bool many = json_object_is_type(value, json_type_array);
    size_t count = many ? json_object_array_length(value) : value ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t id;
        HL_TRY(check_id(v, n, KEY, many ? json_object_array_get_idx(value, i) : value, &id, err));
        HL_TRY(add_end(v, id, err));
    }
    return HL_OK;
}

/* -- what is put around a text ----------------------------------------------------------------- */

/* The text of a part of a template, if it is a special token. */
static hl_status part_id(const hl__convert_vocab *v, struct json_object *part, uint32_t *ret,
                         hl_error *err) {
    hl__node n = {"tokenizer.json", "post_processor", part}, special;
    *ret = HL__NO_ID;
    if (!json_object_is_type(part, json_type_object))
        return hl__node_fail(n, HL_EFORMAT, "single", "holds no objects", err);
    HL_TRY(hl__node_object(n, "SpecialToken", &special, err));
    if (!special.object) return HL_OK;
    HL_TRY(id_of_text(v, special, "id", ret, err));
    if (*ret != HL__NO_ID) return HL_OK;
    return hl__node_fail(n, HL_EFORMAT, "single", "names a token that is not there", err);
}

/* "<s> $A", say: one token before, one behind. */
static hl_status read_template(hl__convert_vocab *v, hl__node n, hl_error *err) {
    struct json_object *single;
    HL_TRY(hl__node_array(n, "single", &single, err));
    size_t count = single ? json_object_array_length(single) : 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t id;
        HL_TRY(part_id(v, json_object_array_get_idx(single, i), &id, err));
        if (id == HL__NO_ID) continue;
        bool first = i == 0, last = i > 0 && i + 1 == count;
        if (first && v->bos == HL__NO_ID) v->bos = id;
        if (first && v->bos == id)
            v->add_bos = true;
        else if (last && v->eos == id)
            v->add_eos = true;
        else
            return hl_fail(err, HL_EUNSUPPORTED, "convert",
                           "tokenizer.json: the post_processor puts token %u somewhere else than "
                           "bos first and eos last",
                           id);
    }
    return HL_OK;
}

static hl_status read_processor(hl__convert_vocab *v, hl__node n, hl_error *err) {
    hl_str type;
    HL_TRY(hl__node_str(n, "type", &type, err));
    if (hl_str_is(type, "TemplateProcessing")) return read_template(v, n, err);
    if (!type.ptr || hl_str_is(type, "ByteLevel")) return HL_OK; /* about offsets only */
    return hl_fail(err, HL_EUNSUPPORTED, "convert",
                   "tokenizer.json: the post_processor \"%.*s\" is not supported",
                   HL_STR_ARG(hl_str_slice(type, 0, 40)));
}

static hl_status read_processors(hl__convert_vocab *v, hl__node root, hl_error *err) {
    hl__node n;
    hl_str type;
    struct json_object *list;
    HL_TRY(hl__node_object(root, "post_processor", &n, err));
    HL_TRY(hl__node_str(n, "type", &type, err));
    if (!hl_str_is(type, "Sequence")) return read_processor(v, n, err);
    HL_TRY(hl__node_array(n, "processors", &list, err));
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        hl__node part = {n.file, n.at, json_object_array_get_idx(list, i)};
        if (!json_object_is_type(part.object, json_type_object))
            return hl__node_fail(n, HL_EFORMAT, "processors", "holds no objects", err);
        HL_TRY(read_processor(v, part, err));
    }
    return HL_OK;
}

hl_status hl__special_read(hl__convert_vocab *v, const hl__special_docs *d, hl_error *err) {
    hl__node config = hl__doc_node(d->tokenizer_config);
    HL_ASSERT(v->tokens && v->n_ends == 0);
    HL_TRY(find_id(v, d, "bos_token", "bos_token_id", &v->bos, err));
    HL_TRY(find_id(v, d, "eos_token", "eos_token_id", &v->eos, err));
    HL_TRY(id_of_text(v, config, "pad_token", &v->padding, err));
    HL_TRY(add_end(v, v->eos, err));
    HL_TRY(add_ends(v, hl__doc_node(d->config), err));
    HL_TRY(add_ends(v, hl__doc_node(d->generation_config), err));
    v->add_bos = v->pre.by_score && v->bos != HL__NO_ID; /* where nothing is said */
    HL_TRY(read_processors(v, hl__doc_node(d->tokenizer), err));
    HL_TRY(hl__node_bool(config, "add_bos_token", v->add_bos, &v->add_bos, err));
    HL_TRY(hl__node_bool(config, "add_eos_token", v->add_eos, &v->add_eos, err));
    v->add_bos = v->add_bos && v->bos != HL__NO_ID;
    v->add_eos = v->add_eos && v->eos != HL__NO_ID;
    return HL_OK;
}

/* -- template ---------------------------------------------------------------------------------- */

static hl_status keep_template(hl__convert_vocab *v, hl_str text, hl_error *err) {
    v->chat_template = hl_arena_str(v->arena, text);
    if (v->chat_template.ptr) return HL_OK;
    return hl_fail(err, HL_ENOMEM, "convert", "no memory for the chat template");
}

/* One text, or a list of named ones, of which the default is taken. */
static hl_status template_of_config(hl__convert_vocab *v, hl__node n, hl_error *err) {
    static const char KEY[] = "chat_template";
    struct json_object *list = hl__node_get(n, KEY);
    hl_str name, text;
    if (!json_object_is_type(list, json_type_array)) {
        HL_TRY(hl__node_str(n, KEY, &text, err));
        return text.len ? keep_template(v, text, err) : HL_OK;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        hl__node part = {n.file, KEY, json_object_array_get_idx(list, i)};
        if (!json_object_is_type(part.object, json_type_object))
            return hl__node_fail(n, HL_EFORMAT, KEY, "holds no objects", err);
        HL_TRY(hl__node_str(part, "name", &name, err));
        HL_TRY(hl__node_str(part, "template", &text, err));
        if (text.ptr && hl_str_is(name, "default")) return keep_template(v, text, err);
    }
    return HL_OK;
}

hl_status hl__chat_template_read(hl__convert_vocab *v, const char *dir,
                                 const hl__doc *tokenizer_config, hl_error *err) {
    char path[HL_INSIDE_PATH_MAX];
    hl_buf text;
    hl_status st = hl_path_inside(dir, TEMPLATE_FILE, path, err);
    if (st == HL_ENOTFOUND) return template_of_config(v, hl__doc_node(tokenizer_config), err);
    HL_TRY(st);
    hl_buf_init(&text, 0);
    st = hl_file_read(path, HL__TEMPLATE_BYTES_MAX, &text, err);
    if (st >= 0) st = keep_template(v, hl_buf_str(&text), err);
    hl_buf_deinit(&text);
    return st;
}
