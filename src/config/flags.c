#include "config/flags.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 64 };

/* What a parse carries around; `at` is the index in argv. */
typedef struct parser {
    const hl_flag_table *table;
    int argc, at;
    char **argv;
    char *args;
    hl_options *options;
    hl_flags_found *found;
    hl_error *err;
} parser;

bool hl_bool_parse(hl_str text, bool *ret) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        bool is_yes = hl_str_is(text, yes[i]);
        if (!is_yes && !hl_str_is(text, no[i])) continue;
        *ret = is_yes;
        return true;
    }
    return false;
}

/* -- names ------------------------------------------------------------------------------------- */

static char with_dash(char c) {
    return c == '_' ? '-' : c;
}

static bool same_name(hl_str given, const char *name) {
    size_t i = 0;
    for (; i < given.len && name[i]; i++)
        if (with_dash(given.ptr[i]) != with_dash(name[i])) return false;
    return i == given.len && !name[i];
}

static const hl_flag *find_name(const hl_flag_table *table, hl_str name) {
    for (size_t i = 0; i < table->n; i++)
        if (same_name(name, table->flags[i].name)) return &table->flags[i];
    return NULL;
}

static const hl_flag *find_letter(const hl_flag_table *table, char letter) {
    for (size_t i = 0; i < table->n; i++)
        if (table->flags[i].letter == letter) return &table->flags[i];
    return NULL;
}

/* The generation option that a flag's name means ("top-k" is top_k). */
static bool find_option(hl_str name, hl_option_id *ret) {
    char text[NAME_MAX_BYTES];
    if (name.len >= sizeof text) return false;
    for (size_t i = 0; i < name.len; i++) text[i] = name.ptr[i] == '-' ? '_' : name.ptr[i];
    return hl_option_find((hl_str){text, name.len}, ret);
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap two neighbours) that turn one into the other; both are
 * short.  Rows of the usual table: the one in the making and the two before it. */
static size_t edit_distance(hl_str a, const char *b) {
    size_t rows[3][NAME_MAX_BYTES + 1], n = strlen(b);
    HL_DASSERT(n <= NAME_MAX_BYTES && a.len <= NAME_MAX_BYTES);
    for (size_t j = 0; j <= n; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            char from = with_dash(a.ptr[i - 1]), to = with_dash(b[j - 1]);
            row[j] = smaller(above[j - 1] + (from != to), smaller(above[j], row[j - 1]) + 1);
            bool swapped = i > 1 && j > 1 && from == with_dash(b[j - 2]) &&
                           with_dash(a.ptr[i - 2]) == to;
            if (swapped) row[j] = smaller(row[j], second[j - 2] + 1);
        }
    }
    return rows[a.len % 3][n];
}

const char *hl_flags_closest(hl_str given, const char *const *names, size_t n) {
    const char *best = NULL;
    size_t best_distance = given.len <= 3 ? 2 : 3; /* from here on it is another word */
    if (given.len > NAME_MAX_BYTES) return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!names[i] || strlen(names[i]) > NAME_MAX_BYTES) continue;
        size_t distance = edit_distance(given, names[i]);
        if (distance >= best_distance) continue;
        best_distance = distance;
        best = names[i];
    }
    return best;
}

/* -- errors ------------------------------------------------------------------------------------ */

enum { NAMES_MAX = 64 };

static hl_status fail_unknown(parser *p, hl_str name) {
    const char *names[NAMES_MAX] = {"help"};
    size_t n = 1;
    for (size_t i = 0; i < p->table->n && n < NAMES_MAX; i++) names[n++] = p->table->flags[i].name;
    for (unsigned id = 0; p->table->takes_options && id < HL_OPTIONS_N && n < NAMES_MAX; id++)
        names[n++] = hl_option_info_at((hl_option_id)id)->name;
    const char *close = hl_flags_closest(name, names, n);
    if (!close)
        return hl_fail(p->err, HL_EINVAL, "flags", "unknown flag: --%.*s",
                       HL_STR_ARG(hl_str_slice(name, 0, NAME_MAX_BYTES)));
    char spelled[NAME_MAX_BYTES + 1] = {0};
    for (size_t i = 0; close[i] && i < NAME_MAX_BYTES; i++) spelled[i] = with_dash(close[i]);
    return hl_fail(p->err, HL_EINVAL, "flags", "unknown flag: --%.*s (did you mean --%s?)",
                   HL_STR_ARG(hl_str_slice(name, 0, NAME_MAX_BYTES)), spelled);
}

static hl_status fail_value(parser *p, const char *name, hl_str value, const char *wanted) {
    return hl_fail(p->err, HL_EINVAL, "flags", "invalid argument \"%.*s\" for --%s: wanted %s",
                   HL_STR_ARG(hl_str_slice(value, 0, 80)), name, wanted);
}

/* -- values ------------------------------------------------------------------------------------ */

static bool read_int(hl_str text, int64_t *ret) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    hl_str digits = hl_str_slice(text, negative ? 1 : 0, text.len);
    if (digits.len == 0 || digits.len > 18) return false;
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return false;
        value = value * 10 + (digits.ptr[i] - '0');
    }
    *ret = negative ? -value : value;
    return true;
}

static hl_status set_option(parser *p, hl_str name, hl_str value) {
    hl_option_id id;
    bool known = find_option(name, &id);
    HL_ASSERT(known && p->options);
    return hl_options_set_text(p->options, hl_str_from(hl_option_info_at(id)->name), value, p->err);
}

static hl_status add_text(parser *p, const hl_flag *flag, hl_flag_texts *texts, hl_str value) {
    if (value.len == 0) return fail_value(p, flag->name, value, "some text");
    if (texts->n == HL_STOPS_MAX)
        return hl_fail(p->err, HL_EINVAL, "flags", "--%s is given more than %d times", flag->name,
                       HL_STOPS_MAX);
    texts->items[texts->n++] = value;
    return HL_OK;
}

static hl_status set_value(parser *p, const hl_flag *flag, hl_str value) {
    void *place = p->args + flag->offset;
    switch (flag->kind) {
    case HL_FLAG_SWITCH:
        if (!hl_bool_parse(value, place)) return fail_value(p, flag->name, value, "true or false");
        return HL_OK;
    case HL_FLAG_TEXT:
    case HL_FLAG_OPTIONAL: *(hl_str *)place = value; return HL_OK;
    case HL_FLAG_TEXTS: return add_text(p, flag, place, value);
    case HL_FLAG_INT:
        if (!read_int(value, place)) return fail_value(p, flag->name, value, "a whole number");
        return HL_OK;
    case HL_FLAG_GENERATION: return set_option(p, hl_str_from(flag->name), value);
    }
    return HL_OK;
}

static bool needs_value(const hl_flag *flag) {
    return flag->kind != HL_FLAG_SWITCH && flag->kind != HL_FLAG_OPTIONAL;
}

/* What a flag without a value of its own stands for. */
static hl_str implied_value(const hl_flag *flag) {
    return flag->kind == HL_FLAG_SWITCH ? HL_STR("true") : hl_str_from(flag->implied);
}

/* The next word as a flag's value. */
static hl_status take_next(parser *p, const char *dashes, hl_str name, hl_str *ret) {
    if (p->at + 1 >= p->argc)
        return hl_fail(p->err, HL_EINVAL, "flags", "flag needs an argument: %s%.*s", dashes,
                       HL_STR_ARG(name));
    *ret = hl_str_from(p->argv[++p->at]);
    return HL_OK;
}

/* -- words of the command line ----------------------------------------------------------------- */

static hl_status parse_long(parser *p, hl_str word) {
    size_t equals = hl_str_find(word, HL_STR("="), 0);
    hl_str name = hl_str_slice(word, 0, equals), value = {0};
    bool has_value = equals != SIZE_MAX;
    if (has_value) value = hl_str_slice(word, equals + 1, word.len);

    if (hl_str_is(name, "help")) {
        p->found->help = true;
        return HL_OK;
    }
    const hl_flag *flag = find_name(p->table, name);
    hl_option_id id;
    if (!flag && !(p->table->takes_options && find_option(name, &id))) return fail_unknown(p, name);
    if (!has_value && flag && !needs_value(flag)) return set_value(p, flag, implied_value(flag));
    if (!has_value) HL_TRY(take_next(p, "--", name, &value));
    return flag ? set_value(p, flag, value) : set_option(p, name, value);
}

/* "-5" and "- a list" are words: no flag's name begins like that. */
static bool is_flag(hl_str word) {
    size_t dashes = hl_str_starts(word, HL_STR("--")) ? 2 : 1;
    if (word.len <= dashes || word.ptr[0] != '-') return false;
    unsigned char c = (unsigned char)word.ptr[dashes];
    return c != ' ' && c != '\n' && c != '-' && !(c >= '0' && c <= '9') && c != '.';
}

/* "-nVALUE", "-n=VALUE", "-n VALUE", "-vx". */
static hl_status parse_letters(parser *p, hl_str word) {
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == 'h') {
            p->found->help = true;
            return HL_OK;
        }
        const hl_flag *flag = find_letter(p->table, word.ptr[i]);
        if (!flag)
            return hl_fail(p->err, HL_EINVAL, "flags",
                           "unknown flag: '%c' in -%.*s (words that begin with '-' go behind --)",
                           word.ptr[i], HL_STR_ARG(hl_str_slice(word, 0, NAME_MAX_BYTES)));
        if (!needs_value(flag)) {
            HL_TRY(set_value(p, flag, implied_value(flag)));
            continue;
        }
        hl_str value = hl_str_slice(word, i + 1, word.len);
        if (value.len == 0)
            HL_TRY(take_next(p, "-", hl_str_slice(word, i, i + 1), &value));
        else if (value.ptr[0] == '=')
            value = hl_str_slice(value, 1, value.len);
        return set_value(p, flag, value);
    }
    return HL_OK;
}

hl_status hl_flags_parse(const hl_flag_table *table, int argc, char **argv, void *args,
                         hl_options *options, hl_flags_found *ret, hl_error *err) {
    HL_ASSERT(!table->takes_options || options);
    *ret = (hl_flags_found){0};
    parser p = {.table = table,
                .argc = argc,
                .argv = argv,
                .args = args,
                .options = options,
                .found = ret,
                .err = err};
    for (; p.at < argc && !ret->help; p.at++) {
        hl_str word = hl_str_from(argv[p.at]);
        if (hl_str_is(word, "--")) {
            while (++p.at < argc) argv[ret->n_words++] = argv[p.at];
        } else if (!is_flag(word)) {
            argv[ret->n_words++] = argv[p.at];
        } else if (word.ptr[1] == '-') {
            HL_TRY(parse_long(&p, hl_str_slice(word, 2, word.len)));
        } else {
            HL_TRY(parse_letters(&p, hl_str_slice(word, 1, word.len)));
        }
    }
    HL_ASSERT(ret->n_words <= (size_t)(argc > 0 ? argc : 0));
    return HL_OK;
}

/* -- help -------------------------------------------------------------------------------------- */

/* "  -n, --num-predict N" */
static void left_column(char letter, const char *name, const char *value, bool optional,
                        hl_buf *out) {
    if (letter)
        hl_buf_printf(out, "  -%c, --", letter);
    else
        hl_buf_append_cstr(out, "      --");
    for (const char *c = name; *c; c++) hl_buf_append_char(out, with_dash(*c));
    if (value) hl_buf_printf(out, optional ? "[=%s]" : " %s", value);
}

static const char *kind_value(hl_option_kind kind) {
    return kind == HL_OPTION_FLOAT ? "X" : kind == HL_OPTION_BOOL ? "true|false" : "N";
}

enum { HELP_COLUMNS = 100 };

/* Words up to the line's end; the next line begins under the first. */
static void right_column(const char *text, size_t indent, hl_buf *out) {
    size_t column = indent;
    for (const char *word = text; *word;) {
        size_t len = strcspn(word, " ");
        if (column > indent && column + len >= HELP_COLUMNS) {
            hl_buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            hl_buf_append_char(out, ' ');
            column++;
        }
        hl_buf_append(out, word, len);
        column += len;
        word += len;
        while (*word == ' ') word++;
    }
}

static void help_line(char letter, const char *name, const char *value, bool optional,
                      const char *text, size_t width, hl_buf *out) {
    enum { GAP = 3 };
    size_t start = out->len;
    left_column(letter, name, value, optional, out);
    while (out->len - start < width + GAP && out->failed == HL_OK) hl_buf_append_char(out, ' ');
    right_column(text, width + GAP, out);
    hl_buf_append_char(out, '\n');
}

static bool option_has_flag(const hl_flag_table *table, const char *name) {
    return find_name(table, hl_str_from(name)) != NULL;
}

/* The longest left column. */
static size_t column_width(const hl_flag_table *table) {
    hl_buf scratch;
    hl_buf_init(&scratch, 0);
    size_t width = sizeof "  -h, --help" - 1;
    for (size_t i = 0; i < table->n; i++) {
        const hl_flag *f = &table->flags[i];
        hl_buf_reset(&scratch);
        left_column(f->letter, f->name, f->value, f->kind == HL_FLAG_OPTIONAL, &scratch);
        if (scratch.len > width) width = scratch.len;
    }
    for (unsigned id = 0; table->takes_options && id < HL_OPTIONS_N; id++) {
        const hl_option_info *info = hl_option_info_at((hl_option_id)id);
        hl_buf_reset(&scratch);
        left_column(0, info->name, kind_value(info->kind), false, &scratch);
        if (scratch.len > width) width = scratch.len;
    }
    hl_buf_deinit(&scratch);
    return width;
}

void hl_flags_help(const hl_flag_table *table, const char *command, hl_buf *out) {
    size_t width = column_width(table);
    char own[96];
    snprintf(own, sizeof own, "help for %s", command);
    hl_buf_append_cstr(out, "Flags:\n");
    for (size_t i = 0; i < table->n; i++) {
        const hl_flag *f = &table->flags[i];
        help_line(f->letter, f->name, f->value, f->kind == HL_FLAG_OPTIONAL, f->text, width, out);
    }
    help_line('h', "help", NULL, false, own, width, out);
    if (!table->takes_options) return;
    hl_buf_append_cstr(out, "\nGeneration options:\n");
    for (unsigned id = 0; id < HL_OPTIONS_N; id++) {
        const hl_option_info *info = hl_option_info_at((hl_option_id)id);
        if (!option_has_flag(table, info->name))
            help_line(0, info->name, kind_value(info->kind), false, info->text, width, out);
    }
}
