#include "store/registry_parts.h"

#include "store/registry_fetch_parts.h"
#include "testing.h"

static hl_error err;
static const uint64_t MIB = 1 << 20;

static hl_bytes bytes_of(const hl_buf *b) {
    return (hl_bytes){(const uint8_t *)b->ptr, b->len};
}

static void parts_cover_a_blob_exactly(void **state) {
    (void)state;
    const uint64_t sizes[] = {
        0, 1, 32 * MIB - 1, 32 * MIB, 32 * MIB + 1, 5000 * MIB, 1000000000000ull, INT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        hl__parts p;
        uint64_t at = 0;
        assert_int_equal(hl__parts_plan(sizes[i], 0, &p, &err), HL_OK);
        assert_true(p.n <= HL__PARTS_MAX);
        for (uint32_t part = 0; part < p.n; part++) {
            assert_int_equal(hl__part_offset(&p, part), at);
            assert_true(hl__part_bytes(&p, part) > 0);
            at += hl__part_bytes(&p, part);
        }
        assert_int_equal(at, sizes[i]);
        hl__parts_deinit(&p);
    }
}

static void a_state_is_read_back(void **state) {
    (void)state;
    hl__parts p, q;
    hl_buf b;
    uint8_t word[8];
    assert_int_equal(hl__parts_plan(100 * MIB, 0, &p, &err), HL_OK);
    assert_int_equal(p.n, 4);
    p.there[0] = 32 * MIB;
    p.there[1] = 5;
    p.there[3] = 4 * MIB;
    p.tag[31] = 9;
    hl_buf_init(&b, 0);
    hl__parts_print(&p, &b);
    assert_int_equal(b.len, HL__PARTS_HEAD_BYTES + 4 * 8);
    p.there[1] = 7;
    uint64_t at = hl__parts_record(&p, 1, word); /* as the file is changed in place */
    memcpy(b.ptr + at, word, sizeof word);
    assert_int_equal(hl__parts_parse(bytes_of(&b), 100 * MIB, &q, &err), HL_OK);
    assert_int_equal(q.part_bytes, p.part_bytes);
    assert_memory_equal(q.there, p.there, 4 * sizeof *p.there);
    assert_memory_equal(q.tag, p.tag, sizeof p.tag);
    assert_int_equal(hl__parts_there(&q), 32 * MIB + 7 + 4 * MIB);
    assert_int_equal(hl__parts_front(&q), 32 * MIB + 7);
    q.there[1] = q.there[2] = 32 * MIB;
    assert_int_equal(hl__parts_front(&q), 100 * MIB);
    hl__parts_deinit(&q);
    hl__parts_deinit(&p);
    hl_buf_deinit(&b);
}

static void other_states_are_refused(void **state) {
    (void)state;
    hl__parts p, q;
    hl_buf b;
    assert_int_equal(hl__parts_plan(100 * MIB, 0, &p, &err), HL_OK);
    hl_buf_init(&b, 0);
    hl__parts_print(&p, &b);
    assert_int_equal(hl__parts_parse(bytes_of(&b), 100 * MIB + 1, &q, &err), HL_EFORMAT);
    for (size_t n = 0; n < b.len; n++) {
        hl_bytes cut = {(const uint8_t *)b.ptr, n};
        assert_int_equal(hl__parts_parse(cut, 100 * MIB, &q, &err), HL_EFORMAT);
    }
    b.ptr[HL__PARTS_HEAD_BYTES + 3] = 3; /* more than a part has */
    assert_int_equal(hl__parts_parse(bytes_of(&b), 100 * MIB, &q, &err), HL_EFORMAT);
    b.ptr[HL__PARTS_HEAD_BYTES + 3] = 0;
    memset(b.ptr + 16, 0, 8); /* parts of no bytes */
    assert_int_equal(hl__parts_parse(bytes_of(&b), 100 * MIB, &q, &err), HL_EFORMAT);
    b.ptr[16] = 1; /* too many */
    assert_int_equal(hl__parts_parse(bytes_of(&b), 100 * MIB, &q, &err), HL_EFORMAT);
    hl__parts_deinit(&p);
    hl_buf_deinit(&b);
}

static void ranges_of_answers_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"bytes 0-9/10", true},
        {"bytes 5-5/6", true},
        {"bytes 5-4/10", false},
        {"bytes 0-10/10", false},
        {"bytes 0-9/*", false},
        {"bytes */10", false},
        {"bytes 0-9/10 ", false},
        {"bytes 00000000000000000000-1/2", false},
        {"items 0-9/10", false},
        {"bytes 0-9", false},
        {"", false},
        {"bytes -1-9/10", false},
        {"bytes 0-9/99999999999999999999", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t a, b, n;
        if (hl__content_range_parse(hl_str_from(cases[i].text), &a, &b, &n) != cases[i].ok)
            fail_msg("%s", cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_cover_a_blob_exactly),
        cmocka_unit_test(a_state_is_read_back),
        cmocka_unit_test(other_states_are_refused),
        cmocka_unit_test(ranges_of_answers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
