#include "cli/out.h"

#include "cli/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char READER_LEFT[] = "standard output: its reader is gone";

void hl__out_start(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", O_RDONLY); /* ends at once, or cannot be written to */
    signal(SIGPIPE, SIG_IGN);
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
}

static bool wait_writable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

/* All of it; false leaves errno. */
static bool write_all(int fd, hl_str text) {
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n > 0) {
            text = hl_str_slice(text, (size_t)n, text.len);
        } else if (n < 0 && errno == EAGAIN) {
            if (!wait_writable(fd)) return false;
        } else if (n < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

hl_status hl__out(hl_str text, hl_error *err) {
    if (write_all(STDOUT_FILENO, text)) return HL_OK;
    if (errno == EPIPE) return hl_fail(err, HL_EIO, READER_LEFT, READER_LEFT);
    return hl_fail(err, HL_EIO, "output", "standard output: %s", strerror(errno));
}

hl_status hl__out_buf(const hl_buf *b, hl_error *err) {
    HL_TRY(hl_buf_status(b, "the output", err));
    return hl__out(hl_buf_str(b), err);
}

hl_status hl__out_strange(const hl_buf *b, hl_error *err) {
    hl__wrap filter;
    hl_buf screen;
    HL_TRY(hl_buf_status(b, "the output", err));
    if (!hl__out_is_terminal()) return hl__out(hl_buf_str(b), err);
    hl__wrap_init(&filter, 0);
    hl_buf_init(&screen, 0);
    hl__wrap_push(&filter, hl_buf_str(b), &screen);
    hl_status st = hl__out_buf(&screen, err);
    hl_buf_deinit(&screen);
    return st;
}

bool hl__out_reader_left(const hl_error *err) {
    return err->area == READER_LEFT;
}

void hl__out_anyway(hl_str text) {
    (void)write_all(STDOUT_FILENO, text);
}

void hl__complain(hl_str text) {
    (void)write_all(STDERR_FILENO, text);
}

bool hl__out_is_terminal(void) {
    return isatty(STDOUT_FILENO) == 1;
}

bool hl__out_takes_escapes(void) {
    const char *term = getenv("TERM");
    return hl__out_is_terminal() && term && term[0] && strcmp(term, "dumb") != 0;
}

unsigned hl__out_columns(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col;
}
