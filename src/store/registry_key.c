#include "store/registry_key.h"

#include "base/dir.h"
#include "base/file_rw.h"
#include "base/fs.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 16 << 10, PATH_CHARS = 4096, LINE_CHARS = 70, SIGNATURE_BYTES = 64 };

static const char MAGIC[] = "openssh-key-v1"; /* with its NUL */
static const char TYPE[] = "ssh-ed25519";
static const char BEGIN[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char END[] = "-----END OPENSSH PRIVATE KEY-----";

/* -- base64 ------------------------------------------------------------------------------------ */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hl__base64_append(hl_buf *out, hl_bytes data) {
    for (size_t i = 0; i < data.len; i += 3) {
        size_t left = data.len - i;
        unsigned v = (unsigned)data.ptr[i] << 16;
        if (left > 1) v |= (unsigned)data.ptr[i + 1] << 8;
        if (left > 2) v |= data.ptr[i + 2];
        hl_buf_append_char(out, ALPHABET[v >> 18]);
        hl_buf_append_char(out, ALPHABET[v >> 12 & 63]);
        hl_buf_append_char(out, left > 1 ? ALPHABET[v >> 6 & 63] : '=');
        hl_buf_append_char(out, left > 2 ? ALPHABET[v & 63] : '=');
    }
}

/* Line ends and padding are passed over; false: another character. */
static bool append_decoded(hl_buf *out, hl_str text) {
    unsigned v = 0, bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r' || c == '=') continue;
        const char *at = c ? strchr(ALPHABET, c) : NULL;
        if (!at) return false;
        v = (v << 6 | (unsigned)(at - ALPHABET)) & 0xffffff;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        hl_buf_append_char(out, (char)(v >> bits & 0xff));
    }
    return out->failed >= 0;
}

/* -- the file's parts -------------------------------------------------------------------------- */

static bool read_u32(hl_bytes *in, uint32_t *ret) {
    if (in->len < 4) return false;
    *ret = (uint32_t)in->ptr[0] << 24 | (uint32_t)in->ptr[1] << 16 | (uint32_t)in->ptr[2] << 8 |
           in->ptr[3];
    *in = (hl_bytes){in->ptr + 4, in->len - 4};
    return true;
}

static bool read_string(hl_bytes *in, hl_bytes *ret) {
    uint32_t len;
    if (!read_u32(in, &len) || len > in->len) return false;
    *ret = (hl_bytes){in->ptr, len};
    *in = (hl_bytes){in->ptr + len, in->len - len};
    return true;
}

static bool read_text(hl_bytes *in, const char *want) {
    hl_bytes s;
    return read_string(in, &s) && s.len == strlen(want) && memcmp(s.ptr, want, s.len) == 0;
}

static void put_u32(hl_buf *out, uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) hl_buf_append_char(out, (char)(v >> shift & 0xff));
}

static void put_string(hl_buf *out, const void *data, size_t len) {
    put_u32(out, (uint32_t)len);
    hl_buf_append(out, data, len);
}

static void put_public(hl_buf *out, const hl__key *k) {
    put_string(out, TYPE, sizeof TYPE - 1);
    put_string(out, k->public, sizeof k->public);
}

/* Two equal numbers, the type, the public half, then the seed with the public half behind it. */
static bool read_secret(hl_bytes in, hl__key *ret) {
    uint32_t a, b;
    hl_bytes public, secret;
    if (!read_u32(&in, &a) || !read_u32(&in, &b) || a != b || !read_text(&in, TYPE) ||
        !read_string(&in, &public) || !read_string(&in, &secret) ||
        public.len != HL__KEY_PUBLIC_BYTES ||
        secret.len != HL__KEY_SEED_BYTES + HL__KEY_PUBLIC_BYTES ||
        memcmp(public.ptr, secret.ptr + HL__KEY_SEED_BYTES, public.len) != 0)
        return false;
    memcpy(ret->public, public.ptr, public.len);
    memcpy(ret->seed, secret.ptr, HL__KEY_SEED_BYTES);
    return true;
}

static bool is_public_of(hl_bytes in, const hl__key *k) {
    hl_bytes key;
    return read_text(&in, TYPE) && read_string(&in, &key) && key.len == sizeof k->public &&
           memcmp(key.ptr, k->public, key.len) == 0;
}

static hl_status read_file(hl_bytes in, hl__key *ret, hl_error *err) {
    hl_bytes public, secret;
    uint32_t n;
    bool ok = in.len > sizeof MAGIC && memcmp(in.ptr, MAGIC, sizeof MAGIC) == 0;
    if (ok) in = (hl_bytes){in.ptr + sizeof MAGIC, in.len - sizeof MAGIC};
    if (ok && !read_text(&in, "none"))
        return hl_fail(err, HL_EFORMAT, "key", "a key with a passphrase cannot be used");
    if (!ok || !read_text(&in, "none") || !read_text(&in, "") || !read_u32(&in, &n) || n != 1 ||
        !read_string(&in, &public) || !read_string(&in, &secret) || !read_secret(secret, ret) ||
        !is_public_of(public, ret))
        return hl_fail(err, HL_EFORMAT, "key", "no Ed25519 key in OpenSSH's format");
    return HL_OK;
}

hl_status hl__key_parse(hl_str text, hl__key *ret, hl_error *err) {
    hl_buf raw;
    size_t from = hl_str_find(text, hl_str_from(BEGIN), 0);
    size_t to = hl_str_find(text, hl_str_from(END), 0);
    if (from == SIZE_MAX || to == SIZE_MAX || to < from)
        return hl_fail(err, HL_EFORMAT, "key", "no private key in OpenSSH's format");
    hl_buf_init(&raw, FILE_BYTES_MAX);
    hl_status st = HL_OK;
    if (!append_decoded(&raw, hl_str_slice(text, from + sizeof BEGIN - 1, to)))
        st = hl_fail(err, HL_EFORMAT, "key", "the private key is no base64");
    if (st >= 0) st = read_file((hl_bytes){(const uint8_t *)raw.ptr, raw.len}, ret, err);
    if (raw.ptr) OPENSSL_cleanse(raw.ptr, raw.len);
    hl_buf_deinit(&raw);
    return st;
}

static void put_secret(hl_buf *out, const hl__key *k) {
    uint8_t both[HL__KEY_SEED_BYTES + HL__KEY_PUBLIC_BYTES];
    uint32_t check = (uint32_t)k->public[0] << 8 | k->public[1]; /* tells a wrong passphrase */
    size_t begin = out->len;
    memcpy(both, k->seed, HL__KEY_SEED_BYTES);
    memcpy(both + HL__KEY_SEED_BYTES, k->public, HL__KEY_PUBLIC_BYTES);
    put_u32(out, check);
    put_u32(out, check);
    put_public(out, k);
    put_string(out, both, sizeof both);
    put_string(out, "", 0);
    for (char pad = 1; (out->len - begin) % 8 != 0; pad++) hl_buf_append_char(out, pad);
    OPENSSL_cleanse(both, sizeof both);
}

void hl__key_print(const hl__key *k, hl_buf *out) {
    hl_buf raw, part, text;
    hl_buf_init(&raw, 0);
    hl_buf_init(&part, 0);
    hl_buf_init(&text, 0);
    hl_buf_append(&raw, MAGIC, sizeof MAGIC);
    put_string(&raw, "none", 4);
    put_string(&raw, "none", 4);
    put_string(&raw, "", 0);
    put_u32(&raw, 1);
    put_public(&part, k);
    put_string(&raw, part.ptr, part.len);
    hl_buf_reset(&part);
    put_secret(&part, k);
    put_string(&raw, part.ptr, part.len);
    hl__base64_append(&text, (hl_bytes){(const uint8_t *)raw.ptr, raw.len});
    hl_buf_printf(out, "%s\n", BEGIN);
    for (size_t at = 0; at < text.len; at += LINE_CHARS) {
        hl_buf_append_str(out, hl_str_slice(hl_buf_str(&text), at, at + LINE_CHARS));
        hl_buf_append_char(out, '\n');
    }
    hl_buf_printf(out, "%s\n", END);
    hl_buf_deinit(&raw);
    hl_buf_deinit(&part);
    hl_buf_deinit(&text);
}

static void append_public(hl_buf *out, const hl__key *k) {
    hl_buf blob;
    hl_buf_init(&blob, 0);
    put_public(&blob, k);
    hl__base64_append(out, (hl_bytes){(const uint8_t *)blob.ptr, blob.len});
    hl_buf_deinit(&blob);
}

void hl__key_print_public(const hl__key *k, hl_buf *out) {
    hl_buf_printf(out, "%s ", TYPE);
    append_public(out, k);
    hl_buf_append_char(out, '\n');
}

/* -- making and signing ------------------------------------------------------------------------ */

static hl_status fail_crypto(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "key", "the system's library cannot make Ed25519 keys");
}

hl_status hl__key_make(hl__key *ret, hl_error *err) {
    size_t len = sizeof ret->public;
    if (RAND_priv_bytes(ret->seed, (int)sizeof ret->seed) != 1) return fail_crypto(err);
    EVP_PKEY *p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, ret->seed, sizeof ret->seed);
    bool ok = p && EVP_PKEY_get_raw_public_key(p, ret->public, &len) == 1;
    EVP_PKEY_free(p);
    return ok ? HL_OK : fail_crypto(err);
}

static bool sign(const hl__key *k, hl_str text, uint8_t ret[SIGNATURE_BYTES]) {
    size_t len = SIGNATURE_BYTES;
    EVP_PKEY *p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof k->seed);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = p && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, p) == 1 &&
              EVP_DigestSign(ctx, ret, &len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(p);
    return ok;
}

hl_status hl__key_sign(const hl__key *k, hl_str text, hl_buf *out, hl_error *err) {
    uint8_t signature[SIGNATURE_BYTES];
    if (!sign(k, text, signature)) return fail_crypto(err);
    append_public(out, k);
    hl_buf_append_char(out, ':');
    hl__base64_append(out, (hl_bytes){signature, sizeof signature});
    return hl_buf_status(out, "the signature", err);
}

/* -- where it is ------------------------------------------------------------------------------- */

static hl_status load_from(const char *path, hl__key *ret, hl_error *err) {
    hl_buf text;
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(path, FILE_BYTES_MAX, &text, err);
    if (st >= 0) {
        st = hl__key_parse(hl_buf_str(&text), ret, err);
        if (st < 0) hl_error_prefix(err, "%s", path);
    }
    if (text.ptr) OPENSSL_cleanse(text.ptr, text.len);
    hl_buf_deinit(&text);
    return st;
}

static hl_status save(const hl__key *k, const char *path, hl_error *err) {
    char public_path[PATH_CHARS + 32];
    hl_buf text;
    hl_buf_init(&text, 0);
    hl__key_print(k, &text);
    hl_status st = hl_buf_status(&text, "the key", err);
    if (st >= 0)
        st = hl_file_make_secret(path, (hl_bytes){(const uint8_t *)text.ptr, text.len}, err);
    bool made = st == HL_OK; /* else another process was quicker */
    if (text.ptr) OPENSSL_cleanse(text.ptr, text.len);
    hl_buf_reset(&text);
    if (made) {
        snprintf(public_path, sizeof public_path, "%s.pub", path);
        hl__key_print_public(k, &text);
        st = hl_file_write(public_path, (hl_bytes){(const uint8_t *)text.ptr, text.len}, err);
    }
    hl_buf_deinit(&text);
    return st;
}

hl_status hl__key_load(hl__key *ret, hl_error *err) {
    char path[PATH_CHARS + 16], dir[PATH_CHARS];
    const char *home = getenv("HOME");
    if (!home || !home[0] || strlen(home) > PATH_CHARS - 64)
        return hl_fail(err, HL_ENOTFOUND, "key", "there is no home directory for a key");
    snprintf(path, sizeof path, "%s/.ollama/id_ed25519", home);
    if (hl_path_is_file(path) && load_from(path, ret, NULL) >= 0) return HL_OK;
    snprintf(dir, sizeof dir, "%s/.hyperllama", home);
    snprintf(path, sizeof path, "%s/id_ed25519", dir);
    if (!hl_path_is_file(path)) {
        HL_TRY(hl_dir_make_all(dir, err));
        HL_TRY(hl__key_make(ret, err));
        HL_TRY(save(ret, path, err));
    }
    return load_from(path, ret, err);
}
