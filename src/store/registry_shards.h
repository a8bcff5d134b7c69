/* store/registry_shards.h
 *
 * Models whose file is in several parts: Hugging Face's registry gives none of those, and says so.
 * Its own API has the files and their hashes; they are fetched as blobs are and joined as uploaded
 * parts are (store/create.h).
 *
 *     ORIGIN/api/models/NAMESPACE/MODEL/tree/main?recursive=true   → store/registry_tree.h
 *     ORIGIN/NAMESPACE/MODEL/resolve/main/PATH                     the bytes
 *
 * The parts stay as blobs that nothing names until they are an hour old.  Private to store/.
 */
#pragma once

#include "store/registry_link.h"

/* Whether a manifest was refused because there are parts. */
bool hl__shards_are_meant(hl_status st, const hl_error *err);
/* Nothing is fetched when the model is here and was made of the same parts. */
hl_status hl__shards_pull(hl__link *l, const hl_store *s, hl_error *err) HL_NODISCARD;
