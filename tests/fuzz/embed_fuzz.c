/* Any body of a request for embeddings: a call that can be answered, or one line that says why not.
 * The first byte chooses the route. */
#include "api/embed.h"
#include "base/mem.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(hl__embed *e) {
    hl_buf b;
    for (size_t i = 0; i < e->n_inputs; i++) {
        e->inputs[i].vector = hl_calloc(1, sizeof(float));
        e->inputs[i].n_vector = e->inputs[i].vector ? 1 : 0;
    }
    hl_buf_init(&b, 0);
    e->route->answer(e, &b);
    struct json_object *o = NULL;
    HL_ASSERT(hl_json_parse(hl_buf_str(&b), &o, NULL) == HL_OK);
    json_object_put(o);
    hl_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const hl__embed_route *const routes[] = {&hl__embed_ollama, &hl__embed_ollama_one,
                                                    &hl__embed_openai};
    if (size == 0) return 0;
    hl__visit v = {.dialect = data[0] % 3 == 2 ? HL__DIALECT_OPENAI : HL__DIALECT_OLLAMA};
    hl__embed *e;
    hl_error err = {0};
    hl_str body = {(const char *)data + 1, size - 1};
    if (hl__embed_read(&v, body, routes[data[0] % 3], &e, &err) >= 0) {
        answer(e);
        hl__embed_drop(e);
    } else {
        HL_ASSERT(err.status < 0 && err.text[0] != '\0');
    }
    return 0;
}
