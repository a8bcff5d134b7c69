/* Small random models of each family against the logits of the published modelling code. */
#include "conformance/families.h"

static const char *const CASES[] = {"llama2_mha", "llama2_mha_q8_0", "llama3_1_ropefactors",
                                    "llama_yarn", "mistral",         "qwen2",
                                    "qwen3"};
enum { N_CASES = sizeof CASES / sizeof CASES[0] };

static void check_case(const char *name) {
    char path[256];
    struct json_object *json = families_load(name);
    json_object_object_foreach(get(json, "files"), type, file) {
        (void)snprintf(path, sizeof path, FAMILIES "%s", json_object_get_string(file));
        families_check(name, type, path, get(json, "sequences"));
    }
    json_object_put(json);
}

static void families_agree_with_the_published_code(void **state) {
    (void)state;
    if (!there(FAMILIES "logits/llama2_mha.json")) skip();
    FOR_EACH_LEVEL(level) {
        use_level((hl_cpu_level)level);
        for (size_t i = 0; i < N_CASES; i++) check_case(CASES[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(families_agree_with_the_published_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
