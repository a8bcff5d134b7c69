#include "store/digest.h"

#include "base/fs.h"
#include "temp_dir.h"

/* FIPS 180-4's own examples. */
static const char EMPTY[] =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char ABC[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void bytes_have_the_known_digests(void **state) {
    (void)state;
    hl_digest d;
    hl_error err;
    assert_int_equal(hl_digest_of((hl_bytes){NULL, 0}, &d, &err), HL_OK);
    assert_string_equal(d.text, EMPTY);
    assert_int_equal(hl_digest_of((hl_bytes){(const uint8_t *)"abc", 3}, &d, &err), HL_OK);
    assert_string_equal(d.text, ABC);
    assert_string_equal(hl_digest_hex(&d), ABC + 7);
}

static void pieces_are_as_good_as_the_whole(void **state) {
    (void)state;
    hl_sha256 *h;
    hl_digest d;
    assert_int_equal(hl_sha256_create(&h, NULL), HL_OK);
    for (size_t i = 0; i < 3; i++) hl_sha256_update(h, (hl_bytes){(const uint8_t *)"abc" + i, 1});
    hl_sha256_finish_digest(h, &d);
    hl_sha256_destroy(h);
    hl_sha256_destroy(NULL);
    assert_string_equal(d.text, ABC);
}

static void files_are_hashed(void **state) {
    (void)state;
    char dir[64], path[96];
    hl_digest d;
    hl_error err;
    temp_dir_make(dir);
    (void)snprintf(path, sizeof path, "%s/abc", dir);
    assert_int_equal(hl_file_write(path, (hl_bytes){(const uint8_t *)"abc", 3}, &err), HL_OK);
    assert_int_equal(hl_digest_of_file(path, &d, &err), HL_OK);
    assert_string_equal(d.text, ABC);
    assert_int_equal(hl_file_write(path, (hl_bytes){NULL, 0}, &err), HL_OK);
    assert_int_equal(hl_digest_of_file(path, &d, &err), HL_OK);
    assert_string_equal(d.text, EMPTY);
    temp_dir_remove(dir);
    assert_int_equal(hl_digest_of_file(path, &d, &err), HL_ENOTFOUND);
}

static void texts_are_judged(void **state) {
    (void)state;
    hl_digest d;
    char text[80];
    assert_true(hl_digest_parse(hl_str_from(ABC), &d));
    (void)snprintf(text, sizeof text, "sha256-BA%s", ABC + 9);
    assert_true(hl_digest_parse(hl_str_from(text), &d));
    assert_string_equal(d.text, ABC);
    static const char *const bad[] = {"", "sha256", "sha256:", "sha256:xyz", "sha512:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(hl_digest_parse(hl_str_from(bad[i]), &d));
    assert_false(hl_digest_parse(hl_str_slice(hl_str_from(ABC), 0, 70), &d));
    (void)snprintf(text, sizeof text, "%s0", ABC);
    assert_false(hl_digest_parse(hl_str_from(text), &d));
    (void)snprintf(text, sizeof text, "%s", ABC);
    text[20] = '/';
    assert_false(hl_digest_parse(hl_str_from(text), &d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_the_known_digests),
        cmocka_unit_test(pieces_are_as_good_as_the_whole),
        cmocka_unit_test(files_are_hashed),
        cmocka_unit_test(texts_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
