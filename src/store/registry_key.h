/* store/registry_key.h
 *
 * The Ed25519 key by which registries know this machine's user: ~/.ollama/id_ed25519 when Ollama
 * has made one, so that both programs are the same user, else ~/.hyperllama/id_ed25519, which
 * is made (0600, with its public half in id_ed25519.pub) when it is first needed.
 *
 * Source: OpenSSH's PROTOCOL.key (the file), RFC 8709 (ssh-ed25519), RFC 8032 (the signature).
 * Errors: ENOTFOUND (no home), EFORMAT (a file that is no such key, or has a passphrase), EIO,
 * ENOMEM.
 * Threads: pure but for the file.
 */
#pragma once

#include "base/buf.h"

enum { HL__KEY_SEED_BYTES = 32, HL__KEY_PUBLIC_BYTES = 32 };

typedef struct hl__key {
    uint8_t seed[HL__KEY_SEED_BYTES]; /* secret */
    uint8_t public[HL__KEY_PUBLIC_BYTES];
} hl__key;

hl_status hl__key_load(hl__key *ret, hl_error *err) HL_NODISCARD;
hl_status hl__key_make(hl__key *ret, hl_error *err) HL_NODISCARD;
/* The text of a private key file. */
hl_status hl__key_parse(hl_str text, hl__key *ret, hl_error *err) HL_NODISCARD;
void hl__key_print(const hl__key *k, hl_buf *out);
/* "ssh-ed25519 BASE64": the public half's file. */
void hl__key_print_public(const hl__key *k, hl_buf *out);
/* Appends BASE64-OF-PUBLIC:BASE64-OF-SIGNATURE, what Ollama's registry takes for Authorization. */
hl_status hl__key_sign(const hl__key *k, hl_str text, hl_buf *out, hl_error *err) HL_NODISCARD;

void hl__base64_append(hl_buf *out, hl_bytes data);
