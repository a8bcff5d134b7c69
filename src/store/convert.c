#include "store/convert.h"

#include "base/fs.h"
#include "base/inside.h"
#include "gguf/quantize.h"
#include "store/convert_vocab.h"
#include "store/convert_write.h"
#include "store/describe.h"
#include "text/tokenizer.h"

#include <stdio.h>

enum { QUANTIZATION_VERSION = 2, AS_STORED = -1, NAME_BYTES_MAX = 128 };

/* One conversion. */
typedef struct converting {
    const char *dir, *out_path;
    hl_str name;
    int type;   /* of matrices; AS_STORED */
    bool mixes; /* then the result is quantised */
    hl_quant mix;
    hl__convert_say say;
    hl_arena *arena;
    hl__doc config_doc;
    hl__convert_config config;
    hl__convert_vocab vocab;
    hl__weights *weights;
    hl__convert_plan plan;
} converting;

/* -- options ----------------------------------------------------------------------------------- */

static hl_status read_type(converting *c, hl_str type, hl_error *err) {
    c->type = AS_STORED;
    if (type.len == 0) return HL_OK;
    if (hl_str_eq_nocase(type, HL_STR("F32"))) c->type = HL_DTYPE_F32;
    if (hl_str_eq_nocase(type, HL_STR("F16"))) c->type = HL_DTYPE_F16;
    if (hl_str_eq_nocase(type, HL_STR("BF16"))) c->type = HL_DTYPE_BF16;
    if (c->type != AS_STORED) return HL_OK;
    c->mixes = true;
    return hl_quant_parse(type, &c->mix, err);
}

/* -- the name ---------------------------------------------------------------------------------- */

/* "Name" of "org/Name" or "/home/somebody/Name/"; empty when that says nothing. */
static hl_str last_part(hl_str path) {
    size_t end = path.len, at;
    while (end > 0 && path.ptr[end - 1] == '/') end--;
    for (at = end; at > 0 && path.ptr[at - 1] != '/';) at--;
    hl_str name = hl_str_slice(path, at, end);
    bool good = name.len > 0 && name.len <= NAME_BYTES_MAX && name.ptr[0] != '.';
    for (size_t i = 0; i < name.len && good; i++) good = (uint8_t)name.ptr[i] >= ' ';
    return good ? name : HL_STR("");
}

static uint64_t n_weights(const hl__convert_plan *p) {
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->tensors[i].from) n += p->tensors[i].to.dims[0] * p->tensors[i].to.dims[1];
    return n;
}

/* Of what is in the files alone: the same directory makes the same bytes, wherever it lies and
 * whatever the model will be called. */
static hl_status choose_name(converting *c, hl_error *err) {
    hl_str path;
    char size[16], name[64];
    if (c->name.len > 0) return HL_OK;
    HL_TRY(hl__node_str(hl__doc_node(&c->config_doc), "_name_or_path", &path, err));
    hl_parameters_text(n_weights(&c->plan), size);
    (void)snprintf(name, sizeof name, "%s %s", hl__convert_family_name(c->config.family), size);
    hl_str told = last_part(path);
    c->name = hl_arena_str(c->arena, told.len > 0 ? told : hl_str_from(name));
    if (c->name.ptr) return HL_OK;
    return hl_fail(err, HL_ENOMEM, "convert", "no memory for the name");
}

/* -- what the directory says ------------------------------------------------------------------- */

static hl_status read_needed(const char *dir, const char *file, size_t bytes_max, hl__doc *ret,
                             hl_error *err) {
    hl_status st = hl__doc_read(dir, file, bytes_max, ret, err);
    if (st != HL_DONE) return st;
    return hl_fail(err, HL_ENOTFOUND, "convert", "there is no %s", file);
}

static hl_status read_vocabulary(converting *c, const hl__special_docs *d, hl_error *err) {
    HL_TRY(hl__vocab_read(&c->vocab, d->tokenizer, c->config.n_vocab, err));
    HL_TRY(hl__special_read(&c->vocab, d, err));
    return hl__chat_template_read(&c->vocab, c->dir, d->tokenizer_config, err);
}

/* The sizes, and that the weights have them: before anything is made as large as a size says. */
static hl_status read_weights(converting *c, hl_error *err) {
    HL_TRY(read_needed(c->dir, "config.json", HL__CONFIG_BYTES_MAX, &c->config_doc, err));
    HL_TRY(hl__config_read(&c->config_doc, &c->config, err));
    HL_TRY(hl__weights_open(c->dir, &c->weights, err));
    return hl__plan_make(&c->config, c->weights, c->type, c->arena, &c->plan, err);
}

static hl_status read_texts(converting *c, hl_error *err) {
    hl__doc generation = {0}, tokenizer = {0}, specials = {0};
    hl__special_docs docs = {&tokenizer, &specials, &c->config_doc, &generation};
    hl_status st = hl__doc_read(c->dir, "generation_config.json", HL__CONFIG_BYTES_MAX, &generation,
                                err);
    if (st >= 0)
        st = hl__doc_read(c->dir, "tokenizer_config.json", HL__TEMPLATE_BYTES_MAX, &specials, err);
    if (st >= 0)
        st = read_needed(c->dir, "tokenizer.json", HL__TOKENIZER_BYTES_MAX, &tokenizer, err);
    if (st >= 0) st = read_vocabulary(c, &docs, err);
    hl__doc_close(&generation);
    hl__doc_close(&tokenizer);
    hl__doc_close(&specials);
    return st < 0 ? st : HL_OK;
}

/* -- the file ---------------------------------------------------------------------------------- */

static uint32_t file_type(hl_dtype t) {
    return t == HL_DTYPE_F32 ? 0 : t == HL_DTYPE_F16 ? 1 : 32; /* BF16 */
}

static hl_status declare_values(const converting *c, hl_gguf_writer *w, hl_error *err) {
    HL_TRY(hl__config_declare(&c->config, c->arena, w, err));
    HL_TRY(hl_gguf_writer_set_str(w, "general.type", HL_STR("model"), err));
    HL_TRY(hl_gguf_writer_set_str(w, "general.name", c->name, err));
    HL_TRY(hl_gguf_writer_set_u32(w, "general.file_type", file_type(c->plan.type), err));
    HL_TRY(hl_gguf_writer_set_u32(w, "general.quantization_version", QUANTIZATION_VERSION, err));
    return hl__vocab_declare(&c->vocab, w, err);
}

/* The vocabulary as a reader of the file will see it, before hours are spent on the weights. */
static hl_status check_vocabulary(const converting *c, hl_gguf_writer *w, hl_error *err) {
    hl_buf head;
    hl_gguf *g = NULL;
    hl_tokenizer *t = NULL;
    HL_ASSERT(c->vocab.n == c->config.n_vocab);
    hl_buf_init(&head, 0);
    hl_status st = hl_gguf_writer_head(w, &head, err);
    if (st >= 0) st = hl_gguf_open_bytes((hl_bytes){(const uint8_t *)head.ptr, head.len}, &g, err);
    if (st >= 0) st = hl_tokenizer_create(g, &t, err);
    hl_tokenizer_destroy(t);
    hl_gguf_close(g);
    hl_buf_deinit(&head);
    if (st < 0) hl_error_prefix(err, "tokenizer.json");
    return st;
}

static hl_status write_with(converting *c, hl_gguf_writer *w, const char *path, hl_error *err) {
    HL_TRY(declare_values(c, w, err));
    HL_TRY(check_vocabulary(c, w, err));
    for (size_t i = 0; i < c->plan.n; i++)
        HL_TRY(hl_gguf_writer_add_tensor(w, &c->plan.tensors[i].to, err));
    HL_TRY(hl_gguf_writer_open(w, path, err));
    HL_TRY(hl__convert_write(&c->config, &c->plan, c->weights, w, c->say, err));
    return hl_gguf_writer_commit(w, err);
}

static hl_status write_file(converting *c, const char *path, hl_error *err) {
    hl_gguf_writer *w;
    HL_TRY(hl_gguf_writer_create(&w, err));
    hl_status st = write_with(c, w, path, err);
    hl_gguf_writer_destroy(w);
    return st;
}

/* -- a mix ------------------------------------------------------------------------------------- */

typedef struct quantizing {
    hl__convert_say say;
    char status[64];
} quantizing;

static void report_quantizing(void *user, const hl_gguf_tensor *t, uint64_t done, uint64_t total) {
    const quantizing *q = user;
    hl_convert_progress p = {q->status, done, total};
    (void)t;
    if (q->say.fn) (void)q->say.fn(q->say.arg, &p);
}

static hl_status quantize(const converting *c, const hl_gguf *g, hl_error *err) {
    quantizing q = {.say = c->say};
    hl_quant_progress progress = {report_quantizing, &q};
    (void)snprintf(q.status, sizeof q.status, "quantizing %s model to %s",
                   hl_quant_file_type_name(file_type(c->plan.type)),
                   hl_quant_file_type_name(c->mix));
    return hl_gguf_quantize(g, c->mix, c->out_path, &progress, err);
}

/* By way of a file with 16 bits a weight, which has lost its name before the long work begins: its
 * bytes go however this ends. */
static hl_status write_mix(converting *c, hl_error *err) {
    char path[HL_INSIDE_PATH_MAX];
    hl_gguf *g = NULL;
    int len = snprintf(path, sizeof path, "%s" HL_FILE_TEMP_MARK "16-bit", c->out_path);
    if (len < 0 || (size_t)len >= sizeof path)
        return hl_fail(err, HL_ELIMIT, "convert", "the path of the new file is too long");
    hl_status st = write_file(c, path, err);
    if (st >= 0) st = hl_gguf_open(path, &g, err);
    if (hl_path_is_file(path)) {
        hl_status gone = hl_file_remove(path, st < 0 ? NULL : err);
        if (st >= 0) st = gone;
    }
    if (st >= 0) st = quantize(c, g, err);
    hl_gguf_close(g);
    return st;
}

/* -- the whole --------------------------------------------------------------------------------- */

static hl_status convert(converting *c, hl_error *err) {
    HL_TRY(read_weights(c, err));
    HL_TRY(choose_name(c, err));
    HL_TRY(read_texts(c, err));
    return c->mixes ? write_mix(c, err) : write_file(c, c->out_path, err);
}

hl_status hl_convert_directory(const char *dir, const hl_convert_options *o, const char *out_path,
                               hl_convert_progress_fn *fn, void *arg, hl_error *err) {
    converting c = {.dir = dir, .out_path = out_path, .say = {fn, arg}};
    HL_ASSERT(dir && out_path);
    if (o)
        HL_TRY(read_type(&c, o->type, err));
    else
        c.type = AS_STORED;
    if (o) c.name = o->name;
    c.arena = hl_arena_create(0); /* bounded by what is read of each file */
    if (!c.arena) return hl_fail(err, HL_ENOMEM, "convert", "no memory to convert");
    c.vocab.arena = c.arena;
    hl_status st = convert(&c, err);
    hl__vocab_deinit(&c.vocab);
    hl__weights_close(c.weights);
    hl__doc_close(&c.config_doc);
    hl_arena_destroy(c.arena);
    return st;
}
