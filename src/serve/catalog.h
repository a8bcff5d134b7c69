/* serve/catalog.h
 *
 * The models that have names: found where serve/resolve.h looks, described from their files'
 * metadata, remembered until a file changes.  Paths are no names here: what comes over the network
 * must not open any file it likes.
 *
 * A name may have a tag and the prefixes registry.ollama.ai/ and library/; its letters' case does
 * not matter.
 *
 * Ownership: entries belong to the catalog and live until its next call.
 * Errors: EINVAL (no name), ENOTFOUND, and those of reading the file.
 * Threads: one at a time.
 */
#pragma once

#include "serve/client.h"
#include "serve/package.h"
#include "serve/resolve.h"

typedef struct hl_catalog hl_catalog;

typedef struct hl_catalog_entry {
    char name[HL_MODEL_NAME_MAX + 8]; /* with its tag: "tiny:latest" */
    char path[HL_MODEL_PATH_MAX];
    int64_t modified_ns; /* since 1970 */
    uint64_t bytes;
    char digest[65];    /* stands for path, size and time, not for the content */
    hl_model_info info; /* without arrays */
    hl_package *package;
} hl_catalog_entry;

hl_status hl_catalog_open(hl_catalog **ret, hl_error *err) HL_NODISCARD;
void hl_catalog_close(hl_catalog *c); /* accepts NULL */
hl_status hl_catalog_find(hl_catalog *c, hl_str name, const hl_catalog_entry **ret,
                          hl_error *err) HL_NODISCARD;
/* At most cap, newest first; files that cannot be read are left out. */
size_t hl_catalog_list(hl_catalog *c, const hl_catalog_entry **ret, size_t cap);
/* The same file's description with the arrays of its metadata; *ret is the caller's. */
hl_status hl_catalog_details(const hl_catalog_entry *e, hl_model_info *ret,
                             hl_error *err) HL_NODISCARD;
