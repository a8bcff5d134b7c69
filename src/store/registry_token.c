#include "store/registry_token.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/registry_key.h"

#include <stdio.h>

enum { TOKEN_BYTES_MAX = 64 << 10, NONCE_BYTES = 16, NS_PER_S = 1000000000 };

void hl__token_url(const hl__challenge *c, int64_t now_s, hl_str nonce, hl_buf *ret) {
    char ts[32];
    hl_str scope = hl_str_from(c->scope);
    snprintf(ts, sizeof ts, "%lld", (long long)now_s);
    hl_buf_append_cstr(ret, c->realm);
    hl_url_add(ret, "nonce", nonce);
    for (size_t at = 0; at < scope.len;) {
        size_t end = hl_str_find(scope, HL_STR(" "), at);
        hl_str word = hl_str_slice(scope, at, end);
        if (word.len > 0) hl_url_add(ret, "scope", word);
        at = end == SIZE_MAX ? scope.len : end + 1;
    }
    hl_url_add(ret, "service", hl_str_from(c->service));
    hl_url_add(ret, "ts", hl_str_from(ts));
}

/* The text that is signed ends with the base64 of the hexadecimal SHA-256 of the empty body. */
static hl_status append_signature(const char *url, hl_buf *ret, hl_error *err) {
    hl__key key;
    hl_digest empty;
    hl_buf text;
    HL_TRY(hl__key_load(&key, err));
    HL_TRY(hl_digest_of((hl_bytes){(const uint8_t *)"", 0}, &empty, err));
    hl_buf_init(&text, 0);
    hl_buf_printf(&text, "GET,%s,", url);
    hl__base64_append(&text, (hl_bytes){(const uint8_t *)hl_digest_hex(&empty), HL_DIGEST_HEX});
    hl_status st = hl_buf_status(&text, "the token's request", err);
    if (st >= 0) st = hl__key_sign(&key, hl_buf_str(&text), ret, err);
    hl_buf_deinit(&text);
    memset(&key, 0, sizeof key);
    return st;
}

static hl_status take(hl_http_task *t, hl_bytes piece) {
    hl_buf *body = t->arg;
    hl_buf_append(body, piece.ptr, piece.len);
    return hl_buf_status(body, "the registry's token", &t->error);
}

static void reset(void *arg) {
    hl_buf_reset(arg);
}

/* What could end a header's line is in no token. */
static bool is_token(hl_str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || (unsigned char)s.ptr[i] >= 0x7f) return false;
    return s.len > 0;
}

static hl_status read_token(hl_str body, hl_buf *ret_header, hl_error *err) {
    struct json_object *o = NULL, *v = NULL;
    hl_str token = {"", 0};
    if (hl_json_parse(body, &o, NULL) >= 0 && json_object_is_type(o, json_type_object) &&
        (json_object_object_get_ex(o, "token", &v) ||
         json_object_object_get_ex(o, "access_token", &v)) &&
        json_object_is_type(v, json_type_string))
        token = (hl_str){json_object_get_string(v), (size_t)json_object_get_string_len(v)};
    hl_status st = HL_OK;
    if (is_token(token)) {
        hl_buf_reset(ret_header);
        hl_buf_append_cstr(ret_header, "Authorization: Bearer ");
        hl_buf_append_str(ret_header, token);
        st = hl_buf_status(ret_header, "the registry's token", err);
    } else {
        st = hl_fail(err, HL_EFORMAT, "registry", "the registry's token is none");
    }
    json_object_put(o);
    return st;
}

static hl_status ask_for(hl__link *l, const char *url, hl_str signature, hl_error *err) {
    hl_buf header, body;
    hl__reply reply;
    hl_buf_init(&header, 0);
    hl_buf_init(&body, TOKEN_BYTES_MAX);
    hl_buf_append_cstr(&header, "Authorization: ");
    hl_buf_append_str(&header, signature);
    hl__request r = {.method = "GET",
                     .url = url,
                     .headers = {header.ptr},
                     .stay = true, /* the signature is for this host */
                     .no_token = true,
                     .take = take,
                     .reset = reset,
                     .arg = &body};
    hl_status st = hl_buf_status(&header, "the token's request", err);
    if (st >= 0) {
        st = hl__link_ask(l, &r, &reply, err);
        if (st >= 0) {
            if (reply.http >= 200 && reply.http < 300)
                st = read_token(hl_buf_str(&body), &l->bearer, err);
            else
                st = hl_fail(err, HL_EINVAL, "registry", "unauthorized: %.200s",
                             reply.error.text[0] ? reply.error.text : "no token");
            hl__reply_deinit(&reply);
        }
    }
    hl_buf_deinit(&header);
    hl_buf_deinit(&body);
    return st;
}

hl_status hl__token_get(hl__link *l, const hl__challenge *c, hl_error *err) {
    char origin[HL_URL_ORIGIN_MAX], nonce[2 * NONCE_BYTES + 1];
    hl_buf url, signature;
    if (hl_url_origin(c->realm, origin, NULL) < 0 || strcmp(origin, l->origin) != 0)
        return hl_fail(err, HL_EINVAL, "registry",
                       "the registry %.100s wants tokens of another host, \"%.100s\": refused",
                       l->origin, c->realm);
    for (size_t i = 0; i < sizeof nonce - 1; i++)
        nonce[i] = "0123456789abcdef"[hl_rng_below(&l->rng, 16)];
    nonce[sizeof nonce - 1] = '\0';
    hl_buf_init(&url, 0);
    hl_buf_init(&signature, 0);
    hl__token_url(c, hl_clock_wall_ns() / NS_PER_S, hl_str_from(nonce), &url);
    hl_buf_reset(&l->bearer); /* an old one is of no use to the next request */
    hl_status st = hl_buf_status(&url, "the token's request", err);
    if (st >= 0) st = append_signature(url.ptr, &signature, err);
    if (st >= 0) st = ask_for(l, url.ptr, hl_buf_str(&signature), err);
    hl_buf_deinit(&url);
    hl_buf_deinit(&signature);
    return st;
}
