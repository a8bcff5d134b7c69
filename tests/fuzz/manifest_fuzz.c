/* Any bytes as a manifest: a status, and what was read is read again from its own printed form. */
#include "store/manifest.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void comes_back(const hl_manifest *m) {
    hl_buf b;
    hl_manifest again;
    hl_buf_init(&b, 0);
    hl_manifest_print(&m->config, m->layers, m->n_layers, &b);
    if (b.len <= HL_MANIFEST_BYTES_MAX) {
        HL_ASSERT(hl_manifest_parse(hl_buf_str(&b), &again, NULL) == HL_OK);
        HL_ASSERT(again.n_layers == m->n_layers);
        HL_ASSERT(hl_manifest_bytes(&again) == hl_manifest_bytes(m));
        hl_manifest_deinit(&again);
    }
    hl_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_manifest m = {0};
    hl_error err;
    if (hl_manifest_parse((hl_str){(const char *)data, size}, &m, &err) == HL_OK) {
        size_t at = 0;
        while (hl_manifest_next(&m, "model", &at)) HL_ASSERT(at <= m.n_layers);
        comes_back(&m);
        hl_manifest_deinit(&m);
    } else {
        HL_ASSERT(m.arena == NULL && err.text[0] != '\0');
    }
    return 0;
}
