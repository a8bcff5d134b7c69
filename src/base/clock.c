#define _GNU_SOURCE
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NS_PER_S = 1000000000 };

static uint64_t read_clock(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t hl_clock_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t hl_clock_wall_ns(void) {
    return (int64_t)read_clock(CLOCK_REALTIME);
}

int64_t hl_clock_local_s(void) {
    time_t utc = (time_t)(hl_clock_wall_ns() / 1000000000);
    struct tm local = {0};
    if (!localtime_r(&utc, &local)) return utc;
    return utc + local.tm_gmtoff;
}

void hl_clock_sleep_ns(uint64_t ns) {
    struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    (void)nanosleep(&t, NULL);
}

void hl_clock_rfc3339(int64_t wall_ns, char out[32]) {
    int64_t rest = (wall_ns % NS_PER_S + NS_PER_S) % NS_PER_S; /* before 1970 too */
    time_t s = (time_t)(wall_ns / NS_PER_S - (wall_ns % NS_PER_S < 0));
    struct tm tm;
    (void)gmtime_r(&s, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, 32 - n, ".%09uZ", (unsigned)rest);
}

/* v with n decimals, trailing zeros cut, into out; v counts 10^-n of the unit. */
static int print_decimal(char *out, size_t cap, uint64_t v, unsigned n, const char *unit) {
    uint64_t scale = 1;
    for (unsigned i = 0; i < n; i++) scale *= 10;
    uint64_t frac = v % scale;
    if (frac == 0) return snprintf(out, cap, "%llu%s", (unsigned long long)(v / scale), unit);
    while (frac % 10 == 0) {
        frac /= 10;
        n--;
    }
    return snprintf(out, cap, "%llu.%0*llu%s", (unsigned long long)(v / scale), (int)n,
                    (unsigned long long)frac, unit);
}

void hl_duration_text(uint64_t ns, char out[32]) {
    if (ns == 0) {
        (void)snprintf(out, 32, "0s");
    } else if (ns < 1000) {
        (void)snprintf(out, 32, "%uns", (unsigned)ns);
    } else if (ns < 1000000) {
        (void)print_decimal(out, 32, ns, 3, "µs");
    } else if (ns < NS_PER_S) {
        (void)print_decimal(out, 32, ns, 6, "ms");
    } else {
        uint64_t minutes = ns / NS_PER_S / 60, rest = ns % (60ull * NS_PER_S);
        int n = 0;
        if (minutes >= 60) n = snprintf(out, 32, "%lluh", (unsigned long long)(minutes / 60));
        if (minutes) n += snprintf(out + n, (size_t)(32 - n), "%um", (unsigned)(minutes % 60));
        (void)print_decimal(out + n, (size_t)(32 - n), rest, 9, "s");
    }
}
