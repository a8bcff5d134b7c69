#include "cli/answer.h"

#include "base/clock.h"
#include "cli/out.h"

/* A narrower terminal is not wrapped for; the margin is Ollama's. */
enum { WRAP_COLUMNS_MIN = 10, WRAP_MARGIN = 5 };

static const char DIM[] = "\x1b[90m", PLAIN[] = "\x1b[0m";

static unsigned wrap_width(void) {
    unsigned columns = hl__out_columns();
    return columns >= WRAP_COLUMNS_MIN ? columns - WRAP_MARGIN : 0;
}

void hl__answer_init(hl__answer *a, bool wordwrap, bool hide_thinking) {
    *a = (hl__answer){.terminal = hl__out_is_terminal(),
                      .escapes = hl__out_takes_escapes(),
                      .hide_thinking = hide_thinking};
    hl__wrap_init(&a->wrap, a->escapes && wordwrap ? wrap_width() : 0);
    hl_buf_init(&a->text, 0);
    hl_buf_init(&a->thinking, 0);
    hl_buf_init(&a->screen, 0);
}

void hl__answer_deinit(hl__answer *a) {
    hl_buf_deinit(&a->text);
    hl_buf_deinit(&a->thinking);
    hl_buf_deinit(&a->screen);
}

static void begin_thinking(hl__answer *a) {
    a->in_thinking = true;
    if (a->escapes) hl_buf_append_cstr(&a->screen, DIM);
    hl_buf_append_cstr(&a->screen, "Thinking...\n");
}

static void end_thinking(hl__answer *a) {
    if (!a->in_thinking) return;
    a->in_thinking = false;
    if (a->wrap.column > 0) hl_buf_append_char(&a->screen, '\n');
    hl_buf_append_cstr(&a->screen, "...done thinking.\n\n");
    if (a->escapes) hl_buf_append_cstr(&a->screen, PLAIN);
    hl__wrap_init(&a->wrap, a->wrap.width);
}

static void show_thinking(hl__answer *a, hl_str text) {
    if (!a->terminal || a->hide_thinking) return;
    if (!a->in_thinking) begin_thinking(a);
    hl__wrap_push(&a->wrap, text, &a->screen);
}

static void show_answer(hl__answer *a, hl_str text) {
    if (text.len == 0) return;
    end_thinking(a);
    if (a->terminal)
        hl__wrap_push(&a->wrap, text, &a->screen);
    else
        hl_buf_append_str(&a->screen, text);
}

/* False when there is no use in going on. */
static bool write_screen(hl__answer *a) {
    if (a->failed >= 0) a->failed = hl__out_buf(&a->screen, &a->error);
    hl_buf_reset(&a->screen);
    return a->failed >= 0;
}

static bool take_text(hl__answer *a, const hl_event *ev) {
    bool thinking = ev->channel == HL_CHANNEL_THINKING;
    hl_buf_append_str(thinking ? &a->thinking : &a->text, ev->text);
    if (a->silent) return true;
    if (thinking)
        show_thinking(a, ev->text);
    else
        show_answer(a, ev->text);
    return write_screen(a);
}

bool hl__answer_event(void *arg, const hl_event *ev) {
    hl__answer *a = arg;
    HL_ASSERT(ev->channel == HL_CHANNEL_ANSWER || ev->channel == HL_CHANNEL_THINKING);
    if (ev->kind == HL_EVENT_TEXT) return take_text(a, ev);
    a->finish = ev->finish;
    a->usage = ev->usage;
    return true;
}

hl_status hl__answer_end(hl__answer *a, hl_error *err) {
    end_thinking(a);
    hl_buf_append_cstr(&a->screen, "\n\n");
    if (write_screen(a)) return HL_OK;
    *err = a->error;
    return a->failed;
}

/* -- figures ----------------------------------------------------------------------------------- */

static void line_duration(hl_buf *out, const char *label, uint64_t ns) {
    char text[32];
    if (ns == 0) return;
    hl_duration_text(ns, text);
    hl_buf_printf(out, "%-22s%s\n", label, text);
}

static void line_count(hl_buf *out, const char *label, uint32_t n) {
    if (n > 0) hl_buf_printf(out, "%-22s%u token(s)\n", label, n);
}

static void line_rate(hl_buf *out, const char *label, uint32_t n, uint64_t ns) {
    if (n == 0 || ns == 0) return;
    hl_buf_printf(out, "%-22s%.2f tokens/s\n", label, n / ((double)ns / 1e9));
}

void hl__usage_text(const hl_usage *u, hl_buf *out) {
    line_duration(out, "total duration:", u->total_ns);
    line_duration(out, "load duration:", u->load_ns);
    line_count(out, "prompt eval count:", u->prompt_tokens);
    line_duration(out, "prompt eval duration:", u->prompt_ns);
    line_rate(out, "prompt eval rate:", u->prompt_tokens, u->prompt_ns);
    line_count(out, "eval count:", u->generated_tokens);
    line_duration(out, "eval duration:", u->generate_ns);
    line_rate(out, "eval rate:", u->generated_tokens, u->generate_ns);
}

const char *hl__finish_name(hl_finish finish) {
    switch (finish) {
    case HL_FINISH_STOP: return "stop";
    case HL_FINISH_LENGTH: return "length";
    case HL_FINISH_CANCELLED: break;
    }
    return "cancelled";
}
