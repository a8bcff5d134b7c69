/* POST /api/copy and DELETE /api/delete. */
#include "api/ollama/change.h"

static void ignore(void *arg, const hl_create_progress *p) {
    (void)arg;
    (void)p;
}

/* -- copying ----------------------------------------------------------------------------------- */

/* A model that ships with the program becomes one of the store. */
static hl_status copy(const hl__change *c, hl_error *err) {
    char path[HL_MODEL_PATH_MAX];
    const hl_store *s = hl_catalog_store(c->visit.api->catalog);
    hl_status st = hl_store_copy(s, &c->source, &c->name, err);
    if (st != HL_ENOTFOUND || !hl_catalog_shipped(&c->source, path)) return st;
    hl_create r = {.name = c->name, .has_from = true, .from = c->source, .from_path = path};
    return hl_store_create(s, &r, ignore, NULL, err);
}

static void run_copy(hl__change *c) {
    hl_error err = {0};
    hl_str source = {"", 0};
    hl_status st = copy(c, &err);
    if (st >= 0) {
        hl__change_end_empty(c);
        return;
    }
    if (st == HL_ENOTFOUND && hl__field_str(&c->body, "source", &source, NULL) >= 0)
        (void)hl_fail(&err, st, "api", "model \"%.*s\" not found",
                      HL_STR_ARG(hl_str_slice(source, 0, 200)));
    hl__answer_failure(&c->visit, &err);
    hl__change_drop(c);
}

static hl_status read_end(const hl__change *c, const char *key, hl_name *ret, hl_error *err) {
    hl_str name = {"", 0};
    HL_TRY(hl__field_str(&c->body, key, &name, err));
    if (hl_name_parse(name, ret, NULL) >= 0) return HL_OK;
    return hl_fail(err, HL_EINVAL, "api", "%s \"%.*s\" is invalid", key,
                   HL_STR_ARG(hl_str_slice(name, 0, 200)));
}

void hl__handle_copy(hl__visit *v) {
    hl_error err = {0};
    hl__change *c = hl__change_make(v, "CopyRequest");
    if (!c) return;
    hl_status st = read_end(c, "source", &c->source, &err);
    if (st >= 0) st = read_end(c, "destination", &c->name, &err);
    if (st < 0)
        hl__change_fail(c, &err);
    else
        hl__change_start(c, run_copy);
}

/* -- deleting ---------------------------------------------------------------------------------- */

static hl_status delete_model(const hl__change *c, hl_error *err) {
    char path[HL_MODEL_PATH_MAX], shown[HL_NAME_TEXT_MAX];
    hl_status st = hl_store_delete(hl_catalog_store(c->visit.api->catalog), &c->name, err);
    if (st != HL_ENOTFOUND || !hl_catalog_shipped(&c->name, path)) return st;
    hl_name_text(&c->name, shown);
    return hl_fail(err, HL_EUNSUPPORTED, "api",
                   "model '%s' ships with the program and cannot be deleted", shown);
}

static void run_delete(hl__change *c) {
    hl_error err = {0};
    hl_str model;
    hl_status st = delete_model(c, &err);
    if (st >= 0) {
        hl__change_end_empty(c);
        return;
    }
    if (st == HL_ENOTFOUND && hl__change_read_model(c, &model, NULL) >= 0)
        (void)hl_fail(&err, st, "api", "model '%.*s' not found",
                      HL_STR_ARG(hl_str_slice(model, 0, 200)));
    hl__answer_failure(&c->visit, &err);
    hl__change_drop(c);
}

void hl__handle_delete(hl__visit *v) {
    hl_error err = {0};
    hl_str model = {"", 0};
    hl__change *c = hl__change_make(v, "DeleteRequest");
    if (!c) return;
    hl_status st = hl__change_read_model(c, &model, &err);
    if (st >= 0 && model.len == 0) st = hl_fail(&err, HL_EINVAL, "api", "model is required");
    if (st >= 0 && hl_name_parse(model, &c->name, NULL) < 0)
        st = hl_fail(&err, HL_EINVAL, "api", "name \"%.*s\" is invalid",
                     HL_STR_ARG(hl_str_slice(model, 0, 200)));
    if (st < 0)
        hl__change_fail(c, &err);
    else
        hl__change_start(c, run_delete);
}
