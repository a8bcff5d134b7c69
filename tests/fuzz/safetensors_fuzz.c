/* A stranger's safetensors file: its length, its header, the places that it names.  What is
 * accepted lies inside the file.  The seeds in corpus/safetensors are made by
 * make_convert_corpus.py. */
#include "gguf/reader.h"
#include "store/convert_safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const hl__weights *w, uint64_t header_end, uint64_t file_bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i < hl__weights_n(w); i++) {
        const hl__st_tensor *t = hl__weights_at(w, i);
        HL_ASSERT(t->type_name && t->n_dims <= HL__ST_DIMS_MAX && t->file == 0);
        HL_ASSERT(t->at >= header_end && t->at <= file_bytes && t->bytes <= file_bytes - t->at);
        HL_ASSERT(hl__weights_find(w, t->name) == t);
        sum += t->bytes;
    }
    HL_ASSERT(sum == file_bytes - header_end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl__weights *w;
    hl_error err = {0};
    if (size < 8) return 0;
    uint64_t n = hl_le64(data);
    if (n > size - 8) n = size - 8; /* the reader of files refuses it */
    if (hl__weights_create("/", &w, &err) < 0) return 0;
    hl_str header = {(const char *)data + 8, (size_t)n};
    if (hl__weights_parse(w, HL_STR("x.safetensors"), header, size, &err) < 0)
        HL_ASSERT(err.text[0] != '\0' && !strchr(err.text, '\n'));
    else
        check(w, 8 + n, size);
    hl__weights_close(w);
    return 0;
}
