/* A stranger's model: whatever keys and tensors the file has, it loads or is refused by a message.
 */
#include "base/mem.h"
#include "model/model.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads the ends of what the model points to. */
static double touch(const hl_model *m) {
    double sum = (double)m->output_norm.data[m->n_embd - 1];
    for (uint32_t i = 0; i < m->n_blocks; i++) {
        const hl_block *b = &m->blocks[i];
        const hl_weight *w = b->kind == HL_BLOCK_FFN ? &b->as.ffn.down : &b->as.attention.o;
        size_t bytes = hl_dtype_bytes(w->dtype, (size_t)w->rows * w->cols);
        sum += ((const uint8_t *)w->data)[bytes - 1] + (double)b->norm.data[m->n_embd - 1];
        if (b->kind == HL_BLOCK_ATTENTION)
            sum += (double)b->as.attention.rope.freq[b->as.attention.rope.n_dims / 2 - 1];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = hl_alloc_aligned(HL_GGUF_ALIGN_MIN, size);
    if (!copy) return 0;
    if (size > 0) memcpy(copy, data, size);
    hl_gguf *g;
    hl_model *m;
    hl_error err = {0};
    if (hl_gguf_open_bytes((hl_bytes){copy, size}, &g, &err) == HL_OK) {
        if (hl_model_load(g, &m, &err) == HL_OK) {
            volatile double sum = touch(m);
            (void)sum;
            hl_model_close(m);
        } else {
            HL_ASSERT(err.status < 0 && err.text[0] != '\0' && !strchr(err.text, '\n'));
        }
    }
    hl_free(copy);
    return 0;
}
