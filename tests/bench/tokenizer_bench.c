/* Seconds of processor time that encoding takes:   tokenizer_bench MODEL ROUNDS FILE...
 * One line a file, the best round.  tools/bench_tokenizer.py runs it beside other tokenizers. */
#define _GNU_SOURCE
#include "base/fs.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static hl_status best_of(const hl_tokenizer *t, hl_str text, long long rounds, double *ret,
                         hl_error *err) {
    for (long long i = 0; i < rounds; i++) {
        hl_tokens ids = {0};
        double start = now();
        hl_status st = hl_tokenizer_encode(t, text, 0, &ids, err);
        double spent = now() - start;
        hl_tokens_deinit(&ids);
        if (st < 0) return st;
        if (i == 0 || spent < *ret) *ret = spent;
    }
    return HL_OK;
}

static hl_status run(int argc, char **argv, hl_error *err) {
    hl_gguf *g = NULL;
    hl_tokenizer *t = NULL;
    HL_TRY(hl_gguf_open(argv[1], &g, err));
    hl_status st = hl_tokenizer_create(g, &t, err);
    hl_gguf_close(g);
    for (int i = 3; i < argc && st == HL_OK; i++) {
        hl_buf text = {0};
        double seconds = 0;
        st = hl_file_read(argv[i], 1 << 30, &text, err);
        if (st == HL_OK)
            st = best_of(t, hl_buf_str(&text), strtoll(argv[2], NULL, 10), &seconds, err);
        if (st == HL_OK) printf("%.6f\n", seconds);
        hl_buf_deinit(&text);
    }
    hl_tokenizer_destroy(t);
    return st;
}

int main(int argc, char **argv) {
    hl_error err = {0};
    if (argc < 4 || run(argc, argv, &err) < 0) {
        fprintf(stderr, "tokenizer_bench: %s\n", argc < 4 ? "MODEL ROUNDS FILE..." : err.text);
        return 1;
    }
    return 0;
}
