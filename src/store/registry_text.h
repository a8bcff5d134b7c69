/* store/registry_text.h — a text that a registry has, as a whole; private to store/. */
#pragma once

#include "store/registry_link.h"

/* Appends it to *ret, whose limit is the text's.  accept: a header.  A status that is no success
 * is an error in the registry's words; *ret_unreachable: nobody is there. */
hl_status hl__fetch_text(hl__link *l, const char *url, const char *accept, hl_buf *ret,
                         bool *ret_unreachable, hl_error *err) HL_NODISCARD;
