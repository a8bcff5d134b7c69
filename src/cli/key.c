/* The keys that a server wants of its clients, in ~/.hyperllama/auth.db. */
#include "base/mem.h"
#include "cli/command.h"
#include "serve/keys.h"

#include <stdio.h>
#include <time.h>

typedef struct args {
    int64_t per_minute, at_once;
    bool json;
} args;

static const hl_flag FLAGS[] = {
    {"requests-per-minute", 0, HL_FLAG_INT, offsetof(args, per_minute), "N", NULL,
     "Most requests of the new key in a minute"},
    {"requests-at-once", 0, HL_FLAG_INT, offsetof(args, at_once), "N", NULL,
     "Most requests of the new key that run or wait"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL, "Print JSON"},
};

enum { PATH_BYTES = 4096 };

static hl_status open_keys(bool make, hl_keys **ret, hl_error *err) {
    char path[PATH_BYTES];
    if (!hl_keys_path(path, sizeof path))
        return hl_fail(err, HL_EINVAL, "key", "HOME is not set: there is no place for keys");
    return hl_keys_open(path, make, ret, err);
}

/* -- create ------------------------------------------------------------------------------------ */

static hl_status read_limits(const args *a, hl_key_limits *ret, hl_error *err) {
    if (a->per_minute < 0 || a->per_minute > 1000000 || a->at_once < 0 || a->at_once > UINT16_MAX)
        return hl_fail(err, HL_EINVAL, "key", "a limit is out of its range");
    *ret = (hl_key_limits){(uint32_t)a->per_minute, (uint32_t)a->at_once};
    return HL_OK;
}

static hl_status create(hl_keys *k, const hl__call *call, hl_buf *out, hl_error *err) {
    const args *a = call->args;
    char text[HL_KEY_TEXT_MAX];
    hl_key_limits limits;
    HL_TRY(read_limits(a, &limits, err));
    HL_TRY(hl_keys_create(k, hl_str_from(call->words[1]), limits, text, err));
    if (a->json)
        hl_buf_printf(out, "{\"name\":\"%s\",\"key\":\"%s\"}\n", call->words[1], text);
    else
        hl_buf_printf(out, "%s\n", text);
    if (!a->json) hl__complain(HL_STR("Keep it: it is not shown again.\n"));
    return HL_OK;
}

/* -- list -------------------------------------------------------------------------------------- */

static void append_day(int64_t wall_s, hl_buf *out) {
    time_t at = (time_t)wall_s;
    struct tm local = {0};
    char text[16] = "-";
    if (wall_s > 0 && localtime_r(&at, &local)) strftime(text, sizeof text, "%Y-%m-%d", &local);
    hl_buf_printf(out, "%-14s", text);
}

static void append_limit(uint32_t limit, hl_buf *out) {
    if (limit)
        hl_buf_printf(out, "%-14u", limit);
    else
        hl_buf_printf(out, "%-14s", "-");
}

static void append_row(const hl_key *key, hl_buf *out) {
    hl_buf_printf(out, "%-24s%-14s", key->name, key->start);
    append_limit(key->limits.per_minute, out);
    append_limit(key->limits.at_once, out);
    append_day(key->created_s, out);
    append_day(key->revoked_s, out);
    hl_buf_append_char(out, '\n');
}

static void append_table(const hl_key *keys, size_t n, hl_buf *out) {
    hl_buf_printf(out, "%-24s%-14s%-14s%-14s%-14s%-14s\n", "NAME", "BEGINS", "PER MINUTE",
                  "AT ONCE", "CREATED", "REVOKED");
    for (size_t i = 0; i < n; i++) append_row(&keys[i], out);
}

static void append_json(const hl_key *keys, size_t n, hl_buf *out) {
    hl_buf_append_char(out, '[');
    for (size_t i = 0; i < n; i++)
        hl_buf_printf(out,
                      "%s{\"name\":\"%s\",\"begins\":\"%s\",\"requests_per_minute\":%u,"
                      "\"requests_at_once\":%u,\"created\":%lld,\"revoked\":%lld}",
                      i ? "," : "", keys[i].name, keys[i].start, keys[i].limits.per_minute,
                      keys[i].limits.at_once, (long long)keys[i].created_s,
                      (long long)keys[i].revoked_s);
    hl_buf_append_cstr(out, "]\n");
}

static hl_status list(hl_keys *k, const hl__call *call, hl_buf *out, hl_error *err) {
    const args *a = call->args;
    hl_key *keys = NULL;
    size_t n = 0;
    if (k) HL_TRY(hl_keys_list(k, &keys, &n, err));
    if (a->json)
        append_json(keys, n, out);
    else
        append_table(keys, n, out);
    hl_free(keys);
    return HL_OK;
}

/* -- revoke ------------------------------------------------------------------------------------ */

static hl_status revoke_key(hl_keys *k, const hl__call *call, hl_buf *out, hl_error *err) {
    const args *a = call->args;
    if (!k) return hl_fail(err, HL_ENOTFOUND, "key", "there are no keys");
    HL_TRY(hl_keys_revoke(k, hl_str_from(call->words[1]), err));
    if (a->json)
        hl_buf_printf(out, "{\"revoked\":\"%s\"}\n", call->words[1]);
    else
        hl_buf_printf(out, "revoked '%s'\n", call->words[1]);
    return HL_OK;
}

/* -- the command ------------------------------------------------------------------------------- */

typedef struct verb {
    const char *name;
    size_t n_words;
    bool makes;
    hl_status (*run)(hl_keys *k, const hl__call *call, hl_buf *out, hl_error *err);
} verb;

static const verb VERBS[] = {
    {"create", 2, true, create}, {"list", 1, false, list}, {"revoke", 2, false, revoke_key}};

static hl_status run_verb(const verb *v, const hl__call *call, hl_error *err) {
    hl_keys *k;
    hl_buf out;
    if (call->n_words != v->n_words)
        return hl_fail(err, HL_EINVAL, "key", "key %s wants %s", v->name,
                       v->n_words == 2 ? "a NAME" : "no further words");
    HL_TRY(open_keys(v->makes, &k, err));
    hl_buf_init(&out, 0);
    hl_status st = v->run(k, call, &out, err);
    if (st >= 0) st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    hl_keys_close(k);
    return st;
}

static hl_status run(hl__call *call, hl_error *err) {
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++)
        if (strcmp(call->words[0], VERBS[i].name) == 0) return run_verb(&VERBS[i], call, err);
    return hl_fail(err, HL_EINVAL, "key", "key knows create, list and revoke, not '%.40s'",
                   call->words[0]);
}

const hl__command hl__command_key = {
    .name = "key",
    .usage = "key create NAME | list | revoke NAME",
    .summary = "Make, list and revoke the server's keys",
    .about = "With a key that is good, the server wants one of every client that comes over the\n"
             "network.  A client sends it as `Authorization: Bearer KEY` or `x-api-key: KEY`; the\n"
             "commands of this program take it from HYPERLLAMA_API_KEY or ~/.hyperllama/key.",
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = 2,
    .run = run,
};
