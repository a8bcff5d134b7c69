#include "serve/load.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/rng.h"

/* At most this, and at most a quarter of what is free, is left to the rest of the machine. */
static const uint64_t RESERVE_BYTES = 256u << 20;

hl_status hl__loaded_open(const char *path, const char *name, hl__loaded **ret, hl_error *err) {
    hl__loaded *l = hl_calloc(1, sizeof *l);
    if (!l) return hl_fail(err, HL_ENOMEM, "model", "no memory to load %s", name);
    HL_ASSERT(strlen(path) < sizeof l->path && strlen(name) < sizeof l->name);
    memcpy(l->path, path, strlen(path) + 1);
    memcpy(l->name, name, strlen(name) + 1);
    pthread_mutex_init(&l->vocab_lock, NULL);

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
    pthread_mutex_destroy(&l->vocab_lock);
    hl_free(l);
}

hl_status hl__loaded_need_tokenizer(hl__loaded *l, hl_error *err) {
    if (l->tokenizer) return HL_OK;
    hl_status st = hl_tokenizer_create(l->gguf, &l->tokenizer, err);
    if (st < 0) hl_error_prefix(err, "%s", l->path);
    return st;
}

hl_status hl__loaded_need_vocab(hl__loaded *l, hl_error *err) {
    hl_status st = HL_OK;
    HL_ASSERT(l->tokenizer);
    pthread_mutex_lock(&l->vocab_lock);
    if (!l->vocab) st = hl_grammar_vocab_create(l->tokenizer, &l->vocab, err);
    pthread_mutex_unlock(&l->vocab_lock);
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

/* -- what an engine takes ---------------------------------------------------------------------- */

uint64_t hl__memory_limit(const hl__load_wish *wish, uint64_t taken_bytes) {
    hl_machine machine;
    hl_machine_read(&machine);
    uint64_t bytes = machine.memory_available_bytes;
    if (bytes == 0) return wish->memory_bytes;
    bytes -= bytes / 4 < RESERVE_BYTES ? bytes / 4 : RESERVE_BYTES;
    bytes += taken_bytes;
    return wish->memory_bytes && wish->memory_bytes < bytes ? wish->memory_bytes : bytes;
}

static uint32_t pages_of(uint32_t tokens) {
    return (uint32_t)(((uint64_t)tokens + HL_KV_PAGE_TOKENS - 1) / HL_KV_PAGE_TOKENS);
}

static hl_native_config engine_config(const hl__plan *plan, uint32_t kv_pages, uint32_t threads) {
    uint64_t tokens = (uint64_t)kv_pages * HL_KV_PAGE_TOKENS;
    return (hl_native_config){
        .backend = &hl_backend_cpu,
        .seqs_max = plan->seqs_max,
        .ctx_max = tokens < plan->ctx_train ? (uint32_t)tokens : plan->ctx_train,
        .kv_pages = kv_pages,
        .threads = threads,
        .seed = hl_rng_entropy(),
        .now = hl_clock_ns,
    };
}

/* What grows with the pool, and what does not, told apart by two pools. */
static hl_status measure(const hl__loaded *l, uint32_t threads, hl__plan *plan, hl_error *err) {
    uint32_t n_pages = pages_of(plan->ctx_train);
    hl_native_config one = engine_config(plan, n_pages, threads), two = one;
    hl_native_plan of_one, of_two;
    two.kv_pages = 2 * n_pages;
    HL_TRY(hl_native_plan_make(l->model, &one, &of_one, err));
    HL_TRY(hl_native_plan_make(l->model, &two, &of_two, err));
    uint64_t pool_bytes = of_two.total_bytes - of_one.total_bytes;
    HL_ASSERT(pool_bytes <= of_one.total_bytes);
    plan->weight_bytes = of_one.backend.weight_bytes;
    plan->fixed_bytes = of_one.total_bytes - pool_bytes;
    plan->token_bytes = pool_bytes / n_pages / HL_KV_PAGE_TOKENS + 1;
    return HL_OK;
}

static hl_status make_plan(hl__loaded *l, const hl__load_wish *wish, uint64_t limit_bytes,
                           hl__plan *ret, hl_error *err) {
    enum { SEQS_MOST = 256, SEQS_FEW = 16, TABLES_PART = 8, POOL_PERCENT = 50 };
    uint32_t trained = l->model->ctx_train, ctx = wish->ctx_default;
    hl__plan p = {.ctx_train = trained > HL_CTX_MIN ? trained : HL_CTX_MIN,
                  .seqs_max = wish->seqs_max ? wish->seqs_max : SEQS_MOST,
                  .pool_percent = wish->pool_percent ? wish->pool_percent : POOL_PERCENT};
    p.ctx_default = ctx ? ctx : HL_CTX_DEFAULT;
    p.ctx_default = hl__plan_ctx(&p, 0);
    HL_TRY(measure(l, wish->threads, &p, err));
    /* What many sequences take beside their pages must not be most of it. */
    while (!wish->seqs_max && p.seqs_max > SEQS_FEW && limit_bytes > 0 &&
           p.fixed_bytes - p.weight_bytes > limit_bytes / TABLES_PART) {
        p.seqs_max /= 2;
        HL_TRY(measure(l, wish->threads, &p, err));
    }
    *ret = p;
    return HL_OK;
}

hl_status hl__loaded_plan(hl__loaded *l, const hl__load_wish *wish, uint64_t limit_bytes,
                          hl__plan *ret, hl_error *err) {
    HL_TRY(hl__loaded_need_tokenizer(l, err));
    HL_TRY(need_model(l, err));
    return make_plan(l, wish, limit_bytes, ret, err);
}

/* -- the engine -------------------------------------------------------------------------------- */

static hl_status make_native(const hl__loaded *l, const hl_native_config *config,
                             hl__engine_make *make, void *arg, hl_engine **ret, hl_error *err) {
    if (make) return make(arg, l->model, l->tokenizer, config, ret, err);
    return hl_native_create(l->model, l->tokenizer, config, ret, err);
}

hl_status hl__loaded_start(hl__loaded *l, const hl__load_wish *wish, const hl__plan *plan,
                           uint32_t pool_tokens, hl__engine_make *make, void *arg, hl_error *err) {
    enum { MIB_SHIFT = 20 };
    hl_native_config config = engine_config(plan, pages_of(pool_tokens), wish->threads);
    hl_native_plan takes;
    HL_ASSERT(l->model && !l->engine);
    HL_TRY(hl_native_plan_make(l->model, &config, &takes, err));
    HL_TRY(make_native(l, &config, make, arg, &l->engine, err));
    HL_ASSERT(l->engine->caps.takes_tokens && l->engine->caps.ctx_max > 0);
    l->shape = (hl__engine_shape){.ctx = l->engine->caps.ctx_max,
                                  .kv_pages = takes.kv_pages,
                                  .seqs_max = l->engine->caps.seqs_max};
    l->bytes = takes.total_bytes;
    hl_log(HL_LOG_INFO, NULL,
           "msg=\"model loaded\" model=%s mb=%llu weights_mb=%llu kv_mb=%llu kv_pages=%u "
           "kv_tokens=%llu ctx=%u seqs=%u engine=\"%s\"",
           l->name, (unsigned long long)(takes.total_bytes >> MIB_SHIFT),
           (unsigned long long)(takes.backend.weight_bytes >> MIB_SHIFT),
           (unsigned long long)(takes.backend.kv_bytes >> MIB_SHIFT), takes.kv_pages,
           (unsigned long long)takes.kv_pages * HL_KV_PAGE_TOKENS, l->shape.ctx, l->shape.seqs_max,
           make ? l->engine->ops->name : hl_native_describe(l->engine));
    return HL_OK;
}
