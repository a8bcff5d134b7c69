/* gguf/writer.h
 *
 * Writes a GGUF file, version 3.  First all values and tensors are declared, then
 * the tensors' bytes follow in the same order, in pieces of any size, so that a
 * model larger than the memory can be written.  The file appears under its path
 * when it is whole and synced (base/fs.h); before that nothing is there.
 *
 * Everything declared is borrowed until the writer is destroyed: keys, strings,
 * arrays, names.  Tensor bytes are borrowed for the call only.
 *
 * Threads: one at a time.
 */
#pragma once

#include "gguf/gguf.h"

typedef struct hl_gguf_writer hl_gguf_writer;

/* Returns owned.  ENOMEM. */
hl_status hl_gguf_writer_create(hl_gguf_writer **ret, hl_error *err) HL_NODISCARD;
/* Removes a file that was not finished; accepts NULL. */
void hl_gguf_writer_destroy(hl_gguf_writer *w);

/* Sets a value; one with the same key is replaced in its place.  "general.alignment" also says
 * how the tensors lie.  EINVAL: an unknown type, an array of arrays, a bad alignment. */
hl_status hl_gguf_writer_set(hl_gguf_writer *w, const hl_gguf_value *v, hl_error *err) HL_NODISCARD;
hl_status hl_gguf_writer_set_u32(hl_gguf_writer *w, const char *key, uint32_t u,
                                 hl_error *err) HL_NODISCARD;
hl_status hl_gguf_writer_set_f32(hl_gguf_writer *w, const char *key, float f,
                                 hl_error *err) HL_NODISCARD;
hl_status hl_gguf_writer_set_str(hl_gguf_writer *w, const char *key, hl_str s,
                                 hl_error *err) HL_NODISCARD;
/* All values of g but those that say how it was split over files. */
hl_status hl_gguf_writer_copy_values(hl_gguf_writer *w, const hl_gguf *g,
                                     hl_error *err) HL_NODISCARD;

/* Declares a tensor of t's name, type and dims; t->data is not looked at.
 * EINVAL: an unknown type, an empty dimension, a row that is no multiple of the type's block, a
 * name that is there already. */
hl_status hl_gguf_writer_add_tensor(hl_gguf_writer *w, const hl_gguf_tensor *t,
                                    hl_error *err) HL_NODISCARD;

/* What stands before the tensors' bytes, with the padding, appended to *ret. */
hl_status hl_gguf_writer_head(const hl_gguf_writer *w, hl_buf *ret, hl_error *err) HL_NODISCARD;

/* Begins the file; nothing can be declared any more. */
hl_status hl_gguf_writer_open(hl_gguf_writer *w, const char *path, hl_error *err) HL_NODISCARD;
/* The next bytes of the tensors, which may span several; padding is the writer's business.
 * EINVAL: more than was declared. */
hl_status hl_gguf_writer_write(hl_gguf_writer *w, hl_bytes data, hl_error *err) HL_NODISCARD;
/* Syncs and renames.  EINVAL: fewer bytes than were declared. */
hl_status hl_gguf_writer_commit(hl_gguf_writer *w, hl_error *err) HL_NODISCARD;
