#include "cli/embed.h"

#include "cli/member.h"
#include "cli/out.h"

static void append_body(const hl__session *s, const hl__embed *e, hl_str text, hl_buf *out) {
    hl_buf_append_cstr(out, "{\"model\":");
    hl_json_append_string(out, hl_buf_str(&s->model));
    hl_buf_append_cstr(out, ",\"input\":");
    hl_json_append_string(out, text);
    if (e->set_truncate) hl_buf_printf(out, ",\"truncate\":%s", e->truncate ? "true" : "false");
    if (e->dimensions != 0) hl_buf_printf(out, ",\"dimensions\":%lld", (long long)e->dimensions);
    hl__ask_options(&s->options, "options", out);
    hl_buf_append_char(out, '}');
}

static hl_status print(struct json_object *answer, hl_error *err) {
    struct json_object *all = hl__member_array(answer, "embeddings");
    hl_buf out;
    if (hl__array_len(all) == 0)
        return hl_fail(err, HL_EREMOTE, "run", "the server's answer has no embedding");
    hl_buf_init(&out, 0);
    hl_buf_append_str(&out, hl__value_json(json_object_array_get_idx(all, 0)));
    hl_buf_append_char(&out, '\n');
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

hl_status hl__embed_run(hl__session *s, const hl__embed *e, hl_str text, hl_error *err) {
    struct json_object *answer = NULL;
    hl_buf body;
    if (text.len == 0)
        return hl_fail(err, HL_EINVAL, "run",
                       "embedding models want a text: hyperllama run %.*s \"your text\"",
                       HL_STR_ARG(hl_buf_str(&s->model)));
    hl_buf_init(&body, 0);
    append_body(s, e, text, &body);
    hl_status st = hl_buf_status(&body, "the request", err);
    if (st >= 0)
        st = hl_client_embed(s->client, hl_buf_str(&s->model), hl_buf_str(&body), &answer, err);
    if (st >= 0) st = print(answer, err);
    json_object_put(answer);
    hl_buf_deinit(&body);
    return st;
}
