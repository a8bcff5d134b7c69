/* A pull: the manifest, the blobs that are not here, the manifest's place. */
#include "base/clock.h"
#include "base/mem.h"
#include "store/registry_fetch.h"
#include "store/registry_file.h"
#include "store/registry_shards.h"
#include "store/registry_text.h"

static const char ACCEPT[] = "Accept: application/vnd.docker.distribution.manifest.v2+json";

typedef struct pulling {
    hl__link link;
    const hl_store *store;
    hl_buf text; /* the manifest's bytes */
    hl_manifest manifest;
} pulling;

static void say(const hl_registry_ask *ask, const char *status) {
    hl_create_progress p = {.status = status};
    ask->report(ask->arg, &p);
}

/* -- the manifest ------------------------------------------------------------------------------ */

static hl_status fetch_manifest(pulling *p, bool *ret_unreachable, hl_error *err) {
    hl_buf url;
    hl_buf_init(&url, 0);
    hl_buf_init(&p->text, HL_MANIFEST_BYTES_MAX);
    hl__link_url(&p->link, "manifests/", p->link.name.tag, &url);
    hl_status st = hl_buf_status(&url, "the manifest's URL", err);
    if (st >= 0) st = hl__fetch_text(&p->link, url.ptr, ACCEPT, &p->text, ret_unreachable, err);
    if (st >= 0) st = hl_manifest_parse(hl_buf_str(&p->text), &p->manifest, err);
    if (st >= 0 && p->manifest.n_layers == 0)
        st = hl_fail(err, HL_EFORMAT, "registry", "the manifest has no layers");
    if (st < 0 && st != HL_ECANCELLED) hl_error_prefix(err, "pull model manifest");
    hl_buf_deinit(&url);
    return st;
}

/* -- the blobs --------------------------------------------------------------------------------- */

static bool is_among(const hl__wanted *wanted, size_t n, const hl_layer *l) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(wanted[i].layer->digest.text, l->digest.text) == 0) return true;
    return false;
}

/* Each digest once; the config last, as Ollama's. */
static hl_status fetch_blobs(pulling *p, hl_error *err) {
    const hl_manifest *m = &p->manifest;
    hl__wanted *wanted = hl_calloc(m->n_layers + 1, sizeof *wanted);
    size_t n = 0;
    if (!wanted) return hl_fail(err, HL_ENOMEM, "registry", "no memory for a manifest");
    for (size_t i = 0; i <= m->n_layers; i++) {
        const hl_layer *l = i < m->n_layers ? &m->layers[i] : &m->config;
        if (!is_among(wanted, n, l)) wanted[n++].layer = l;
    }
    hl_status st = hl__fetch_blobs(&p->link, p->store, wanted, n, err);
    hl_free(wanted);
    return st;
}

/* -- the end ----------------------------------------------------------------------------------- */

static bool names(const hl_manifest *m, const hl_digest *d) {
    bool found = strcmp(m->config.digest.text, d->text) == 0;
    for (size_t i = 0; i < m->n_layers && !found; i++)
        found = strcmp(m->layers[i].digest.text, d->text) == 0;
    return found;
}

/* Whether the name had blobs that it does not need any more. */
static bool leaves_blobs(const pulling *p, const hl_manifest *old) {
    if (!names(&p->manifest, &old->config.digest)) return true;
    for (size_t i = 0; i < old->n_layers; i++)
        if (!names(&p->manifest, &old->layers[i].digest)) return true;
    return false;
}

static hl_status write_manifest(pulling *p, hl_error *err) {
    hl_store_item item;
    hl_manifest old = {0};
    bool had = hl_store_find(p->store, &p->link.name, &item, NULL) >= 0 &&
               hl_store_read(p->store, &item, &old, NULL) >= 0;
    say(p->link.ask, "writing manifest");
    hl_status st = hl_store_write_text(p->store, &p->link.name, hl_buf_str(&p->text), err);
    if (st >= 0 && had && leaves_blobs(p, &old)) {
        say(p->link.ask, "removing unused layers");
        hl_status pruned = hl_store_prune(p->store, hl_clock_wall_ns(), NULL);
        (void)pruned; /* the model is here; the next pruning finds what stays */
    }
    if (had) hl_manifest_deinit(&old);
    return st;
}

/* Without a way to the registry, what is here already will do: programs pull at every start. */
static bool is_here(const pulling *p) {
    hl_store_item item;
    hl_manifest m;
    if (hl_store_find(p->store, &p->link.name, &item, NULL) < 0 ||
        hl_store_read(p->store, &item, &m, NULL) < 0)
        return false;
    hl_manifest_deinit(&m);
    return true;
}

static hl_status pull(pulling *p, hl_error *err) {
    bool unreachable = false;
    say(p->link.ask, "pulling manifest");
    hl_status st = fetch_manifest(p, &unreachable, err);
    if (st < 0 && unreachable && is_here(p)) {
        say(p->link.ask, "registry cannot be reached, using the model that is here");
        say(p->link.ask, "success");
        return HL_OK;
    }
    if (hl__shards_are_meant(st, err)) return hl__shards_pull(&p->link, p->store, err);
    if (st >= 0) st = fetch_blobs(p, err);
    if (st >= 0) st = write_manifest(p, err);
    if (st >= 0) say(p->link.ask, "success");
    return st;
}

hl_status hl_registry_pull(const hl_store *s, const hl_registry_ask *ask, hl_error *err) {
    hl_error own;
    pulling p = {.store = s};
    if (!err) err = &own;
    if (hl_registry_is_file(ask->model)) return hl__file_pull(s, ask, err);
    HL_TRY(hl__link_open(ask, &p.link, err));
    hl_status st = pull(&p, err);
    hl_manifest_deinit(&p.manifest);
    hl_buf_deinit(&p.text);
    hl__link_close(&p.link);
    return st;
}
