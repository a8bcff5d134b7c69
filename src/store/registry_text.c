#include "store/registry_text.h"

static hl_status take_text(hl_http_task *t, hl_bytes piece) {
    hl_buf *text = t->arg;
    hl_buf_append(text, piece.ptr, piece.len);
    return hl_buf_status(text, "the registry's answer", &t->error);
}

static void reset_text(void *arg) {
    hl_buf_reset(arg);
}

hl_status hl__fetch_text(hl__link *l, const char *url, const char *accept, hl_buf *ret,
                         bool *ret_unreachable, hl_error *err) {
    hl__reply reply;
    hl__request r = {.method = "GET",
                     .url = url,
                     .headers = {accept},
                     .take = take_text,
                     .reset = reset_text,
                     .arg = ret};
    hl_status st = hl__link_ask(l, &r, &reply, err);
    *ret_unreachable = reply.unreachable;
    if (st < 0) return st;
    if (reply.http < 200 || reply.http > 299) {
        *err = reply.error;
        st = reply.error.status < 0 ? reply.error.status
                                    : hl_fail(err, HL_EREMOTE, "registry", "status %d", reply.http);
    }
    hl__reply_deinit(&reply);
    return st;
}
