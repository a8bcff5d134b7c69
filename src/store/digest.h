/* store/digest.h
 *
 * SHA-256 by OpenSSL's libcrypto, and its text form, by which the store names everything.
 *
 * Errors: ENOMEM; those of reading the file.
 * Threads: a running hash one at a time, the rest any.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

enum { HL_SHA256_BYTES = 32, HL_DIGEST_HEX = 2 * HL_SHA256_BYTES };

/* "sha256:" and 64 hexadecimal digits in small letters. */
typedef struct hl_digest {
    char text[7 + HL_DIGEST_HEX + 1];
} hl_digest;

/* Takes "sha256:HEX" and "sha256-HEX"; false: neither. */
bool hl_digest_parse(hl_str text, hl_digest *ret);
/* The 64 digits alone. */
static inline const char *hl_digest_hex(const hl_digest *d) {
    return d->text + 7;
}

typedef struct hl_sha256 hl_sha256;

hl_status hl_sha256_create(hl_sha256 **ret, hl_error *err) HL_NODISCARD;
void hl_sha256_destroy(hl_sha256 *h); /* accepts NULL */
void hl_sha256_update(hl_sha256 *h, hl_bytes data);
/* Once, the last. */
void hl_sha256_finish(hl_sha256 *h, uint8_t ret[HL_SHA256_BYTES]);
void hl_sha256_finish_digest(hl_sha256 *h, hl_digest *ret);

hl_status hl_digest_of(hl_bytes data, hl_digest *ret, hl_error *err) HL_NODISCARD;
hl_status hl_digest_of_file(const char *path, hl_digest *ret, hl_error *err) HL_NODISCARD;
