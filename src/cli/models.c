#include "cli/models.h"

#include "cli/human.h"
#include "cli/member.h"
#include "cli/table.h"

#include <stdio.h>
#include <strings.h>

static bool begins_with(hl_str name, hl_str prefix) {
    return name.len >= prefix.len &&
           (prefix.len == 0 || strncasecmp(name.ptr, prefix.ptr, prefix.len) == 0);
}

struct json_object *hl__models_filter(struct json_object *answer, hl_str prefix) {
    struct json_object *all = hl__member_array(answer, "models");
    struct json_object *found = json_object_new_array(), *ret = json_object_new_object();
    if (!found || !ret || json_object_object_add(ret, "models", found) != 0) {
        json_object_put(found);
        json_object_put(ret);
        return NULL;
    }
    for (size_t i = 0; i < hl__array_len(all); i++) {
        struct json_object *model = json_object_array_get_idx(all, i);
        if (!begins_with(hl__member_text(model, "name"), prefix)) continue;
        if (json_object_array_add(found, json_object_get(model)) == 0) continue;
        json_object_put(model);
        json_object_put(ret);
        return NULL;
    }
    return ret;
}

/* -- cells ------------------------------------------------------------------------------------- */

enum { DIGEST_CHARS = 12 };

static void digest_cell(hl__table *t, struct json_object *model) {
    hl__table_cell(t, hl_str_slice(hl__member_text(model, "digest"), 0, DIGEST_CHARS));
}

static void size_cell(hl__table *t, struct json_object *model) {
    char text[HL__HUMAN_MAX];
    hl__size_text(hl__member_uint(model, "size"), text);
    bool remote = hl__member_text(model, "remote_model").len > 0;
    hl__table_cell(t, hl_str_from(remote ? "-" : text));
}

typedef void time_fn(int64_t at_ms, int64_t now_ms, char out[HL__HUMAN_MAX]);

static void time_cell(hl__table *t, struct json_object *model, const char *key, time_fn *text_of,
                      int64_t now_ms) {
    char text[HL__HUMAN_MAX] = "Never";
    int64_t at_ms;
    if (hl__time_parse(hl__member_text(model, key), &at_ms)) text_of(at_ms, now_ms, text);
    hl__table_cell(t, hl_str_from(text));
}

static void processor_cell(hl__table *t, struct json_object *model) {
    char text[HL__HUMAN_MAX];
    hl__processor_text(hl__member_uint(model, "size"), hl__member_uint(model, "size_vram"), text);
    hl__table_cell(t, hl_str_from(text));
}

static void number_cell(hl__table *t, struct json_object *model, const char *key) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)hl__member_uint(model, key));
    hl__table_cell(t, hl_str_from(text));
}

/* The cache of keys and values: "336 MB, 12/84 pages" of it in use or kept. */
static void cache_cell(hl__table *t, struct json_object *model) {
    char size[HL__HUMAN_MAX], text[HL__HUMAN_MAX + 64];
    struct json_object *cache = hl__member(model, "cache");
    uint64_t held = hl__member_uint(cache, "pages_used") + hl__member_uint(cache, "pages_cached");
    uint64_t all = held + hl__member_uint(cache, "pages_free");
    hl__size_text(hl__member_uint(cache, "bytes"), size);
    snprintf(text, sizeof text, "%s, %llu/%llu pages", size, (unsigned long long)held,
             (unsigned long long)all);
    hl__table_cell(t, hl_str_from(cache ? text : "-"));
}

static void engine_cells(hl__table *t, struct json_object *model) {
    hl__table_cell(t, hl__member_text(model, "engine"));
    hl__table_cell(t, hl__member_text(model, "reason"));
}

/* -- tables ------------------------------------------------------------------------------------ */

void hl__models_list(struct json_object *answer, int64_t now_ms, bool wide, hl_buf *out) {
    static const char *const header[] = {"NAME", "ID", "SIZE", "MODIFIED", "ENGINE", "REASON"};
    struct json_object *models = hl__member_array(answer, "models");
    hl__table t;
    hl__table_init(&t, wide ? 6 : 4, header);
    for (size_t i = 0; i < hl__array_len(models); i++) {
        struct json_object *model = json_object_array_get_idx(models, i);
        hl__table_cell(&t, hl__member_text(model, "name"));
        digest_cell(&t, model);
        size_cell(&t, model);
        time_cell(&t, model, "modified_at", hl__time_text, now_ms);
        if (wide) engine_cells(&t, model);
    }
    hl__table_write(&t, "", out);
    hl__table_deinit(&t);
}

void hl__models_ps(struct json_object *answer, int64_t now_ms, bool wide, hl_buf *out) {
    static const char *const header[] = {"NAME",  "ID",    "SIZE",   "PROCESSOR", "CONTEXT",
                                         "UNTIL", "CACHE", "ENGINE", "REASON"};
    struct json_object *models = hl__member_array(answer, "models");
    hl__table t;
    hl__table_init(&t, wide ? 9 : 6, header);
    for (size_t i = 0; i < hl__array_len(models); i++) {
        struct json_object *model = json_object_array_get_idx(models, i);
        hl__table_cell(&t, hl__member_text(model, "name"));
        digest_cell(&t, model);
        size_cell(&t, model);
        processor_cell(&t, model);
        number_cell(&t, model, "context_length");
        time_cell(&t, model, "expires_at", hl__until_text, now_ms);
        if (wide) cache_cell(&t, model);
        if (wide) engine_cells(&t, model);
    }
    hl__table_write(&t, "", out);
    hl__table_deinit(&t);
}
