/* Any bytes as a model's name: a status, or parts that make one path below manifests/. */
#include "store/names.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_name n, again;
    hl_error err;
    char path[HL_NAME_TEXT_MAX], text[HL_NAME_TEXT_MAX];
    if (hl_name_parse((hl_str){(const char *)data, size}, &n, &err) < 0) return 0;
    hl_name_path(&n, path);
    size_t slashes = 0;
    for (const char *p = path; *p; p++) slashes += *p == '/';
    HL_ASSERT(slashes == 3 && path[0] != '/' && path[0] != '.' && !strstr(path, "/."));
    hl_name_text(&n, text);
    HL_ASSERT(hl_name_parse(hl_str_from(text), &again, NULL) == HL_OK && hl_name_same(&n, &again));
    hl_name_full_text(&n, text);
    HL_ASSERT(hl_name_parse(hl_str_from(text), &again, NULL) == HL_OK && hl_name_same(&n, &again));
    return 0;
}
