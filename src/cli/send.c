#include "cli/send.h"

#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/local.h"
#include "cli/out.h"

#include <unistd.h>

struct hl__sender {
    hl_client *client;
    hl_store *store; /* where files may be linked into; NULL: nowhere */
    bool json, redraws;
};

/* A store that is not there is not made for a server that may have another. */
static hl_status find_store(hl__sender *s, hl_error *err) {
    hl_client_place place;
    HL_TRY(hl_client_find(s->client, &place, err));
    if (place == HL_CLIENT_ELSEWHERE) return HL_OK;
    HL_TRY(hl__local_store(&s->store, err));
    if (place == HL_CLIENT_OURS || hl_path_is_dir(hl_store_root(s->store))) return HL_OK;
    hl_store_close(s->store);
    s->store = NULL;
    return HL_OK;
}

hl_status hl__sender_open(hl_client *c, bool json, hl__sender **ret, hl_error *err) {
    hl__sender *s = hl_calloc(1, sizeof *s);
    if (!s) return hl_fail(err, HL_ENOMEM, "create", "no memory");
    s->client = c;
    s->json = json;
    s->redraws = !json && isatty(STDERR_FILENO);
    hl_status st = find_store(s, err);
    if (st < 0)
        hl__sender_close(s);
    else
        *ret = s;
    return st;
}

void hl__sender_close(hl__sender *s) {
    if (!s) return;
    hl_store_close(s->store);
    hl_free(s);
}

/* -- lines ------------------------------------------------------------------------------------- */

hl_status hl__sender_say(const hl__sender *s, const char *status, hl_error *err) {
    hl_buf line;
    hl_status st = HL_OK;
    hl_buf_init(&line, 0);
    if (s->json) {
        hl_buf_append_cstr(&line, "{\"status\":");
        hl_json_append_string(&line, hl_str_from(status));
        hl_buf_append_cstr(&line, "}\n");
        st = hl__out_buf(&line, err);
    } else {
        hl_buf_printf(&line, "%s%s\n", s->redraws ? "\r\033[K" : "", status);
        hl__complain(hl_buf_str(&line));
    }
    hl_buf_deinit(&line);
    return st;
}

static hl_status say_file(const hl__sender *s, const char *verb, const hl_digest *d,
                          const char *rest, hl_error *err) {
    hl_buf status;
    hl_buf_init(&status, 0);
    hl_buf_printf(&status, "%s file %s%s", verb, d->text, rest);
    hl_status st = hl_buf_status(&status, "a line", err);
    if (st >= 0) st = hl__sender_say(s, status.ptr, err);
    hl_buf_deinit(&status);
    return st;
}

typedef struct sending {
    const hl_digest *digest;
    uint64_t total;
    int shown; /* percent; -1: nothing yet */
} sending;

static void show_sent(void *arg, uint64_t bytes) {
    sending *g = arg;
    hl_buf line;
    int percent = g->total == 0 ? 100 : (int)((double)bytes * 100 / (double)g->total);
    if (percent == g->shown || percent > 100) return;
    g->shown = percent;
    hl_buf_init(&line, 0);
    hl_buf_printf(&line, "\r\033[Kcopying file %s %d%%", g->digest->text, percent);
    hl__complain(hl_buf_str(&line));
    hl_buf_deinit(&line);
}

/* -- one file ---------------------------------------------------------------------------------- */

/* A link into our own store is one into the server's, if it has the blob then. */
static bool try_link(const hl__sender *s, const char *path, const hl_digest *d) {
    hl_layer l;
    hl_taken how;
    bool has = false;
    if (!s->store || hl_store_take(s->store, path, d, false, &l, &how, NULL) < 0) return false;
    return hl_client_has_blob(s->client, d->text, &has, NULL) >= 0 && has;
}

static hl_status send(const hl__sender *s, const char *path, const hl_digest *d, hl_error *err) {
    hl_file_map map;
    HL_TRY(hl_file_map_open(path, &map, err));
    sending g = {.digest = d, .total = map.bytes.len, .shown = -1};
    hl__interrupt_begin(s->client, true);
    hl_status st = hl_client_send_blob(s->client, d->text, map.bytes, s->redraws ? show_sent : NULL,
                                       &g, err);
    if (hl__interrupt_end()) st = hl_fail(err, HL_ECANCELLED, "create", "interrupted");
    hl_file_map_close(&map);
    return st < 0 ? st : say_file(s, "copying", d, " 100%", err);
}

hl_status hl__send_file(hl__sender *s, const char *path, hl_digest *ret, hl_error *err) {
    bool has;
    HL_TRY(hl_digest_of_file(path, ret, err));
    HL_TRY(hl_client_has_blob(s->client, ret->text, &has, err));
    if (has) return HL_OK;
    if (try_link(s, path, ret)) return say_file(s, "linked", ret, "", err);
    return send(s, path, ret, err);
}
