/* POST /api/pull: a model from its registry (store/registry.h). */
#include "api/ollama/transfers.h"
#include "store/registry.h"

/* A model that ships with the program is here, unless the store has another of its name. */
static bool is_shipped(const hl__change *c) {
    char path[HL_MODEL_PATH_MAX];
    hl_store_item item;
    const hl_store *s = hl_catalog_store(c->visit.api->catalog);
    return hl_catalog_shipped(&c->name, path) && hl_store_find(s, &c->name, &item, NULL) < 0;
}

static void say_shipped(hl__change *c) {
    static const char *const steps[] = {"pulling manifest", "verifying sha256 digest",
                                        "writing manifest", "success"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        hl_create_progress p = {.status = steps[i]};
        hl__change_say(c, &p);
    }
}

static void run(hl__change *c, const atomic_bool *cancelled) {
    hl_error err = {0};
    hl_registry_ask ask;
    hl_status st = hl__transfer_ask(c, cancelled, &ask, &err);
    if (st >= 0 && !hl_registry_is_file(ask.model) && is_shipped(c))
        say_shipped(c);
    else if (st >= 0)
        st = hl_registry_pull(hl_catalog_store(c->visit.api->catalog), &ask, &err);
    if (st >= 0)
        hl__change_end_success(c);
    else
        hl__change_end_error(c, 500, hl_str_from(err.text));
}

void hl__handle_pull(hl__visit *v) {
    hl__transfers_handle(v, "PullRequest", false, run);
}
