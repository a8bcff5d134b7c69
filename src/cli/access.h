/* cli/access.h
 *
 * Where commands look for a running server, and the key that they show it.
 *
 *     the setting host (HYPERLLAMA_HOST, …)   [scheme://][host][:port][/path], the first of several
 *     HYPERLLAMA_API_KEY, OLLAMA_API_KEY      the key, or else
 *     ~/.hyperllama/key                       a file with the key, which only its owner may read
 *
 * Threads: any, as long as nobody changes the environment.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

enum { HL__URL_MAX = 1024 };

typedef struct hl__access {
    char url[HL__URL_MAX]; /* "http://127.0.0.1:11434", without a slash at its end */
    bool loopback;         /* on this machine */
    bool nowhere;          /* port 0: nobody can be there */
} hl__access;

/* EINVAL: no address. */
hl_status hl__access_read(hl_str hosts, hl__access *ret, hl_error *err) HL_NODISCARD;
/* Appends the key, nothing when there is none.  EINVAL: the file can be read by others, or holds no
 * key; EIO. */
hl_status hl__access_key(hl_buf *ret, hl_error *err) HL_NODISCARD;
