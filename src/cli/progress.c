#include "cli/progress.h"

#include "cli/human.h"

#include <stdio.h>

enum {
    BAR_COLUMNS = 18,
    FIXED_COLUMNS = 76, /* of a line with a bar; narrower terminals get none */
    REDRAW_NS = 50000000,
    NS_PER_S = 1000000000,
};

void hl__progress_init(hl__progress *p, unsigned columns) {
    *p = (hl__progress){.bars = columns > 0, .columns = columns};
}

/* -- lines ------------------------------------------------------------------------------------- */

static unsigned percent(const hl__progress_row *r) {
    if (r->completed >= r->total) return 100;
    return (unsigned)((double)r->completed * 100 / (double)r->total);
}

static void append_bar(const hl__progress_row *r, hl_buf *out) {
    unsigned full = percent(r) * BAR_COLUMNS / 100;
    hl_buf_append_cstr(out, "▕");
    for (unsigned i = 0; i < BAR_COLUMNS; i++) hl_buf_append_cstr(out, i < full ? "█" : " ");
    hl_buf_append_cstr(out, "▏");
}

static void append_left(uint64_t s, hl_buf *out) {
    if (s >= 3600)
        hl_buf_printf(out, "%lluh%llum", (unsigned long long)(s / 3600),
                      (unsigned long long)(s % 3600 / 60));
    else if (s >= 60)
        hl_buf_printf(out, "%llum%llus", (unsigned long long)(s / 60),
                      (unsigned long long)(s % 60));
    else
        hl_buf_printf(out, "%llus", (unsigned long long)s);
}

/* By what has come since the row began; nothing in its first second. */
static void append_rate(const hl__progress_row *r, uint64_t now_ns, hl_buf *out) {
    char rate_text[HL__HUMAN_MAX];
    uint64_t ns = now_ns - r->begin_ns, bytes = r->completed - r->begin_bytes;
    if (r->completed < r->begin_bytes || ns < NS_PER_S || bytes == 0) return;
    double rate = (double)bytes * NS_PER_S / (double)ns;
    hl__size_text((uint64_t)rate, rate_text);
    hl_buf_printf(out, "  %s/s  ", rate_text);
    append_left((uint64_t)((double)(r->total - r->completed) / rate), out);
}

static bool is_over(const hl__progress_row *r) {
    return r->completed >= r->total;
}

static void append_row(const hl__progress *p, const hl__progress_row *r, uint64_t now_ns,
                       hl_buf *out) {
    char total[HL__HUMAN_MAX], done[HL__HUMAN_MAX];
    hl_buf_append_cstr(out, r->label);
    if (r->total == 0) return;
    hl__size_text(r->total, total);
    hl__size_text(r->completed, done);
    hl_buf_printf(out, ": %3u%% ", percent(r));
    if (p->bars && p->columns >= FIXED_COLUMNS) append_bar(r, out);
    if (is_over(r)) {
        hl_buf_printf(out, " %s", total);
        return;
    }
    hl_buf_printf(out, " %s/%s", done, total);
    append_rate(r, now_ns, out);
}

/* -- drawing ----------------------------------------------------------------------------------- */

/* What is over stands above the block and is never drawn again. */
static void draw(hl__progress *p, uint64_t now_ns, hl_buf *out) {
    size_t left = 0;
    if (p->drawn > 0) hl_buf_printf(out, "\033[%zuA\r", p->drawn);
    hl_buf_append_cstr(out, "\033[J");
    for (size_t i = 0; i < p->n; i++) {
        if (!is_over(&p->rows[i])) continue;
        append_row(p, &p->rows[i], now_ns, out);
        hl_buf_append_char(out, '\n');
    }
    for (size_t i = 0; i < p->n; i++)
        if (!is_over(&p->rows[i])) p->rows[left++] = p->rows[i];
    p->n = p->drawn = left;
    for (size_t i = 0; i < left; i++) {
        append_row(p, &p->rows[i], now_ns, out);
        hl_buf_append_char(out, '\n');
    }
    p->drawn_ns = now_ns;
}

/* A line at the beginning, at each tenth of what is large, at the end. */
static void tell(hl__progress *p, hl__progress_row *r, bool is_new, hl_buf *out) {
    static const uint64_t large = 100000000;
    unsigned tenths = r->total == 0 ? 10 : percent(r) / 10;
    bool due = is_new || (tenths > r->told && (tenths == 10 || r->total >= large));
    if (!due) return;
    r->told = tenths;
    append_row(p, r, r->begin_ns, out);
    hl_buf_append_char(out, '\n');
}

/* -- steps ------------------------------------------------------------------------------------- */

/* On one line without control characters: it is a server's text. */
static void set_label(hl__progress_row *r, hl_str status) {
    size_t n = status.len < HL__PROGRESS_LABEL_MAX - 1 ? status.len : HL__PROGRESS_LABEL_MAX - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)status.ptr[i];
        r->label[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
    r->label[n] = '\0';
}

static hl__progress_row *find_row(hl__progress *p, hl_str status, bool *ret_new) {
    hl__progress_row wanted;
    set_label(&wanted, status);
    *ret_new = false;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->rows[i].label, wanted.label) == 0) return &p->rows[i];
    *ret_new = true;
    size_t at = p->n < HL__PROGRESS_ROWS_MAX ? p->n++ : HL__PROGRESS_ROWS_MAX - 1;
    memset(&p->rows[at], 0, sizeof p->rows[at]);
    memcpy(p->rows[at].label, wanted.label, sizeof wanted.label);
    return &p->rows[at];
}

void hl__progress_step(hl__progress *p, hl_str status, uint64_t total, uint64_t completed,
                       uint64_t now_ns, hl_buf *out) {
    bool is_new;
    hl__progress_row *r = find_row(p, status, &is_new);
    if (is_new) {
        r->begin_ns = now_ns;
        r->begin_bytes = completed;
    }
    r->total = total;
    r->completed = completed < total ? completed : total;
    if (!p->bars) {
        tell(p, r, is_new, out);
        return;
    }
    if (is_new || is_over(r) || now_ns - p->drawn_ns >= REDRAW_NS) draw(p, now_ns, out);
}

void hl__progress_end(hl__progress *p, uint64_t now_ns, hl_buf *out) {
    if (p->bars) draw(p, now_ns, out);
}
