/* store/catalog_db.h
 *
 * What is worth remembering of models from one start to the next: an index of what their files say
 * of themselves, how often they were used, what was measured.  A SQLite file with a write-ahead
 * log in the user's own directory, never beside the models, which may be Ollama's.
 *
 * Nothing depends on it: the index can be read again, the rest may be lost.  A file that is damaged
 * is put aside and another begun; one that a newer version has made is left alone, and nothing is
 * remembered.  So whoever uses it falls back on doing without, and says a word.
 *
 * Ownership: texts are copied.
 * Errors: ENOTFOUND (nothing is known), EIO (the file, the disk, somebody else for too long).
 * Threads: one at a time; other processes may use the same file.
 */
#pragma once

#include "base/buf.h"
#include "store/digest.h"

typedef struct hl_catalog_db hl_catalog_db;

/* ~/.hyperllama/catalog.db; false: no home. */
bool hl_catalog_db_path(char *out, size_t cap);

/* Made when it is missing, with its directory; brought to this version when it is older. */
hl_status hl_catalog_db_open(const char *path, hl_catalog_db **ret, hl_error *err) HL_NODISCARD;
void hl_catalog_db_close(hl_catalog_db *db); /* accepts NULL */
/* What was wrong with the file when it was opened; "": nothing. */
const char *hl_catalog_db_word(const hl_catalog_db *db);

/* A text about the file of this hash, appended to *ret.  format: its layout; a text of another one
 * counts as none. */
hl_status hl_catalog_db_file(hl_catalog_db *db, const hl_digest *digest, int64_t format,
                             hl_buf *ret, hl_error *err) HL_NODISCARD;
hl_status hl_catalog_db_set_file(hl_catalog_db *db, const hl_digest *digest, int64_t format,
                                 hl_str description, hl_error *err) HL_NODISCARD;

typedef struct hl_model_use {
    uint64_t n;
    int64_t last_s; /* since 1970 */
} hl_model_use;

hl_status hl_catalog_db_note_use(hl_catalog_db *db, hl_str name, int64_t now_s,
                                 hl_error *err) HL_NODISCARD;
hl_status hl_catalog_db_use(hl_catalog_db *db, hl_str name, hl_model_use *ret,
                            hl_error *err) HL_NODISCARD;

/* A result, as JSON. */
hl_status hl_catalog_db_add_measurement(hl_catalog_db *db, hl_str name, int64_t now_s,
                                        hl_str result, hl_error *err) HL_NODISCARD;
/* The newest first; a status below 0 from each ends this and is returned. */
typedef hl_status hl_measurement_fn(void *arg, int64_t at_s, hl_str result, hl_error *err);
hl_status hl_catalog_db_measurements(hl_catalog_db *db, hl_str name, hl_measurement_fn *each,
                                     void *arg, hl_error *err) HL_NODISCARD;
