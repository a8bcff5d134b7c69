/* cli/interrupt.h
 *
 * Ctrl-C ends the answer that is being made: between begin and end SIGINT cancels the client's
 * request.  And what is to be gone when a signal ends the program.
 * Threads: the main thread.
 */
#pragma once

#include <stdbool.h>

typedef struct hl_client hl_client;

/* From now on a signal that ends the program first removes this socket, and the directory that was
 * made for it. */
void hl__interrupt_removes(const char *socket_path);

/* second_kills: another SIGINT before the end kills the program as usual. */
void hl__interrupt_begin(hl_client *c, bool second_kills);
/* Back to what it was; whether it came. */
bool hl__interrupt_end(void);
