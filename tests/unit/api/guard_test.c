#include "api/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool allowed(const char *origin, const char *extra) {
    return hl__origin_allowed(hl_str_from(origin), HL_STR("box.local:11434"), hl_str_from(extra));
}

static void origins_of_this_machine_may_ask(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "http://localhost",
                                       "https://localhost:3000",
                                       "http://127.0.0.1:8080",
                                       "app://obsidian.md",
                                       "vscode-webview://x",
                                       "http://box.local:11434",
                                       "https://box.local:11434"};
    static const char *const bad[] = {"https://evil.example.com", "chrome-extension://abcdef",
                                      "http://localhost.evil.com", "http://box.local", "null"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(allowed(good[i], ""));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(allowed(bad[i], ""));
}

static void the_list_adds_others(void **state) {
    (void)state;
    const char *list = "https://a.example, chrome-extension://*,https://*.b.example";
    assert_true(allowed("https://a.example", list) && allowed("chrome-extension://abc", list));
    assert_true(allowed("https://x.b.example", list));
    assert_false(allowed("https://c.example", list) || allowed("https://b.example", list));
    assert_true(hl__origin_anybody(HL_STR("https://a.example, *")));
    assert_false(hl__origin_anybody(HL_STR("https://*")) || hl__origin_anybody(HL_STR("")));
    assert_true(allowed("https://anything", "*"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_of_this_machine_may_ask),
        cmocka_unit_test(the_list_adds_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
