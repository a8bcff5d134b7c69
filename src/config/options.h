/* config/options.h
 *
 * The options of a generation, from one list (options.def).  The precedence is
 * request > model > environment (num_ctx) > default; `set` says which were given.
 *
 * Errors: EINVAL names the option, what was given and what it wants.
 * Threads: pure.
 */
#pragma once

#include "base/json.h"
#include "base/status.h"

typedef enum hl_option_kind { HL_OPTION_INT, HL_OPTION_FLOAT, HL_OPTION_BOOL } hl_option_kind;

typedef enum hl_option_id {
#define X(name, kind, fallback, min, max, text) HL_OPT_##name,
#include "config/options.def"
#undef X
    HL_OPTIONS_N
} hl_option_id;

typedef int32_t hl_option_type_INT;
typedef float hl_option_type_FLOAT;
typedef bool hl_option_type_BOOL;

typedef struct hl_logit_bias {
    uint32_t token;
    float bias;
} hl_logit_bias;

enum { HL_STOPS_MAX = 32, HL_LOGIT_BIAS_MAX = 1024 };

typedef struct hl_options {
#define X(name, kind, fallback, min, max, text) hl_option_type_##kind name;
#include "config/options.def"
#undef X
    uint64_t set; /* bit hl_option_id: given by somebody */

    /* Borrowed from whoever made the request.  NULL: nobody gave any; a list without entries
     * stands against the model's own. */
    const hl_str *stop; /* [n_stop], at most HL_STOPS_MAX, none empty */
    size_t n_stop;
    const hl_logit_bias *logit_bias; /* [n_logit_bias], at most HL_LOGIT_BIAS_MAX */
    size_t n_logit_bias;
    uint32_t n_logprobs; /* likeliest tokens to report a token; with logprobs */
    bool logprobs;
} hl_options;

typedef struct hl_option_info {
    const char *name;
    hl_option_kind kind;
    double fallback, min, max;
    const char *text;
} hl_option_info;

void hl_options_init(hl_options *o); /* the defaults */
const hl_option_info *hl_option_info_at(hl_option_id id);
bool hl_option_find(hl_str name, hl_option_id *ret);
/* From text ("0.7"), as flags, /set and Modelfiles give it. */
hl_status hl_options_set_text(hl_options *o, hl_str name, hl_str value, hl_error *err) HL_NODISCARD;
/* From a request's number. */
hl_status hl_options_set_number(hl_options *o, hl_option_id id, double value,
                                hl_error *err) HL_NODISCARD;
double hl_options_get(const hl_options *o, hl_option_id id);
/* Fills what is not set in o from `under` (a model's own parameters); lists are not mixed. */
void hl_options_merge(hl_options *o, const hl_options *under);
