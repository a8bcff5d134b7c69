#include "http/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool print_origin(CURLU *u, char ret[HL_URL_ORIGIN_MAX]) {
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool ok = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcasecmp(scheme, "https") == 0 || strcasecmp(scheme, "http") == 0) &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    int len = ok ? snprintf(ret, HL_URL_ORIGIN_MAX, "%s://%s:%s", scheme, host, port) : -1;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    if (len <= 0 || len >= HL_URL_ORIGIN_MAX) return false;
    for (char *c = ret; *c; c++) *c = lower(*c);
    return true;
}

hl_status hl_url_origin(const char *url, char ret[HL_URL_ORIGIN_MAX], hl_error *err) {
    CURLU *u = curl_url();
    if (!u) return hl_fail(err, HL_ENOMEM, "url", "no memory for a URL");
    bool ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && print_origin(u, ret);
    curl_url_cleanup(u);
    if (ok) return HL_OK;
    return hl_fail(err, HL_EINVAL, "url", "\"%.200s\" is no URL of a server", url);
}

bool hl_url_same_origin(const char *a, const char *b) {
    char x[HL_URL_ORIGIN_MAX], y[HL_URL_ORIGIN_MAX];
    return hl_url_origin(a, x, NULL) >= 0 && hl_url_origin(b, y, NULL) >= 0 && strcmp(x, y) == 0;
}

hl_status hl_url_join(const char *from, const char *to, hl_buf *ret, hl_error *err) {
    char *url = NULL, origin[HL_URL_ORIGIN_MAX];
    CURLU *u = curl_url();
    if (!u) return hl_fail(err, HL_ENOMEM, "url", "no memory for a URL");
    bool ok = curl_url_set(u, CURLUPART_URL, from, 0) == CURLUE_OK &&
              curl_url_set(u, CURLUPART_URL, to, 0) == CURLUE_OK && print_origin(u, origin) &&
              curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK;
    if (ok) hl_buf_append_cstr(ret, url);
    curl_free(url);
    curl_url_cleanup(u);
    if (!ok) return hl_fail(err, HL_EINVAL, "url", "\"%.200s\" is no URL of a server", to);
    return hl_buf_status(ret, "the URL", err);
}

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

static void append_escaped(hl_buf *url, char c) {
    static const char digits[] = "0123456789ABCDEF";
    hl_buf_append_char(url, '%');
    hl_buf_append_char(url, digits[(unsigned char)c >> 4]);
    hl_buf_append_char(url, digits[c & 15]);
}

void hl_url_add_path(hl_buf *url, hl_str path) {
    hl_buf_append_char(url, '/');
    for (size_t i = 0; i < path.len; i++) {
        if (is_plain(path.ptr[i]) || path.ptr[i] == '/')
            hl_buf_append_char(url, path.ptr[i]);
        else
            append_escaped(url, path.ptr[i]);
    }
}

void hl_url_add(hl_buf *url, const char *name, hl_str value) {
    bool first = hl_str_find(hl_buf_str(url), HL_STR("?"), 0) == SIZE_MAX;
    hl_buf_append_char(url, first ? '?' : '&');
    hl_buf_append_cstr(url, name);
    hl_buf_append_char(url, '=');
    for (size_t i = 0; i < value.len; i++) {
        if (is_plain(value.ptr[i]))
            hl_buf_append_char(url, value.ptr[i]);
        else
            append_escaped(url, value.ptr[i]);
    }
}
