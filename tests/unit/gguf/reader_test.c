#include "testing.h"

#include "gguf/reader.h"

static void reads_little_endian(void **state) {
    (void)state;
    static const uint8_t BYTES[] = {0x04, 0x03, 0x02, 0xf1, 8, 7, 6, 5, 4, 3, 2, 0xf1};
    hl_reader r = {.bytes = {BYTES, sizeof BYTES}};
    uint32_t u32;
    uint64_t u64;
    assert_int_equal(hl_reader_u32(&r, "a", &u32, NULL), HL_OK);
    assert_int_equal(u32, 0xf1020304);
    assert_int_equal(hl_reader_u64(&r, "b", &u64, NULL), HL_OK);
    assert_true(u64 == 0xf102030405060708u);
    assert_int_equal(hl_reader_left(&r), 0);
}

static void stops_at_the_end(void **state) {
    (void)state;
    static const uint8_t BYTES[7] = {0};
    hl_reader r = {.bytes = {BYTES, sizeof BYTES}, .at = 4};
    hl_error err;
    uint32_t u32;
    assert_int_equal(hl_reader_u32(&r, "number", &u32, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "number at offset 4"));
    assert_int_equal(r.at, 4);
    const uint8_t *p;
    assert_int_equal(hl_reader_take(&r, SIZE_MAX, "x", &p, NULL), HL_EFORMAT);
    assert_int_equal(hl_reader_take(&r, 3, "x", &p, NULL), HL_OK);
}

static void strings_have_bounds_and_limits(void **state) {
    (void)state;
    uint8_t bytes[8 + 5] = {5, 0, 0, 0, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'};
    hl_reader r = {.bytes = {bytes, sizeof bytes}};
    hl_error err;
    hl_str s;
    assert_int_equal(hl_reader_str(&r, 5, "word", &s, NULL), HL_OK);
    assert_str(s, "hello");
    r.at = 0;
    assert_int_equal(hl_reader_str(&r, 4, "word", &s, &err), HL_ELIMIT);
    assert_int_equal(r.at, 0);
    bytes[0] = 6;
    assert_int_equal(hl_reader_str(&r, 100, "word", &s, &err), HL_EFORMAT);
    assert_non_null(strstr(err.text, "word at offset 0"));
    assert_int_equal(r.at, 0);
    memset(bytes, 0xff, 8);
    assert_int_equal(hl_reader_str(&r, SIZE_MAX, "word", &s, &err), HL_EFORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_little_endian),
        cmocka_unit_test(stops_at_the_end),
        cmocka_unit_test(strings_have_bounds_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
