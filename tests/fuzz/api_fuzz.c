/* Any bytes as the body of a request: the first one picks the route.  What is read becomes jobs, as
 * a server would submit them. */
#include "api/call.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct route {
    char letter;
    hl__dialect dialect;
    const hl__voice *voice;
} routes[] = {
    {'g', HL__DIALECT_OLLAMA, &hl__voice_generate},
    {'c', HL__DIALECT_OLLAMA, &hl__voice_chat},
    {'o', HL__DIALECT_OPENAI, &hl__voice_openai_chat},
    {'p', HL__DIALECT_OPENAI, &hl__voice_openai_completion},
    {'r', HL__DIALECT_OPENAI, &hl__voice_responses},
    {'a', HL__DIALECT_ANTHROPIC, &hl__voice_anthropic},
    {'k', HL__DIALECT_ANTHROPIC, &hl__voice_anthropic_count},
};

static const struct route *pick(uint8_t letter) {
    size_t n = sizeof routes / sizeof *routes;
    for (size_t i = 0; i < n; i++)
        if (routes[i].letter == (char)letter) return &routes[i];
    return &routes[letter % n];
}

static void check_jobs(const hl__call *c) {
    for (uint32_t i = 0; i < c->n_choices; i++) {
        const hl_request *req = &c->choices[i].job.req;
        HL_ASSERT(req->options.n_stop <= HL_STOPS_MAX);
        HL_ASSERT(req->options.n_logit_bias <= HL_LOGIT_BIAS_MAX);
        HL_ASSERT(req->format != HL_FORMAT_SCHEMA || req->schema);
        HL_ASSERT(req->n_messages == 0 || req->messages);
        HL_ASSERT(req->tool_choice < HL_TOOLS_REQUIRED || req->tools);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static hl_package package = {.name = "m:latest"};
    if (size == 0) return 0;
    const struct route *r = pick(data[0]);
    hl__visit v = {.dialect = r->dialect, .req_id = "r1"};
    hl__call *c = NULL;
    hl_error err = {0};
    hl_str body = {(const char *)data + 1, size - 1};
    if (hl__call_read(&v, body, r->voice, &c, &err) < 0) {
        HL_ASSERT(err.text[0] && !c);
        return 0;
    }
    atomic_store(&package.refs, 2);
    c->package = &package;
    HL_ASSERT(c->n_choices >= 1 && c->n_choices <= HL__CHOICES_MAX);
    HL_ASSERT(!c->render_only || r->voice->rendered);
    HL_ASSERT(!c->stream || r->voice->stream_type);
    if (hl__call_create_choices(c, &err) >= 0) check_jobs(c);
    hl__call_drop(c);
    return 0;
}
