#include "cli/answer.h"

#include "base/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static hl_buf written;
static int saved;
static char path[] = "/tmp/answer-test-XXXXXX";

/* Standard output goes to a file while an answer is shown. */
static void capture_begin(void) {
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    int fd = mkstemp(path);
    assert_true(saved >= 0 && fd >= 0);
    dup2(fd, STDOUT_FILENO);
    close(fd);
}

static void capture_end(void) {
    dup2(saved, STDOUT_FILENO);
    close(saved);
    hl_buf_reset(&written);
    assert_int_equal(hl_file_read(path, 1 << 20, &written, NULL), HL_OK);
    unlink(path);
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
}

static void say(hl__answer *a, hl_channel channel, const char *text) {
    hl_event ev = {.kind = HL_EVENT_TEXT, .channel = channel, .text = hl_str_from(text)};
    assert_true(hl__answer_event(a, &ev));
}

static void finish(hl__answer *a) {
    hl_event ev = {.kind = HL_EVENT_FINISHED, .usage = {.generated_tokens = 3}};
    assert_true(hl__answer_event(a, &ev));
}

static void elsewhere_only_the_answer_is_written(void **state) {
    (void)state;
    hl__answer a;
    hl_error err;
    hl__answer_init(&a, true, false);
    a.terminal = false;
    capture_begin();
    say(&a, HL_CHANNEL_THINKING, "hmm ");
    say(&a, HL_CHANNEL_ANSWER, "a\x1b[1m");
    say(&a, HL_CHANNEL_ANSWER, "b");
    finish(&a);
    hl_status st = hl__answer_end(&a, &err);
    capture_end();
    assert_int_equal(st, HL_OK);
    assert_string_equal(written.ptr, "a\x1b[1mb\n\n");
    assert_string_equal(a.text.ptr, "a\x1b[1mb");
    assert_string_equal(a.thinking.ptr, "hmm ");
    assert_int_equal(a.usage.generated_tokens, 3);
    hl__answer_deinit(&a);
}

static void a_terminal_sees_thinking_dim(void **state) {
    (void)state;
    hl__answer a;
    hl_error err;
    hl__answer_init(&a, false, false);
    a.terminal = a.escapes = true;
    capture_begin();
    say(&a, HL_CHANNEL_THINKING, "hmm");
    say(&a, HL_CHANNEL_ANSWER, "");
    say(&a, HL_CHANNEL_ANSWER, "b");
    hl_status st = hl__answer_end(&a, &err);
    capture_end();
    assert_int_equal(st, HL_OK);
    assert_string_equal(written.ptr, "\x1b[90mThinking...\nhmm\n...done thinking.\n\n\x1b[0mb\n\n");
    hl__answer_deinit(&a);
}

static void a_dumb_terminal_sees_no_escapes(void **state) {
    (void)state;
    hl__answer a;
    hl_error err;
    hl__answer_init(&a, true, false);
    a.terminal = true;
    a.escapes = false;
    capture_begin();
    say(&a, HL_CHANNEL_THINKING, "hmm");
    say(&a, HL_CHANNEL_ANSWER, "b");
    hl_status st = hl__answer_end(&a, &err);
    capture_end();
    assert_int_equal(st, HL_OK);
    assert_string_equal(written.ptr, "Thinking...\nhmm\n...done thinking.\n\nb\n\n");
    hl__answer_deinit(&a);
}

static void thinking_can_be_hidden_and_be_all(void **state) {
    (void)state;
    hl__answer a;
    hl_error err;
    hl__answer_init(&a, false, true);
    a.terminal = a.escapes = true;
    capture_begin();
    say(&a, HL_CHANNEL_THINKING, "hmm");
    say(&a, HL_CHANNEL_ANSWER, "b");
    hl_status st = hl__answer_end(&a, &err);
    capture_end();
    assert_int_equal(st, HL_OK);
    assert_string_equal(written.ptr, "b\n\n");
    hl__answer_deinit(&a);

    hl__answer_init(&a, false, false);
    a.terminal = a.escapes = true;
    capture_begin();
    say(&a, HL_CHANNEL_THINKING, "cut off");
    st = hl__answer_end(&a, &err);
    capture_end();
    assert_int_equal(st, HL_OK);
    assert_string_equal(written.ptr,
                        "\x1b[90mThinking...\ncut off\n...done thinking.\n\n\x1b[0m\n\n");
    hl__answer_deinit(&a);
}

static void figures_are_ollamas_lines(void **state) {
    (void)state;
    hl_usage u = {.prompt_tokens = 19,
                  .generated_tokens = 9,
                  .total_ns = 50545645,
                  .load_ns = 3233900,
                  .prompt_ns = 4341000,
                  .generate_ns = 39683000};
    hl_buf out;
    hl_buf_init(&out, 0);
    hl__usage_text(&u, &out);
    assert_string_equal(out.ptr, "total duration:       50.545645ms\n"
                                 "load duration:        3.2339ms\n"
                                 "prompt eval count:    19 token(s)\n"
                                 "prompt eval duration: 4.341ms\n"
                                 "prompt eval rate:     4376.87 tokens/s\n"
                                 "eval count:           9 token(s)\n"
                                 "eval duration:        39.683ms\n"
                                 "eval rate:            226.80 tokens/s\n");
    hl_buf_reset(&out);
    hl__usage_text(&(hl_usage){.total_ns = 1000000}, &out);
    assert_string_equal(out.ptr, "total duration:       1ms\n");
    hl_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elsewhere_only_the_answer_is_written),
        cmocka_unit_test(a_terminal_sees_thinking_dim),
        cmocka_unit_test(a_dumb_terminal_sees_no_escapes),
        cmocka_unit_test(thinking_can_be_hidden_and_be_all),
        cmocka_unit_test(figures_are_ollamas_lines),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hl_buf_deinit(&written);
    return failed;
}
