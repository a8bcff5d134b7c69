#include "cli/editor.h"

#include "base/dir.h"
#include "base/mem.h"
#include "cli/out.h"

#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_MAX = 100, PASTE_MAX = 1 << 22 };

struct hl__editor {
    EditLine *el;
    History *history;
    bool keep_history, continuation, interrupted;
    bool bracketed;          /* the terminal is asked to mark what is pasted */
    char history_path[4096]; /* "": none */
};

static hl__editor *editor_of(EditLine *el) {
    hl__editor *e = NULL;
    el_get(el, EL_CLIENTDATA, &e);
    HL_ASSERT(e && e->el == el);
    return e;
}

static char *prompt_text(EditLine *el) {
    static char first[] = ">>> ", further[] = "... ";
    return editor_of(el)->continuation ? further : first;
}

static void ask_for_marks(const hl__editor *e, bool on) {
    if (e->bracketed) hl__out_anyway(on ? HL_STR("\x1b[?2004h") : HL_STR("\x1b[?2004l"));
}

/* -- keys of our own --------------------------------------------------------------------------- */

static unsigned char on_interrupt(EditLine *el, int c) {
    (void)c;
    editor_of(el)->interrupted = true;
    return CC_NEWLINE;
}

/* The editor's own handler gives the terminal back and takes it again; the mode for pastes is ours,
 * and shells switch it off. */
static unsigned char on_suspend(EditLine *el, int c) {
    (void)c;
    ask_for_marks(editor_of(el), false);
    raise(SIGTSTP);
    ask_for_marks(editor_of(el), true);
    return CC_REDISPLAY;
}

static unsigned char on_newline(EditLine *el, int c) {
    (void)c;
    return el_winsertstr(el, L"\n") == 0 ? CC_REFRESH : CC_ERROR;
}

typedef struct pasted {
    wchar_t *text; /* owned */
    size_t n, cap;
} pasted;

static bool pasted_push(pasted *p, wchar_t c) {
    if (p->n + 1 >= p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 256;
        wchar_t *text = cap <= PASTE_MAX ? hl_realloc(p->text, cap * sizeof *text) : NULL;
        if (!text) return false;
        p->text = text;
        p->cap = cap;
    }
    p->text[p->n++] = c;
    p->text[p->n] = L'\0';
    return true;
}

/* Newlines as one character; nothing else that could steer the terminal. */
static bool pasted_clean(pasted *p, wchar_t c, wchar_t before) {
    if (c == L'\n' && before == L'\r') return true;
    if (c == L'\r') c = L'\n';
    if (c < L' ' && c != L'\n' && c != L'\t') return true;
    return c == 0x7F || pasted_push(p, c);
}

/* Everything up to the mark that ends a paste.  The terminal's mode swaps CR and NL while a line is
 * edited, so that either may arrive for a newline. */
static bool read_paste(EditLine *el, pasted *p) {
    static const wchar_t end[] = L"\x1b[201~";
    const size_t end_len = sizeof end / sizeof *end - 1;
    size_t matched = 0;
    wchar_t c, before = 0;
    bool ok = true;
    while (matched < end_len) {
        if (el_wgetc(el, &c) != 1) return false;
        if (c == end[matched]) {
            matched++;
            continue;
        }
        for (size_t i = 1; i < matched && ok; i++) ok = pasted_push(p, end[i]); /* was no mark */
        matched = c == end[0];
        if (!matched && ok) ok = pasted_clean(p, c, before);
        before = c;
    }
    return ok;
}

static unsigned char on_paste(EditLine *el, int c) {
    (void)c;
    pasted p = {0};
    bool ok = read_paste(el, &p);
    if (ok && p.n > 0) ok = el_winsertstr(el, p.text) == 0;
    hl_free(p.text);
    return ok ? CC_REFRESH : CC_ERROR;
}

static void bind_keys(EditLine *el) {
    static const char *const bindings[][2] = {
        {"\\e[200~", "hl-paste"},
        {"^C", "hl-interrupt"},
        {"^Z", "hl-suspend"},
        {"\\e^M", "hl-newline"},
        {"\\e^J", "hl-newline"},
        {"^W", "ed-delete-prev-word"},
        {"^U", "vi-kill-line-prev"},
        {"^R", "em-inc-search-prev"},
        {"\\e[3~", "ed-delete-next-char"},
        {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},
        {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},
        {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},
    };
    el_set(el, EL_ADDFN, "hl-paste", "insert pasted text", on_paste);
    el_set(el, EL_ADDFN, "hl-interrupt", "drop the line", on_interrupt);
    el_set(el, EL_ADDFN, "hl-suspend", "stop the program", on_suspend);
    el_set(el, EL_ADDFN, "hl-newline", "begin a new line in the message", on_newline);
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++)
        el_set(el, EL_BIND, bindings[i][0], bindings[i][1], NULL);
    /* While a line is edited Ctrl-C and Ctrl-Z are keys. */
    el_set(el, EL_SETTY, "-d", "-isig", NULL);
}

/* -- history ----------------------------------------------------------------------------------- */

static void find_history_file(hl__editor *e) {
    const char *home = getenv("HOME");
    if (!home || !home[0]) return;
    int n = snprintf(e->history_path, sizeof e->history_path, "%s/.hyperllama", home);
    if (n < 0 || (size_t)n + 16 > sizeof e->history_path || !hl_dir_make(e->history_path)) {
        e->history_path[0] = '\0';
        return;
    }
    snprintf(e->history_path + n, sizeof e->history_path - (size_t)n, "/history");
}

static void remember(hl__editor *e, hl_buf *line) {
    HistEvent ev;
    if (!e->keep_history || line->len == 0) return;
    history(e->history, &ev, H_ENTER, line->ptr);
    if (e->history_path[0]) history(e->history, &ev, H_SAVE, e->history_path);
}

void hl__editor_keep_history(hl__editor *e, bool on) {
    e->keep_history = on;
}

/* -- life -------------------------------------------------------------------------------------- */

static void open_history(hl__editor *e) {
    HistEvent ev;
    history(e->history, &ev, H_SETSIZE, HISTORY_MAX);
    history(e->history, &ev, H_SETUNIQUE, 1);
    find_history_file(e);
    if (e->keep_history && e->history_path[0]) history(e->history, &ev, H_LOAD, e->history_path);
}

hl_status hl__editor_open(bool keep_history, hl__editor **ret, hl_error *err) {
    hl__editor *e = hl_calloc(1, sizeof *e);
    if (!e) return hl_fail(err, HL_ENOMEM, "editor", "no memory");
    e->keep_history = keep_history;
    e->bracketed = hl__out_takes_escapes();
    e->el = el_init("hyperllama", stdin, stdout, stderr);
    e->history = history_init();
    if (!e->el || !e->history) {
        hl__editor_close(e);
        return hl_fail(err, HL_EIO, "editor", "the terminal cannot be used for input");
    }
    open_history(e);
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_PROMPT, prompt_text);
    el_set(e->el, EL_SIGNAL, 1);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_HIST, history, e->history);
    bind_keys(e->el);
    el_source(e->el, NULL); /* ~/.editrc, if there is one */
    *ret = e;
    return HL_OK;
}

void hl__editor_close(hl__editor *e) {
    if (!e) return;
    if (e->el) el_end(e->el);
    if (e->history) history_end(e->history);
    hl_free(e);
}

/* -- reading ----------------------------------------------------------------------------------- */

hl__line_kind hl__editor_read(hl__editor *e, bool continuation, hl_buf *line) {
    int n = 0;
    e->continuation = continuation;
    e->interrupted = false;
    hl_buf_reset(line);
    ask_for_marks(e, true);
    /* The library shows the prompt first and sets the terminal after; a Ctrl-D that comes between
     * would be lost. */
    el_set(e->el, EL_PREP_TERM, 1);
    const char *text = el_gets(e->el, &n); /* NULL for an empty line without newline, too */
    ask_for_marks(e, false);
    bool ended = !text || n <= 0;
    if (!ended) hl_buf_append(line, text, (size_t)n);
    if (line->len > 0 && line->ptr[line->len - 1] == '\n') line->ptr[--line->len] = '\0';
    if (ended || e->interrupted) hl__out_anyway(HL_STR("\n"));
    if (e->interrupted) return HL__LINE_INTERRUPTED;
    if (ended) return HL__LINE_END;
    remember(e, line);
    return HL__LINE;
}
