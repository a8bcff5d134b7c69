#include "base/fs.h"
#include "base/mem.h"
#include "http/address.h"
#include "http/inner.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 512, PEM_BYTES_MAX = 1 << 20, SOCKET_MODE = 0600 };

/* -- TCP --------------------------------------------------------------------------------------- */

static hl_status listen_tcp(hl__listener *l, const hl_http_listener *c, hl_error *err) {
    struct sockaddr_storage at;
    socklen_t len;
    int on = 1, off = 0;
    HL_TRY(hl_http_sockaddr(c->address, c->port, &at, &len, err));
    l->fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd >= 0 && at.ss_family == AF_INET6) /* [::] takes IPv4's clients, too, as in Go */
        (void)setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(l->fd, (struct sockaddr *)&at, len) != 0 || listen(l->fd, BACKLOG) != 0)
        return hl_fail(err, HL_EIO, "http", "cannot listen on %s port %u: %s", c->address, c->port,
                       strerror(errno));
    len = sizeof at;
    if (getsockname(l->fd, (struct sockaddr *)&at, &len) != 0)
        return hl_fail(err, HL_EIO, "http", "getsockname: %s", strerror(errno));
    l->port = hl_http_sockaddr_port(&at);
    return HL_OK;
}

/* -- Unix sockets ------------------------------------------------------------------------------ */

static hl_status unix_address(const char *path, struct sockaddr_un *ret, hl_error *err) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof ret->sun_path)
        return hl_fail(err, HL_EINVAL, "http",
                       "a socket's path has 1 to %zu bytes, this one has %zu: %.120s",
                       sizeof ret->sun_path - 1, len, path);
    memcpy(ret->sun_path, path, len + 1);
    return HL_OK;
}

static bool somebody_answers(const struct sockaddr_un *at) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return true;
    /* EAGAIN: its backlog is full. */
    bool answers = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 || errno == EAGAIN ||
                   errno == EACCES;
    close(fd);
    return answers;
}

/* The path is free, or has a socket that its server left behind. */
static hl_status check_place(const struct sockaddr_un *at, hl_error *err) {
    struct stat st;
    if (lstat(at->sun_path, &st) != 0) {
        if (errno == ENOENT) return HL_OK;
        return hl_fail(err, HL_EIO, "http", "%s: %s", at->sun_path, strerror(errno));
    }
    if (!S_ISSOCK(st.st_mode))
        return hl_fail(err, HL_EIO, "http", "%s is there and is no socket", at->sun_path);
    if (somebody_answers(at))
        return hl_fail(err, HL_EIO, "http", "cannot listen on %s: another server answers there",
                       at->sun_path);
    return HL_OK;
}

/* Under a name of its own in the same directory; then it gets its name, in one step. */
static hl_status make_socket(hl__listener *l, const struct sockaddr_un *at, hl_error *err) {
    struct sockaddr_un made = *at;
    const char *slash = strrchr(at->sun_path, '/');
    size_t dir = slash ? (size_t)(slash - at->sun_path) + 1 : 0;
    int n = snprintf(made.sun_path + dir, sizeof made.sun_path - dir, ".%ld-%d", (long)getpid(),
                     l->fd);
    if (n < 0 || (size_t)n >= sizeof made.sun_path - dir)
        return hl_fail(err, HL_EINVAL, "http", "the directory's name is too long: %s",
                       at->sun_path);
    (void)unlink(made.sun_path);
    if (fchmod(l->fd, SOCKET_MODE) != 0 || bind(l->fd, (struct sockaddr *)&made, sizeof made) != 0)
        return hl_fail(err, HL_EIO, "http", "cannot make %s: %s", at->sun_path, strerror(errno));
    struct stat st;
    if (chmod(made.sun_path, SOCKET_MODE) != 0 || listen(l->fd, BACKLOG) != 0 ||
        lstat(made.sun_path, &st) != 0 || rename(made.sun_path, at->sun_path) != 0) {
        int why = errno;
        (void)unlink(made.sun_path);
        return hl_fail(err, HL_EIO, "http", "cannot listen on %s: %s", at->sun_path, strerror(why));
    }
    l->device = st.st_dev;
    l->inode = st.st_ino;
    return HL_OK;
}

/* The mode is the socket's before it has a name (Linux takes it from the descriptor), and it
 * listens before it gets the name that clients know. */
static hl_status listen_unix(hl__listener *l, const hl_http_listener *c, hl_error *err) {
    struct sockaddr_un at;
    HL_TRY(unix_address(c->socket_path, &at, err));
    HL_TRY(check_place(&at, err));
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) return hl_fail(err, HL_EIO, "http", "socket: %s", strerror(errno));
    char *path = hl_strdup(c->socket_path);
    if (!path) return hl_fail(err, HL_ENOMEM, "http", "no memory");
    hl_status st = make_socket(l, &at, err);
    if (st < 0)
        hl_free(path);
    else
        l->path = path;
    return st;
}

hl_status hl__listen(hl__listener *l, const hl_http_listener *config, hl_error *err) {
    HL_ASSERT(l->fd < 0 && (config->address || config->socket_path));
    l->is_unix = !config->address;
    return l->is_unix ? listen_unix(l, config, err) : listen_tcp(l, config, err);
}

void hl__listen_close(hl__listener *l) {
    struct stat st;
    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        (void)unlink(l->path);
    hl_free(l->path);
    l->path = NULL;
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}

/* -- certificates ------------------------------------------------------------------------------ */

static hl_status read_pem(const char *path, const char *what, hl_str mark, hl_buf *ret,
                          hl_error *err) {
    HL_TRY(hl_file_read(path, PEM_BYTES_MAX, ret, err));
    if (hl_str_find(hl_buf_str(ret), mark, 0) != SIZE_MAX && strlen(ret->ptr) == ret->len)
        return HL_OK;
    return hl_fail(err, HL_EINVAL, "http", "%.200s has no %s in PEM", path, what);
}

hl_status hl__pem_read(const hl_http_listener *config, hl__pem *ret, hl_error *err) {
    HL_ASSERT(config->tls_cert && config->tls_key);
    HL_TRY(read_pem(config->tls_cert, "certificate", HL_STR("-----BEGIN CERTIFICATE-----"),
                    &ret->cert, err));
    HL_TRY(read_pem(config->tls_key, "private key", HL_STR("PRIVATE KEY-----"), &ret->key, err));
    if (hl_str_find(hl_buf_str(&ret->key), HL_STR("ENCRYPTED"), 0) == SIZE_MAX) return HL_OK;
    return hl_fail(err, HL_EINVAL, "http", "%.200s is encrypted; TLS needs a key without password",
                   config->tls_key);
}

void hl__pem_deinit(hl__pem *p) {
    if (p->key.ptr) explicit_bzero(p->key.ptr, p->key.cap);
    hl_buf_deinit(&p->cert);
    hl_buf_deinit(&p->key);
}
