/* Embeddings beside those of a real server, where its recorded answers and the model are at hand
 * (../shared): POST /v1/embeddings, "Hello world", tiny-q8_0.gguf with mean pooling.
 *
 * Weights of 8 bits are multiplied with inputs of 8 bits there as here, but the two round inputs
 * differently: the vectors agree to a cosine of 0.9998, with f16 weights to 0.9999999.  A wrong
 * pooling or a missing norm is far below the bound. */
#include "base/fs.h"
#include "base/json.h"
#include "engine/native/native.h"
#include "sim/drive.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>

static const char RECORDS[] = "../shared/reference/ollama-recorded.jsonl";
static const char MODEL[] = "../shared/tiny-model/tiny-q8_0.gguf";
enum { EMBD = 512, RECORD_BYTES_MAX = 1 << 20 };

static int sextet(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Little-endian f32 in base64. */
static size_t decode(const char *text, float *ret, size_t max) {
    uint32_t bits = 0, word = 0, n_bits = 0, n_bytes = 0;
    size_t n = 0;
    for (; sextet(*text) >= 0 && n < max; text++) {
        bits = bits << 6 | (uint32_t)sextet(*text);
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        word |= (bits >> n_bits & 0xFF) << 8 * (n_bytes++ % 4);
        if (n_bytes % 4) continue;
        memcpy(&ret[n++], &word, sizeof word);
        word = 0;
    }
    return n;
}

/* The recorded vector; false: not at hand. */
static bool recorded(float *ret) {
    static char line[RECORD_BYTES_MAX];
    FILE *f = fopen(RECORDS, "r");
    const char *at = NULL;
    if (!f) return false;
    while (!at && fgets(line, sizeof line, f)) {
        if (!strstr(line, "\"v1-embeddings2-base64\"")) continue;
        at = strstr(line, "\"embedding\": \"");
        if (!at) at = strstr(line, "\"embedding\":\"");
    }
    (void)fclose(f);
    if (!at) return false;
    at = strchr(at + sizeof "\"embedding\":" - 1, '"') + 1;
    assert_int_equal(decode(at, ret, EMBD), EMBD);
    return true;
}

static void embed(hl_model *m, const char *text, float *ret) {
    hl_error err;
    hl_tokenizer *t;
    hl_engine *e = NULL;
    hl_tokens ids = {0};
    hl_native_config config = {.backend = &hl_backend_cpu, .seqs_max = 1, .ctx_max = 64};
    if (hl_tokenizer_create(m->gguf, &t, &err) < 0 ||
        hl_tokenizer_encode(t, hl_str_from(text), HL_ENCODE_ADD_BOS, &ids, &err) < 0 ||
        hl_native_create(m, t, &config, &e, &err) < 0)
        fail_msg("%s", err.text);
    hl_request req = {.kind = HL_REQUEST_EMBED, .tokens = ids.ids, .n_tokens = ids.n};
    hl_event ev[2];
    size_t n = 0;
    hl_options_init(&req.options);
    if (hl_engine_submit(e, 1, &req, 0, &err) < 0) fail_msg("%s", err.text);
    while (n == 0)
        if (hl_engine_step(e, 0, ev, 2, &n, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(ev[0].n_vector, EMBD);
    memcpy(ret, ev[0].vector, EMBD * sizeof *ret);
    hl_engine_destroy(e);
    hl_tokenizer_destroy(t);
    hl_tokens_deinit(&ids);
}

static void the_vector_is_that_of_ollama(void **state) {
    static float theirs[EMBD], ours[EMBD];
    hl_error err;
    hl_model *m;
    double cosine = 0, largest = 0;
    (void)state;
    if (!hl_path_is_file(MODEL) || !recorded(theirs)) {
        print_message("%s or %s is not at hand\n", MODEL, RECORDS);
        skip();
    }
    if (hl_model_open(MODEL, &m, &err) < 0) fail_msg("%s", err.text);
    m->pooling = HL_POOLING_MEAN;
    embed(m, "Hello world", ours);
    for (int i = 0; i < EMBD; i++) {
        cosine += (double)ours[i] * (double)theirs[i];
        largest = fmax(largest, fabs((double)ours[i] - (double)theirs[i]));
    }
    print_message("cosine %.6f, largest difference %.4f\n", cosine, largest);
    assert_true(cosine > 0.9995 && cosine < 1.0001 && largest < 0.01);
    m->pooling = HL_POOLING_LAST; /* the test can fail */
    embed(m, "Hello world", ours);
    cosine = 0;
    for (int i = 0; i < EMBD; i++) cosine += (double)ours[i] * (double)theirs[i];
    assert_true(cosine < 0.99);
    hl_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_vector_is_that_of_ollama)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
