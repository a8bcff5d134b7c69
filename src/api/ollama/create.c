/* POST /api/create: a model from uploaded files, or from another model. */
#include "api/ollama/transfers.h"
#include "base/fs.h"
#include "store/registry.h"

/* -- reading ----------------------------------------------------------------------------------- */

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ELIMIT, "api", "the request is too large");
}

/* A name as Ollama's clients send it: below a directory of theirs. */
static bool is_relative(hl_str path) {
    if (path.len == 0 || path.ptr[0] == '/' || path.ptr[0] == '\\') return false;
    for (size_t at = 0; at <= path.len;) {
        size_t slash = hl_str_find(path, HL_STR("/"), at);
        if (hl_str_is(hl_str_slice(path, at, slash), "..")) return false;
        at = slash == SIZE_MAX ? path.len + 1 : slash + 1;
    }
    return true;
}

static hl_status read_files(hl__change *c, const char *key, const hl_create_file **ret,
                            size_t *ret_n, hl_error *err) {
    struct json_object *o;
    HL_TRY(hl__field_object(&c->body, key, &o, err));
    size_t n = o ? (size_t)json_object_object_length(o) : 0;
    hl_create_file *files = HL_ARENA_ARRAY(c->arena, n + 1, hl_create_file);
    if (!files) return no_memory(err);
    *ret = files;
    *ret_n = 0;
    if (!o) return HL_OK;
    json_object_object_foreach(o, name, digest) {
        hl_create_file *f = &files[(*ret_n)++];
        f->name = hl_str_from(name);
        if (!is_relative(f->name))
            return hl_fail(err, HL_EINVAL, "api", "file path must be relative");
        if (!json_object_is_type(digest, json_type_string) ||
            !hl_digest_parse(hl__json_str(digest), &f->digest))
            return hl_fail(err, HL_EINVAL, "api", "invalid digest format");
    }
    return HL_OK;
}

/* A text or an array of texts. */
static hl_status read_licenses(hl__change *c, hl_error *err) {
    struct json_object *v = hl__field(&c->body, "license");
    bool lone = json_object_is_type(v, json_type_string);
    if (!v) return HL_OK;
    if (!lone && !json_object_is_type(v, json_type_array))
        return hl_fail(err, HL_EINVAL, "api", "license must be a text or an array of texts");
    size_t n = lone ? 1 : json_object_array_length(v);
    hl_str *texts = HL_ARENA_ARRAY(c->arena, n + 1, hl_str);
    if (!texts) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        struct json_object *one = lone ? v : json_object_array_get_idx(v, i);
        if (!json_object_is_type(one, json_type_string))
            return hl_fail(err, HL_EINVAL, "api", "license %zu is no text", i + 1);
        texts[i] = hl__json_str(one);
    }
    c->create.licenses = texts;
    c->create.n_licenses = n;
    return HL_OK;
}

static hl_status read_texts(hl__change *c, hl_error *err) {
    hl_create *r = &c->create;
    const struct {
        const char *key;
        hl_str *ret;
    } texts[] = {{"template", &r->template_text}, {"system", &r->system},
                 {"renderer", &r->renderer},      {"parser", &r->parser},
                 {"requires", &r->requires},      {"quantization", &r->quantize},
                 {"quantize", &r->quantize}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        HL_TRY(hl__field_str(&c->body, texts[i].key, texts[i].ret, err));
    return HL_OK;
}

/* What is asked for and cannot be done is refused, not left out. */
static hl_status refuse_others(const hl__change *c, hl_error *err) {
    static const char *const keys[] = {"remote_host", "draft_quantize", "draft_files"};
    for (size_t i = 0; i < 3; i++) {
        struct json_object *v = hl__field(&c->body, keys[i]);
        bool empty = !v || (json_object_is_type(v, json_type_string) && hl__json_str(v).len == 0) ||
                     (json_object_is_type(v, json_type_object) &&
                      json_object_object_length(v) == 0);
        if (!empty) return hl_fail(err, HL_EINVAL, "api", "%s is not supported", keys[i]);
    }
    return HL_OK;
}

static bool is_path(hl_str s) {
    return hl_str_find(s, HL_STR("/"), 0) != SIZE_MAX || hl_str_ends(s, HL_STR(".gguf"));
}

/* A model's name; a file's path where the user's own process asks. */
static hl_status read_from(hl__change *c, hl_error *err) {
    hl_str from = {"", 0};
    HL_TRY(hl__field_str(&c->body, "from", &from, err));
    if (from.len == 0) return HL_OK;
    c->create.has_from = true;
    bool path = c->visit.api->config.allow_paths && is_path(from);
    if (path) c->from_path = hl_arena_str(c->arena, from).ptr;
    if (path && !c->from_path) return no_memory(err);
    if (hl_name_parse(from, &c->create.from, err) >= 0) return HL_OK;
    c->create.from_path = c->from_path;
    return path ? HL_OK : HL_EINVAL;
}

static hl_status read_create(hl__change *c, hl_error *err) {
    hl_create *r = &c->create;
    r->name = c->name;
    HL_TRY(refuse_others(c, err));
    HL_TRY(read_from(c, err));
    HL_TRY(read_files(c, "files", &r->files, &r->n_files, err));
    HL_TRY(read_files(c, "adapters", &r->adapters, &r->n_adapters, err));
    HL_TRY(read_texts(c, err));
    HL_TRY(read_licenses(c, err));
    HL_TRY(hl__field_object(&c->body, "parameters", &r->parameters, err));
    HL_TRY(hl__field_array(&c->body, "messages", &r->messages, err));
    return hl_create_check(r, err);
}

/* -- doing ------------------------------------------------------------------------------------- */

static void report(void *arg, const hl_create_progress *p) {
    hl__change_say(arg, p);
}

/* A parent that is in no store may ship with the program, or be a file of the user's; else it is
 * to be pulled (ENOTFOUND). */
static hl_status find_parent(hl__change *c, char path[HL_MODEL_PATH_MAX], hl_error *err) {
    hl_store_item item;
    hl_create *r = &c->create;
    if (!r->has_from || r->from_path) return HL_OK;
    hl_status st = hl_store_find(hl_catalog_store(c->visit.api->catalog), &r->from, &item, err);
    if (st != HL_ENOTFOUND) return st;
    r->from_path = c->from_path;
    if (r->from_path && hl_path_is_file(r->from_path)) return HL_OK;
    r->from_path = path;
    if (hl_catalog_shipped(&r->from, path)) return HL_OK;
    r->from_path = NULL;
    return st;
}

static bool is_to_pull(hl__change *c) {
    char path[HL_MODEL_PATH_MAX];
    hl_status st = find_parent(c, path, NULL);
    if (c->create.from_path == path) c->create.from_path = NULL; /* the room is ours */
    return st == HL_ENOTFOUND;
}

/* As Ollama: what is wrong with the request is 400, a missing blob or parent 500. */
static int status_of(hl_status st) {
    bool blame = st == HL_EINVAL || st == HL_EFORMAT || st == HL_ELIMIT;
    return blame ? 400 : st == HL_ENOMEM || st == HL_EBUSY ? 503 : 500;
}

static void run(hl__change *c) {
    char path[HL_MODEL_PATH_MAX];
    hl_error err = {0};
    const hl_store *s = hl_catalog_store(c->visit.api->catalog);
    hl_status st = find_parent(c, path, &err);
    if (st >= 0) st = hl_store_create(s, &c->create, report, c, &err);
    if (st >= 0)
        hl__change_end_success(c);
    else
        hl__change_end_error(c, status_of(st), hl_str_from(err.text));
}

/* On a thread of its own, as every transfer. */
static void pull_and_run(hl__change *c, const atomic_bool *cancelled) {
    hl_error err = {0};
    hl_registry_ask ask = {.cancelled = cancelled, .report = report, .arg = c};
    hl_status st = hl__field_str(&c->body, "from", &ask.model, &err);
    if (st >= 0) st = hl_registry_pull(hl_catalog_store(c->visit.api->catalog), &ask, &err);
    if (st >= 0)
        run(c);
    else
        hl__change_end_error(c, 500, hl_str_from(err.text));
}

void hl__handle_create(hl__visit *v) {
    hl_error err = {0};
    hl_str model;
    hl__change *c = hl__change_make(v, "CreateRequest");
    if (!c) return;
    hl_status st = hl__field_bool(&c->body, "stream", &c->stream, &err);
    if (st >= 0) st = hl__change_read_model(c, &model, &err);
    if (st >= 0) st = hl_name_parse(model, &c->name, &err);
    if (st < 0) {
        hl__change_fail(c, &err);
        return;
    }
    st = read_create(c, &err);
    if (st < 0)
        hl__change_end_error(c, status_of(st), hl_str_from(err.text));
    else if (is_to_pull(c))
        hl__transfers_start(v->api->transfers, c, pull_and_run);
    else
        hl__change_start(c, run);
}
