/* The lines of interactive mode that begin with '/'; answers in Ollama's words. */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/member.h"
#include "cli/models.h"
#include "cli/repl.h"
#include "cli/show_text.h"
#include "cli/wrap.h"

#include <stdarg.h>
#include <stdio.h>

enum { WORDS_MAX = 40 };

typedef struct line {
    hl_str words[WORDS_MAX]; /* [n] */
    size_t n;
    hl_str rest[3]; /* the line from word i on, as it was typed */
} line;

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

static void split(hl_str text, line *ret) {
    *ret = (line){0};
    for (size_t at = 0; at < text.len && ret->n < WORDS_MAX;) {
        while (at < text.len && is_space(text.ptr[at])) at++;
        size_t start = at;
        while (at < text.len && !is_space(text.ptr[at])) at++;
        if (at == start) break;
        if (ret->n < 3) ret->rest[ret->n] = hl_str_slice(text, start, text.len);
        ret->words[ret->n++] = hl_str_slice(text, start, at);
    }
}

static bool is(const line *l, size_t i, const char *word) {
    return i < l->n && hl_str_is(l->words[i], word);
}

static hl_status say(hl_error *err, const char *fmt, ...) HL_PRINTF(2, 3) HL_NODISCARD;
static hl_status say(hl_error *err, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return hl__out(hl_str_from(text), err);
}

/* -- help -------------------------------------------------------------------------------------- */

static const char HELP[] = "Available Commands:\n"
                           "  /set            Set session variables\n"
                           "  /show           Show model information\n"
                           "  /load <model>   Talk to another model\n"
                           "  /save <model>   Save this session as a model\n"
                           "  /list           List models\n"
                           "  /clear          Clear session context\n"
                           "  /bye            Exit\n"
                           "  /?, /help       Help for a command\n"
                           "  /? shortcuts    Help for keyboard shortcuts\n"
                           "\n"
                           "Use \"\"\" to begin a multi-line message.\n\n";

static const char HELP_SET[] = "Available Commands:\n"
                               "  /set parameter ...     Set a parameter\n"
                               "  /set system <string>   Set system message\n"
                               "  /set history           Enable history\n"
                               "  /set nohistory         Disable history\n"
                               "  /set wordwrap          Enable wordwrap\n"
                               "  /set nowordwrap        Disable wordwrap\n"
                               "  /set verbose           Show timings\n"
                               "  /set quiet             Hide timings\n"
                               "  /set think [level]     Enable thinking (low, medium, high, max)\n"
                               "  /set nothink           Disable thinking\n"
                               "  /set format json       Enable JSON mode\n"
                               "  /set noformat          Disable formatting\n\n";

static const char HELP_SHOW[] = "Available Commands:\n"
                                "  /show info         Show details for this model\n"
                                "  /show license      Show model license\n"
                                "  /show modelfile    Show Modelfile for this model\n"
                                "  /show parameters   Show parameters for this model\n"
                                "  /show system       Show system message\n"
                                "  /show template     Show prompt template\n\n";

static const char HELP_SHORTCUTS[] =
    "Available keyboard shortcuts:\n"
    "  Ctrl + a            Move to the beginning of the line (Home)\n"
    "  Ctrl + e            Move to the end of the line (End)\n"
    "   Alt + b            Move back (left) one word\n"
    "   Alt + f            Move forward (right) one word\n"
    "  Ctrl + k            Delete the line after the cursor\n"
    "  Ctrl + u            Delete the line before the cursor\n"
    "  Ctrl + w            Delete the word before the cursor\n"
    "   Alt + Enter        Begin a new line in the message\n"
    "  Ctrl + p, Ctrl + n  Older and newer lines (Up and Down)\n"
    "  Ctrl + r            Search in older lines\n"
    "\n"
    "  Ctrl + l            Clear the screen\n"
    "  Ctrl + c            Stop the model from responding\n"
    "  Ctrl + d            Exit (/bye)\n\n";

static hl_status help(const line *l, hl_error *err) {
    const char *text = HELP;
    if (is(l, 1, "set") || is(l, 1, "/set")) text = HELP_SET;
    if (is(l, 1, "show") || is(l, 1, "/show")) text = HELP_SHOW;
    if (is(l, 1, "shortcut") || is(l, 1, "shortcuts")) text = HELP_SHORTCUTS;
    return hl__out(hl_str_from(text), err);
}

/* -- parameters -------------------------------------------------------------------------------- */

/* With ranges and rules of options.def; the first fault is told. */
static hl_status apply_parameter(hl__session *s, const line *l, hl_error *err) {
    hl_option_id id;
    if (is(l, 2, "stop")) return hl__session_set_stops(s, l->words + 3, l->n - 3, err);
    if (!hl_option_find(l->words[2], &id))
        return hl_fail(err, HL_EINVAL, "parameter", "unknown parameter '%.*s'",
                       HL_STR_ARG(l->words[2]));
    if (l->n > 4)
        return hl_fail(err, HL_EINVAL, "parameter", "parameter '%.*s' takes one value",
                       HL_STR_ARG(l->words[2]));
    return hl_options_set_text(&s->options, l->words[2], l->words[3], err);
}

/* Long lines are broken between words. */
static hl_status say_wrapped(const hl_buf *text, hl_error *err) {
    hl__wrap wrap;
    hl_buf screen;
    hl__wrap_init(&wrap, hl__out_takes_escapes() ? hl__out_columns() : 0);
    hl_buf_init(&screen, 0);
    hl__wrap_push(&wrap, hl_buf_str(text), &screen);
    hl_status st = hl_buf_status(text, "the list", err);
    if (st >= 0) st = hl__out_buf(&screen, err);
    hl_buf_deinit(&screen);
    return st;
}

static hl_status list_parameters(hl_error *err) {
    hl_buf out;
    hl_buf_init(&out, 0);
    hl_buf_append_cstr(&out, "Available Parameters:\n");
    for (unsigned id = 0; id < HL_OPTIONS_N; id++) {
        const hl_option_info *info = hl_option_info_at((hl_option_id)id);
        const char *value = info->kind == HL_OPTION_FLOAT ? "<float>" : "<int>";
        hl_buf_printf(&out, "  /set parameter %-18s %-8s %s\n", info->name, value, info->text);
    }
    hl_buf_printf(&out, "  /set parameter %-18s %-8s %s\n\n", "stop", "<string>...",
                  "end before any of these texts");
    hl_status st = say_wrapped(&out, err);
    hl_buf_deinit(&out);
    return st;
}

/* "Set parameter 'stop' to 'a, b'" */
static hl_status tell_parameter(const line *l, hl_error *err) {
    hl_buf out;
    hl_buf_init(&out, 0);
    hl_buf_printf(&out, "Set parameter '%.*s' to '", HL_STR_ARG(l->words[2]));
    for (size_t i = 3; i < l->n; i++) {
        hl_buf_append_cstr(&out, i > 3 ? ", " : "");
        hl_buf_append_str(&out, l->words[i]);
    }
    hl_buf_append_cstr(&out, "'\n");
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

static hl_status set_parameter(hl__session *s, const line *l, hl_error *err) {
    hl_error own;
    if (l->n < 4) return list_parameters(err);
    if (apply_parameter(s, l, &own) < 0)
        return say(err, "Couldn't set parameter: \"%s\"\n", own.text);
    return tell_parameter(l, err);
}

/* -- /set -------------------------------------------------------------------------------------- */

static hl_status set_system(hl__repl *r, const line *l, hl_error *err) {
    hl_str text = l->rest[2];
    if (l->n < 3) return hl__out(HL_STR("Usage:\n  /set system <string>\n"), err);
    r->multi = HL__MULTI_SYSTEM;
    hl_buf_reset(&r->text);
    if (!hl_str_starts(text, HL_STR("\"\"\""))) {
        hl_buf_append_str(&r->text, text);
        return hl__repl_collected(r, err);
    }
    text = hl_str_slice(text, 3, text.len);
    return hl__repl_collect(r, text) ? hl__repl_collected(r, err) : HL_OK;
}

static hl_status check_thinks(hl__session *s, bool *ret, hl_error *err) {
    struct json_object *shown;
    HL_TRY(hl_client_show(s->client, hl_buf_str(&s->model), false, &shown, err));
    *ret = hl__shown_can(shown, "thinking");
    json_object_put(shown);
    return HL_OK;
}

static hl_status set_think(hl__session *s, const line *l, hl_error *err) {
    hl_str level = l->n > 2 ? l->words[2] : (hl_str){"", 0};
    hl_think think;
    hl_error own;
    bool can;
    if (!hl__think_parse(level, &think) || think == HL_THINK_OFF)
        return say(err, "Unknown level '%.*s': low, medium, high or max\n",
                   HL_STR_ARG(hl_str_slice(level, 0, 80)));
    if (check_thinks(s, &can, &own) < 0) return say(err, "error: %s\n", own.text);
    if (!can)
        return say(err, "warning: model '%.*s' does not support thinking output\n",
                   HL_STR_ARG(hl_buf_str(&s->model)));
    s->think = think;
    if (level.len == 0) return hl__out(HL_STR("Set 'think' mode.\n"), err);
    return say(err, "Set 'think' mode to '%.*s'.\n", HL_STR_ARG(level));
}

/* Ollama takes "json" only. */
static hl_status set_format(hl__session *s, const line *l, hl_error *err) {
    if (l->n < 3 || !is(l, 2, "json"))
        return hl__out(
            HL_STR("Invalid or missing format. For 'json' mode use '/set format json'\n"), err);
    s->format = HL_FORMAT_JSON;
    return hl__out(HL_STR("Set format to 'json' mode.\n"), err);
}

static hl_status set_flag(bool *flag, bool value, const char *name, hl_error *err) {
    *flag = value;
    return say(err, "Set '%s' mode.\n", name);
}

static hl_status set(hl__repl *r, const line *l, hl_error *err) {
    hl__session *s = r->session;
    if (l->n < 2) return hl__out(hl_str_from(HELP_SET), err);
    if (is(l, 1, "parameter")) return set_parameter(s, l, err);
    if (is(l, 1, "system")) return set_system(r, l, err);
    if (is(l, 1, "verbose")) return set_flag(&s->verbose, true, "verbose", err);
    if (is(l, 1, "quiet")) return set_flag(&s->verbose, false, "quiet", err);
    if (is(l, 1, "wordwrap")) return set_flag(&s->wordwrap, true, "wordwrap", err);
    if (is(l, 1, "nowordwrap")) return set_flag(&s->wordwrap, false, "nowordwrap", err);
    if (is(l, 1, "think")) return set_think(s, l, err);
    if (is(l, 1, "nothink")) {
        s->think = HL_THINK_OFF;
        return hl__out(HL_STR("Set 'nothink' mode.\n"), err);
    }
    if (is(l, 1, "history") || is(l, 1, "nohistory")) {
        hl__editor_keep_history(r->editor, is(l, 1, "history"));
        return HL_OK;
    }
    if (is(l, 1, "format")) return set_format(s, l, err);
    if (is(l, 1, "noformat")) {
        s->format = HL_FORMAT_TEXT;
        return hl__out(HL_STR("Disabled format.\n"), err);
    }
    return say(err, "Unknown command '/set %.*s'. Type /? for help\n",
               HL_STR_ARG(hl_str_slice(l->words[1], 0, 80)));
}

/* -- /show ------------------------------------------------------------------------------------- */

static void text_or(hl_buf *out, hl_str text, const char *none) {
    hl_buf_append_str(out, text.len > 0 ? text : hl_str_from(none));
    hl_buf_append_char(out, '\n');
}

/* Each line behind two blanks. */
static void indented(hl_buf *out, hl_str text) {
    for (size_t at = 0; at < text.len;) {
        size_t end = hl_str_find(text, HL_STR("\n"), at);
        hl_buf_append_cstr(out, "  ");
        text_or(out, hl_str_slice(text, at, end), "");
        at = end == SIZE_MAX ? text.len : end + 1;
    }
}

static void both_parameters(const hl__session *s, struct json_object *shown, hl_buf *out) {
    hl_str own = hl__member_text(shown, "parameters");
    hl_buf_append_cstr(out, "Model defined parameters:\n");
    if (own.len == 0)
        hl_buf_append_cstr(out, "  No additional parameters were specified for this model.\n");
    indented(out, own);
    hl_buf_append_cstr(out, "\nUser defined parameters:\n");
    if (s->options.set == 0 && s->options.n_stop == 0)
        hl_buf_append_cstr(out, "  No parameters were specified for this model.\n");
    hl__show_parameters(&s->options, "  ", out);
    hl_buf_append_char(out, '\n');
}

/* False: there is no such thing to show. */
static bool show_part(const hl__session *s, const line *l, struct json_object *shown, hl_buf *out) {
    if (is(l, 1, "info"))
        hl__show_info(shown, false, out);
    else if (is(l, 1, "license"))
        text_or(out, hl__member_text(shown, "license"), "No license was specified for this model.");
    else if (is(l, 1, "modelfile"))
        text_or(out, hl__member_text(shown, "modelfile"), "");
    else if (is(l, 1, "parameters"))
        both_parameters(s, shown, out);
    else if (is(l, 1, "system"))
        text_or(out, s->system.len > 0 ? hl_buf_str(&s->system) : hl__member_text(shown, "system"),
                "No system message was specified for this model.");
    else if (is(l, 1, "template"))
        text_or(out, hl__member_text(shown, "template"),
                "No prompt template was specified for this model.");
    else
        return false;
    return true;
}

static hl_status show(hl__session *s, const line *l, hl_error *err) {
    struct json_object *shown;
    hl_buf out;
    hl_error own;
    if (l->n < 2) return hl__out(hl_str_from(HELP_SHOW), err);
    if (hl_client_show(s->client, hl_buf_str(&s->model), false, &shown, &own) < 0)
        return say(err, "error: %s\n", own.text);
    hl_buf_init(&out, 0);
    hl_status st = show_part(s, l, shown, &out)
                       ? hl__out_strange(&out, err)
                       : say(err, "Unknown command '/show %.*s'. Type /? for help\n",
                             HL_STR_ARG(hl_str_slice(l->words[1], 0, 80)));
    hl_buf_deinit(&out);
    json_object_put(shown);
    return st;
}

/* -- the others -------------------------------------------------------------------------------- */

/* The old model stays when the new one cannot be had. */
static hl_status load(hl__session *s, const line *l, hl_error *err) {
    hl_error own;
    if (l->n != 2) return hl__out(HL_STR("Usage:\n  /load <modelname>\n"), err);
    HL_TRY(say(err, "Loading model '%.*s'\n", HL_STR_ARG(hl_str_slice(l->words[1], 0, 400))));
    hl_status st = hl_client_load(s->client, l->words[1], &s->options, &own);
    if (st == HL_ENOTFOUND)
        return say(err, "Couldn't find model '%.*s'\n",
                   HL_STR_ARG(hl_str_slice(l->words[1], 0, 400)));
    if (st < 0) return say(err, "error: %s\n", own.text);
    hl_buf_reset(&s->model);
    hl_buf_append_str(&s->model, l->words[1]);
    hl__session_clear(s);
    return hl_buf_status(&s->model, "the model's name", err);
}

static hl_status save(hl__session *s, const line *l, hl_error *err) {
    hl_error own;
    hl_buf body;
    if (l->n != 2) return hl__out(HL_STR("Usage:\n  /save <modelname>\n"), err);
    hl_request req = hl__session_request(s);
    hl_buf_init(&body, 0);
    hl__ask_create(&req, l->words[1], &body);
    hl_status st = hl_buf_status(&body, "the session", &own);
    if (st >= 0) st = hl_client_create(s->client, req.model, hl_buf_str(&body), &own);
    hl_buf_deinit(&body);
    if (st < 0) return say(err, "error: %s\n", own.text);
    return say(err, "Created new model '%.*s'\n", HL_STR_ARG(hl_str_slice(l->words[1], 0, 400)));
}

static hl_status list(hl__session *s, hl_error *err) {
    struct json_object *answer;
    hl_error own;
    hl_buf out;
    if (hl_client_list(s->client, &answer, &own) < 0) return say(err, "error: %s\n", own.text);
    hl_buf_init(&out, 0);
    hl__models_list(answer, hl_clock_wall_ns() / 1000000, false, &out);
    hl_status st = hl__out_strange(&out, err);
    hl_buf_deinit(&out);
    json_object_put(answer);
    return st;
}

hl_status hl__repl_command(hl__repl *r, hl_str text, hl_error *err) {
    line l;
    split(text, &l);
    HL_ASSERT(!r->done && r->multi == HL__MULTI_NONE);
    HL_ASSERT(l.n > 0);
    if (is(&l, 0, "/set")) return set(r, &l, err);
    if (is(&l, 0, "/show")) return show(r->session, &l, err);
    if (is(&l, 0, "/load")) return load(r->session, &l, err);
    if (is(&l, 0, "/?") || is(&l, 0, "/help")) return help(&l, err);
    if (is(&l, 0, "/save")) return save(r->session, &l, err);
    if (is(&l, 0, "/list")) return list(r->session, err);
    if (is(&l, 0, "/clear")) {
        hl__session_clear(r->session);
        return hl__out(HL_STR("Cleared session context\n"), err);
    }
    if (is(&l, 0, "/bye") || is(&l, 0, "/exit")) {
        r->done = true;
        return HL_OK;
    }
    return say(err, "Unknown command '%.*s'. Type /? for help\n",
               HL_STR_ARG(hl_str_slice(l.words[0], 0, 80)));
}
