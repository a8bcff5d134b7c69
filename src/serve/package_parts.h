/* serve/package_parts.h — a package in the making; private to package*.c. */
#pragma once

#include "serve/package.h"

/* What the manifest's layers put over the weights; sets p->path, too. */
hl_status hl__package_read_layers(hl_package *p, const hl_store *s, const hl_manifest *m,
                                  hl_error *err) HL_NODISCARD;
/* A copy in the package's arena; ENOMEM and ELIMIT. */
hl_status hl__package_text(hl_package *p, hl_str text, hl_str *ret, hl_error *err) HL_NODISCARD;
