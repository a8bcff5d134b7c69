/* cli/notify.h
 *
 * Tells systemd how the service is: a datagram to the socket that $NOTIFY_SOCKET names, a path or
 * an abstract name behind '@'.  That is the whole protocol (sd_notify(3)), so no library is needed.
 * Without the variable, or when nobody listens, nothing happens.
 */
#pragma once

#include "base/str.h"

/* "READY=1", "STOPPING=1"; lines "STATUS=…" may follow. */
void hl__notify(hl_str state);
