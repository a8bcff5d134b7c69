/* Fetches a model from its registry. */
#include "cli/command.h"
#include "cli/transfer.h"

typedef struct args {
    bool insecure, json;
} args;

static const hl_flag FLAGS[] = {
    {"insecure", 0, HL_FLAG_SWITCH, offsetof(args, insecure), NULL, NULL,
     "Use an insecure registry: http, and addresses of private networks"},
    {"json", 0, HL_FLAG_SWITCH, offsetof(args, json), NULL, NULL,
     "Print the server's progress as lines of JSON"},
};

static hl_status run(hl__call *call, hl_error *err) {
    const args *a = call->args;
    hl_client *c;
    HL_TRY(hl_client_open(&c, err));
    hl__transfer t = {hl_str_from(call->words[0]), a->insecure, a->json};
    hl_status st = hl__pull_model(c, &t, err);
    hl_client_close(c);
    return st;
}

const hl__command hl__command_pull = {
    .name = "pull",
    .usage = "pull MODEL [flags]",
    .summary = "Pull a model from a registry",
    .about = "Fetches a model from its registry.  MODEL is NAME or ORG/NAME (Ollama's registry), "
             "hf.co/ORG/REPO[:QUANT]\n(Hugging Face) or HOST/ORG/NAME, with :TAG or without.  What "
             "a pull that was broken off has fetched stays.",
    .as_ollama = true,
    .flags = HL__FLAGS(FLAGS, false),
    .args_bytes = sizeof(args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
