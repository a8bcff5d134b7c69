/* The shipped model's vocabulary against the ids that Hugging Face's tokenizers give
 * (data/tiny/README.md), and the same strings of the reference where it is at hand. */
#include "testing.h"

#include "base/fs.h"
#include "base/json.h"
#include "text/tokenizer.h"

#define REFERENCE "../shared/tiny-model/"

static hl_tokenizer *open_tokenizer(const char *path) {
    hl_gguf *g = NULL;
    hl_tokenizer *t = NULL;
    hl_error err = {0};
    hl_status st = hl_gguf_open(path, &g, &err);
    if (st == HL_OK) st = hl_tokenizer_create(g, &t, &err);
    hl_gguf_close(g);
    if (st < 0) fail_msg("%s: %s", path, err.text);
    return t;
}

static struct json_object *read_json(const char *path) {
    hl_buf b = {0};
    hl_error err = {0};
    struct json_object *o = NULL;
    hl_status st = hl_file_read(path, 64 << 20, &b, &err);
    if (st == HL_OK) st = hl_json_parse(hl_buf_str(&b), &o, &err);
    hl_buf_deinit(&b);
    if (st < 0) fail_msg("%s: %s", path, err.text);
    return o;
}

static hl_str text_of(struct json_object *item, const char *key) {
    struct json_object *s = json_object_object_get(item, key);
    return (hl_str){json_object_get_string(s), (size_t)json_object_get_string_len(s)};
}

static void check_ids(const hl_tokenizer *t, hl_str text, unsigned flags,
                      struct json_object *want) {
    hl_tokens ids = {0};
    hl_error err = {0};
    if (hl_tokenizer_encode(t, text, flags, &ids, &err) < 0) fail_msg("%s", err.text);
    bool same = ids.n == json_object_array_length(want);
    for (size_t i = 0; same && i < ids.n; i++)
        same = ids.ids[i] == (hl_token)json_object_get_int64(json_object_array_get_idx(want, i));
    hl_tokens_deinit(&ids);
    if (!same) fail_msg("ids of \"%.*s\" differ", HL_STR_ARG(text));
}

static void check_decoded(const hl_tokenizer *t, struct json_object *ids, hl_str want) {
    hl_buf out = {0};
    hl_detokenizer d;
    hl_detokenizer_init(&d, t, true, true);
    for (size_t i = 0; i < json_object_array_length(ids); i++)
        hl_detokenizer_push(&d, (hl_token)json_object_get_int64(json_object_array_get_idx(ids, i)),
                            &out);
    hl_detokenizer_finish(&d, &out);
    if (!hl_str_eq(hl_buf_str(&out), want))
        fail_msg("\"%.*s\" comes back as \"%s\"", HL_STR_ARG(want), out.ptr ? out.ptr : "");
    hl_buf_deinit(&out);
}

static void check_file(const char *model, const char *vectors) {
    hl_tokenizer *t = open_tokenizer(model);
    struct json_object *o = read_json(vectors), *items = json_object_object_get(o, "items");
    size_t n = json_object_array_length(items);
    assert_true(n >= 400);
    for (size_t i = 0; i < n; i++) {
        struct json_object *item = json_object_array_get_idx(items, i), *plain;
        hl_str text = text_of(item, "text");
        struct json_object *ids = json_object_object_get(item, "ids");
        check_ids(t, text, HL_ENCODE_PARSE_SPECIAL, ids);
        if (!json_object_object_get_ex(item, "ids_no_special", &plain)) plain = ids;
        check_ids(t, text, 0, plain);
        check_decoded(t, ids, text_of(item, "decoded"));
    }
    json_object_put(o);
    hl_tokenizer_destroy(t);
}

static void shipped_model(void **state) {
    (void)state;
    check_file("models/tiny/tiny-q4_k_m.gguf", "tests/conformance/data/tiny/tokenizer.json");
}

static void reference(void **state) {
    (void)state;
    if (!hl_path_is_file(REFERENCE "reference/tokenizer.json")) {
        print_message(REFERENCE "reference/tokenizer.json is not there\n");
        skip();
    }
    check_file(REFERENCE "tiny-f16.gguf", REFERENCE "reference/tokenizer.json");
}

/* What the chat format of the shipped model relies on. */
static void special_tokens_of_the_shipped_model(void **state) {
    (void)state;
    hl_tokenizer *t = open_tokenizer("models/tiny/tiny-q4_k_m.gguf");
    hl_token end = hl_tokenizer_find(t, HL_STR("<|im_end|>"));
    assert_int_equal(hl_tokenizer_eos(t), end);
    assert_true(hl_tokenizer_is_end(t, end));
    assert_true(hl_tokenizer_is_end(t, hl_tokenizer_find(t, HL_STR("<|endoftext|>"))));
    assert_false(hl_tokenizer_is_end(t, hl_tokenizer_find(t, HL_STR("<|im_start|>"))));
    assert_false(hl_tokenizer_is_end(t, hl_tokenizer_find(t, HL_STR("</think>"))));
    assert_false(hl_tokenizer_adds_bos(t));
    hl_tokenizer_destroy(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_model),
        cmocka_unit_test(reference),
        cmocka_unit_test(special_tokens_of_the_shipped_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
