/* Text to token ids, as a model sees it. */
#include "cli/command.h"
#include "serve/inspect.h"

typedef struct args {
    bool json, no_parse_special;
} args;

static const hl_flag FLAGS[] = {
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL,
     "read an array of strings, print an array of arrays of ids"},
    {"no-parse-special", 0, HL_FLAG_SWITCH, offsetof(args, no_parse_special), NULL, NULL,
     "take the texts of special tokens as ordinary text"},
};

typedef struct job {
    hl_inspect model;
    bool parse_special;
    hl_buf out;
} job;

/* The ids of one text, with this between them. */
static hl_status append_ids(job *j, hl_str text, char between, hl_error *err) {
    hl_tokens tokens = {0};
    hl_status st = hl_inspect_tokenize(&j->model, text, j->parse_special, &tokens, err);
    for (size_t i = 0; st >= 0 && i < tokens.n; i++) {
        if (i > 0) hl_buf_append_char(&j->out, between);
        hl_buf_append_uint(&j->out, tokens.ids[i]);
    }
    hl_tokens_deinit(&tokens);
    return st < 0 ? st : hl_buf_status(&j->out, "the ids", err);
}

static hl_str json_text(struct json_object *s) {
    return (hl_str){json_object_get_string(s), (size_t)json_object_get_string_len(s)};
}

static hl_status append_all(job *j, struct json_object *texts, hl_error *err) {
    if (!json_object_is_type(texts, json_type_array))
        return hl_fail(err, HL_EFORMAT, "tokenize",
                       "standard input: wanted an array of strings, as in [\"a\", \"b\"]");
    size_t n = json_object_array_length(texts);
    hl_buf_append_char(&j->out, '[');
    for (size_t i = 0; i < n; i++) {
        struct json_object *text = json_object_array_get_idx(texts, i);
        if (!json_object_is_type(text, json_type_string))
            return hl_fail(err, HL_EFORMAT, "tokenize",
                           "standard input: element %zu of the array is no string", i);
        hl_buf_append_cstr(&j->out, i > 0 ? ",[" : "[");
        HL_TRY(append_ids(j, json_text(text), ',', err));
        hl_buf_append_char(&j->out, ']');
    }
    hl_buf_append_cstr(&j->out, "]\n");
    return HL_OK;
}

static hl_status tokenize_json(job *j, hl_str input, hl_error *err) {
    struct json_object *texts = NULL;
    hl_status st = hl_json_parse(input, &texts, err);
    if (st < 0) {
        hl_error_prefix(err, "standard input");
        return st;
    }
    st = append_all(j, texts, err);
    json_object_put(texts);
    return st;
}

static hl_status tokenize_plain(job *j, hl_str text, bool json, hl_error *err) {
    hl_buf_append_cstr(&j->out, json ? "[[" : "");
    HL_TRY(append_ids(j, text, json ? ',' : ' ', err));
    hl_buf_append_cstr(&j->out, json ? "]]\n" : "\n");
    return HL_OK;
}

static hl_status tokenize(job *j, const hl__call *call, hl_buf *text, hl_error *err) {
    const args *a = call->args;
    bool from_words = call->n_words > 1;
    if (from_words)
        hl__join_words(call, 1, text);
    else
        HL_TRY(hl__read_stdin(text, err));
    HL_TRY(hl_buf_status(text, "the text", err));
    if (a->json && !from_words)
        HL_TRY(tokenize_json(j, hl_buf_str(text), err));
    else
        HL_TRY(tokenize_plain(j, hl_buf_str(text), a->json, err));
    return hl__out_buf(&j->out, err);
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    job j = {.parse_special = !a->no_parse_special};
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_buf_init(&j.out, 0);
    hl_status st = hl_inspect_open(hl_str_from(call->words[0]), &j.model, err);
    if (st >= 0) st = tokenize(&j, call, &text, err);
    hl_inspect_close(&j.model);
    hl_buf_deinit(&j.out);
    hl_buf_deinit(&text);
    return st;
}

const hl__command hl__command_tokenize = {
    .name = "tokenize",
    .usage = "tokenize MODEL [TEXT...] [flags]",
    .summary = "Show the tokens of a text",
    .about = "Prints the ids of the tokens that a model makes of a text: of the words, or of "
             "standard input when\nthere are none.  No BOS is added.",
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run,
};
