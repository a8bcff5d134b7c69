/* store/convert.h
 *
 * Makes a GGUF file of a model directory as it is published for training frameworks:
 *
 *     config.json, generation_config.json       the family's sizes, the tokens that end an answer
 *     tokenizer.json, tokenizer_config.json     the vocabulary, special tokens
 *     chat_template.jinja                       or the template in tokenizer_config.json
 *     model.safetensors                         the weights; or several files and
 *                                               model.safetensors.index.json
 *
 * Families: llama (and mistral without a window), qwen2, qwen3.  Weights are read and written piece
 * by piece, never as a whole.  The rules are in docs/formats/safetensors.md.
 *
 * The directory is a stranger's: everything is checked, links may not lead out of it.
 *
 * What this does not do: read PyTorch's files, tokenizer.model, adapters, quantised weights.
 *
 * Errors: ENOTFOUND (a file that is needed), EFORMAT (names the file and what is wrong in it),
 * EUNSUPPORTED (names the family, the tensor's type, the kind of tokenizer, …), EINVAL (the
 * options; a link that leads out of the directory), ELIMIT, EIO, ENOMEM, ECANCELLED. Threads: any;
 * takes as long as reading, writing and quantising the weights.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

typedef struct hl_convert_options {
    /* Of matrices: "F32", "F16", "BF16" or a mix of gguf/quantize.h ("Q4_K_M"), in any case.
     * Empty: F16 and BF16 stay what they are, F32 becomes F16.  Vectors are always F32. */
    hl_str type;
    /* general.name; empty: the last part of _name_or_path in config.json, else the family with its
     * size ("llama 1.2B") */
    hl_str name;
} hl_convert_options;

typedef struct hl_convert_progress {
    const char *status;   /* "converting model", then perhaps "quantizing BF16 model to Q4_K_M" */
    uint64_t done, total; /* bytes of this step's input */
} hl_convert_progress;

/* False ends the conversion with ECANCELLED; while it quantises, it makes no difference. */
typedef bool hl_convert_progress_fn(void *arg, const hl_convert_progress *p);

/* o and fn may be NULL.  out_path appears when it is whole and synced; after an error it is as it
 * was before.  A mix needs room beside it for the model in 16 bits. */
hl_status hl_convert_directory(const char *dir, const hl_convert_options *o, const char *out_path,
                               hl_convert_progress_fn *fn, void *arg, hl_error *err) HL_NODISCARD;
