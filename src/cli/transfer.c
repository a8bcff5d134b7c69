#include "cli/transfer.h"

#include "base/clock.h"
#include "base/fs.h"
#include "cli/interrupt.h"
#include "cli/member.h"
#include "cli/out.h"
#include "cli/progress.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80 };

/* Lines on their way to the screen. */
typedef struct watching {
    const hl__transfer *transfer;
    hl__progress progress;
    hl_status failed;
    bool success;
    hl_error error;
} watching;

/* Of standard error, where the bars are; 0: no terminal that can draw them. */
static unsigned find_columns(void) {
    struct winsize size;
    const char *term = getenv("TERM");
    if (!isatty(STDERR_FILENO) || !term || strcmp(term, "dumb") == 0) return 0;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : COLUMNS_DEFAULT;
}

static void show(watching *w, struct json_object *o) {
    hl_buf out;
    hl_str status = hl__member_text(o, "status");
    if (status.len == 0) return;
    w->success = w->success || hl_str_is(status, "success");
    hl_buf_init(&out, 0);
    hl__progress_step(&w->progress, status, hl__member_uint(o, "total"),
                      hl__member_uint(o, "completed"), hl_clock_ns(), &out);
    hl__complain(hl_buf_str(&out));
    hl_buf_deinit(&out);
}

static hl_status print_line(hl_str line, hl_error *err) {
    hl_buf out;
    hl_buf_init(&out, 0);
    hl_buf_append_str(&out, line);
    hl_buf_append_char(&out, '\n');
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

static bool take_line(void *arg, hl_str line) {
    watching *w = arg;
    struct json_object *o = NULL;
    w->failed = hl_json_parse(line, &o, &w->error);
    hl_str wrong = hl__member_text(o, "error");
    if (w->failed >= 0 && wrong.len > 0)
        w->failed = hl_fail(&w->error, HL_EREMOTE, "transfer", "%.*s", HL_STR_ARG(wrong));
    if (w->failed >= 0) {
        if (w->transfer->json) {
            w->success = w->success || hl_str_is(hl__member_text(o, "status"), "success");
            w->failed = print_line(line, &w->error);
        } else {
            show(w, o);
        }
    }
    json_object_put(o);
    return w->failed >= 0;
}

static void finish_bars(watching *w) {
    hl_buf out;
    if (w->transfer->json) return;
    hl_buf_init(&out, 0);
    hl__progress_end(&w->progress, hl_clock_ns(), &out);
    hl__complain(hl_buf_str(&out));
    hl_buf_deinit(&out);
}

static hl_status watch(hl_client *c, hl_str from, const char *path, hl_str body, watching *w,
                       hl_error *err) {
    hl__interrupt_begin(c, true);
    hl_status st = hl_client_watch(c, from, path, body, take_line, w, err);
    bool interrupted = hl__interrupt_end();
    finish_bars(w);
    if (interrupted) return hl_fail(err, HL_ECANCELLED, "transfer", "interrupted");
    if (w->failed < 0) {
        *err = w->error;
        return w->failed;
    }
    if (st < 0 || w->success) return st;
    return hl_fail(err, HL_EREMOTE, "client", "the server ended before it was done");
}

static hl_status transfer(hl_client *c, const hl__transfer *t, const char *path, hl_error *err) {
    hl_buf body;
    watching w = {.transfer = t};
    hl__progress_init(&w.progress, find_columns());
    hl_buf_init(&body, 0);
    hl_buf_append_cstr(&body, "{\"model\":");
    hl_json_append_string(&body, t->model);
    hl_buf_append_cstr(&body, t->insecure ? ",\"insecure\":true}" : "}");
    hl_status st = hl_buf_status(&body, "the request", err);
    if (st >= 0) st = watch(c, HL_STR(""), path, hl_buf_str(&body), &w, err);
    hl_buf_deinit(&body);
    return st < 0 ? st : HL_OK;
}

/* The file's own name without its directories and ".gguf". */
static hl_str stem_of(hl_str path) {
    size_t begin = path.len;
    while (begin > 0 && path.ptr[begin - 1] != '/') begin--;
    return hl_str_slice(path, begin, path.len - (sizeof ".gguf" - 1));
}

static hl_status take_file(hl_client *c, const hl__transfer *t, hl_error *err) {
    hl_buf body;
    watching w = {.transfer = t};
    hl__progress_init(&w.progress, find_columns());
    hl_buf_init(&body, 0);
    hl_buf_append_cstr(&body, "{\"model\":");
    hl_json_append_string(&body, stem_of(t->model));
    hl_buf_append_cstr(&body, ",\"from\":");
    hl_json_append_string(&body, t->model);
    hl_buf_append_char(&body, '}');
    hl_status st = hl_buf_status(&body, "the request", err);
    if (st >= 0) st = watch(c, t->model, "/api/create", hl_buf_str(&body), &w, err);
    hl_buf_deinit(&body);
    return st < 0 ? st : HL_OK;
}

/* Names of models may end in .gguf, too; a file that is there goes first. */
static bool is_file(hl_str model) {
    return hl_str_ends(model, HL_STR(".gguf")) && model.len > sizeof ".gguf" - 1 &&
           hl_path_is_file(model.ptr);
}

hl_status hl__pull_model(hl_client *c, const hl__transfer *t, hl_error *err) {
    if (is_file(t->model)) return take_file(c, t, err);
    return transfer(c, t, "/api/pull", err);
}

hl_status hl__push_model(hl_client *c, const hl__transfer *t, hl_error *err) {
    return transfer(c, t, "/api/push", err);
}

hl_status hl__watch_request(hl_client *c, const char *path, hl_str body, bool json, hl_error *err) {
    hl__transfer t = {.json = json};
    watching w = {.transfer = &t};
    hl__progress_init(&w.progress, find_columns());
    hl_status st = watch(c, HL_STR(""), path, body, &w, err);
    return st < 0 ? st : HL_OK;
}
