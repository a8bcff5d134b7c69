#include "api/embed.h"

#include "api/floats.h"
#include "base/clock.h"
#include "base/mem.h"

#include <math.h>

enum { ARENA_BYTES_MAX = 64 << 20 };

/* -- life -------------------------------------------------------------------------------------- */

static hl_status no_memory(hl_error *err) {
    return hl_fail(err, HL_ENOMEM, "api", "no memory for the request");
}

void hl__embed_drop(hl__embed *e) {
    for (size_t i = 0; e->inputs && i < e->n_inputs; i++) hl_free(e->inputs[i].vector);
    hl_free(e->inputs);
    json_object_put(e->body.o);
    hl_package_drop(e->package);
    hl_arena_destroy(e->arena);
    hl_free(e);
}

static hl__embed *create(const hl__visit *v, const hl__embed_route *route) {
    hl__embed *e = hl_calloc(1, sizeof *e);
    if (!e) return NULL;
    e->visit = *v;
    e->route = route;
    e->started_ns = hl_clock_ns();
    e->req = (hl_request){.kind = HL_REQUEST_EMBED, .id = e->visit.req_id, .raw = true};
    hl_options_init(&e->req.options);
    e->arena = hl_arena_create(ARENA_BYTES_MAX);
    if (e->arena) return e;
    hl_free(e);
    return NULL;
}

hl_status hl__embed_read(const hl__visit *v, hl_str body, const hl__embed_route *route,
                         hl__embed **ret, hl_error *err) {
    hl__embed *e = create(v, route);
    if (!e) return no_memory(err);
    hl_status st = hl__body_parse(body, v->dialect, route->type, &e->body, err);
    if (st >= 0) st = route->read(e, err);
    if (st < 0) {
        hl__embed_drop(e);
        return st;
    }
    e->visit.was_read = true;
    *ret = e;
    return HL_OK;
}

hl__embed *hl__embed_make(const hl__visit *v, const hl__embed_route *route) {
    hl_error err;
    hl__embed *e = NULL;
    if (hl__embed_read(v, hl_http_body(v->x), route, &e, &err) < 0) {
        hl__answer_failure(v, &err);
        return NULL;
    }
    e->req.cache_salt = hl__cache_salt(v);
    return e;
}

void hl__embed_fail(hl__embed *e, const hl_error *err) {
    hl__answer_failure(&e->visit, err);
    hl__embed_drop(e);
}

/* -- reading ----------------------------------------------------------------------------------- */

hl_status hl__embed_set_inputs(hl__embed *e, size_t n, hl_error *err) {
    HL_ASSERT(!e->inputs);
    if (n > HL__EMBED_INPUTS_MAX)
        return hl_fail(err, HL_ELIMIT, "api", "%zu inputs, at most %d in one request", n,
                       HL__EMBED_INPUTS_MAX);
    e->inputs = hl_calloc(n + 1, sizeof *e->inputs);
    if (!e->inputs) return no_memory(err);
    e->n_inputs = n;
    return HL_OK;
}

static hl_status invalid_type(hl_error *err) {
    return hl_fail(err, HL_EINVAL, "api", "invalid input type");
}

static hl_status read_text_array(hl__embed *e, struct json_object *array, hl_error *err) {
    size_t n = json_object_array_length(array);
    HL_TRY(hl__embed_set_inputs(e, n, err));
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(array, i);
        if (json_object_get_type(v) != json_type_string) return invalid_type(err);
        e->inputs[i].text = hl__json_str(v);
    }
    return HL_OK;
}

hl_status hl__embed_read_texts(hl__embed *e, struct json_object *value, bool keep_empty,
                               hl_error *err) {
    if (!value) return hl__embed_set_inputs(e, 0, err);
    if (json_object_get_type(value) == json_type_array) return read_text_array(e, value, err);
    if (json_object_get_type(value) != json_type_string) return invalid_type(err);
    hl_str text = hl__json_str(value);
    HL_TRY(hl__embed_set_inputs(e, text.len > 0 || keep_empty, err));
    e->inputs[0].text = text;
    return HL_OK;
}

hl_status hl__embed_read_common(hl__embed *e, hl_error *err) {
    struct json_object *options;
    HL_TRY(hl__field_str(&e->body, "model", &e->model, err));
    HL_TRY(hl__field_object(&e->body, "options", &options, err));
    HL_TRY(hl__read_keep_alive(hl__field(&e->body, "keep_alive"), &e->keep_ns, &e->set_keep, err));
    return hl__read_options(options, e->arena, &e->req.options, err);
}

hl_status hl__embed_read_dimensions(hl__embed *e, hl_error *err) {
    double n = 0;
    bool has;
    HL_TRY(hl__field_number(&e->body, "dimensions", &n, &has, err));
    if (!(n <= UINT32_MAX) || n != floor(n))
        return hl_fail(err, HL_EINVAL, "api", "dimensions is no whole number in range");
    e->dimensions = n > 0 ? (uint32_t)n : 0;
    return HL_OK;
}

/* -- the model --------------------------------------------------------------------------------- */

hl_status hl__embed_find_model(const hl__visit *v, hl_str model, hl_package **ret, hl_error *err) {
    const hl_catalog_entry *entry;
    if (model.len == 0) return hl_fail(err, HL_ENOTFOUND, "api", "model '' not found");
    hl_status st = hl_catalog_find(v->api->catalog, model, &entry, err);
    if (st == HL_ENOTFOUND)
        return hl_fail(err, st, "api", "model \"%.*s\" not found, try pulling it first",
                       HL_STR_ARG(hl_str_slice(model, 0, 200)));
    if (st >= 0) *ret = hl_package_keep(entry->package);
    return st;
}

/* -- the end ----------------------------------------------------------------------------------- */

hl_usage hl__embed_usage(const hl__embed *e) {
    hl_usage u = {.total_ns = hl_clock_ns() - e->started_ns};
    for (size_t i = 0; i < e->n_inputs; i++) {
        const hl_usage *of = &e->inputs[i].usage;
        u.prompt_tokens += of->prompt_tokens;
        u.cached_tokens += of->cached_tokens;
        if (of->load_ns > u.load_ns) u.load_ns = of->load_ns;
    }
    return u;
}

void hl__embed_append_vector(const hl__embed_input *in, hl_buf *out) {
    hl_buf_append_char(out, '[');
    for (uint32_t i = 0; i < in->n_vector; i++) {
        if (i > 0) hl_buf_append_char(out, ',');
        hl__json_f32(out, in->vector[i]);
    }
    hl_buf_append_char(out, ']');
}

/* Whoever was last: a job's end, or start. */
static void release(hl__embed *e) {
    if (atomic_fetch_sub(&e->n_open, 1) > 1) return;
    if (atomic_load(&e->is_failed)) {
        hl__embed_fail(e, &e->error);
        return;
    }
    hl_buf b;
    hl_buf_init(&b, 0);
    e->route->answer(e, &b);
    hl__answer_json(&e->visit, 200, &b);
    hl_buf_deinit(&b);
    hl__embed_drop(e);
}

static void cancel_all(hl__embed *e) {
    for (size_t i = 0; i < e->n_jobs; i++) hl_hub_cancel(e->visit.api->hub, &e->inputs[i].job);
}

/* The first failure is the call's. */
static void fail(hl__embed *e, const hl_error *why) {
    if (atomic_exchange(&e->is_failed, true)) return;
    e->error = *why;
    cancel_all(e);
}

static bool is_stopping(hl__embed *e) {
    return atomic_load(&e->left) || atomic_load(&e->is_failed);
}

/* -- the work ---------------------------------------------------------------------------------- */

/* One that is submitted while the others are being cancelled is cancelled here. */
static bool submit(hl__embed *e, hl_job *job) {
    hl_error err;
    if (is_stopping(e)) return false;
    if (hl_hub_submit(e->visit.api->hub, job, &err) < 0) {
        fail(e, &err);
        return false;
    }
    if (is_stopping(e)) hl_hub_cancel(e->visit.api->hub, job);
    return true;
}

/* The next job, or the end of all that need not begin.  The caller holds the call open. */
static void submit_next(hl__embed *e) {
    for (;;) {
        size_t i = atomic_fetch_add(&e->next, 1);
        if (i >= e->n_jobs || submit(e, &e->inputs[i].job)) return;
        release(e);
    }
}

/* x [n] to length 1 again after it was cut. */
static void normalise(float *x, uint32_t n) {
    double squares = 0;
    for (uint32_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
    double scale = squares > 0 ? 1 / sqrt(squares) : 0;
    for (uint32_t i = 0; i < n; i++) x[i] = (float)(x[i] * scale);
}

static void take_vector(hl__embed_input *in, const hl_event *ev) {
    uint32_t wanted = in->call->dimensions;
    uint32_t n = wanted > 0 && wanted < ev->n_vector ? wanted : ev->n_vector;
    in->vector = hl_calloc(n, sizeof *in->vector);
    if (!in->vector) return; /* found at the end */
    memcpy(in->vector, ev->vector, n * sizeof *in->vector);
    in->n_vector = n;
    if (n < ev->n_vector) normalise(in->vector, n);
}

/* Ollama's words for a text without a token, which is longer than nothing once it is cut. */
static void fail_input(hl__embed_input *in, const hl_error *why) {
    static const char no_token[] =
        "input exceeds maximum context length and cannot be truncated further";
    hl_error err = *why;
    bool is_empty = in->text.len == 0 && !in->tokens && why->status == HL_EINVAL;
    if (is_empty) (void)hl_fail(&err, why->status, "api", "%s", no_token);
    fail(in->call, &err);
}

/* A job is cancelled because another has failed, its client has left, or the program ends. */
static void take_end(hl__embed_input *in, const hl_event *ev) {
    hl_error err;
    in->usage = ev->usage;
    if (ev->kind == HL_EVENT_FAILED) {
        fail_input(in, &ev->error);
    } else if (ev->finish == HL_FINISH_CANCELLED) {
        (void)hl_fail(&err, HL_EBUSY, "api", "the server is shutting down");
        fail(in->call, &err);
    } else if (!in->vector && !in->job.load_only) {
        (void)hl_fail(&err, HL_ENOMEM, "api", "no memory for an embedding");
        fail(in->call, &err);
    }
}

static void on_event(void *arg, const hl_event *ev) {
    hl__embed_input *in = arg;
    hl__embed *e = in->call;
    if (ev->kind == HL_EVENT_EMBEDDING) {
        HL_ASSERT(!in->vector);
        take_vector(in, ev);
    }
    if (ev->kind != HL_EVENT_FINISHED && ev->kind != HL_EVENT_FAILED) return;
    take_end(in, ev);
    submit_next(e);
    release(e);
}

static void on_leave(void *arg) {
    hl__embed *e = arg;
    atomic_store(&e->left, true);
    cancel_all(e);
}

/* -- the start --------------------------------------------------------------------------------- */

static void init_job(hl__embed *e, hl__embed_input *in) {
    in->call = e;
    in->job = (hl_job){.package = e->package,
                       .req = e->req,
                       .load_only = e->n_inputs == 0,
                       .set_keep = e->set_keep,
                       .keep_ns = e->keep_ns,
                       .on_event = on_event,
                       .arg = in};
    in->job.req.prompt = in->text;
    in->job.req.tokens = in->tokens;
    in->job.req.n_tokens = in->n_tokens;
}

void hl__embed_start(hl__embed *e) {
    hl_error err;
    if (hl__embed_find_model(&e->visit, e->model, &e->package, &err) < 0) {
        hl__embed_fail(e, &err);
        return;
    }
    HL_ASSERT(e->inputs);
    hl_options_merge(&e->req.options, &e->package->options);
    e->req.model = hl_str_from(e->package->name);
    e->n_jobs = e->n_inputs > 0 ? e->n_inputs : 1;
    for (size_t i = 0; i < e->n_jobs; i++) init_job(e, &e->inputs[i]);
    atomic_store(&e->n_open, e->n_jobs + 1);
    hl_http_on_leave(e->visit.x, on_leave, e);
    for (int i = 0; i < HL__EMBED_JOBS_MAX; i++) submit_next(e);
    release(e);
}
