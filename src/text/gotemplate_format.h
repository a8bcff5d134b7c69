/* text/gotemplate_format.h: one value under one verb of fmt. */
#pragma once

#include "text/gotemplate_run.h"

typedef struct go_format {
    go_run *r;
    hl_buf *b;
    bool plus, minus, sharp, space, zero; /* flags of a directive */
    bool plus_v, sharp_v;                 /* %+v, %#v */
    bool has_width, has_precision;
    int width, precision;
    bool erroring; /* inside of %!d(…): no String methods */
} go_format;

hl_status hl__go_format_value(go_format *f, const go_value *v, uint32_t verb) HL_NODISCARD;
/* "%!d(string=x)" */
hl_status hl__go_format_bad(go_format *f, const go_value *v, uint32_t verb) HL_NODISCARD;
void hl__go_format_pad(go_format *f, hl_str s);
void hl__go_format_cp(hl_buf *b, uint32_t cp);

/* The verbs of one kind; false: not one of its verbs. */
bool hl__go_format_int(go_format *f, const go_value *v, uint32_t verb);
bool hl__go_format_float(go_format *f, double value, uint32_t verb);
bool hl__go_format_string(go_format *f, hl_str s, uint32_t verb);
/* strconv.Quote; with ascii: nothing else in it. */
void hl__go_quote(hl_buf *b, hl_str s, char quote, bool ascii);

/* As strconv's 'g' and encoding/json write the shortest digits that give value back. */
void hl__go_float_g(hl_buf *b, double value, char e);
void hl__go_float_json(hl_buf *b, double value);
