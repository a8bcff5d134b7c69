/* store/registry_file.h
 *
 * A model of one file that some server has: https://HOST/…/NAME.gguf.  It is fetched as a blob is,
 * but nobody says its digest beforehand; the model is then made of it as of an uploaded one and is
 * called NAME.  Private to store/.
 */
#pragma once

#include "store/registry_link.h"

/* EINVAL: NAME can be no model's. */
hl_status hl__file_name(hl_str url, hl_name *ret, hl_error *err) HL_NODISCARD;
hl_status hl__file_pull(const hl_store *s, const hl_registry_ask *ask, hl_error *err) HL_NODISCARD;
