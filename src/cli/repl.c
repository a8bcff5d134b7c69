#include "cli/repl.h"

#include "cli/command.h"
#include "config/env.h"

static const char QUOTES[] = "\"\"\"";

/* A failed answer is told and the session goes on, but without a terminal there is no session. */
static hl_status ask(hl__repl *r, hl_str text, hl_error *err) {
    hl_error own = {0};
    hl_status st = hl__session_ask(r->session, text, &own);
    if (st >= 0 || st == HL_ECANCELLED) return HL_OK;
    if (hl__out_reader_left(&own)) {
        *err = own;
        return st;
    }
    hl_buf line;
    hl_buf_init(&line, 0);
    hl_buf_printf(&line, "Error: %s\n", own.text);
    hl__complain(hl_buf_str(&line));
    hl_buf_deinit(&line);
    return HL_OK;
}

bool hl__repl_collect(hl__repl *r, hl_str line) {
    bool ends = hl_str_ends(line, hl_str_from(QUOTES));
    if (ends) line.len -= sizeof QUOTES - 1;
    hl_buf_append_str(&r->text, line);
    if (!ends) hl_buf_append_char(&r->text, '\n');
    return ends;
}

hl_status hl__repl_collected(hl__repl *r, hl_error *err) {
    HL_ASSERT(r->multi != HL__MULTI_NONE);
    bool is_prompt = r->multi == HL__MULTI_PROMPT;
    r->multi = HL__MULTI_NONE;
    if (is_prompt) return r->text.len > 0 ? ask(r, hl_buf_str(&r->text), err) : HL_OK;
    HL_TRY(hl__session_set_system(r->session, hl_buf_str(&r->text), err));
    return hl__out(HL_STR("Set system message.\n"), err);
}

static bool is_blank(hl_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != ' ' && s.ptr[i] != '\t' && s.ptr[i] != '\n') return false;
    return true;
}

static hl_status take_line(hl__repl *r, hl_str line, hl_error *err) {
    if (r->multi == HL__MULTI_NONE && hl_str_starts(line, hl_str_from(QUOTES))) {
        r->multi = HL__MULTI_PROMPT;
        hl_buf_reset(&r->text);
        line = hl_str_slice(line, sizeof QUOTES - 1, line.len);
    }
    if (r->multi != HL__MULTI_NONE)
        return hl__repl_collect(r, line) ? hl__repl_collected(r, err) : HL_OK;
    if (is_blank(line)) return HL_OK;
    if (line.ptr[0] == '/') return hl__repl_command(r, line, err);
    return ask(r, line, err);
}

static hl_status take_interrupt(hl__repl *r, hl_str typed, hl_error *err) {
    bool idle = typed.len == 0 && r->multi == HL__MULTI_NONE;
    r->multi = HL__MULTI_NONE;
    return idle ? hl__out(HL_STR("Use Ctrl + d or /bye to exit.\n"), err) : HL_OK;
}

static hl_status loop(hl__repl *r, hl_error *err) {
    hl_buf line;
    hl_buf_init(&line, 0);
    hl_status st = HL_OK;
    while (!r->done && st >= 0) {
        switch (hl__editor_read(r->editor, r->multi != HL__MULTI_NONE, &line)) {
        case HL__LINE: st = take_line(r, hl_buf_str(&line), err); break;
        case HL__LINE_INTERRUPTED: st = take_interrupt(r, hl_buf_str(&line), err); break;
        case HL__LINE_END: r->done = true; break;
        }
    }
    hl_buf_deinit(&line);
    return st;
}

hl_status hl__repl_run(hl__session *s, hl_error *err) {
    hl__repl r = {.session = s};
    HL_TRY(hl__editor_open(!hl_env_bool("NOHISTORY", false), &r.editor, err));
    hl_buf_init(&r.text, 0);
    hl_status st = hl__out(hl__out_takes_escapes()
                               ? HL_STR("\x1b[90mSend a message (/? for help)\x1b[0m\n")
                               : HL_STR("Send a message (/? for help)\n"),
                           err);
    if (st >= 0) st = loop(&r, err);
    hl_buf_deinit(&r.text);
    hl__editor_close(r.editor);
    return st;
}
