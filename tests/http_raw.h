/* http_raw.h: a client that sends bytes and reads bytes, for tests of the server. */
#pragma once

#include "http/address.h"
#include "testing.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { RAW_PATIENCE_S = 20 };

static inline int raw_connected(int fd, const void *at, socklen_t len) {
    struct timeval patience = {.tv_sec = RAW_PATIENCE_S};
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, at, len), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

static inline int raw_connect(uint16_t port) {
    struct sockaddr_storage at;
    socklen_t len;
    assert_int_equal(hl_http_sockaddr("127.0.0.1", port, &at, &len, NULL), HL_OK);
    return raw_connected(socket(AF_INET, SOCK_STREAM, 0), &at, len);
}

static inline int raw_connect_unix(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path));
    return raw_connected(socket(AF_UNIX, SOCK_STREAM, 0), &at, sizeof at);
}

static inline void raw_send(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static inline int raw_open(uint16_t port, const char *request) {
    int fd = raw_connect(port);
    raw_send(fd, request);
    return fd;
}

/* Everything until the server closes, with a NUL behind it; closes, too. */
static inline size_t raw_read(int fd, char *out, size_t cap) {
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, out + n, cap - 1 - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
    }
    out[n] = '\0';
    close(fd);
    return n;
}

/* Until the text is there, NUL behind it. */
static inline void raw_read_until(int fd, const char *text, char *out, size_t cap) {
    size_t n = 0;
    out[0] = '\0';
    while (!strstr(out, text)) {
        ssize_t got = recv(fd, out + n, cap - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        out[n] = '\0';
    }
}

/* The answer has this in it and ends with that. */
static inline void raw_expect(int fd, const char *part, const char *end) {
    static char got[200000];
    size_t n = raw_read(fd, got, sizeof got);
    if (!strstr(got, part)) fail_msg("\"%s\" is not in: %.500s", part, got);
    assert_true(n >= strlen(end));
    assert_string_equal(got + n - strlen(end), end);
}
