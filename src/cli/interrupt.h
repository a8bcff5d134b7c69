/* cli/interrupt.h
 *
 * Ctrl-C ends the answer that is being made: between begin and end SIGINT cancels the client's
 * request.
 * Threads: the main thread.
 */
#pragma once

#include "serve/client.h"

/* second_kills: another SIGINT before the end kills the program as usual. */
void hl__interrupt_begin(hl_client *c, bool second_kills);
/* Back to what it was; whether it came. */
bool hl__interrupt_end(void);
