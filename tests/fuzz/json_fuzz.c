/* Any bytes: a status, and what was read is read again from its own printed form. */
#include "base/json.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_again(struct json_object *v) {
    const char *text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
    struct json_object *again = NULL;
    if (hl_json_parse(hl_str_from(text), &again, NULL) != HL_OK) return false;
    bool same = json_object_equal(v, again);
    json_object_put(again);
    return same;
}

static bool string_comes_back(hl_str s) {
    hl_buf b;
    struct json_object *v = NULL;
    hl_buf_init(&b, 0);
    hl_json_append_string(&b, s);
    bool ok = hl_json_parse(hl_buf_str(&b), &v, NULL) == HL_OK &&
              json_object_is_type(v, json_type_string);
    json_object_put(v);
    hl_buf_deinit(&b);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_str text = {(const char *)data, size};
    struct json_object *v = NULL;
    hl_error err;
    if (hl_json_parse(text, &v, &err) == HL_OK) {
        HL_ASSERT(read_again(v));
        json_object_put(v);
    } else {
        HL_ASSERT(v == NULL && strlen(err.text) > 0);
    }
    HL_ASSERT(string_comes_back(text));
    return 0;
}
