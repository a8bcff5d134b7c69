#include "cli/interrupt.h"

#include "base/str.h"
#include "cli/client.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* A signal handler has no argument. */
static _Atomic(hl_client *) watched;
static atomic_bool came;
static bool restore;
static struct sigaction before; /* of SIGINT, while something is watched */
static char socket_left[128], directory_left[128];

/* -- ends of the program ----------------------------------------------------------------------- */

static void on_end(int signal_number) {
    (void)unlink(socket_left);
    if (directory_left[0]) (void)rmdir(directory_left);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

/* A directory in /tmp was made for the socket alone; any other is not ours to remove. */
static void find_directory(hl_str path) {
    size_t slash = path.len;
    while (slash > 0 && path.ptr[slash - 1] != '/') slash--;
    directory_left[0] = '\0';
    if (!hl_str_starts(path, HL_STR("/tmp/hyperllama-")) || slash < 2) return;
    snprintf(directory_left, sizeof directory_left, "%.*s", (int)slash - 1, path.ptr);
}

void hl__interrupt_removes(const char *socket_path) {
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction now, action = {.sa_handler = on_end};
    sigemptyset(&action.sa_mask);
    snprintf(socket_left, sizeof socket_left, "%s", socket_path);
    find_directory(hl_str_from(socket_left));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            (void)sigaction(ends[i], &action, NULL);
    if (atomic_load(&watched) && before.sa_handler == SIG_DFL) before = action;
}

/* -- ends of an answer ------------------------------------------------------------------------- */

static void on_interrupt(int signal_number) {
    atomic_store(&came, true);
    if (restore) (void)sigaction(signal_number, &before, NULL);
    hl_client *c = atomic_load(&watched);
    if (c) hl_client_cancel(c);
}

void hl__interrupt_begin(hl_client *c, bool second_kills) {
    HL_ASSERT(c && !atomic_load(&watched));
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    restore = second_kills;
    atomic_store(&came, false);
    atomic_store(&watched, c);
    sigaction(SIGINT, NULL, &before);
    sigaction(SIGINT, &action, NULL);
}

bool hl__interrupt_end(void) {
    HL_ASSERT(atomic_load(&watched));
    sigaction(SIGINT, &before, NULL);
    atomic_store(&watched, NULL);
    return atomic_load(&came);
}
