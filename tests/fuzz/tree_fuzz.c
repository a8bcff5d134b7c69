/* Any bytes as a listing of a repository's files, the first line the tag: a status, or parts with
 * paths that can be asked for. */
#include "store/registry_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_str text = {(const char *)data, size};
    size_t end = hl_str_find(text, HL_STR("\n"), 0), n = 0;
    hl__tree_part *parts = NULL;
    hl_error err = {0};
    hl_arena *arena = hl_arena_create(64 << 20);
    if (!arena) return 0;
    hl_str tag = hl_str_slice(text, 0, end == SIZE_MAX ? 0 : end);
    hl_str json = hl_str_slice(text, end == SIZE_MAX ? 0 : end + 1, size);
    if (hl__tree_find(json, tag, arena, &parts, &n, &err) >= 0) {
        HL_ASSERT(n > 0 && n <= HL__TREE_PARTS_MAX);
        for (size_t i = 0; i < n; i++)
            HL_ASSERT(strlen(parts[i].path.ptr) == parts[i].path.len && parts[i].bytes > 0);
    } else {
        HL_ASSERT(err.text[0] != '\0');
    }
    hl_arena_destroy(arena);
    return 0;
}
