/* A stranger's GGUF file: whatever the bytes are, they open or are refused, and what is open can be
 * read to the end.  The seeds in corpus/gguf are made by make_gguf_corpus.py. */
#include "base/mem.h"
#include "gguf/quantize.h"
#include "gguf_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plan_every_mix(const hl_gguf *g) {
    uint32_t *types = hl_calloc(hl_gguf_n_tensors(g), sizeof *types);
    if (!types) return;
#define X(text, file_type, dtype) hl_quant_plan(g, HL_QUANT_##text, types);
    HL_QUANT_MAP(X)
#undef X
    hl_free(types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = hl_alloc_aligned(HL_GGUF_ALIGN_MIN, size); /* libFuzzer's may lie anywhere */
    if (!copy) return 0;
    if (size > 0) memcpy(copy, data, size);
    hl_gguf *g = NULL;
    hl_error err = {0};
    if (hl_gguf_open_bytes((hl_bytes){copy, size}, &g, &err) == HL_OK) {
        volatile double sum = read_everything(g);
        (void)sum;
        plan_every_mix(g);
    } else {
        HL_ASSERT(err.status < 0 && err.text[0] != '\0' && !strchr(err.text, '\n'));
    }
    hl_gguf_close(g);
    hl_free(copy);
    return 0;
}
