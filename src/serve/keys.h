/* serve/keys.h
 *
 * API keys in auth.db: a SQLite file of mode 0600 with the SHA-256 of each key, never the key.
 * A key is "hl-" and 43 letters and digits of 256 random bits, so that a plain hash is enough.
 *
 * Ownership: texts in hl_key are its own.
 * Errors: EINVAL (a name that is none, or is taken), ENOTFOUND, EIO (unreadable, or open to other
 * users, or damaged), ENOMEM.
 * Threads: one at a time; other processes may use the same file.
 */
#pragma once

#include "base/buf.h"
#include "store/digest.h"

enum { HL_KEY_TEXT_MAX = 48, HL_KEY_NAME_MAX = 64, HL_KEYS_MAX = 10000 };

typedef struct hl_keys hl_keys;

typedef struct hl_key_limits {
    uint32_t per_minute, at_once; /* requests; 0: no limit of its own */
} hl_key_limits;

typedef struct hl_key {
    int64_t id; /* above 0 */
    char name[HL_KEY_NAME_MAX + 1];
    char start[8]; /* its first letters, to know it by */
    uint8_t hash[HL_SHA256_BYTES];
    int64_t created_s, revoked_s; /* since 1970; revoked 0: it is good */
    hl_key_limits limits;
} hl_key;

/* ~/.hyperllama/auth.db; false: no home. */
bool hl_keys_path(char *out, size_t cap);

/* Makes the file when it is missing and `make` says so; else *ret is NULL then. */
hl_status hl_keys_open(const char *path, bool make, hl_keys **ret, hl_error *err) HL_NODISCARD;
void hl_keys_close(hl_keys *k); /* accepts NULL */

/* name: 1 … 64 letters, digits, '.', '_', '-'.  The key itself is told this once. */
hl_status hl_keys_create(hl_keys *k, hl_str name, hl_key_limits limits,
                         char ret_text[HL_KEY_TEXT_MAX], hl_error *err) HL_NODISCARD;
/* By name. */
hl_status hl_keys_revoke(hl_keys *k, hl_str name, hl_error *err) HL_NODISCARD;

/* All, oldest first; *ret is owned, hl_free. */
hl_status hl_keys_list(hl_keys *k, hl_key **ret, size_t *ret_n, hl_error *err) HL_NODISCARD;
/* A number that changes when another process has changed the file. */
hl_status hl_keys_version(hl_keys *k, int64_t *ret, hl_error *err) HL_NODISCARD;

/* False: there is no memory for it. */
bool hl_key_hash(hl_str text, uint8_t ret[HL_SHA256_BYTES]) HL_NODISCARD;
