/* Raw completion: the text as it is, no template. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "serve/format.h"

#include <stdio.h>

typedef struct args {
    bool json, verbose;
    hl_flag_texts stop;
    hl_str format;
} args;

static const hl_flag FLAGS[] = {
    {"format", 0, HL_FLAG_TEXT, offsetof(args, format), "FORMAT", NULL,
     "Response format: json, or a JSON schema"},
    {"num-predict", 'n', HL_FLAG_GENERATION, 0, "N", NULL,
     "most tokens to generate; 0 or negative: until the model ends or the context is full"},
    {"stop", 0, HL_FLAG_TEXTS, offsetof(args, stop), "TEXT", NULL,
     "end before this text; may be repeated"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL,
     "print one object with the fields of the final answer of Ollama's /api/generate"},
    {"verbose", 0, HL_FLAG_SWITCH, offsetof(args, verbose), NULL, NULL,
     "Show timings for response"},
};

static void json_field(hl_buf *out, const char *name, uint64_t value) {
    hl_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void append_json(const hl__answer *a, hl_str model, hl_buf *out) {
    char now[32];
    hl_clock_rfc3339(hl_clock_wall_ns(), now);
    hl_buf_append_cstr(out, "{\"model\":");
    hl_json_append_string(out, model);
    hl_buf_printf(out, ",\"created_at\":\"%s\",\"response\":", now);
    hl_json_append_string(out, hl_buf_str(&a->text));
    hl_buf_printf(out, ",\"done\":true,\"done_reason\":\"%s\"", hl__finish_name(a->finish));
    json_field(out, "total_duration", a->usage.total_ns);
    json_field(out, "load_duration", a->usage.load_ns);
    json_field(out, "prompt_eval_count", a->usage.prompt_tokens);
    json_field(out, "prompt_eval_duration", a->usage.prompt_ns);
    json_field(out, "eval_count", a->usage.generated_tokens);
    json_field(out, "eval_duration", a->usage.generate_ns);
    hl_buf_append_cstr(out, "}\n");
}

/* What is left to print when the answer is there. */
static hl_status finish(const args *a, const hl__answer *answer, hl_str model, hl_error *err) {
    hl_buf out;
    hl_buf_init(&out, 0);
    if (a->json)
        append_json(answer, model, &out);
    else
        hl_buf_append_char(&out, '\n');
    hl_status st = answer->failed < 0 ? answer->failed : hl__out_buf(&out, err);
    if (answer->failed < 0) *err = answer->error;
    hl_buf_reset(&out);
    if (a->verbose) hl__usage_text(&answer->usage, &out);
    hl__complain(hl_buf_str(&out));
    hl_buf_deinit(&out);
    return st;
}

static hl_status generate(hl_client *c, const args *a, const hl_request *req, hl_error *err) {
    hl__answer answer;
    hl__answer_init(&answer, false, false);
    answer.silent = a->json;
    if (a->json) hl_client_set_whole(c);
    hl__interrupt_begin(c, true);
    hl_status st = hl_client_generate(c, req, hl__answer_event, &answer, err);
    bool interrupted = hl__interrupt_end();
    if (st >= 0) st = finish(a, &answer, req->model, err);
    if (st >= 0 && interrupted) st = hl_fail(err, HL_ECANCELLED, "generate", "interrupted");
    hl__answer_deinit(&answer);
    return st;
}

static hl_status read_prompt(const hl__call *call, hl_buf *ret, hl_error *err) {
    if (call->n_words > 1) {
        hl__join_words(call, 1, ret);
        return hl_buf_status(ret, "the prompt", err);
    }
    return hl__read_stdin(ret, err);
}

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    hl_client *c = NULL;
    hl_buf prompt;
    hl_buf_init(&prompt, 0);
    hl_status st = read_prompt(call, &prompt, err);
    if (st >= 0) st = hl_client_open(&c, err);
    if (st >= 0) {
        hl_request req = {.model = hl_str_from(call->words[0]),
                          .prompt = hl_buf_str(&prompt),
                          .raw = true,
                          .no_truncate = true, /* what does not fit is told */
                          .options = call->options};
        if (a->stop.n > 0) req.options.stop = a->stop.items; /* else the model's own */
        req.options.n_stop = a->stop.n;
        st = hl_format_parse(a->format, &req.format, &req.schema, err);
        if (st >= 0) st = generate(c, a, &req, err);
        json_object_put(req.schema);
    }
    hl_client_close(c);
    hl_buf_deinit(&prompt);
    return st;
}

const hl__command hl__command_generate = {
    .name = "generate",
    .usage = "generate MODEL [PROMPT...] [flags]",
    .summary = "Continue a text, without a chat template",
    .about = "Continues a text as it is, without a chat template.  The prompt is the words, or "
             "standard input\nwhen there are none.",
    .flags = HL__FLAGS(FLAGS, true),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run,
};
