/* store/names.h
 *
 * What models are called: [HOST/][NAMESPACE/]MODEL[:TAG].  What is left out is registry.ollama.ai,
 * library and latest.  A name is also a path below manifests/, so its parts hold nothing
 * that a path could be made of: letters, digits, '_', '-' and '.' (a part begins with a letter, a
 * digit or '_'; namespaces have no '.'; a host may have ":PORT").
 *
 * Letters' case does not tell names apart, but is kept as it was first written.
 *
 * Errors: EINVAL, "invalid model name".   Threads: pure.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

enum { HL_NAME_HOST_MAX = 350, HL_NAME_PART_MAX = 80, HL_NAME_PARTS = 4 };
/* A whole name or its path, with the NUL. */
enum { HL_NAME_TEXT_MAX = HL_NAME_HOST_MAX + 3 * HL_NAME_PART_MAX + 4 };

typedef struct hl_name {
    char host[HL_NAME_HOST_MAX + 1];
    char space[HL_NAME_PART_MAX + 1];
    char model[HL_NAME_PART_MAX + 1];
    char tag[HL_NAME_PART_MAX + 1];
} hl_name;

/* Also takes "https://" before it and "@sha256:…" behind it, which say nothing here. */
hl_status hl_name_parse(hl_str text, hl_name *ret, hl_error *err) HL_NODISCARD;
/* As it is shown: without the defaults of host and namespace, always with the tag. */
void hl_name_text(const hl_name *n, char ret[HL_NAME_TEXT_MAX]);
/* HOST/NAMESPACE/MODEL:TAG */
void hl_name_full_text(const hl_name *n, char ret[HL_NAME_TEXT_MAX]);
/* HOST/NAMESPACE/MODEL/TAG */
void hl_name_path(const hl_name *n, char ret[HL_NAME_TEXT_MAX]);
/* From those four parts, as a directory tree has them; false: one of them can be none. */
bool hl_name_from_parts(const char *const parts[HL_NAME_PARTS], hl_name *ret);
/* Part 0 to 3: host, namespace, model, tag. */
char *hl_name_part(hl_name *n, size_t i);
const char *hl_name_part_of(const hl_name *n, size_t i);
/* Equal but for the case of letters. */
bool hl_name_same(const hl_name *a, const hl_name *b);
/* Names that mean a model of Ollama's cloud: the tag is "cloud" or ends in "-cloud". */
bool hl_name_is_cloud(const hl_name *n);
