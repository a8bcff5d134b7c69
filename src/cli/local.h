/* cli/local.h — the store that this user's settings name, opened without a server.
 *
 * Threads: the main thread. */
#pragma once

#include "store/store.h"

hl_status hl__local_store(hl_store **ret, hl_error *err) HL_NODISCARD;
