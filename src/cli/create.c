/* Makes a model from a Modelfile. */
#include "base/fs.h"
#include "cli/command.h"
#include "cli/recipe.h"
#include "cli/send.h"
#include "cli/transfer.h"
#include "store/modelfile.h"
#include "store/names.h"

#include <unistd.h>

typedef struct args {
    hl_str file, quantize;
    bool json;
} args;

static const hl_flag FLAGS[] = {
    {"file", 'f', HL_FLAG_TEXT, offsetof(args, file), "PATH", NULL,
     "Name of the Modelfile, - for standard input (default \"Modelfile\")"},
    {"quantize", 'q', HL_FLAG_TEXT, offsetof(args, quantize), "TYPE", NULL,
     "Quantize model to this level (e.g. q4_K_M)"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL,
     "Print the progress as lines of JSON"},
};

/* -- the Modelfile ----------------------------------------------------------------------------- */

static hl_status read_text(const char *path, hl_buf *ret, hl_error *err) {
    if (strcmp(path, "-") == 0)
        return hl_fd_read_all(STDIN_FILENO, "standard input", HL_MODELFILE_BYTES_MAX, ret, err);
    return hl_file_read(path, HL_MODELFILE_BYTES_MAX, ret, err);
}

/* The directory that the Modelfile is in, for its paths; "": this one. */
static void find_base(const char *path, char ret[HL_SOURCE_PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    HL_ASSERT(len < HL_SOURCE_PATH_MAX);
    memcpy(ret, path, len);
    ret[len] = '\0';
}

static hl_status read_recipe(const args *a, hl__recipe *ret, hl_error *err) {
    char path[HL_SOURCE_PATH_MAX], base[HL_SOURCE_PATH_MAX];
    hl_buf text;
    hl_str file = a->file.len > 0 ? a->file : HL_STR("Modelfile");
    if (a->file.len == 0 && !hl_path_is_file("Modelfile"))
        return hl_fail(err, HL_ENOTFOUND, "create",
                       "no Modelfile in this directory; --file names another");
    HL_TRY(hl_path_expand(file, "", path, err)); /* "~" that no shell has expanded */
    find_base(path, base);
    hl_buf_init(&text, 0);
    hl_status st = read_text(path, &text, err);
    if (st >= 0)
        st = hl__recipe_read(hl_buf_str(&text), strcmp(path, "-") == 0 ? "standard input" : path,
                             base, ret, err);
    hl_buf_deinit(&text);
    return st;
}

/* -- the request ------------------------------------------------------------------------------- */

static hl_status set_text(struct json_object *o, const char *key, hl_str text, hl_error *err) {
    struct json_object *v = json_object_new_string_len(text.ptr, (int)text.len);
    if (v && json_object_object_add(o, key, v) == 0) return HL_OK;
    json_object_put(v);
    return hl_fail(err, HL_ENOMEM, "create", "no memory for the request");
}

/* {NAME: DIGEST, …} of what has been sent. */
static hl_status send_files(hl__sender *s, const hl__recipe_files *files, const char *key,
                            struct json_object *body, hl_error *err) {
    struct json_object *sent = json_object_new_object();
    if (files->n == 0 || !sent || json_object_object_add(body, key, sent) != 0) {
        json_object_put(sent);
        return files->n == 0 ? HL_OK
                             : hl_fail(err, HL_ENOMEM, "create", "no memory for the request");
    }
    for (size_t i = 0; i < files->n; i++) {
        hl_digest d;
        HL_TRY(hl__send_file(s, files->items[i].path, &d, err));
        HL_TRY(set_text(sent, files->items[i].name.ptr, hl_str_from(d.text), err));
    }
    return HL_OK;
}

static hl_status send_recipe(hl_client *c, const args *a, const hl__recipe *r, hl_error *err) {
    hl__sender *s;
    HL_TRY(hl__sender_open(c, a->json, &s, err));
    hl_status st = hl__sender_say(s, "gathering model components", err);
    if (st >= 0) st = send_files(s, &r->models, "files", r->body, err);
    if (st >= 0) st = send_files(s, &r->adapters, "adapters", r->body, err);
    hl__sender_close(s);
    return st;
}

static hl_status ask(hl_client *c, const hl__call *call, const hl__recipe *r, hl_error *err) {
    const args *a = call->args;
    HL_TRY(set_text(r->body, "model", hl_str_from(call->words[0]), err));
    if (a->quantize.len > 0) HL_TRY(set_text(r->body, "quantize", a->quantize, err));
    const char *text = json_object_to_json_string_ext(r->body, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE);
    if (!text) return hl_fail(err, HL_ENOMEM, "create", "no memory for the request");
    return hl__watch_request(c, "/api/create", hl_str_from(text), a->json, err);
}

static hl_status create(hl_client *c, const hl__call *call, const hl__recipe *r, hl_error *err) {
    HL_TRY(send_recipe(c, call->args, r, err));
    return ask(c, call, r, err);
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_client *c;
    hl__recipe r;
    hl_name name;
    HL_TRY(hl_name_parse(hl_str_from(call->words[0]), &name, err));
    HL_TRY(read_recipe(call->args, &r, err));
    hl_status st = hl_client_open(&c, err);
    if (st >= 0) {
        st = create(c, call, &r, err);
        hl_client_close(c);
    }
    hl__recipe_deinit(&r);
    return st;
}

const hl__command hl__command_create = {
    .name = "create",
    .usage = "create MODEL [flags]",
    .summary = "Create a model",
    .about = "Makes a model from a Modelfile: from GGUF files, from a directory of safetensors, or "
             "from another model.\nPaths in a Modelfile are relative to its directory.",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
