/* What a chat template makes of a conversation. */
#include "base/fs.h"
#include "cli/command.h"

enum { TEMPLATE_BYTES_MAX = 16 << 20, DATE_CHARS = sizeof "2026-03-09T14:05:06" - 1 };

typedef struct args {
    hl_str template_path;
} args;

static const hl_flag FLAGS[] = {
    {"template", 0, HL_FLAG_TEXT, offsetof(args, template_path), "FILE", NULL,
     "a file with a Jinja template, instead of a model's own"},
};

/* Days since 1970-01-01 of a date of the Gregorian calendar; the year is counted from March, so
 * that the leap day is its last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t months_since_march = (month + 9) % 12;
    int64_t day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static int64_t number_at(hl_str s, size_t at, size_t n) {
    int64_t value = 0;
    for (size_t i = at; i < at + n; i++) value = value * 10 + (s.ptr[i] - '0');
    return value;
}

/* "2026-03-09T14:05:06". */
static bool read_date(hl_str s, int64_t *ret_s) {
    static const char pattern[] = "0000-00-00T00:00:00";
    if (s.len != DATE_CHARS) return false;
    for (size_t i = 0; i < s.len; i++) {
        bool digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        if (pattern[i] == '0' ? !digit : s.ptr[i] != pattern[i]) return false;
    }
    int64_t month = number_at(s, 5, 2), day = number_at(s, 8, 2);
    int64_t hour = number_at(s, 11, 2), minute = number_at(s, 14, 2), second = number_at(s, 17, 2);
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t days = days_from_date(number_at(s, 0, 4), month, day);
    *ret_s = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

/* `now` is for strftime_now, no variable of the template. */
static hl_status take_now(struct json_object *variables, int64_t *ret_s, hl_error *err) {
    struct json_object *now;
    *ret_s = hl_client_now_s();
    if (!json_object_object_get_ex(variables, "now", &now)) return HL_OK;
    hl_str text = hl_str_from(json_object_get_string(now));
    if (!json_object_is_type(now, json_type_string) || !read_date(text, ret_s))
        return hl_fail(err, HL_EFORMAT, "render",
                       "standard input: \"now\" is to look like \"2026-03-09T14:05:06\"");
    json_object_object_del(variables, "now");
    return HL_OK;
}

static hl_status render(const hl__call *call, hl_str template_text, struct json_object *variables,
                        hl_buf *out, hl_error *err) {
    hl_client *c;
    int64_t now_s;
    if (!json_object_is_type(variables, json_type_object))
        return hl_fail(err, HL_EFORMAT, "render",
                       "standard input: wanted an object, as in {\"messages\": […]}");
    HL_TRY(take_now(variables, &now_s, err));
    HL_TRY(hl_client_open(&c, err));
    const args *a = call->args;
    hl_str model = call->n_words > 0 ? hl_str_from(call->words[0]) : a->template_path;
    hl_status st = hl_client_render(c, model, template_text, variables, now_s, out, err);
    hl_client_close(c);
    return st;
}

static hl_status read_template(const hl__call *call, hl_buf *ret, hl_error *err) {
    const args *a = call->args;
    char path[4096];
    if (a->template_path.len == 0) {
        if (call->n_words == 1) return HL_OK;
        return hl_fail(err, HL_EINVAL, "render", "name a model or a --template");
    }
    if (call->n_words > 0)
        return hl_fail(err, HL_EINVAL, "render", "a model or a --template, not both");
    if (a->template_path.len >= sizeof path)
        return hl_fail(err, HL_EINVAL, "render", "the template's path is too long");
    memcpy(path, a->template_path.ptr, a->template_path.len);
    path[a->template_path.len] = '\0';
    HL_TRY(hl_file_read(path, TEMPLATE_BYTES_MAX, ret, err));
    if (ret->len == 0) return hl_fail(err, HL_EFORMAT, "render", "%s is empty", path);
    return HL_OK;
}

static hl_status run_with(const hl__call *call, hl_buf *template_text, hl_buf *input, hl_buf *out,
                          hl_error *err) {
    struct json_object *variables = NULL;
    HL_TRY(read_template(call, template_text, err));
    HL_TRY(hl__read_stdin(input, err));
    hl_status st = hl_json_parse(hl_buf_str(input), &variables, err);
    if (st < 0) {
        hl_error_prefix(err, "standard input");
        return st;
    }
    st = render(call, hl_buf_str(template_text), variables, out, err);
    json_object_put(variables);
    return st < 0 ? st : hl__out_strange(out, err);
}

static hl_status run(hl__call *call, hl_error *err) {
    hl_buf template_text, input, out;
    hl_buf_init(&template_text, 0);
    hl_buf_init(&input, 0);
    hl_buf_init(&out, 0);
    hl_status st = run_with(call, &template_text, &input, &out, err);
    hl_buf_deinit(&template_text);
    hl_buf_deinit(&input);
    hl_buf_deinit(&out);
    return st;
}

const hl__command hl__command_render = {
    .name = "render",
    .usage = "render MODEL | render --template FILE",
    .summary = "Show the prompt that a chat template makes",
    .about = "Reads one JSON object from standard input and prints exactly the text that a model's "
             "chat\n"
             "template makes of it.  Members: messages, tools, now (\"2026-03-09T14:05:06\", what\n"
             "strftime_now sees) and any further variables.  A model's own template also gets\n"
             "bos_token, eos_token and add_generation_prompt (true) where they are not given.",
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 0,
    .words_max = 1,
    .run = run,
};
