#include "api/guard.h"

#include "config/settings.h"

/* Scheme and host of this machine, each alone and with any port; then what programs bring. */
static const char *const BUILT_IN[] = {
    "http://localhost", "https://localhost", "http://localhost:*", "https://localhost:*",
    "http://127.0.0.1", "https://127.0.0.1", "http://127.0.0.1:*", "https://127.0.0.1:*",
    "http://0.0.0.0",   "https://0.0.0.0",   "http://0.0.0.0:*",   "https://0.0.0.0:*",
    "app://*",          "file://*",          "tauri://*",          "vscode-webview://*",
    "vscode-file://*",
};

static bool matches(hl_str pattern, hl_str origin) {
    size_t star = hl_str_find(pattern, HL_STR("*"), 0);
    if (star == SIZE_MAX) return hl_str_eq(pattern, origin);
    hl_str head = hl_str_slice(pattern, 0, star);
    hl_str tail = hl_str_slice(pattern, star + 1, pattern.len);
    return origin.len >= head.len + tail.len && hl_str_starts(origin, head) &&
           hl_str_ends(origin, tail);
}

/* "http://HOST" and "https://HOST" ask their own server. */
static bool is_same_host(hl_str origin, hl_str host) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        hl_str scheme = hl_str_from(schemes[i]);
        if (hl_str_starts(origin, scheme) &&
            hl_str_eq(hl_str_slice(origin, scheme.len, origin.len), host))
            return true;
    }
    return false;
}

bool hl__origin_anybody(hl_str extra) {
    hl_str entry;
    for (size_t at = 0; hl_list_next(extra, &at, &entry);)
        if (hl_str_is(entry, "*")) return true;
    return false;
}

bool hl__origin_allowed(hl_str origin, hl_str host, hl_str extra) {
    hl_str entry;
    if (origin.len == 0 || is_same_host(origin, host)) return true;
    for (size_t at = 0; hl_list_next(extra, &at, &entry);)
        if (matches(entry, origin)) return true;
    for (size_t i = 0; i < sizeof BUILT_IN / sizeof *BUILT_IN; i++)
        if (matches(hl_str_from(BUILT_IN[i]), origin)) return true;
    return false;
}
