/* base/status.h
 *
 * The one success convention of the program, and the error that goes with it.
 *
 * A fallible function returns hl_status and takes `hl_error *err` as its very
 * last parameter.  Negative: an error, *err is filled.  0: done as asked.
 * Positive: a note (nothing is wrong).  `err` may be NULL where the caller only
 * wants the status.
 *
 * The table also carries what each error means to the outside: the HTTP status,
 * the exit code of our own commands (sysexits), and whether trying again can
 * help, so that no `switch` elsewhere can disagree.
 *
 * Threads: pure.  An hl_error belongs to its caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, value, http, exit, retry, text) */
#define HL_STATUS_MAP(X)                                                                           \
    X(OK, 0, 200, 0, 0, "ok")                                                                      \
    X(DONE, 1, 0, 0, 0, "no more items")                                                           \
    X(AGAIN, 2, 0, 0, 1, "not ready, call again after an event")                                   \
    X(ENOMEM, -1, 503, 71, 1, "out of memory")                                                     \
    X(EINVAL, -2, 400, 64, 0, "invalid argument")                                                  \
    X(EFORMAT, -3, 400, 65, 0, "malformed input")                                                  \
    X(ELIMIT, -4, 400, 65, 0, "a configured limit was exceeded")                                   \
    X(ENOTFOUND, -5, 404, 66, 0, "not found")                                                      \
    X(EBUSY, -6, 503, 75, 1, "queue full")                                                         \
    X(ECANCELLED, -7, 499, 75, 0, "cancelled by the client")                                       \
    X(EDEVICE, -8, 500, 70, 0, "accelerator error")                                                \
    X(EREMOTE, -9, 502, 69, 1, "remote engine error")                                              \
    X(EIO, -10, 500, 74, 1, "i/o error")                                                           \
    X(EUNSUPPORTED, -11, 400, 69, 0, "not supported")

typedef enum hl_status {
#define X(name, value, http, exit, retry, text) HL_##name = (value),
    HL_STATUS_MAP(X)
#undef X
} hl_status;

#define HL_NODISCARD         __attribute__((warn_unused_result))
#define HL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum { HL_ERROR_TEXT_MAX = 512 };

typedef struct hl_error {
    hl_status status;
    const char *area;             /* static text: "gguf", "template", …  */
    char text[HL_ERROR_TEXT_MAX]; /* one line, says what and where         */
} hl_error;

/* What the table says of a status. */
const char *hl_status_name(hl_status st); /* "EFORMAT" */
const char *hl_status_text(hl_status st); /* "malformed input" */
int hl_status_http(hl_status st);
int hl_status_exit(hl_status st);
bool hl_status_retry(hl_status st);

/* Fills *err (which may be NULL) and returns st, so that a failure is one line:
 *     return hl_fail(err, HL_EFORMAT, "gguf", "string at offset %llu …", at);
 * Control characters and malformed UTF-8 in the text become '?': it may quote strangers' files. */
#define hl_fail(...) hl__negative(hl__fail(__VA_ARGS__))
hl_status hl__fail(hl_error *err, hl_status st, const char *area, const char *fmt, ...)
    HL_PRINTF(4, 5);

/* Tells the compiler what hl__fail asserts, so that it sees which outputs are written. */
static inline hl_status hl__negative(hl_status st) {
    if (st >= 0) __builtin_unreachable();
    return st;
}

/* Puts "WHAT: " before the text of *err; for callers that know the file's name. */
void hl_error_prefix(hl_error *err, const char *fmt, ...) HL_PRINTF(2, 3);

/* The only hidden return in the program; use it only where nothing is held. */
#define HL_TRY(call)                                                                               \
    do {                                                                                           \
        hl_status hl_try_st_ = (call);                                                             \
        if (hl_try_st_ < 0) return hl_try_st_;                                                     \
    } while (0)

/* Assertions hold what the program promises itself; nothing from outside may
 * reach one.  HL_ASSERT stays on in release builds, HL_DASSERT does not. */
_Noreturn void hl_assert_failed(const char *file, int line, const char *expr);
#define HL_ASSERT(expr) ((expr) ? (void)0 : hl_assert_failed(__FILE__, __LINE__, #expr))
#ifdef NDEBUG
#define HL_DASSERT(expr) ((void)sizeof(expr))
#else
#define HL_DASSERT(expr) HL_ASSERT(expr)
#endif
