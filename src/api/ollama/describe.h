/* api/ollama/describe.h — what several routes say of a model; private to api/ollama/. */
#pragma once

#include "api/visit.h"

/* {"name":…,"model":…      the rest is the caller's */
void hl__append_names(const hl_catalog_entry *e, hl_buf *out);
/* sizes: with context_length and embedding_length. */
void hl__append_details(const hl_catalog_entry *e, bool sizes, hl_buf *out);
void hl__append_capabilities(const hl_catalog_entry *e, hl_buf *out);
void hl__append_time(const char *key, int64_t wall_ns, hl_buf *out);
