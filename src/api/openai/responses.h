/* api/openai/responses.h — the two halves of POST /v1/responses: what is asked (responses_read.c)
 * and what is answered (responses.c). */
#pragma once

#include "api/call.h"

typedef enum hl__item { HL__ITEM_NONE, HL__ITEM_REASONING, HL__ITEM_MESSAGE } hl__item;

/* What a call keeps beside itself. */
typedef struct hl__response {
    struct json_object *messages, *tools, *choice; /* owned: in the shape of chat completions */
    double max_tokens;                             /* 0: not given */
    char id[HL__ID_MAX];

    /* Of a stream. */
    uint64_t n_events;
    hl__item open; /* the item that text goes to now */
    char item_id[HL__ID_MAX];
    hl_buf text;   /* of the open item */
    hl_buf output; /* the items that are complete, with commas between */
    uint32_t n_items;
} hl__response;

hl_status hl__responses_read(hl__call *c, hl_error *err) HL_NODISCARD;
