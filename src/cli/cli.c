#include "cli/cli.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "config/env.h"
#include "serve/resolve.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_OLLAMA = 1, EXIT_INTERRUPTED = 130, STDIN_BYTES_MAX = 1 << 30 };

static const hl__command *const COMMANDS[] = {
    &hl__command_serve,    &hl__command_create, &hl__command_show,     &hl__command_run,
    &hl__command_generate, &hl__command_stop,   &hl__command_list,     &hl__command_ps,
    &hl__command_cp,       &hl__command_pull,   &hl__command_push,     &hl__command_rm,
    &hl__command_import,   &hl__command_verify, &hl__command_prune,    &hl__command_key,
    &hl__command_bench,    &hl__command_info,   &hl__command_tokenize, &hl__command_render,
};
enum { COMMANDS_N = sizeof COMMANDS / sizeof *COMMANDS };

/* Ollama's commands that are still to come: a clear answer instead of "unknown". */
static const char *const LATER[] = {"signin", "signout", "launch"};

/* -- for the commands -------------------------------------------------------------------------- */

void hl__join_words(const hl__call *call, size_t first, hl_buf *out) {
    for (size_t i = first; i < call->n_words; i++) {
        if (i > first) hl_buf_append_char(out, ' ');
        hl_buf_append_cstr(out, call->words[i]);
    }
}

hl_status hl__read_stdin(hl_buf *ret, hl_error *err) {
    return hl_fd_read_all(STDIN_FILENO, "standard input", STDIN_BYTES_MAX, ret, err);
}

bool hl__stdin_is_piped(void) {
    struct stat s;
    return fstat(STDIN_FILENO, &s) == 0 && isatty(STDIN_FILENO) == 0;
}

/* -- help -------------------------------------------------------------------------------------- */

static hl_status show_help(const hl__command *c, hl_error *err) {
    hl_buf out;
    hl_buf_init(&out, 0);
    hl_buf_printf(&out, "%s\n\nUsage:\n  hyperllama %s\n\n", c->about ? c->about : c->summary,
                  c->usage);
    hl_flags_help(&c->flags, c->name, &out);
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

static hl_status show_program_help(hl_error *err) {
    hl_buf out;
    hl_buf_init(&out, 0);
    hl_buf_append_cstr(&out, "Runs large language models on your own machine\n\n"
                             "Usage:\n"
                             "  hyperllama [flags]\n"
                             "  hyperllama [command]\n\n"
                             "Available Commands:\n");
    for (size_t i = 0; i < COMMANDS_N; i++)
        hl_buf_printf(&out, "  %-12s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    hl_buf_append_cstr(&out, "  help         Help about any command\n\n"
                             "Flags:\n"
                             "  -h, --help      help for hyperllama\n"
                             "  -v, --version   Show version information\n\n"
                             "Use \"hyperllama [command] --help\" for more information about a "
                             "command.\n"
                             "A small model comes with the program: hyperllama run tiny\n");
    hl_status st = hl__out_buf(&out, err);
    hl_buf_deinit(&out);
    return st;
}

/* -- dispatch ---------------------------------------------------------------------------------- */

static const hl__command *find_command(const char *name) {
    for (size_t i = 0; i < COMMANDS_N; i++)
        if (strcmp(COMMANDS[i]->name, name) == 0 ||
            (COMMANDS[i]->alias && strcmp(COMMANDS[i]->alias, name) == 0))
            return COMMANDS[i];
    return NULL;
}

static bool comes_later(const char *name) {
    for (size_t i = 0; i < sizeof LATER / sizeof *LATER; i++)
        if (strcmp(LATER[i], name) == 0) return true;
    return false;
}

static hl_status fail_unknown(const char *name, hl_error *err) {
    const char *names[COMMANDS_N + 1] = {"help"};
    for (size_t i = 0; i < COMMANDS_N; i++) names[i + 1] = COMMANDS[i]->name;
    const char *close = hl_flags_closest(hl_str_from(name), names, COMMANDS_N + 1);
    if (close)
        return hl_fail(err, HL_EINVAL, "cli",
                       "unknown command \"%.80s\" for \"hyperllama\" (did you mean %s?)", name,
                       close);
    char path[HL_MODEL_PATH_MAX];
    if (hl_model_resolve(hl_str_from(name), path, NULL) >= 0 && hl_path_is_file(path))
        return hl_fail(err, HL_EINVAL, "cli",
                       "unknown command \"%.80s\" for \"hyperllama\" (did you mean run %.80s?)",
                       name, name);
    return hl_fail(err, HL_EINVAL, "cli",
                   "unknown command \"%.80s\" for \"hyperllama\"; see hyperllama --help", name);
}

static hl_status check_words(const hl__call *call, hl_error *err) {
    const hl__command *c = call->command;
    if (call->n_words >= c->words_min && call->n_words <= c->words_max) return HL_OK;
    if (call->n_words < c->words_min)
        return hl_fail(err, HL_EINVAL, "cli",
                       "requires at least %zu arg(s), only received %zu; usage: hyperllama %s",
                       c->words_min, call->n_words, c->usage);
    return hl_fail(err, HL_EINVAL, "cli", "accepts %zu arg(s), received %zu; usage: hyperllama %s",
                   c->words_max, call->n_words, c->usage);
}

static hl_status run_with(hl__call *call, int argc, char **argv, hl_error *err) {
    const hl__command *c = call->command;
    hl_flags_found found;
    hl_options_init(&call->options);
    HL_TRY(hl_flags_parse(&c->flags, argc, argv, call->args, &call->options, &found, err));
    if (found.help) return show_help(c, err);
    HL_ASSERT(c->words_min <= c->words_max);
    call->words = argv;
    call->n_words = found.n_words;
    HL_TRY(check_words(call, err));
    return c->run(call, err);
}

static hl_status run_command(const hl__command *c, int argc, char **argv, hl_error *err) {
    hl__call call = {.command = c, .args = hl_calloc(1, c->args_bytes)};
    if (!call.args) return hl_fail(err, HL_ENOMEM, "cli", "no memory");
    hl_status st = run_with(&call, argc, argv, err);
    hl_free(call.args);
    return st;
}

static hl_status run_help(int argc, char **argv, hl_error *err) {
    if (argc < 1 || argv[0][0] == '-' || strcmp(argv[0], "help") == 0)
        return show_program_help(err);
    const hl__command *c = find_command(argv[0]);
    return c ? show_help(c, err) : fail_unknown(argv[0], err);
}

/* *ret_as_ollama: an error exits with 1. */
static hl_status dispatch(int argc, char **argv, bool *ret_as_ollama, hl_error *err) {
    if (argc < 2) return show_program_help(err);
    const char *name = argv[1];
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) return show_program_help(err);
    if (strcmp(name, "-v") == 0 || strcmp(name, "--version") == 0)
        return hl__out(HL_STR("hyperllama version is " HL_VERSION "\n"), err);
    if (strcmp(name, "help") == 0) return run_help(argc - 2, argv + 2, err);
    if (name[0] == '-')
        return hl_fail(err, HL_EINVAL, "cli", "unknown flag: %.80s; see hyperllama --help", name);
    const hl__command *c = find_command(name);
    *ret_as_ollama = c ? c->as_ollama : comes_later(name);
    if (c) return run_command(c, argc - 2, argv + 2, err);
    if (*ret_as_ollama)
        return hl_fail(err, HL_EUNSUPPORTED, "cli", "%s is not supported yet", name);
    return fail_unknown(name, err);
}

static void print_error(const hl_error *err) {
    hl_buf line;
    hl_buf_init(&line, 0);
    hl_buf_printf(&line, "Error: %s\n", err->text);
    hl__complain(hl_buf_str(&line));
    hl_buf_deinit(&line);
}

/* HYPERLLAMA_LOG names a level; OLLAMA_DEBUG is a boolean, or 2 for trace. */
static void set_log_level(void) {
    hl_str level = hl_env_text("LOG");
    char name[16];
    uint64_t debug = hl_env_uint("DEBUG", hl_env_bool("DEBUG", false));
    if (debug > 0) hl_log_set_level(debug > 1 ? HL_LOG_TRACE : HL_LOG_DEBUG);
    if (level.len == 0) return;
    snprintf(name, sizeof name, "%.*s", HL_STR_ARG(hl_str_slice(level, 0, sizeof name - 1)));
    if (!hl_log_set_level_name(name))
        hl_log(HL_LOG_WARN, NULL,
               "msg=\"no such log level, wanted error, warn, info, debug or trace\" given=%s",
               name);
}

int hl_cli_main(int argc, char **argv) {
    hl_error err = {0};
    bool as_ollama = false;
    hl__out_start();
    set_log_level();

    hl_status st = dispatch(argc, argv, &as_ollama, &err);
    if (st >= 0) return 0;
    if (st == HL_ECANCELLED) return EXIT_INTERRUPTED;
    if (!hl__out_reader_left(&err)) print_error(&err);
    return as_ollama ? EXIT_OLLAMA : hl_status_exit(st);
}
