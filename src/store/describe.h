/* store/describe.h — the words for a model's size and kind, from its file.   Threads: pure. */
#pragma once

#include "gguf/gguf.h"

/* "8B", "1.2B", "23.08M", "12K" as Ollama writes counts of parameters. */
void hl_parameters_text(uint64_t n, char ret[16]);
uint64_t hl_gguf_n_parameters(const hl_gguf *g);
/* "Q4_K_M": the file's own word, else the type that most of the weights have. */
const char *hl_gguf_quantization(const hl_gguf *g);
/* "model", "projector" or "adapter": the kind of layer that it makes. */
const char *hl_gguf_layer_kind(const hl_gguf *g);
/* "…-00002-of-00003.gguf", one of the files that make one model: 2 and 3; false: another name. */
bool hl_part_of_name(hl_str name, unsigned *ret_i, unsigned *ret_n);
