/* GET /v1/models and /v1/models/NAME. */
#include "api/visit.h"
#include "base/mem.h"

enum { LISTED_MAX = 2048, NS_PER_S = 1000000000 };

static void append_model(const hl_catalog_entry *e, hl_str id, hl_buf *out) {
    hl_buf_append_char(out, '{');
    hl__json_text(out, "id", id);
    hl__json_text(out, "object", HL_STR("model"));
    hl__json_uint(out, "created", (uint64_t)e->modified_ns / NS_PER_S);
    hl__json_text(out, "owned_by", hl_str_from(e->space));
    hl_buf_append_char(out, '}');
}

void hl__handle_openai_models(hl__visit *v) {
    const hl_catalog_entry **entries = hl_calloc(LISTED_MAX, sizeof *entries);
    hl_buf b;
    if (!entries) {
        hl__answer_error(v, 503, HL_STR("out of memory"));
        return;
    }
    size_t n = hl_catalog_list(v->api->catalog, entries, LISTED_MAX);
    hl_buf_init(&b, 0);
    hl_buf_append_cstr(&b, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hl_buf_append_char(&b, ',');
        append_model(entries[i], hl_str_from(entries[i]->name), &b);
    }
    hl_buf_append_cstr(&b, "]}");
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
    hl_free(entries);
}

void hl__handle_openai_model(hl__visit *v) {
    const hl_catalog_entry *e;
    char shown[HL_NAME_TEXT_MAX];
    hl_name name;
    hl_error err;
    hl_buf b;
    hl_status st = hl_catalog_find(v->api->catalog, v->rest, &e, &err);
    if (st < 0) {
        if (st == HL_ENOTFOUND && hl_name_parse(v->rest, &name, NULL) >= 0) {
            hl_name_text(&name, shown);
            (void)hl_fail(&err, st, "api", "model '%s' not found", shown);
        }
        hl__answer_failure(v, &err);
        return;
    }
    hl_buf_init(&b, 0);
    append_model(e, v->rest, &b);
    hl__answer_json(v, 200, &b);
    hl_buf_deinit(&b);
}
