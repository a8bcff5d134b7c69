#include "cli/show_text.h"

#include "cli/member.h"
#include "cli/table.h"

#include <stdio.h>

/* A title, the rows behind it, a blank line; nothing without rows.  The rows go. */
static void write_block(hl__table *rows, const char *title, hl_buf *out) {
    if (rows->n_cells > 0) {
        hl_buf_printf(out, "  %s\n", title);
        hl__table_write(rows, "    ", out);
        hl_buf_append_char(out, '\n');
    }
    hl__table_deinit(rows);
}

/* -- blocks ------------------------------------------------------------------------------------ */

static void pair(hl__table *rows, const char *name, hl_str value) {
    hl__table_cell(rows, hl_str_from(name));
    hl__table_cell(rows, value);
}

static void text_row(hl__table *rows, const char *name, hl_str value) {
    if (value.len > 0) pair(rows, name, value);
}

/* ARCHITECTURE.suffix of the metadata, if it is there. */
static void number_row(hl__table *rows, const char *name, struct json_object *metadata,
                       hl_str architecture, const char *suffix) {
    char key[160], text[24];
    snprintf(key, sizeof key, "%.*s.%s", HL_STR_ARG(hl_str_slice(architecture, 0, 100)), suffix);
    uint64_t value = hl__member_uint(metadata, key);
    if (value == 0) return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    pair(rows, name, hl_str_from(text));
}

static void model_block(struct json_object *shown, hl_buf *out) {
    struct json_object *details = hl__member(shown, "details");
    struct json_object *metadata = hl__member(shown, "model_info");
    hl_str architecture = hl__member_text(metadata, "general.architecture");
    hl__table rows;
    if (architecture.len == 0) architecture = hl__member_text(details, "family");
    hl__table_init(&rows, 2, NULL);
    text_row(&rows, "architecture", architecture);
    text_row(&rows, "parameters", hl__member_text(details, "parameter_size"));
    number_row(&rows, "context length", metadata, architecture, "context_length");
    number_row(&rows, "embedding length", metadata, architecture, "embedding_length");
    text_row(&rows, "quantization", hl__member_text(details, "quantization_level"));
    text_row(&rows, "requires", hl__member_text(shown, "requires"));
    write_block(&rows, "Model", out);
}

static void capabilities_block(struct json_object *shown, hl_buf *out) {
    struct json_object *all = hl__member_array(shown, "capabilities");
    hl__table rows;
    hl__table_init(&rows, 1, NULL);
    for (size_t i = 0; i < hl__array_len(all); i++)
        hl__table_cell(&rows, hl__value_text(json_object_array_get_idx(all, i)));
    write_block(&rows, "Capabilities", out);
}

bool hl__shown_can(struct json_object *shown, const char *capability) {
    struct json_object *all = hl__member_array(shown, "capabilities");
    for (size_t i = 0; i < hl__array_len(all); i++)
        if (hl_str_is(hl__value_text(json_object_array_get_idx(all, i)), capability)) return true;
    return false;
}

/* The line at *at, without white space at its ends; false at the end. */
static bool next_line(hl_str text, size_t *at, hl_str *ret) {
    if (*at >= text.len) return false;
    size_t end = hl_str_find(text, HL_STR("\n"), *at);
    *ret = hl_str_slice(text, *at, end);
    *at = end == SIZE_MAX ? text.len : end + 1;
    while (ret->len > 0 && ret->ptr[ret->len - 1] <= ' ') ret->len--;
    return true;
}

/* Lines of a name, blanks and a value. */
static void parameters_block(struct json_object *shown, hl_buf *out) {
    hl_str text = hl__member_text(shown, "parameters"), line;
    hl__table rows;
    hl__table_init(&rows, 2, NULL);
    for (size_t at = 0; next_line(text, &at, &line);) {
        size_t blank = hl_str_find(line, HL_STR(" "), 0), value = blank;
        while (value < line.len && line.ptr[value] == ' ') value++;
        if (line.len == 0) continue;
        hl__table_cell(&rows, hl_str_slice(line, 0, blank));
        hl__table_cell(&rows, hl_str_slice(line, value, line.len));
    }
    write_block(&rows, "Parameters", out);
}

/* The first lines with something in them. */
static void excerpt_block(const char *title, hl_str text, hl_buf *out) {
    enum { LINES_SHOWN = 2 };
    hl__table rows;
    hl_str line;
    size_t n = 0;
    hl__table_init(&rows, 1, NULL);
    for (size_t at = 0; n <= LINES_SHOWN && next_line(text, &at, &line);)
        if (line.len > 0 && n++ < LINES_SHOWN) hl__table_cell(&rows, line);
    if (n > LINES_SHOWN) hl__table_cell(&rows, HL_STR("..."));
    write_block(&rows, title, out);
}

/* Keys in order of their names, which json-c does not do: a few hundred, by insertion. */
static size_t sorted_keys(struct json_object *o, const char **keys, size_t cap) {
    size_t n = 0;
    if (!json_object_is_type(o, json_type_object)) return 0;
    json_object_object_foreach(o, key, value) {
        (void)value;
        if (n == cap) break;
        size_t at = n++;
        for (; at > 0 && strcmp(keys[at - 1], key) > 0; at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
    return n;
}

/* "[a b ...+4094 more]": elements as far as they fit a few columns, but one at least. */
static void array_text(struct json_object *array, hl_buf *ret) {
    enum { ARRAY_COLUMNS = 10 };
    size_t n = json_object_array_length(array), columns = 0;
    hl_buf_append_char(ret, '[');
    for (size_t i = 0; i < n; i++) {
        hl_str element = hl__value_text(json_object_array_get_idx(array, i));
        columns += hl__columns_of(element) + (i > 0 ? 2 : 0);
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

static void metadata_block(struct json_object *shown, hl_buf *out) {
    enum { KEYS_MAX = 512 };
    const char *keys[KEYS_MAX];
    struct json_object *metadata = hl__member(shown, "model_info");
    size_t n = sorted_keys(metadata, keys, KEYS_MAX);
    hl__table rows;
    hl_buf text;
    hl__table_init(&rows, 2, NULL);
    hl_buf_init(&text, 0);
    for (size_t i = 0; i < n; i++) {
        struct json_object *value = hl__member(metadata, keys[i]);
        hl_buf_reset(&text);
        if (json_object_is_type(value, json_type_array))
            array_text(value, &text);
        else
            append_cut(&text, hl__value_text(value));
        pair(&rows, keys[i], hl_buf_str(&text));
    }
    hl_buf_deinit(&text);
    write_block(&rows, "Metadata", out);
}

/* "[512 4096]" */
static void shape_text(struct json_object *shape, hl_buf *ret) {
    hl_buf_append_char(ret, '[');
    for (size_t i = 0; i < hl__array_len(shape); i++) {
        if (i > 0) hl_buf_append_char(ret, ' ');
        hl_buf_append_str(ret, hl__value_text(json_object_array_get_idx(shape, i)));
    }
    hl_buf_append_char(ret, ']');
}

static void tensors_block(struct json_object *shown, hl_buf *out) {
    struct json_object *tensors = hl__member_array(shown, "tensors");
    hl__table rows;
    hl_buf shape;
    hl__table_init(&rows, 3, NULL);
    hl_buf_init(&shape, 0);
    for (size_t i = 0; i < hl__array_len(tensors); i++) {
        struct json_object *t = json_object_array_get_idx(tensors, i);
        hl__table_cell(&rows, hl__member_text(t, "name"));
        hl__table_cell(&rows, hl__member_text(t, "type"));
        hl_buf_reset(&shape);
        shape_text(hl__member_array(t, "shape"), &shape);
        hl__table_cell(&rows, hl_buf_str(&shape));
    }
    hl_buf_deinit(&shape);
    write_block(&rows, "Tensors", out);
}

void hl__show_info(struct json_object *shown, bool verbose, hl_buf *out) {
    model_block(shown, out);
    capabilities_block(shown, out);
    parameters_block(shown, out);
    if (verbose) metadata_block(shown, out);
    if (verbose) tensors_block(shown, out);
    excerpt_block("System", hl__member_text(shown, "system"), out);
    excerpt_block("License", hl__member_text(shown, "license"), out);
}

/* -- other forms ------------------------------------------------------------------------------- */

static void option_value(const hl_options *o, hl_option_id id, char out[32]) {
    double value = hl_options_get(o, id);
    if (hl_option_info_at(id)->kind == HL_OPTION_BOOL)
        snprintf(out, 32, "%s", value != 0 ? "true" : "false");
    else
        snprintf(out, 32, "%.7g", value);
}

void hl__show_parameters(const hl_options *o, const char *indent, hl_buf *out) {
    for (unsigned id = 0; id < HL_OPTIONS_N; id++) {
        char value[32];
        if (!(o->set >> id & 1)) continue;
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

/* What the Modelfile's FROM names, if that is a file. */
static hl_str path_of(struct json_object *shown) {
    hl_str text = hl__member_text(shown, "modelfile"), line;
    for (size_t at = 0; next_line(text, &at, &line);)
        if (hl_str_starts(line, HL_STR("FROM /"))) return hl_str_slice(line, 5, line.len);
    return HL_STR("");
}

void hl__show_json(struct json_object *shown, hl_str name, bool verbose, hl_buf *out) {
    hl_str path = path_of(shown);
    hl_buf_append_cstr(out, "{\"name\":");
    hl_json_append_string(out, name);
    if (path.len > 0) {
        hl_buf_append_cstr(out, ",\"path\":");
        hl_json_append_string(out, path);
    }
    json_object_object_foreach(shown, key, value) {
        if (strcmp(key, "tensors") == 0 && !verbose) continue;
        hl_buf_append_char(out, ',');
        hl_json_append_string(out, hl_str_from(key));
        hl_buf_append_char(out, ':');
        hl_buf_append_str(out, hl__value_json(value));
    }
    hl_buf_append_cstr(out, "}\n");
}
