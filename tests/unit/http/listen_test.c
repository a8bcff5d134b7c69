#include "http/server.h"

#include "base/fs.h"
#include "http_pem.h"
#include "http_raw.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <sys/stat.h>

static char dir[] = "/tmp/hl-listen-XXXXXX";
static char path[64];
static hl_error err;

static void handle(void *arg, hl_http_exchange *x) {
    char text[64];
    int n = snprintf(text, sizeof text, "%s on %zu", hl_http_is_local(x) ? "local" : "far",
                     hl_http_listener_of(x));
    (void)arg;
    hl_http_answer(x, 200, NULL, (hl_str){text, (size_t)n});
}

static size_t body_max(void *arg, const char *method, const char *of) {
    (void)arg;
    (void)method;
    (void)of;
    return 100;
}

static hl_status open_on(const hl_http_listener *listeners, size_t n, hl_http_server **ret) {
    hl_http_config config = {
        .listeners = listeners, .n_listeners = n, .body_max = body_max, .handle = handle};
    *ret = NULL;
    return hl_http_open(&config, ret, &err);
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(dir)) return 1;
    snprintf(path, sizeof path, "%s/s", dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(dir); /* nothing is left in it */
}

static const char ASK[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static void one_server_listens_in_several_places(void **state) {
    (void)state;
    hl_http_server *s;
    hl_http_listener l[] = {{.socket_path = path}, {.address = "127.0.0.1"}, {.address = "::1"}};
    size_t n = 3;
    if (open_on(l, n, &s) < 0) assert_int_equal(open_on(l, --n, &s), HL_OK); /* no IPv6 here */
    assert_true(hl_http_port(s) > 0 && hl_http_port(s) == hl_http_port_of(s, 1));
    assert_int_equal(hl_http_port_of(s, 0), 0);
    int fd = raw_connect_unix(path);
    raw_send(fd, ASK);
    raw_expect(fd, " 200 ", "\r\n\r\nlocal on 0");
    raw_expect(raw_open(hl_http_port(s), ASK), " 200 ", "\r\n\r\nlocal on 1");
    hl_http_close(s);
}

static void the_unspecified_address_takes_both_families(void **state) {
    (void)state;
    hl_http_server *s;
    if (open_on(&(hl_http_listener){.address = "::"}, 1, &s) < 0) skip(); /* no IPv6 here */
    raw_expect(raw_open(hl_http_port(s), ASK), " 200 ", "\r\n\r\nlocal on 0");
    hl_http_close(s);
}

static void a_socket_is_its_users_alone_and_goes_at_the_end(void **state) {
    (void)state;
    struct stat st;
    hl_http_server *s;
    mode_t before = umask(0);
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = path}, 1, &s), HL_OK);
    umask(before);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    hl_http_close(s);
    assert_int_equal(lstat(path, &st), -1);
}

static void a_dead_socket_is_replaced_a_living_one_not(void **state) {
    (void)state;
    hl_http_server *s, *second;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, sizeof path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&at, sizeof at), 0);
    close(dead);
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = path}, 1, &s), HL_OK);
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = path}, 1, &second), HL_EIO);
    assert_non_null(strstr(err.text, "another server answers"));
    int fd = raw_connect_unix(path);
    raw_send(fd, ASK);
    raw_expect(fd, " 200 ", "local on 0");
    hl_http_close(s);
}

static void what_is_no_socket_stays(void **state) {
    (void)state;
    hl_http_server *s;
    char text[300];
    assert_int_equal(hl_file_write(path, (hl_bytes){(const uint8_t *)"x", 1}, &err), HL_OK);
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = path}, 1, &s), HL_EIO);
    assert_non_null(strstr(err.text, "is no socket"));
    assert_int_equal(unlink(path), 0);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = text}, 1, &s), HL_EINVAL);
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = ""}, 1, &s), HL_EINVAL);
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = "/nowhere/s"}, 1, &s), HL_EIO);
}

static void another_servers_socket_is_not_removed(void **state) {
    (void)state;
    hl_http_server *s, *second;
    struct stat st;
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = path}, 1, &s), HL_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_on(&(hl_http_listener){.socket_path = path}, 1, &second), HL_OK);
    hl_http_close(s);
    assert_int_equal(lstat(path, &st), 0);
    hl_http_close(second);
}

/* -- certificates ------------------------------------------------------------------------------ */

static char cert[80], key[80];

static void write_text(const char *to, const char *text) {
    hl_bytes bytes = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(hl_file_write(to, bytes, &err), HL_OK);
}

static hl_status open_tls(const char *cert_text, const char *key_text, hl_http_server **ret) {
    snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    snprintf(key, sizeof key, "%s/key.pem", dir);
    write_text(cert, cert_text);
    write_text(key, key_text);
    hl_http_listener l = {.address = "127.0.0.1", .tls_cert = cert, .tls_key = key};
    hl_status st = open_on(&l, 1, ret);
    unlink(cert);
    unlink(key);
    return st;
}

static void bad_certificates_are_told_before_anything_listens(void **state) {
    (void)state;
    hl_http_server *s;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) skip();
    assert_int_equal(open_tls("nothing", PEM_KEY, &s), HL_EINVAL);
    assert_non_null(strstr(err.text, "cert.pem has no certificate"));
    assert_int_equal(open_tls(PEM_CERT, PEM_CERT, &s), HL_EINVAL);
    assert_non_null(strstr(err.text, "key.pem has no private key"));
    assert_int_equal(open_tls(PEM_CERT, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", &s), HL_EINVAL);
    assert_non_null(strstr(err.text, "is encrypted"));
    assert_int_equal(open_tls(PEM_CERT, PEM_OTHER_KEY, &s), HL_EINVAL);
    assert_non_null(strstr(err.text, "do not belong together"));
    assert_int_equal(open_tls(PEM_CERT, "-----BEGIN PRIVATE KEY-----\n", &s), HL_EINVAL);

    hl_http_listener l = {
        .address = "127.0.0.1", .tls_cert = "/nowhere/c", .tls_key = "/nowhere/k"};
    assert_int_equal(open_on(&l, 1, &s), HL_ENOTFOUND);
    l.tls_key = NULL;
    assert_int_equal(open_on(&l, 1, &s), HL_EINVAL);
    assert_int_equal(open_tls(PEM_CERT, PEM_KEY, &s), HL_OK);
    hl_http_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_server_listens_in_several_places),
        cmocka_unit_test(the_unspecified_address_takes_both_families),
        cmocka_unit_test(a_socket_is_its_users_alone_and_goes_at_the_end),
        cmocka_unit_test(a_dead_socket_is_replaced_a_living_one_not),
        cmocka_unit_test(what_is_no_socket_stays),
        cmocka_unit_test(another_servers_socket_is_not_removed),
        cmocka_unit_test(bad_certificates_are_told_before_anything_listens),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
