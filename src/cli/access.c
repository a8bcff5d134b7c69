#include "cli/access.h"

#include "base/fs.h"
#include "config/env.h"
#include "config/settings.h"
#include "http/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { KEY_BYTES_MAX = 4096, PATH_BYTES_MAX = 4096 };

/* -- the address ------------------------------------------------------------------------------- */

/* What a server may listen on, but nobody can connect to. */
static const char *reachable(const char *host) {
    if (strcmp(host, "0.0.0.0") == 0) return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

/* The path of [scheme://]host[:port]/path, without slashes at its end. */
static hl_str path_of(hl_str text) {
    size_t scheme = hl_str_find(text, HL_STR("://"), 0);
    size_t slash = hl_str_find(text, HL_STR("/"), scheme == SIZE_MAX ? 0 : scheme + 3);
    hl_str path = slash == SIZE_MAX ? HL_STR("") : hl_str_slice(text, slash, text.len);
    while (hl_str_ends(path, HL_STR("/"))) path.len--;
    return path;
}

hl_status hl__access_read(hl_str hosts, hl__access *ret, hl_error *err) {
    hl_http_address at;
    hl_str text = HL_STR("");
    size_t next = 0;
    (void)hl_list_next(hosts, &next, &text);
    hl_status st = hl_http_address_parse(text, &at, err);
    if (st < 0) hl_error_prefix(err, "the setting host");
    if (st < 0) return st;
    const char *host = reachable(at.host);
    bool v6 = strchr(host, ':') != NULL;
    int n = snprintf(ret->url, sizeof ret->url, "%s://%s%s%s:%u%.*s",
                     hl_str_starts(text, HL_STR("https://")) ? "https" : "http", v6 ? "[" : "",
                     host, v6 ? "]" : "", at.port, HL_STR_ARG(path_of(text)));
    if (n < 0 || (size_t)n >= sizeof ret->url)
        return hl_fail(err, HL_EINVAL, "client", "the setting host is too long");
    ret->loopback = hl_http_is_loopback(host);
    ret->nowhere = at.port == 0;
    return HL_OK;
}

/* -- the key ----------------------------------------------------------------------------------- */

static hl_status check_private(const char *path, hl_error *err) {
    struct stat s;
    if (stat(path, &s) != 0) return hl_fail(err, HL_EIO, "client", "%s cannot be looked at", path);
    if ((s.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return hl_fail(err, HL_EINVAL, "client", "%s can be read by others: chmod 600 %s", path,
                       path);
    return HL_OK;
}

static hl_status read_file(const char *path, hl_buf *ret, hl_error *err) {
    hl_buf text;
    HL_TRY(check_private(path, err));
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(path, KEY_BYTES_MAX, &text, err);
    hl_str key = hl_env_trim(hl_buf_str(&text));
    if (st >= 0 && key.len == 0) st = hl_fail(err, HL_EINVAL, "client", "%s has no key", path);
    if (st >= 0) hl_buf_append_str(ret, key);
    hl_buf_deinit(&text);
    return st < 0 ? st : hl_buf_status(ret, "the key", err);
}

hl_status hl__access_key(hl_buf *ret, hl_error *err) {
    char path[PATH_BYTES_MAX];
    const char *home = getenv("HOME");
    hl_str given = hl_env_text("API_KEY");
    if (given.len > 0) {
        hl_buf_append_str(ret, given);
        return hl_buf_status(ret, "the key", err);
    }
    if (!home || !home[0]) return HL_OK;
    int n = snprintf(path, sizeof path, "%s/.hyperllama/key", home);
    if (n < 0 || (size_t)n >= sizeof path || !hl_path_is_file(path)) return HL_OK;
    return read_file(path, ret, err);
}
