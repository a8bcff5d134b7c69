#include "serve/thinking.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static hl_buf thinking, answer;

/* Runs the text through a splitter in pieces of `piece` bytes. */
static void split(const char *text, bool open, size_t piece) {
    hl_thinking t;
    hl_str s = hl_str_from(text);
    hl_buf_reset(&thinking);
    hl_buf_reset(&answer);
    hl_thinking_init(&t, hl_thinking_tags_find(HL_STR("…</think>…")), open);
    for (size_t at = 0; at < s.len; at += piece)
        hl_thinking_push(&t, hl_str_slice(s, at, at + piece), &thinking, &answer);
    hl_thinking_finish(&t, &thinking, &answer);
    hl_thinking_deinit(&t);
}

/* However the text is cut, the parts are the same. */
static void expect(const char *text, bool open, const char *want_thinking,
                   const char *want_answer) {
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        split(text, open, piece);
        assert_string_equal(hl_buf_str(&thinking).ptr, want_thinking);
        assert_string_equal(hl_buf_str(&answer).ptr, want_answer);
    }
}

static void reasoning_is_told_from_the_answer(void **state) {
    (void)state;
    expect("<think>a</think>b", false, "a", "b");
    expect("\n <think>\n a b \n</think>\n\n c\n", false, "a b \n", "c\n");
    expect("<think>\n\n</think>\n\nhi", false, "", "hi");
    expect("<think></think>", false, "", "");
}

static void a_prompt_may_end_inside(void **state) {
    (void)state;
    expect("2 + 2 = 4.\n</think>\n\n4", true, "2 + 2 = 4.\n", "4");
    expect("<think>\nx</think>y", true, "x", "y");
    expect("</think>y", true, "", "y");
}

static void text_without_tags_is_answer(void **state) {
    (void)state;
    expect("plain", false, "", "plain");
    expect("  plain \n", false, "", "  plain \n");
    expect("<thin ice>", false, "", "<thin ice>");
    expect("", false, "", "");
    expect("<thi", false, "", "<thi");
    expect(" \n", false, "", " \n");
}

static void tags_in_the_answer_are_text(void **state) {
    (void)state;
    expect("Use <think>x</think>.", false, "", "Use <think>x</think>.");
    expect("<think>a</think>b <think>c</think>", false, "a", "b <think>c</think>");
    expect("<think>a<think>b</think>c", false, "a<think>b", "c");
}

static void an_unfinished_thought_stays_a_thought(void **state) {
    (void)state;
    expect("<think>half a thou", false, "half a thou", "");
    expect("half </thin", true, "half </thin", "");
    expect("half\n\n", true, "half\n\n", "");
    expect("< / </ </t </think", true, "< / </ </t </think", "");
}

static void inner_white_space_is_kept(void **state) {
    (void)state;
    expect("<think>a\n\n\nb  c</think>d\n\n e", false, "a\n\n\nb  c", "d\n\n e");
}

static void no_tags_means_no_reasoning(void **state) {
    (void)state;
    hl_thinking t;
    hl_buf_reset(&thinking);
    hl_buf_reset(&answer);
    hl_thinking_init(&t, NULL, false);
    hl_thinking_push(&t, HL_STR(" <think>a</think>"), &thinking, &answer);
    hl_thinking_finish(&t, &thinking, &answer);
    assert_string_equal(answer.ptr, " <think>a</think>");
    assert_int_equal(thinking.len, 0);
    hl_thinking_deinit(&t);
}

static void control_tokens_mark_the_borders(void **state) {
    (void)state;
    hl_thinking t;
    hl_buf_reset(&thinking);
    hl_buf_reset(&answer);
    hl_thinking_init(&t, hl_thinking_tags_find(HL_STR("<|START_THINKING|><|END_THINKING|>")),
                     false);
    hl_thinking_mark(&t, false, &thinking); /* closing nothing */
    hl_thinking_mark(&t, true, &thinking);
    hl_thinking_push(&t, HL_STR(" why "), &thinking, &answer);
    hl_thinking_mark(&t, false, &thinking);
    hl_thinking_push(&t, HL_STR("\nso"), &thinking, &answer);
    hl_thinking_mark(&t, true, &thinking); /* too late */
    hl_thinking_push(&t, HL_STR(" there"), &thinking, &answer);
    hl_thinking_finish(&t, &thinking, &answer);
    assert_string_equal(thinking.ptr, "why ");
    assert_string_equal(answer.ptr, "so there");
    hl_thinking_deinit(&t);
}

static void tags_come_from_the_template(void **state) {
    (void)state;
    assert_null(hl_thinking_tags_find(HL_STR("{{ messages }}")));
    const hl_thinking_tags *tags = hl_thinking_tags_find(HL_STR("[THINK]x[/THINK]"));
    assert_non_null(tags);
    assert_true(hl_str_is(tags->open, "[THINK]"));
    assert_true(hl_thinking_prompt_open(tags, HL_STR("user: hi [THINK]\n")));
    assert_false(hl_thinking_prompt_open(tags, HL_STR("[THINK]\n\n[/THINK]\n\n")));
    assert_false(hl_thinking_prompt_open(NULL, HL_STR("<think>")));
}

static int set_up(void **state) {
    (void)state;
    hl_buf_init(&thinking, 0);
    hl_buf_init(&answer, 0);
    /* So that empty ones have a NUL to look at. */
    return hl_buf_reserve(&thinking, 64) && hl_buf_reserve(&answer, 64) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    hl_buf_deinit(&thinking);
    hl_buf_deinit(&answer);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasoning_is_told_from_the_answer),
        cmocka_unit_test(a_prompt_may_end_inside),
        cmocka_unit_test(text_without_tags_is_answer),
        cmocka_unit_test(tags_in_the_answer_are_text),
        cmocka_unit_test(an_unfinished_thought_stays_a_thought),
        cmocka_unit_test(inner_white_space_is_kept),
        cmocka_unit_test(no_tags_means_no_reasoning),
        cmocka_unit_test(control_tokens_mark_the_borders),
        cmocka_unit_test(tags_come_from_the_template),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
