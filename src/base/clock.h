/* base/clock.h — the only place that reads time; logic takes `now_ns` as an argument. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t hl_clock_ns(void);     /* monotonic, from an arbitrary zero */
int64_t hl_clock_wall_ns(void); /* since 1970-01-01 UTC */
/* Seconds since 1970 as the local clock shows them: what a template's strftime_now sees. */
int64_t hl_clock_local_s(void);
void hl_clock_sleep_ns(uint64_t ns);

/* "2026-08-21T10:11:12.123456789Z" into out (31 bytes with the NUL). */
void hl_clock_rfc3339(int64_t wall_ns, char out[32]);
/* Go's time.Duration text: "1.234567ms", "2m3.5s", "0s"; out holds 32 bytes. */
void hl_duration_text(uint64_t ns, char out[32]);
