#define _GNU_SOURCE
#include "base/thread.h"
#include "testing.h"

#include <signal.h>

static void test_processors(void **state) {
    (void)state;
    assert_true(hl_thread_processors() >= 1);
}

static void check_signals(void *arg) {
    sigset_t blocked;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    *(int *)arg = sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM);
}

static void test_thread_runs_with_signals_blocked(void **state) {
    (void)state;
    hl_thread t;
    int seen = 0;
    assert_int_equal(hl_thread_start(&t, check_signals, &seen, NULL), HL_OK);
    hl_thread_join(&t);
    assert_int_equal(seen, 1);
    sigset_t mine; /* and ours are as they were */
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGINT), 0);
}

/* Two threads pass a word back and forth; a lost wake-up would hang here. */
typedef struct table {
    atomic_uint word;
    unsigned rounds;
} table;

static void wait_while(atomic_uint *word, unsigned value) {
    while (atomic_load(word) == value) hl_word_wait(word, value);
}

static void answer(void *arg) {
    table *t = arg;
    for (unsigned i = 0; i < t->rounds; i++) {
        wait_while(&t->word, 2 * i);
        atomic_store(&t->word, 2 * i + 2);
        hl_word_wake_all(&t->word);
    }
}

static void test_words_wake(void **state) {
    (void)state;
    table t = {.rounds = 2000};
    hl_thread thread;
    assert_int_equal(hl_thread_start(&thread, answer, &t, NULL), HL_OK);
    for (unsigned i = 0; i < t.rounds; i++) {
        atomic_store(&t.word, 2 * i + 1);
        hl_word_wake_all(&t.word);
        wait_while(&t.word, 2 * i + 1);
        assert_int_equal(atomic_load(&t.word), 2 * i + 2);
    }
    hl_thread_join(&thread);
}

static void test_wait_on_a_changed_word_returns(void **state) {
    (void)state;
    atomic_uint word = 5;
    hl_word_wait(&word, 4);
    hl_thread_yield();
    hl_thread_pause();
    assert_int_equal(atomic_load(&word), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_thread_runs_with_signals_blocked),
        cmocka_unit_test(test_words_wake),
        cmocka_unit_test(test_wait_on_a_changed_word_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
