#include "serve/load.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/rng.h"
#include "config/env.h"
#include "engine/native/native.h"

/* At most this, and at most a quarter of what is free, is left to the rest of the machine. */
static const uint64_t RESERVE_BYTES = 256u << 20;

hl_status hl__loaded_open(const char *path, const char *name, hl__loaded **ret, hl_error *err) {
    hl__loaded *l = hl_calloc(1, sizeof *l);
    if (!l) return hl_fail(err, HL_ENOMEM, "model", "no memory to load %s", name);
    HL_ASSERT(strlen(path) < sizeof l->path && strlen(name) < sizeof l->name);
    memcpy(l->path, path, strlen(path) + 1);
    memcpy(l->name, name, strlen(name) + 1);

    hl_status st = hl_gguf_open(path, &l->gguf, err);
    if (st < 0) {
        hl__loaded_close(l);
        return st;
    }
    *ret = l;
    return HL_OK;
}

static void close_engine(hl__loaded *l) {
    if (l->engine) l->engine->ops->destroy(l->engine);
    l->engine = NULL;
    l->shape = (hl__engine_shape){0};
}

void hl__loaded_close(hl__loaded *l) {
    if (!l) return;
    close_engine(l);
    if (l->model)
        hl_model_close(l->model); /* with the gguf */
    else
        hl_gguf_close(l->gguf);
    hl_grammar_vocab_destroy(l->vocab);
    hl_tokenizer_destroy(l->tokenizer);
    hl_free(l);
}

hl_status hl__loaded_need_tokenizer(hl__loaded *l, hl_error *err) {
    if (l->tokenizer) return HL_OK;
    hl_status st = hl_tokenizer_create(l->gguf, &l->tokenizer, err);
    if (st < 0) hl_error_prefix(err, "%s", l->path);
    return st;
}

/* The model takes the gguf, also when it fails; then nothing is left to use and the caller closes.
 */
static hl_status need_model(hl__loaded *l, hl_error *err) {
    if (l->model) return HL_OK;
    hl_gguf *g = l->gguf;
    l->gguf = NULL;
    hl_status st = hl_model_load(g, &l->model, err);
    if (st < 0) {
        hl_error_prefix(err, "%s", l->path);
        return st;
    }
    l->gguf = l->model->gguf;
    HL_ASSERT(l->gguf == g);
    return HL_OK;
}

/* -- the engine -------------------------------------------------------------------------------- */

static bool is_set(const hl_options *o, hl_option_id id) {
    return (o->set >> id & 1) != 0;
}

static uint32_t clamp_u32(uint64_t value, uint32_t low, uint32_t high) {
    return value < low ? low : value > high ? high : (uint32_t)value;
}

/* The request's num_ctx, else the environment's, else the default; never more than trained. */
static hl__engine_shape wanted_shape(const hl__loaded *l, const hl_options *o) {
    uint64_t ctx = is_set(o, HL_OPT_num_ctx) && o->num_ctx > 0 ? (uint64_t)o->num_ctx
                                                               : hl_env_uint("CONTEXT_LENGTH", 0);
    hl__engine_shape shape = {.ctx_asked = ctx > 0};
    uint32_t trained = l->model->ctx_train > HL_CTX_MIN ? l->model->ctx_train : HL_CTX_MIN;
    shape.ctx = clamp_u32(ctx ? ctx : HL_CTX_DEFAULT, HL_CTX_MIN, trained);
    shape.threads = o->num_thread > 0 ? (uint32_t)o->num_thread : 0;
    shape.batch = is_set(o, HL_OPT_num_batch) ? (uint32_t)o->num_batch : 0;
    return shape;
}

static hl_native_config engine_config(const hl__loaded *l, const hl__engine_shape *shape) {
    return (hl_native_config){
        .backend = &hl_backend_cpu,
        .seqs_max = l->seqs_max > 0 ? l->seqs_max : 1,
        .ctx_max = shape->ctx,
        .kv_pages = shape->kv_pages,
        .step_rows_max = shape->batch,
        .threads = shape->threads,
        .seed = hl_rng_entropy(),
        .now = hl_clock_ns,
    };
}

/* Of several sequences, the pool takes at most half of the free memory, but room for one: the
 * engine makes do with what there is. */
static hl_status fit_pool(const hl__loaded *l, hl__engine_shape *shape, uint64_t free_bytes,
                          hl_error *err) {
    hl_native_config config = engine_config(l, shape);
    hl_native_plan plan;
    HL_TRY(hl_native_plan_make(l->model, &config, &plan, err));
    uint32_t least = (plan.kv_pages + config.seqs_max - 1) / config.seqs_max;
    uint64_t page_bytes = plan.backend.kv_bytes / plan.kv_pages;
    uint64_t most = page_bytes > 0 ? free_bytes / 2 / page_bytes : plan.kv_pages;
    shape->kv_pages = clamp_u32(most, least, plan.kv_pages);
    return HL_OK;
}

/* Weights are read from the mapped file and can be dropped; what must fit is the rest. */
static hl_status fit_memory(const hl__loaded *l, hl__engine_shape *shape, hl_error *err) {
    hl_machine machine;
    hl_machine_read(&machine);
    uint64_t free_bytes = machine.memory_available_bytes;
    if (free_bytes == 0) return HL_OK; /* unknown */
    free_bytes -= free_bytes / 4 < RESERVE_BYTES ? free_bytes / 4 : RESERVE_BYTES;
    for (;;) {
        shape->kv_pages = 0;
        if (l->seqs_max > 1) HL_TRY(fit_pool(l, shape, free_bytes, err));
        hl_native_config config = engine_config(l, shape);
        hl_native_plan plan;
        HL_TRY(hl_native_plan_make(l->model, &config, &plan, err));
        uint64_t need = plan.total_bytes - plan.backend.weight_bytes;
        HL_ASSERT(plan.total_bytes >= plan.backend.weight_bytes);
        if (need <= free_bytes) return HL_OK;
        if (shape->ctx_asked || shape->ctx <= 256)
            return hl_fail(err, HL_ENOMEM, "model",
                           "%s: a context of %u tokens takes %llu MB, %llu MB can be used: ask "
                           "for a smaller num_ctx",
                           l->name, shape->ctx, (unsigned long long)(need >> 20),
                           (unsigned long long)(free_bytes >> 20));
        shape->ctx /= 2;
    }
}

static bool same_shape(const hl__engine_shape *have, const hl__engine_shape *want) {
    bool ctx_serves = want->ctx == have->ctx || (!want->ctx_asked && !have->ctx_asked);
    return ctx_serves && want->threads == have->threads && want->batch == have->batch;
}

hl_status hl__loaded_need_engine(hl__loaded *l, const hl_options *o, hl_error *err) {
    HL_TRY(hl__loaded_need_tokenizer(l, err));
    HL_TRY(need_model(l, err));
    hl__engine_shape want = wanted_shape(l, o);
    if (l->engine && same_shape(&l->shape, &want)) return HL_OK;
    close_engine(l);
    HL_TRY(fit_memory(l, &want, err));
    hl_native_config config = engine_config(l, &want);
    hl_native_plan plan;
    HL_TRY(hl_native_plan_make(l->model, &config, &plan, err));
    HL_TRY(hl_native_create(l->model, l->tokenizer, &config, &l->engine, err));
    l->shape = want;
    l->bytes = plan.total_bytes;
    HL_ASSERT(l->engine && l->engine->caps.takes_tokens);
    hl_log(HL_LOG_INFO, NULL, "msg=\"model loaded\" model=%s ctx=%u engine=\"%s\"", l->name,
           want.ctx, hl_native_describe(l->engine));
    return HL_OK;
}
