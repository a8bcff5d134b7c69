#include "cli/show_text.h"

#include <stdio.h>

/* -- rows -------------------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 3, GAP = 4 };

/* Rows of a block are collected, then padded to the widest cell of each column. */
typedef struct rows {
    hl_buf cells; /* NUL behind each */
    size_t n_columns, n_cells;
    size_t widths[COLUMNS_MAX];
} rows;

static void rows_init(rows *r, size_t n_columns) {
    HL_ASSERT(n_columns <= COLUMNS_MAX);
    *r = (rows){.n_columns = n_columns};
    hl_buf_init(&r->cells, 0);
}

/* Characters, not bytes. */
static size_t columns_of(hl_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

/* A cell is one line without control characters: metadata is a stranger's. */
static void rows_cell(rows *r, hl_str text) {
    size_t *width = &r->widths[r->n_cells % r->n_columns];
    if (columns_of(text) > *width) *width = columns_of(text);
    for (size_t i = 0; i < text.len; i++)
        hl_buf_append_char(&r->cells, (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i]);
    hl_buf_append_char(&r->cells, '\0');
    r->n_cells++;
}

static void rows_pair(rows *r, const char *name, hl_str value) {
    rows_cell(r, hl_str_from(name));
    rows_cell(r, value);
}

static void rows_number(rows *r, const char *name, uint32_t value) {
    char text[16];
    if (value == 0) return;
    snprintf(text, sizeof text, "%u", value);
    rows_pair(r, name, hl_str_from(text));
}

static void rows_write(rows *r, const char *title, hl_buf *out) {
    size_t at = 0;
    HL_ASSERT(r->n_cells % r->n_columns == 0);
    if (r->n_cells > 0) hl_buf_printf(out, "  %s\n", title);
    for (size_t i = 0; i < r->n_cells && r->cells.failed >= 0; i++) {
        hl_str cell = hl_str_from(r->cells.ptr + at);
        size_t column = i % r->n_columns;
        if (column == 0) hl_buf_append_cstr(out, "    ");
        hl_buf_append_str(out, cell);
        size_t pad = r->widths[column] + GAP - columns_of(cell);
        for (size_t k = 0; k < pad; k++) hl_buf_append_char(out, ' ');
        if (column + 1 == r->n_columns) hl_buf_append_char(out, '\n');
        at += cell.len + 1;
    }
    if (r->n_cells > 0) hl_buf_append_char(out, '\n');
    hl_buf_deinit(&r->cells);
}

/* -- blocks ------------------------------------------------------------------------------------ */

static void model_block(const hl_model_info *info, hl_buf *out) {
    rows r;
    rows_init(&r, 2);
    rows_pair(&r, "architecture", info->family);
    rows_pair(&r, "parameters", info->parameters_text);
    rows_number(&r, "context length", info->ctx_train);
    rows_number(&r, "embedding length", info->n_embd);
    rows_pair(&r, "quantization", info->quantization);
    rows_write(&r, "Model", out);
}

typedef struct capability {
    const char *name;
    bool has;
} capability;

enum { CAPABILITIES_N = 4 };

static void list_capabilities(const hl_model_info *info, capability ret[CAPABILITIES_N]) {
    ret[0] = (capability){"tools", info->can_use_tools};
    ret[1] = (capability){"thinking", info->can_think};
    ret[2] = (capability){"completion", info->can_complete};
    ret[3] = (capability){"embedding", info->can_embed};
}

static void capabilities_block(const hl_model_info *info, hl_buf *out) {
    capability all[CAPABILITIES_N];
    rows r;
    list_capabilities(info, all);
    rows_init(&r, 1);
    for (size_t i = 0; i < CAPABILITIES_N; i++)
        if (all[i].has) rows_cell(&r, hl_str_from(all[i].name));
    rows_write(&r, "Capabilities", out);
}

static void option_value(const hl_options *o, hl_option_id id, char out[32]) {
    double value = hl_options_get(o, id);
    if (hl_option_info_at(id)->kind == HL_OPTION_BOOL)
        snprintf(out, 32, "%s", value != 0 ? "true" : "false");
    else
        snprintf(out, 32, "%.7g", value);
}

static bool is_set(const hl_options *o, unsigned id) {
    return (o->set >> id & 1) != 0;
}

static void parameters_block(const hl_options *o, hl_buf *out) {
    rows r;
    rows_init(&r, 2);
    for (unsigned id = 0; id < HL_OPTIONS_N; id++) {
        char value[32];
        if (!is_set(o, id)) continue;
        option_value(o, (hl_option_id)id, value);
        rows_pair(&r, hl_option_info_at((hl_option_id)id)->name, hl_str_from(value));
    }
    hl_buf quoted;
    hl_buf_init(&quoted, 0);
    for (size_t i = 0; i < o->n_stop; i++) {
        hl_buf_reset(&quoted);
        hl_json_append_string(&quoted, o->stop[i]);
        rows_pair(&r, "stop", hl_buf_str(&quoted));
    }
    hl_buf_deinit(&quoted);
    rows_write(&r, "Parameters", out);
}

/* The first lines with something in them. */
static void excerpt_block(const char *title, hl_str text, hl_buf *out) {
    enum { LINES_SHOWN = 2 };
    rows r;
    size_t n = 0, at = 0;
    rows_init(&r, 1);
    while (at < text.len && n <= LINES_SHOWN) {
        size_t end = hl_str_find(text, HL_STR("\n"), at);
        hl_str line = hl_str_slice(text, at, end);
        while (line.len > 0 && line.ptr[line.len - 1] <= ' ') line.len--;
        if (line.len > 0 && n++ < LINES_SHOWN) rows_cell(&r, line);
        at = end == SIZE_MAX ? text.len : end + 1;
    }
    if (n > LINES_SHOWN) rows_cell(&r, HL_STR("..."));
    rows_write(&r, title, out);
}

/* Keys in order of their names, which json-c does not do: a few hundred, by insertion. */
static size_t sorted_keys(struct json_object *o, const char **keys, size_t cap) {
    size_t n = 0;
    json_object_object_foreach(o, key, value) {
        (void)value;
        if (n == cap) break;
        size_t at = n++;
        for (; at > 0 && strcmp(keys[at - 1], key) > 0; at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
    return n;
}

static hl_str json_text(struct json_object *value) {
    const char *text = json_object_is_type(value, json_type_string)
                           ? json_object_get_string(value)
                           : json_object_to_json_string_ext(
                                 value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    return hl_str_from(text);
}

/* "[a b ...+4094 more]": elements as far as they fit a few columns, but one at least. */
static void array_text(struct json_object *array, hl_buf *ret) {
    enum { ARRAY_COLUMNS = 10 };
    size_t n = json_object_array_length(array), columns = 0;
    hl_buf_append_char(ret, '[');
    for (size_t i = 0; i < n; i++) {
        hl_str element = json_text(json_object_array_get_idx(array, i));
        columns += columns_of(element) + (i > 0 ? 2 : 0);
        if (columns > ARRAY_COLUMNS && i > 0) {
            hl_buf_printf(ret, " ...+%zu more", n - i);
            break;
        }
        if (i > 0) hl_buf_append_char(ret, ' ');
        hl_buf_append_str(ret, element);
    }
    hl_buf_append_char(ret, ']');
}

/* Cut where it would make the table useless. */
static void append_cut(hl_buf *ret, hl_str text) {
    enum { TEXT_BYTES_SHOWN = 60 };
    size_t end = text.len < TEXT_BYTES_SHOWN ? text.len : TEXT_BYTES_SHOWN;
    while (end > 0 && end < text.len && ((unsigned char)text.ptr[end] & 0xC0) == 0x80)
        end--; /* not inside a character */
    hl_buf_append_str(ret, hl_str_slice(text, 0, end));
    if (end < text.len) hl_buf_append_cstr(ret, "...");
}

static void metadata_block(const hl_model_info *info, hl_buf *out) {
    enum { KEYS_MAX = 512 };
    const char *keys[KEYS_MAX];
    size_t n = sorted_keys(info->metadata, keys, KEYS_MAX);
    rows r;
    hl_buf text;
    rows_init(&r, 2);
    hl_buf_init(&text, 0);
    for (size_t i = 0; i < n; i++) {
        struct json_object *value = json_object_object_get(info->metadata, keys[i]);
        hl_buf_reset(&text);
        if (json_object_is_type(value, json_type_array))
            array_text(value, &text);
        else
            append_cut(&text, json_text(value));
        rows_pair(&r, keys[i], hl_buf_str(&text));
    }
    hl_buf_deinit(&text);
    rows_write(&r, "Metadata", out);
}

/* "[512 4096]" */
static void shape_text(struct json_object *shape, hl_buf *ret) {
    hl_buf_append_char(ret, '[');
    for (size_t i = 0; i < json_object_array_length(shape); i++) {
        if (i > 0) hl_buf_append_char(ret, ' ');
        hl_buf_append_str(ret, json_text(json_object_array_get_idx(shape, i)));
    }
    hl_buf_append_char(ret, ']');
}

static void tensors_block(const hl_model_info *info, hl_buf *out) {
    rows r;
    hl_buf shape;
    rows_init(&r, 3);
    hl_buf_init(&shape, 0);
    for (size_t i = 0; i < json_object_array_length(info->tensors); i++) {
        struct json_object *t = json_object_array_get_idx(info->tensors, i);
        rows_cell(&r, json_text(json_object_object_get(t, "name")));
        rows_cell(&r, json_text(json_object_object_get(t, "type")));
        hl_buf_reset(&shape);
        shape_text(json_object_object_get(t, "shape"), &shape);
        rows_cell(&r, hl_buf_str(&shape));
    }
    hl_buf_deinit(&shape);
    rows_write(&r, "Tensors", out);
}

void hl__show_info(const hl_model_info *info, bool verbose, hl_buf *out) {
    model_block(info, out);
    capabilities_block(info, out);
    parameters_block(&info->options, out);
    if (verbose) metadata_block(info, out);
    if (verbose) tensors_block(info, out);
    excerpt_block("System", info->system, out);
    excerpt_block("License", info->license, out);
}

/* -- other forms ------------------------------------------------------------------------------- */

void hl__show_parameters(const hl_options *o, const char *indent, hl_buf *out) {
    for (unsigned id = 0; id < HL_OPTIONS_N; id++) {
        char value[32];
        if (!is_set(o, id)) continue;
        option_value(o, (hl_option_id)id, value);
        hl_buf_printf(out, "%s%-30s %s\n", indent, hl_option_info_at((hl_option_id)id)->name,
                      value);
    }
    for (size_t i = 0; i < o->n_stop; i++) {
        hl_buf_printf(out, "%s%-30s ", indent, "stop");
        hl_json_append_string(out, o->stop[i]);
        hl_buf_append_char(out, '\n');
    }
}

/* The template stays in the file that FROM names. */
void hl__show_modelfile(const hl_model_info *info, hl_buf *out) {
    hl_buf_printf(out,
                  "# Modelfile generated by \"hyperllama show\"\n"
                  "# To build a new Modelfile based on this, replace FROM with:\n"
                  "# FROM %.*s\n\nFROM %.*s\n",
                  HL_STR_ARG(info->name), HL_STR_ARG(info->path));
    if (info->system.len > 0)
        hl_buf_printf(out, "SYSTEM \"\"\"%.*s\"\"\"\n", HL_STR_ARG(info->system));
    hl_buf parameters;
    hl_buf_init(&parameters, 0);
    hl__show_parameters(&info->options, "PARAMETER ", &parameters);
    hl_buf_append_str(out, hl_buf_str(&parameters));
    hl_buf_deinit(&parameters);
}

static void json_string(hl_buf *out, const char *name, hl_str value) {
    hl_buf_printf(out, "\"%s\":", name);
    hl_json_append_string(out, value);
}

static void json_raw(hl_buf *out, const char *name, struct json_object *value) {
    hl_buf_printf(out, ",\"%s\":", name);
    hl_buf_append_str(out, json_text(value));
}

static void json_capabilities(const hl_model_info *info, hl_buf *out) {
    capability all[CAPABILITIES_N];
    bool first = true;
    list_capabilities(info, all);
    hl_buf_append_cstr(out, ",\"capabilities\":[");
    for (size_t i = 0; i < CAPABILITIES_N; i++) {
        if (!all[i].has) continue;
        hl_buf_printf(out, first ? "\"%s\"" : ",\"%s\"", all[i].name);
        first = false;
    }
    hl_buf_append_char(out, ']');
}

static void json_details(const hl_model_info *info, hl_buf *out) {
    hl_buf_append_cstr(out, ",\"details\":{\"parent_model\":\"\",\"format\":\"gguf\",");
    json_string(out, "family", info->family);
    hl_buf_append_cstr(out, ",\"families\":[");
    hl_json_append_string(out, info->family);
    hl_buf_append_cstr(out, "],");
    json_string(out, "parameter_size", info->parameters_text);
    hl_buf_append_char(out, ',');
    json_string(out, "quantization_level", info->quantization);
    hl_buf_append_char(out, '}');
}

void hl__show_json(const hl_model_info *info, bool verbose, hl_buf *out) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_buf_append_char(out, '{');
    json_string(out, "name", info->name);
    hl_buf_append_char(out, ',');
    json_string(out, "path", info->path);
    hl_buf_printf(out, ",\"file_size\":%llu,", (unsigned long long)info->file_bytes);
    json_string(out, "license", info->license);
    hl_buf_append_char(out, ',');
    hl__show_modelfile(info, &text);
    json_string(out, "modelfile", hl_buf_str(&text));
    hl_buf_reset(&text);
    hl_buf_append_char(out, ',');
    hl__show_parameters(&info->options, "", &text);
    json_string(out, "parameters", hl_buf_str(&text));
    hl_buf_append_char(out, ',');
    json_string(out, "template", info->template_text);
    hl_buf_append_char(out, ',');
    json_string(out, "system", info->system);
    json_details(info, out);
    json_raw(out, "model_info", info->metadata);
    if (verbose) json_raw(out, "tensors", info->tensors);
    json_capabilities(info, out);
    hl_buf_append_cstr(out, "}\n");
    hl_buf_deinit(&text);
}
