/* config/settings.h
 *
 * The server's settings, from one list (settings.def): flags over environment over config.yaml
 * over defaults.  A file's mistake is an error that names line and key.  The environment is read as
 * Ollama does: a number that cannot be read counts as unset, a boolean that cannot as true.
 *
 *     hl_settings_init → read (file and environment) → set_text (flags) → check
 *
 * Ownership: owns its texts, which live until deinit and are never NULL.
 * Errors: EINVAL and EFORMAT quote what was given; EIO: a file that cannot be read.
 * Threads: one writer, then any number of readers.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

typedef enum hl_setting_kind {
    HL_SETTING_BOOL,     /* bool                                               */
    HL_SETTING_INT,      /* int64_t                                            */
    HL_SETTING_DURATION, /* int64_t nanoseconds, HL_DURATION_FOREVER           */
    HL_SETTING_BYTES,    /* uint64_t                                           */
    HL_SETTING_TEXT,     /* const char *                                       */
    HL_SETTING_LIST      /* const char *: entries with commas between them     */
} hl_setting_kind;

typedef bool hl_setting_type_BOOL;
typedef int64_t hl_setting_type_INT;
typedef int64_t hl_setting_type_DURATION;
typedef uint64_t hl_setting_type_BYTES;
typedef const char *hl_setting_type_TEXT;
typedef const char *hl_setting_type_LIST;

typedef enum hl_setting_id {
#define X(name, kind, fallback, variable, min, max, value, text) HL_SET_##name,
#include "config/settings.def"
#undef X
    HL_SETTINGS_N
} hl_setting_id;

/* Who said it, weakest first. */
typedef enum hl_setting_source {
    HL_FROM_DEFAULT,
    HL_FROM_FILE,
    HL_FROM_ENVIRONMENT,
    HL_FROM_FLAG
} hl_setting_source;

typedef struct hl_settings {
#define X(name, kind, fallback, variable, min, max, value, text) hl_setting_type_##kind name;
#include "config/settings.def"
#undef X
    hl_setting_source source[HL_SETTINGS_N];
    hl_arena *texts;
} hl_settings;

typedef struct hl_setting_info {
    const char *name, *fallback, *variable;
    hl_setting_kind kind;
    int64_t min, max;  /* of INT */
    const char *value; /* what its value is called; NULL for BOOL */
    const char *text;
} hl_setting_info;

const hl_setting_info *hl_setting_info_at(hl_setting_id id);
bool hl_setting_find(hl_str name, hl_setting_id *ret);
const char *hl_setting_kind_name(hl_setting_kind kind);

/* The defaults.  ENOMEM. */
hl_status hl_settings_init(hl_settings *s, hl_error *err) HL_NODISCARD;
void hl_settings_deinit(hl_settings *s); /* a zeroed one is fine */

/* The file (NULL: ~/.hyperllama/config.yaml, which need not exist), then the environment. */
hl_status hl_settings_read(hl_settings *s, const char *path, hl_error *err) HL_NODISCARD;
/* The parts of it.  `name` is what errors call the text. */
hl_status hl_settings_read_yaml(hl_settings *s, hl_str text, const char *name,
                                hl_error *err) HL_NODISCARD;
hl_status hl_settings_read_environment(hl_settings *s, hl_error *err) HL_NODISCARD;

/* No change when a stronger source has spoken. */
hl_status hl_settings_set_text(hl_settings *s, hl_setting_id id, hl_str value,
                               hl_setting_source source, hl_error *err) HL_NODISCARD;
/* What belongs together: both TLS files or none, the names of levels and formats. */
hl_status hl_settings_check(const hl_settings *s, hl_error *err) HL_NODISCARD;

/* The entry at *at (0 at first) of a list, trimmed; empty ones are left out.  False at its end. */
bool hl_list_next(hl_str list, size_t *at, hl_str *ret);
/* "12GiB", "512MB", "1.5G" (of 1024), "4096"; false: no size. */
bool hl_bytes_parse(hl_str text, uint64_t *ret);
