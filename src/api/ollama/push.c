/* POST /api/push: a model of the store to its registry (store/registry.h). */
#include "api/ollama/transfers.h"
#include "store/registry.h"

static void run(hl__change *c, const atomic_bool *cancelled) {
    hl_error err = {0};
    hl_registry_ask ask;
    hl_status st = hl__transfer_ask(c, cancelled, &ask, &err);
    if (st >= 0) st = hl_registry_push(hl_catalog_store(c->visit.api->catalog), &ask, &err);
    if (st >= 0)
        hl__change_end_success(c);
    else
        hl__change_end_error(c, 500, hl_str_from(err.text));
}

void hl__handle_push(hl__visit *v) {
    hl__transfers_handle(v, "PushRequest", true, run);
}
