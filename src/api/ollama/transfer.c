/* POST /api/pull and /api/push, without registries: what is here already is pulled, the rest is
 * answered as when a registry cannot be reached. */
#include "api/ollama/change.h"

/* -- pull -------------------------------------------------------------------------------------- */

static void say(hl__change *c, const char *status) {
    hl_create_progress p = {.status = status};
    hl__change_say(c, &p);
}

static void run_pull(hl__change *c) {
    hl_store_item item;
    char path[HL_MODEL_PATH_MAX];
    hl_error err = {0};
    say(c, "pulling manifest");
    hl_status st = hl_store_find(hl_catalog_store(c->visit.api->catalog), &c->name, &item, &err);
    if (st < 0 && !hl_catalog_shipped(&c->name, path)) {
        hl__registry_error(&c->name, &err);
        hl__change_end_error(c, 500, hl_str_from(err.text));
        return;
    }
    say(c, "verifying sha256 digest");
    say(c, "writing manifest");
    say(c, "success");
    hl__change_end_success(c);
}

void hl__handle_pull(hl__visit *v) {
    hl_error err = {0};
    hl_str model;
    hl__change *c = hl__change_make(v, "PullRequest");
    if (!c) return;
    hl_status st = hl__field_bool(&c->body, "stream", &c->stream, &err);
    if (st >= 0) st = hl__change_read_model(c, &model, &err);
    if (st >= 0) st = hl_name_parse(model, &c->name, &err);
    if (st < 0)
        hl__change_fail(c, &err);
    else
        hl__change_start(c, run_pull);
}

/* -- push -------------------------------------------------------------------------------------- */

static hl_status push(const hl__change *c, hl_error *err) {
    const hl_store *s = hl_catalog_store(c->visit.api->catalog);
    char rest[HL_NAME_TEXT_MAX];
    hl_store_item item;
    hl_manifest m;
    if (hl_store_find(s, &c->name, &item, err) < 0) {
        hl_name_path(&c->name, rest);
        return hl_fail(err, HL_EIO, "api", "open %s/manifests/%s: no such file or directory",
                       hl_store_root(s), rest);
    }
    HL_TRY(hl_store_read(s, &item, &m, err));
    const hl_digest *d = m.n_layers > 0 ? &m.layers[0].digest : &m.config.digest;
    hl_status st = hl_fail(err, HL_EIO, "api",
                           "Head \"https://%.*s/v2/%s/%s/blobs/%s\": this version does not reach "
                           "registries",
                           120, item.name.host, item.name.space, item.name.model, d->text);
    hl_manifest_deinit(&m);
    return st;
}

static void run_push(hl__change *c) {
    hl_error err = {0};
    say(c, "retrieving manifest");
    hl_status st = push(c, &err);
    HL_ASSERT(st < 0);
    hl__change_end_error(c, 500, hl_str_from(err.text));
}

void hl__handle_push(hl__visit *v) {
    hl_error err = {0};
    hl_str model;
    hl__change *c = hl__change_make(v, "PushRequest");
    if (!c) return;
    hl_status st = hl__field_bool(&c->body, "stream", &c->stream, &err);
    if (st >= 0) st = hl__change_read_model(c, &model, &err);
    if (st >= 0 && model.len == 0) st = hl_fail(&err, HL_EINVAL, "api", "model is required");
    if (st >= 0) st = hl_name_parse(model, &c->name, &err);
    if (st < 0)
        hl__change_fail(c, &err);
    else
        hl__change_start(c, run_push);
}
