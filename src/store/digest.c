#include "store/digest.h"

#include "base/fs.h"
#include "base/mem.h"

#include <openssl/evp.h>

enum { FILE_CHUNK = 4 << 20 };

struct hl_sha256 {
    EVP_MD_CTX *ctx;
};

bool hl_digest_parse(hl_str text, hl_digest *ret) {
    static const char prefix[] = "sha256";
    size_t n = sizeof prefix - 1;
    if (text.len != n + 1 + HL_DIGEST_HEX || memcmp(text.ptr, prefix, n) != 0) return false;
    if (text.ptr[n] != ':' && text.ptr[n] != '-') return false;
    memcpy(ret->text, "sha256:", n + 1);
    for (size_t i = n + 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (c >= 'A' && c <= 'F') c = (char)(c - 'A' + 'a');
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
        ret->text[i] = c;
    }
    ret->text[text.len] = '\0';
    return true;
}

hl_status hl_sha256_create(hl_sha256 **ret, hl_error *err) {
    hl_sha256 *h = hl_calloc(1, sizeof *h);
    if (h) h->ctx = EVP_MD_CTX_new();
    if (!h || !h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
        hl_sha256_destroy(h);
        return hl_fail(err, HL_ENOMEM, "digest", "no memory for a hash");
    }
    *ret = h;
    return HL_OK;
}

void hl_sha256_destroy(hl_sha256 *h) {
    if (!h) return;
    EVP_MD_CTX_free(h->ctx);
    hl_free(h);
}

void hl_sha256_update(hl_sha256 *h, hl_bytes data) {
    int ok = EVP_DigestUpdate(h->ctx, data.ptr, data.len);
    HL_ASSERT(ok == 1); /* SHA-256 in memory cannot fail */
}

void hl_sha256_finish(hl_sha256 *h, uint8_t ret[HL_SHA256_BYTES]) {
    unsigned len = 0;
    int ok = EVP_DigestFinal_ex(h->ctx, ret, &len);
    HL_ASSERT(ok == 1 && len == HL_SHA256_BYTES);
}

void hl_sha256_finish_digest(hl_sha256 *h, hl_digest *ret) {
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[HL_SHA256_BYTES];
    hl_sha256_finish(h, raw);
    memcpy(ret->text, "sha256:", 7);
    for (size_t i = 0; i < sizeof raw; i++) {
        ret->text[7 + 2 * i] = digits[raw[i] >> 4];
        ret->text[8 + 2 * i] = digits[raw[i] & 15];
    }
    ret->text[sizeof ret->text - 1] = '\0';
}

hl_status hl_digest_of(hl_bytes data, hl_digest *ret, hl_error *err) {
    hl_sha256 *h;
    HL_TRY(hl_sha256_create(&h, err));
    hl_sha256_update(h, data);
    hl_sha256_finish_digest(h, ret);
    hl_sha256_destroy(h);
    return HL_OK;
}

/* In pieces whose pages go again: a file larger than the memory is no trouble. */
hl_status hl_digest_of_file(const char *path, hl_digest *ret, hl_error *err) {
    hl_file_map map;
    hl_sha256 *h;
    HL_TRY(hl_file_map_open(path, &map, err));
    hl_status st = hl_sha256_create(&h, err);
    if (st >= 0) {
        for (size_t at = 0; at < map.bytes.len; at += FILE_CHUNK) {
            size_t n = map.bytes.len - at < FILE_CHUNK ? map.bytes.len - at : FILE_CHUNK;
            hl_sha256_update(h, (hl_bytes){map.bytes.ptr + at, n});
            hl_file_map_forget(&map, at, n);
        }
        hl_sha256_finish_digest(h, ret);
        hl_sha256_destroy(h);
    }
    hl_file_map_close(&map);
    return st;
}
