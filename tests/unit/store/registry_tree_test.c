#include "store/registry_tree.h"

#include "base/buf.h"
#include "testing.h"

#include <stdio.h>

static hl_error err;

/* A listing of files, each of "PATH HEXDIGIT". */
static void print_listing(const char *const *files, size_t n, hl_buf *ret) {
    hl_buf_init(ret, 0);
    hl_buf_append_cstr(ret, "[{\"type\":\"directory\",\"path\":\"x\"}");
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(files[i]);
        hl_buf_printf(ret, ",{\"type\":\"file\",\"size\":%zu,\"path\":\"%.*s\",\"lfs\":{\"oid\":\"",
                      i + 1, (int)(len - 2), files[i]);
        for (size_t c = 0; c < 64; c++) hl_buf_append_char(ret, files[i][len - 1]);
        hl_buf_append_cstr(ret, "\"}}");
    }
    hl_buf_append_char(ret, ']');
}

static const char *const FILES[] = {
    "README.md 0",
    "a-Q5_K_M-00001-of-00002.gguf 1",
    "a-Q8_0-00002-of-00002.gguf 2",
    "a-Q8_0-00001-of-00002.gguf 3",
    "q4_k_m/a-00001-of-00001.gguf 4",
    "deep/UD-Q2_K_XL/a-UD-Q2_K_XL-00001-of-00001.gguf 5",
    "b-F16-00001-of-00002.gguf 6",
    "b-F16-00002-of-00002.gguf 6", /* the same bytes again */
    "a-Q3_K_M-00001-of-00001.gguf 7",
};

static hl_status find(const char *tag, hl_arena *arena, hl__tree_part **ret, size_t *ret_n) {
    hl_buf text;
    print_listing(FILES, sizeof FILES / sizeof *FILES, &text);
    hl_status st = hl__tree_find(hl_buf_str(&text), hl_str_from(tag), arena, ret, ret_n, &err);
    hl_buf_deinit(&text);
    return st;
}

static void a_tag_names_a_file_or_a_directory(void **state) {
    (void)state;
    const struct {
        const char *tag, *first; /* NULL: there is none */
        size_t n;
    } cases[] = {
        {"Q8_0", "a-Q8_0-00001-of-00002.gguf", 2},
        {"q8_0", "a-Q8_0-00001-of-00002.gguf", 2},
        {"latest", "q4_k_m/a-00001-of-00001.gguf", 1},
        {"Q4_K_M", "q4_k_m/a-00001-of-00001.gguf", 1},
        {"UD-Q2_K_XL", "deep/UD-Q2_K_XL/a-UD-Q2_K_XL-00001-of-00001.gguf", 1},
        {"Q2_K_XL", "deep/UD-Q2_K_XL/a-UD-Q2_K_XL-00001-of-00001.gguf", 1},
        {"Q3_K_M", "a-Q3_K_M-00001-of-00001.gguf", 1},
        {"K_M", NULL, 0},    /* half a name, though one ends in it behind "_" */
        {"Q5_K_M", NULL, 0}, /* a part is not there */
        {"F16", NULL, 0},    /* two parts of the same bytes */
        {"0", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_arena *arena = hl_arena_create(0);
        hl__tree_part *parts = NULL;
        size_t n = 0;
        hl_status st = find(cases[i].tag, arena, &parts, &n);
        if (!cases[i].first) {
            assert_int_equal(st, HL_ENOTFOUND);
        } else {
            assert_int_equal(st, HL_OK);
            assert_int_equal(n, cases[i].n);
            assert_string_equal(parts[0].path.ptr, cases[i].first);
            if (n == 2) assert_int_equal(parts[0].digest.text[7], 0x33);
        }
        hl_arena_destroy(arena);
    }
}

static void the_first_whole_one_will_do_for_latest(void **state) {
    (void)state;
    const char *files[] = {"x-Q2_K-00001-of-00002.gguf 1", "x-Q6_K-00001-of-00001.gguf 2"};
    hl_arena *arena = hl_arena_create(0);
    hl__tree_part *parts;
    size_t n;
    hl_buf text;
    print_listing(files, 2, &text);
    assert_int_equal(hl__tree_find(hl_buf_str(&text), HL_STR("latest"), arena, &parts, &n, &err),
                     HL_OK);
    assert_string_equal(parts[0].path.ptr, "x-Q6_K-00001-of-00001.gguf");
    hl_buf_deinit(&text);
    hl_arena_destroy(arena);
}

static void what_is_no_listing_is_refused(void **state) {
    (void)state;
    const struct {
        const char *text;
        hl_status want;
    } cases[] = {
        {"", HL_EFORMAT},
        {"{}", HL_EFORMAT},
        {"null", HL_EFORMAT},
        {"[]", HL_ENOTFOUND},
        {"[null,1,{},{\"path\":1}]", HL_ENOTFOUND},
        {"[{\"path\":\"a-00001-of-00001.gguf\",\"size\":1}]", HL_ENOTFOUND},
        {"[{\"path\":\"a-00001-of-00001.gguf\",\"size\":1,\"lfs\":{\"oid\":\"..\"}}]",
         HL_ENOTFOUND},
        {"[{\"path\":\"a-00001-of-00001.gguf\",\"size\":0,\"lfs\":null}]", HL_ENOTFOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_arena *arena = hl_arena_create(0);
        hl__tree_part *parts;
        size_t n;
        assert_int_equal(
            hl__tree_find(hl_str_from(cases[i].text), HL_STR("latest"), arena, &parts, &n, &err),
            cases[i].want);
        hl_arena_destroy(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_names_a_file_or_a_directory),
        cmocka_unit_test(the_first_whole_one_will_do_for_latest),
        cmocka_unit_test(what_is_no_listing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
