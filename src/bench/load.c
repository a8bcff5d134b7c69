#include "bench/load.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>

enum { LINE_BYTES_MAX = 1 << 20, WAIT_MS = 20, NS_PER_MS = 1000000 };

static const double NS_PER_S = 1e9;

/* One request on its way. */
typedef struct stream {
    struct load *load;
    CURL *easy;
    hl_buf body, line, refused;
    uint64_t due_ns, last_ns; /* last: of the last piece; 0: none yet */
    uint64_t n_pieces, n_tokens;
    bool busy, ended; /* ended: data: [DONE] was seen */
    char url_error[CURL_ERROR_SIZE];
} stream;

typedef struct load {
    const hl_load_config *config;
    hl_load_result *result;
    CURLM *multi;
    struct curl_slist *headers;
    stream *streams; /* [config->clients] */
    hl_rng rng;
    char url[512];
    uint64_t next_due_ns; /* with a rate */
    uint32_t n_sent, n_busy;
} load;

/* -- questions --------------------------------------------------------------------------------- */

static const char *const SUBJECTS[] = {"a linked list",   "a hash table",  "the moon's tides",
                                       "a bread oven",    "a chess clock", "a mutex",
                                       "the water cycle", "a bicycle bell"};

static void append_question(load *l, hl_buf *out) {
    char text[128];
    const char *subject = SUBJECTS[hl_rng_below(&l->rng, sizeof SUBJECTS / sizeof *SUBJECTS)];
    unsigned number = (unsigned)hl_rng_below(&l->rng, 1000000);
    switch (hl_rng_below(&l->rng, 4)) {
    case 0: snprintf(text, sizeof text, "How does %s work? Case %u.", subject, number); break;
    case 1: snprintf(text, sizeof text, "Write a text on %s, no. %u.", subject, number); break;
    case 2: snprintf(text, sizeof text, "What is %s good for? Example %u.", subject, number); break;
    default: snprintf(text, sizeof text, "Name facts about %s, list %u.", subject, number); break;
    }
    hl_json_append_string(out, hl_str_from(text));
}

static void write_body(load *l, hl_buf *b) {
    const hl_load_config *c = l->config;
    hl_buf_reset(b);
    hl_buf_append_cstr(b, "{\"model\":");
    hl_json_append_string(b, hl_str_from(c->model));
    hl_buf_append_cstr(b, ",\"messages\":[");
    if (c->system.len > 0) {
        hl_buf_append_cstr(b, "{\"role\":\"system\",\"content\":");
        hl_json_append_string(b, c->system);
        hl_buf_append_cstr(b, "},");
    }
    hl_buf_append_cstr(b, "{\"role\":\"user\",\"content\":");
    if (c->prompt.len > 0)
        hl_json_append_string(b, c->prompt);
    else
        append_question(l, b);
    hl_buf_printf(b,
                  "}],\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                  "\"max_tokens\":%u,\"temperature\":%g,\"seed\":%u}",
                  c->tokens_max, c->temperature, (unsigned)hl_rng_below(&l->rng, INT32_MAX));
}

/* -- an answer --------------------------------------------------------------------------------- */

static void note_failure(load *l, const char *text) {
    hl_load_result *r = l->result;
    if (r->n_failed++ == 0) snprintf(r->failure, sizeof r->failure, "%s", text);
}

static void note_piece(stream *s) {
    hl_load_result *r = s->load->result;
    uint64_t now_ns = hl_clock_ns();
    double since_ms = (double)(now_ns - (s->last_ns ? s->last_ns : s->due_ns)) / NS_PER_MS;
    hl_samples_add(s->last_ns ? &r->gap_ms : &r->ttft_ms, since_ms);
    s->last_ns = now_ns;
    s->n_pieces++;
}

static struct json_object *member(struct json_object *o, const char *key) {
    struct json_object *value = NULL;
    return json_object_object_get_ex(o, key, &value) ? value : NULL;
}

static bool has_text(struct json_object *delta) {
    static const char *const keys[] = {"content", "reasoning", "reasoning_content"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct json_object *text = member(delta, keys[i]);
        if (text && json_object_get_string_len(text) > 0) return true;
    }
    return member(delta, "tool_calls") != NULL;
}

static uint64_t count_of(struct json_object *usage, const char *key) {
    int64_t n = json_object_get_int64(member(usage, key));
    return n > 0 ? (uint64_t)n : 0;
}

static void take_usage(stream *s, struct json_object *usage) {
    hl_load_result *r = s->load->result;
    struct json_object *details = member(usage, "prompt_tokens_details");
    r->prompt_tokens += count_of(usage, "prompt_tokens");
    r->cached_tokens += details ? count_of(details, "cached_tokens") : 0;
    s->n_tokens = count_of(usage, "completion_tokens");
}

static void take_object(stream *s, struct json_object *o) {
    struct json_object *choices = member(o, "choices"), *usage = member(o, "usage");
    struct json_object *first = json_object_is_type(choices, json_type_array)
                                    ? json_object_array_get_idx(choices, 0)
                                    : NULL;
    struct json_object *delta = first ? member(first, "delta") : NULL;
    if (delta && has_text(delta)) note_piece(s);
    if (usage) take_usage(s, usage);
}

static void take_line(stream *s, hl_str line) {
    static const hl_str data = HL_STR("data: ");
    struct json_object *o = NULL;
    if (!hl_str_starts(line, data)) return;
    hl_str text = hl_str_slice(line, data.len, line.len);
    if (hl_str_is(text, "[DONE]"))
        s->ended = true;
    else if (hl_json_parse(text, &o, NULL) >= 0)
        take_object(s, o);
    json_object_put(o);
}

static size_t on_bytes(char *bytes, size_t one, size_t n, void *arg) {
    stream *s = arg;
    (void)one;
    long status = 0;
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        hl_buf_append(&s->refused, bytes, n);
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (bytes[i] != '\r') hl_buf_append_char(&s->line, bytes[i]);
            continue;
        }
        take_line(s, hl_buf_str(&s->line));
        hl_buf_reset(&s->line);
    }
    return s->line.failed < 0 ? 0 : n;
}

/* -- requests ---------------------------------------------------------------------------------- */

static stream *idle_stream(load *l) {
    for (uint32_t i = 0; i < l->config->clients; i++)
        if (!l->streams[i].busy) return &l->streams[i];
    return NULL;
}

static hl_status send_request(load *l, stream *s, uint64_t due_ns, hl_error *err) {
    write_body(l, &s->body);
    HL_TRY(hl_buf_status(&s->body, "a request", err));
    hl_buf_reset(&s->line);
    hl_buf_reset(&s->refused);
    s->due_ns = due_ns;
    s->last_ns = s->n_pieces = s->n_tokens = 0;
    s->ended = false;
    s->url_error[0] = '\0';
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->body.ptr);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)s->body.len);
    if (curl_multi_add_handle(l->multi, s->easy) != CURLM_OK)
        return hl_fail(err, HL_EIO, "bench", "cannot send a request");
    s->busy = true;
    l->n_busy++;
    l->n_sent++;
    return HL_OK;
}

/* When the next request is due; UINT64_MAX: none. */
static uint64_t next_due(const load *l) {
    if (l->n_sent >= l->config->requests || l->n_busy >= l->config->clients) return UINT64_MAX;
    return l->config->rate > 0 ? l->next_due_ns : 0;
}

static void draw_next_due(load *l) {
    if (l->config->rate <= 0) return;
    double wait_s = -log(1 - hl_rng_unit(&l->rng)) / l->config->rate;
    l->next_due_ns += (uint64_t)(wait_s * NS_PER_S);
}

static hl_status send_due(load *l, hl_error *err) {
    for (uint64_t now_ns = hl_clock_ns(), due_ns; (due_ns = next_due(l)) <= now_ns;) {
        stream *s = idle_stream(l);
        HL_ASSERT(s);
        HL_TRY(send_request(l, s, due_ns ? due_ns : now_ns, err));
        draw_next_due(l);
    }
    return HL_OK;
}

static void finish(load *l, stream *s, CURLcode code) {
    long status = 0;
    char text[256];
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    s->busy = false;
    l->n_busy--;
    if (code != CURLE_OK) {
        note_failure(l, s->url_error[0] ? s->url_error : curl_easy_strerror(code));
    } else if (status != 200) {
        snprintf(text, sizeof text, "HTTP %ld: %.*s", status,
                 HL_STR_ARG(hl_str_slice(hl_buf_str(&s->refused), 0, 200)));
        note_failure(l, text);
    } else if (!s->ended) {
        note_failure(l, "a stream ended before its end");
    } else {
        l->result->n_done++;
        l->result->tokens += s->n_tokens ? s->n_tokens : s->n_pieces;
        hl_samples_add(&l->result->total_ms, (double)(hl_clock_ns() - s->due_ns) / NS_PER_MS);
    }
}

static void take_finished(load *l) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(l->multi, &left));) {
        char *s = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURL *easy = m->easy_handle;
        CURLcode code = m->data.result;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &s);
        curl_multi_remove_handle(l->multi, easy);
        finish(l, (stream *)(void *)s, code);
    }
}

static int wait_ms(const load *l) {
    uint64_t due_ns = next_due(l), now_ns = hl_clock_ns();
    if (due_ns == UINT64_MAX) return WAIT_MS;
    uint64_t ms = due_ns > now_ns ? (due_ns - now_ns) / NS_PER_MS : 0;
    return ms < WAIT_MS ? (int)ms : WAIT_MS;
}

static hl_status run(load *l, hl_error *err) {
    int running;
    uint64_t started_ns = hl_clock_ns();
    l->next_due_ns = started_ns;
    while (l->n_sent < l->config->requests || l->n_busy > 0) {
        HL_TRY(send_due(l, err));
        if (curl_multi_perform(l->multi, &running) != CURLM_OK)
            return hl_fail(err, HL_EIO, "bench", "the connections are lost");
        take_finished(l);
        if (l->n_busy > 0 || l->n_sent < l->config->requests)
            curl_multi_poll(l->multi, NULL, 0, wait_ms(l), NULL);
    }
    l->result->seconds = (double)(hl_clock_ns() - started_ns) / NS_PER_S;
    return HL_OK;
}

/* -- start and end ----------------------------------------------------------------------------- */

static hl_status add_header(load *l, const char *text, hl_error *err) {
    struct curl_slist *all = curl_slist_append(l->headers, text);
    if (!all) return hl_fail(err, HL_ENOMEM, "bench", "no memory");
    l->headers = all;
    return HL_OK;
}

static hl_status make_headers(load *l, hl_error *err) {
    char line[512];
    HL_TRY(add_header(l, "Content-Type: application/json", err));
    HL_TRY(add_header(l, "Expect:", err));
    if (!l->config->api_key) return HL_OK;
    snprintf(line, sizeof line, "Authorization: Bearer %s", l->config->api_key);
    return add_header(l, line, err);
}

static hl_status open_stream(load *l, stream *s, hl_error *err) {
    *s = (stream){.load = l, .easy = curl_easy_init()};
    hl_buf_init(&s->body, 0);
    hl_buf_init(&s->line, LINE_BYTES_MAX);
    hl_buf_init(&s->refused, LINE_BYTES_MAX);
    if (!s->easy) return hl_fail(err, HL_ENOMEM, "bench", "no memory for a client");
    curl_easy_setopt(s->easy, CURLOPT_URL, l->url);
    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, l->headers);
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->url_error);
    curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->easy, CURLOPT_PROXY, "");
    return HL_OK;
}

static hl_status open_load(load *l, hl_error *err) {
    const hl_load_config *c = l->config;
    int n = snprintf(l->url, sizeof l->url, "%s/v1/chat/completions", c->base_url);
    if (n < 0 || (size_t)n >= sizeof l->url)
        return hl_fail(err, HL_EINVAL, "bench", "the address is too long");
    hl_rng_init(&l->rng, c->seed);
    l->multi = curl_multi_init();
    l->streams = hl_calloc(c->clients, sizeof *l->streams);
    if (!l->multi || !l->streams) return hl_fail(err, HL_ENOMEM, "bench", "no memory");
    HL_TRY(make_headers(l, err));
    for (uint32_t i = 0; i < c->clients; i++) HL_TRY(open_stream(l, &l->streams[i], err));
    return HL_OK;
}

static void close_load(load *l) {
    for (uint32_t i = 0; l->streams && i < l->config->clients; i++) {
        stream *s = &l->streams[i];
        if (s->busy) curl_multi_remove_handle(l->multi, s->easy);
        if (s->easy) curl_easy_cleanup(s->easy);
        hl_buf_deinit(&s->body);
        hl_buf_deinit(&s->line);
        hl_buf_deinit(&s->refused);
    }
    hl_free(l->streams);
    if (l->multi) curl_multi_cleanup(l->multi);
    curl_slist_free_all(l->headers);
}

hl_status hl_load_run(const hl_load_config *config, hl_load_result *ret, hl_error *err) {
    *ret = (hl_load_result){0};
    load l = {.config = config, .result = ret};
    HL_ASSERT(config->clients > 0 && config->base_url && config->model);
    hl_status st = open_load(&l, err);
    if (st >= 0) st = run(&l, err);
    close_load(&l);
    if (st >= 0 && (ret->ttft_ms.failed || ret->gap_ms.failed || ret->total_ms.failed))
        st = hl_fail(err, HL_ENOMEM, "bench", "no memory for the measurements");
    return st;
}

void hl_load_result_deinit(hl_load_result *r) {
    hl_samples_deinit(&r->ttft_ms);
    hl_samples_deinit(&r->gap_ms);
    hl_samples_deinit(&r->total_ms);
}
