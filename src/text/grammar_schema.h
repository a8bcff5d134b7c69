/* text/grammar_schema.h
 *
 * JSON Schema: which keywords there are, and how two schemas become one.
 * Private to text/grammar_schema*.c.   Threads: one at a time.
 */
#pragma once

#include "text/grammar_nfa.h"

enum {
    HL__MERGED_MAX = 2000,
    HL__MERGE_WORK_MAX = 500 * 1000, /* members that merging copies or compares */
    HL__REF_DEPTH_MAX = 64
};

typedef struct hl__schema {
    hl__nfa *b;
    struct json_object *root;    /* borrowed */
    struct json_object **merged; /* [n_merged] owned: schemas made on the way, kept to the end */
    uint32_t n_merged;
    uint64_t merge_work;
    hl_buf path; /* of the schema in hand, "#/properties/name" */
    hl_error *err;
} hl__schema;

static inline struct json_object *hl__schema_get(struct json_object *schema, const char *key) {
    struct json_object *value = NULL;
    return json_object_is_type(schema, json_type_object) &&
                   json_object_object_get_ex(schema, key, &value)
               ? value
               : NULL;
}
bool hl__schema_has(struct json_object *schema, const char *key);

/* "WHAT at PATH". */
#define hl__schema_fail(...) hl__negative(hl__schema_failed(__VA_ARGS__))
hl_status hl__schema_failed(hl__schema *s, hl_status st, const char *fmt, ...) HL_PRINTF(3, 4);
/* EUNSUPPORTED names the first keyword that is not known. */
hl_status hl__schema_check_keywords(hl__schema *s, struct json_object *schema) HL_NODISCARD;
/* Whether there is a keyword that says something of the value, other than those listed. */
bool hl__schema_asserts_more(struct json_object *schema, const char *const *than, size_t n);
/* What "#", "#/…" points to; *ret is borrowed. */
hl_status hl__schema_resolve(hl__schema *s, struct json_object *ref,
                             struct json_object **ret) HL_NODISCARD;
/* The schema of what satisfies both, without `skip` (may be NULL) of a.  *ret is kept by s. */
hl_status hl__schema_merge(hl__schema *s, struct json_object *a, const char *skip,
                           struct json_object *b, struct json_object **ret) HL_NODISCARD;
