/* Any bytes as a registry's WWW-Authenticate and Content-Range headers, as a URL that it sends us
 * to, and as a private key file: a status, and texts without control characters. */
#include "http/url.h"
#include "store/registry_challenge.h"
#include "store/registry_fetch_parts.h"
#include "store/registry_key.h"
#include "store/registry_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text) {
    HL_ASSERT(strlen(text) < HL__CHALLENGE_TEXT_MAX);
    for (; *text; text++) HL_ASSERT((unsigned char)*text >= ' ' && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_str text = {(const char *)data, size};
    hl__challenge c;
    hl__key key;
    hl_buf b;
    uint64_t from, to, total;
    char origin[HL_URL_ORIGIN_MAX];
    hl_buf_init(&b, 0);
    if (hl__challenge_parse(text, &c)) {
        check_text(c.realm);
        check_text(c.service);
        check_text(c.scope);
        hl__token_url(&c, 1, HL_STR("n"), &b);
        HL_ASSERT(c.realm[0] && b.failed >= 0);
        if (hl_url_origin(c.realm, origin, NULL) >= 0)
            HL_ASSERT(hl_url_same_origin(c.realm, origin));
    }
    if (hl__content_range_parse(text, &from, &to, &total)) HL_ASSERT(from <= to && to < total);
    hl_buf_reset(&b);
    hl_buf_append_str(&b, text);
    hl_buf_append_char(&b, '\0');
    hl_buf joined;
    hl_buf_init(&joined, 0);
    if (hl_url_join("https://a/b", b.ptr, &joined, NULL) >= 0)
        HL_ASSERT(hl_url_origin(joined.ptr, origin, NULL) >= 0);
    hl_buf_deinit(&joined);
    hl_buf_reset(&b);
    if (hl__key_parse(text, &key, NULL) >= 0) hl__key_print(&key, &b);
    hl_buf_deinit(&b);
    return 0;
}
