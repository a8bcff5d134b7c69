#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>

/* A signal handler has no argument. */
static _Atomic(hl_client *) watched;
static atomic_bool came;
static struct sigaction before;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    atomic_store(&came, true);
    hl_client *c = atomic_load(&watched);
    if (c) hl_client_cancel(c);
}

void hl__interrupt_begin(hl_client *c, bool second_kills) {
    HL_ASSERT(c && !atomic_load(&watched));
    struct sigaction action = {.sa_handler = on_interrupt,
                               .sa_flags = second_kills ? (int)SA_RESETHAND : 0};
    sigemptyset(&action.sa_mask);
    atomic_store(&came, false);
    atomic_store(&watched, c);
    sigaction(SIGINT, &action, &before);
}

bool hl__interrupt_end(void) {
    HL_ASSERT(atomic_load(&watched));
    sigaction(SIGINT, &before, NULL);
    atomic_store(&watched, NULL);
    return atomic_load(&came);
}
