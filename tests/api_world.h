/* tests/api_world.h — what the API's calls see, by script: a hub that runs nothing and a client
 * that notes what it gets.  Defines hl_hub_* and hl_http_*, so that a test that includes this must
 * use nothing else of the two. */
#pragma once

#include "api/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* -- what the calls see ------------------------------------------------------------------------ */

static struct {
    hl_job *jobs[8];
    size_t n_jobs, n_cancels, refuse_at; /* refuse_at: from which job on submit fails */
    hl_buf out;
    int status;
    const char *type;
    bool began, ended, deaf, may_break; /* may_break: memory fails */
    hl_http_leave_fn *leave;
    void *leave_arg;
} world;

hl_status hl_hub_submit(hl_hub *h, hl_job *job, hl_error *err) {
    (void)h;
    if (world.n_jobs >= world.refuse_at) return hl_fail(err, HL_EBUSY, "hub", "queue full");
    world.jobs[world.n_jobs++] = job;
    return HL_OK;
}

void hl_hub_cancel(hl_hub *h, hl_job *job) {
    (void)h;
    (void)job;
    world.n_cancels++;
}

void hl_hub_unload(hl_hub *h, const char *path) {
    (void)h;
    (void)path;
}

hl_str hl_http_body(const hl_http_exchange *x) {
    (void)x;
    return (hl_str){"", 0};
}

const char *hl_http_path(const hl_http_exchange *x) {
    (void)x;
    return "/";
}

int64_t hl_http_tag(const hl_http_exchange *x) {
    (void)x;
    return 0;
}

void hl_http_add_header(hl_http_exchange *x, const char *name, const char *value) {
    (void)x;
    (void)name;
    (void)value;
}

void hl_http_answer(hl_http_exchange *x, int status, const char *content_type, hl_str body) {
    (void)x;
    assert_false(world.began || world.ended);
    world.status = status;
    world.type = content_type;
    world.ended = true;
    hl_buf_append_str(&world.out, body);
}

void hl_http_begin(hl_http_exchange *x, int status, const char *content_type) {
    (void)x;
    assert_false(world.began || world.ended);
    world.began = true;
    world.status = status;
    world.type = content_type;
}

bool hl_http_write(hl_http_exchange *x, hl_str bytes) {
    (void)x;
    assert_true(world.began && !world.ended);
    hl_buf_append_str(&world.out, bytes);
    return !world.deaf;
}

void hl_http_end(hl_http_exchange *x, bool complete) {
    (void)x;
    assert_true(world.began && !world.ended);
    assert_true(complete == !world.deaf || world.may_break);
    if (!complete) world.deaf = true;
    world.ended = true;
}

void hl_http_on_leave(hl_http_exchange *x, hl_http_leave_fn *fn, void *arg) {
    (void)x;
    world.leave = fn;
    world.leave_arg = arg;
}

/* -- scripts ----------------------------------------------------------------------------------- */

static hl_package package;
static hl_api api;

static int set_up(void **state) {
    (void)state;
    memset(&world, 0, sizeof world);
    hl_buf_init(&world.out, 0);
    world.refuse_at = SIZE_MAX;
    package = (hl_package){.name = "m:latest"};
    atomic_store(&package.refs, 1000);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hl_buf_deinit(&world.out);
    return 0;
}

static hl_status try_start(const hl__voice *voice, hl__dialect dialect, const char *body,
                           hl_error *err) {
    hl__visit v = {.api = &api, .dialect = dialect, .req_id = "r1"};
    hl__call *c = NULL;
    HL_TRY(hl__call_read(&v, hl_str_from(body), voice, &c, err));
    c->package = &package;
    c->created_s = 7;
    c->number = 5;
    hl__call_start(c, false);
    return HL_OK;
}

static inline void start(const hl__voice *voice, hl__dialect dialect, const char *body) {
    hl_error err = {0};
    if (try_start(voice, dialect, body, &err) < 0) fail_msg("%s", err.text);
}

static void say(size_t job, hl_channel channel, const char *text) {
    hl_event ev = {.kind = HL_EVENT_TEXT, .channel = channel, .text = hl_str_from(text)};
    world.jobs[job]->on_event(world.jobs[job]->arg, &ev);
}

static void call_tool(size_t job, const char *name, const char *arguments) {
    hl_event ev = {.kind = HL_EVENT_TOOL_CALL, .call = {hl_str_from(name), hl_str_from(arguments)}};
    world.jobs[job]->on_event(world.jobs[job]->arg, &ev);
}

static void finish(size_t job, hl_finish how) {
    hl_event ev = {.kind = HL_EVENT_FINISHED,
                   .finish = how,
                   .usage = {.prompt_tokens = 3, .generated_tokens = 2}};
    world.jobs[job]->on_event(world.jobs[job]->arg, &ev);
}

static inline void break_down(size_t job, hl_status st, const char *text) {
    hl_event ev = {.kind = HL_EVENT_FAILED};
    (void)hl_fail(&ev.error, st, "engine", "%s", text);
    world.jobs[job]->on_event(world.jobs[job]->arg, &ev);
}

/* -- what a request became --------------------------------------------------------------------- */

static inline const hl_request *asked(void) {
    assert_int_equal(world.n_jobs, 1);
    return &world.jobs[0]->req;
}

/* text "": none. */
static inline void expect_message(size_t i, const char *role, const char *text) {
    assert_true(i < asked()->n_messages);
    const hl_message *m = &asked()->messages[i];
    assert_true(hl_str_is(m->role, role));
    assert_int_equal(m->n_parts, *text ? 1 : 0);
    if (*text) assert_true(hl_str_is(m->parts[0].text, text));
}

static inline void expect_refused(const hl__voice *voice, hl__dialect dialect, const char *body,
                                  const char *text) {
    hl_error err = {0};
    assert_int_equal(try_start(voice, dialect, body, &err), HL_EINVAL);
    assert_string_equal(err.text, text);
}
