/* config/flags.h
 *
 * Command-line flags from one table a command: the table parses, and the table is what
 * --help prints.  Accepted: --name VALUE, --name=VALUE, -x VALUE, -xVALUE, -xyz for switches, and
 * `--`, after which everything is a word.  Flags and words may be mixed; "-5" and "- a" are words.
 * Names may be written with '-' or '_' (--top-k, --top_k).  -h and --help are known to every
 * table.
 *
 * A command whose table `takes_options` also takes every generation option of options.def.
 *
 * Ownership: values point into argv.
 * Errors: EINVAL names the flag, and the one that was probably meant.
 * Threads: pure.
 */
#pragma once

#include "base/buf.h"
#include "config/options.h"

typedef enum hl_flag_kind {
    HL_FLAG_SWITCH,    /* bool: --x, --x=true, --x=false                            */
    HL_FLAG_TEXT,      /* hl_str: --x VALUE                                         */
    HL_FLAG_OPTIONAL,  /* hl_str: --x gives `implied`, --x=VALUE gives VALUE         */
    HL_FLAG_TEXTS,     /* hl_flag_texts: --x VALUE, as often as wanted              */
    HL_FLAG_INT,       /* int64_t: --x N                                            */
    HL_FLAG_GENERATION /* an option of options.def that gets a letter; no place of its own */
} hl_flag_kind;

typedef struct hl_flag_texts {
    hl_str items[HL_STOPS_MAX];
    size_t n;
} hl_flag_texts;

typedef struct hl_flag {
    const char *name;
    char letter; /* 0: none */
    hl_flag_kind kind;
    size_t offset;       /* of the value in the command's struct of arguments */
    const char *value;   /* what the value is called in --help; NULL for switches */
    const char *implied; /* of OPTIONAL */
    const char *text;    /* for --help */
} hl_flag;

typedef struct hl_flag_table {
    const hl_flag *flags; /* [n] */
    size_t n;
    bool takes_options;
} hl_flag_table;

typedef struct hl_flags_found {
    size_t n_words; /* argv[0 … n_words-1] are the words, in their order */
    bool help;      /* -h or --help was there; nothing else was looked at after it */
} hl_flags_found;

/* argv (without the program's and the command's names) is reordered: words first.  `args` is the
 * struct that the table's offsets mean, filled with defaults by the caller; options may be NULL
 * unless the table takes them. */
hl_status hl_flags_parse(const hl_flag_table *table, int argc, char **argv, void *args,
                         hl_options *options, hl_flags_found *ret, hl_error *err) HL_NODISCARD;

/* Appends the "Flags:" part of a command's help. */
void hl_flags_help(const hl_flag_table *table, const char *command, hl_buf *out);

/* Of names[n], the one that is spelled most like `given`, or NULL when none is close. */
const char *hl_flags_closest(hl_str given, const char *const *names, size_t n);

/* "true", "1", "t", "false", … as Go's strconv.ParseBool reads them. */
bool hl_bool_parse(hl_str text, bool *ret);
