#include "config/settings.h"

#include "base/fs.h"
#include "config/duration.h"
#include "config/env.h"
#include "config/flags.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXTS_BYTES_MAX = 1 << 20, FILE_BYTES_MAX = 1 << 20, PATH_BYTES_MAX = 4096 };

static const hl_setting_info INFOS[HL_SETTINGS_N] = {
#define X(name, kind, fallback, variable, min, max, value, text)                                   \
    {#name, (fallback), (variable), HL_SETTING_##kind, (min), (max), (value), (text)},
#include "config/settings.def"
#undef X
};

static const size_t OFFSETS[HL_SETTINGS_N] = {
#define X(name, kind, fallback, variable, min, max, value, text) offsetof(hl_settings, name),
#include "config/settings.def"
#undef X
};

/* -- the list ---------------------------------------------------------------------------------- */

const hl_setting_info *hl_setting_info_at(hl_setting_id id) {
    HL_ASSERT(id < HL_SETTINGS_N);
    return &INFOS[id];
}

bool hl_setting_find(hl_str name, hl_setting_id *ret) {
    for (int id = 0; id < HL_SETTINGS_N; id++) {
        if (!hl_str_is(name, INFOS[id].name)) continue;
        *ret = (hl_setting_id)id;
        return true;
    }
    return false;
}

const char *hl_setting_kind_name(hl_setting_kind kind) {
    static const char *const names[] = {
        "true or false",        "a whole number", "a time such as 5m or 30",
        "a size such as 12GiB", "text",           "a list"};
    HL_ASSERT((size_t)kind < sizeof names / sizeof *names);
    return names[kind];
}

/* -- values ------------------------------------------------------------------------------------ */

static hl_status refuse(hl_setting_id id, hl_str given, hl_error *err) {
    const hl_setting_info *info = &INFOS[id];
    given = hl_str_slice(given, 0, 60);
    if (info->kind == HL_SETTING_INT)
        return hl_fail(err, HL_EINVAL, "config",
                       "%s is \"%.*s\", wants a whole number from %lld to %lld", info->name,
                       HL_STR_ARG(given), (long long)info->min, (long long)info->max);
    return hl_fail(err, HL_EINVAL, "config", "%s is \"%.*s\", wants %s", info->name,
                   HL_STR_ARG(given), hl_setting_kind_name(info->kind));
}

static bool parse_int(hl_str text, const hl_setting_info *info, int64_t *ret) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    hl_str digits = hl_str_slice(text, negative ? 1 : 0, text.len);
    int64_t value = 0;
    if (digits.len == 0 || digits.len > 18) return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return false;
        value = value * 10 + (digits.ptr[i] - '0');
    }
    *ret = negative ? -value : value;
    return *ret >= info->min && *ret <= info->max;
}

/* The factor that a size's letters stand for; 0: none. */
static double unit_factor(hl_str unit) {
    static const char letters[] = "kMGT";
    double factor = 1;
    if (unit.len == 0 || hl_str_is(unit, "B")) return 1;
    for (size_t i = 0; i < sizeof letters - 1; i++) {
        factor *= 1024;
        bool same = unit.ptr[0] == letters[i] || (i == 0 && unit.ptr[0] == 'K');
        hl_str rest = hl_str_slice(unit, 1, unit.len);
        if (same && (rest.len == 0 || hl_str_is(rest, "B") || hl_str_is(rest, "iB"))) return factor;
    }
    return 0;
}

bool hl_bytes_parse(hl_str text, uint64_t *ret) {
    double value = 0, scale = 1;
    size_t at = 0;
    bool point = false, digits = false;
    for (; at < text.len && at < 32; at++) {
        char c = text.ptr[at];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        digits = true;
        value = value * 10 + (c - '0');
        if (point) scale *= 10;
    }
    if (at < text.len && text.ptr[at] == ' ') at++;
    double factor = unit_factor(hl_str_slice(text, at, text.len));
    double bytes = value / scale * factor;
    if (!digits || factor == 0 || !(bytes < 9e18)) return false;
    *ret = (uint64_t)bytes;
    return true;
}

static hl_status store_text(hl_settings *s, const char **place, hl_str value, hl_error *err) {
    hl_str kept = hl_arena_str(s->texts, value);
    if (!kept.ptr) return hl_fail(err, HL_ENOMEM, "config", "no memory for settings");
    *place = kept.ptr;
    return HL_OK;
}

static hl_status store(hl_settings *s, hl_setting_id id, hl_str value, hl_error *err) {
    void *place = (char *)s + OFFSETS[id];
    bool good = true;
    if (value.len > 0 && memchr(value.ptr, '\0', value.len)) return refuse(id, value, err);
    switch (INFOS[id].kind) {
    case HL_SETTING_BOOL: good = hl_bool_parse(value, place); break;
    case HL_SETTING_INT: {
        int64_t number;
        good = parse_int(value, &INFOS[id], &number);
        if (good) *(hl_setting_type_INT *)place = number;
        break;
    }
    case HL_SETTING_DURATION: good = hl_duration_parse(value, place, NULL) >= 0; break;
    case HL_SETTING_BYTES: good = hl_bytes_parse(value, place); break;
    case HL_SETTING_TEXT:
    case HL_SETTING_LIST: return store_text(s, place, value, err);
    }
    return good ? HL_OK : refuse(id, value, err);
}

hl_status hl_settings_set_text(hl_settings *s, hl_setting_id id, hl_str value,
                               hl_setting_source source, hl_error *err) {
    HL_ASSERT(id < HL_SETTINGS_N && s->texts);
    if (s->source[id] > source) return HL_OK;
    HL_TRY(store(s, id, value, err));
    s->source[id] = source;
    return HL_OK;
}

/* -- life -------------------------------------------------------------------------------------- */

hl_status hl_settings_init(hl_settings *s, hl_error *err) {
    *s = (hl_settings){.texts = hl_arena_create(TEXTS_BYTES_MAX)};
    if (!s->texts) return hl_fail(err, HL_ENOMEM, "config", "no memory for settings");
    for (int id = 0; id < HL_SETTINGS_N; id++)
        HL_TRY(hl_settings_set_text(s, (hl_setting_id)id, hl_str_from(INFOS[id].fallback),
                                    HL_FROM_DEFAULT, err));
    return HL_OK;
}

void hl_settings_deinit(hl_settings *s) {
    hl_arena_destroy(s->texts);
    *s = (hl_settings){0};
}

/* -- where they come from ---------------------------------------------------------------------- */

static hl_status read_variable(hl_settings *s, hl_setting_id id, hl_error *err) {
    const hl_setting_info *info = &INFOS[id];
    hl_str value = hl_env_text(info->variable);
    int64_t number;
    if (value.len == 0) return HL_OK;
    if (info->kind == HL_SETTING_INT && !parse_int(value, info, &number)) return HL_OK;
    if (info->kind == HL_SETTING_BOOL)
        value = hl_env_bool(info->variable, false) ? HL_STR("true") : HL_STR("false");
    hl_status st = hl_settings_set_text(s, id, value, HL_FROM_ENVIRONMENT, err);
    if (st < 0) hl_error_prefix(err, "%s%s", hl_env_prefix(info->variable), info->variable);
    return st;
}

hl_status hl_settings_read_environment(hl_settings *s, hl_error *err) {
    for (int id = 0; id < HL_SETTINGS_N; id++) HL_TRY(read_variable(s, (hl_setting_id)id, err));
    return HL_OK;
}

static hl_status read_file(hl_settings *s, const char *path, bool must_exist, hl_error *err) {
    hl_buf text;
    hl_error failed = {0};
    hl_buf_init(&text, 0);
    hl_status st = hl_file_read(path, FILE_BYTES_MAX, &text, &failed);
    if (st == HL_ENOTFOUND && !must_exist)
        st = HL_OK;
    else if (st >= 0)
        st = hl_settings_read_yaml(s, hl_buf_str(&text), path, &failed);
    hl_buf_deinit(&text);
    if (st < 0 && err) *err = failed;
    return st;
}

hl_status hl_settings_read(hl_settings *s, const char *path, hl_error *err) {
    char own[PATH_BYTES_MAX];
    const char *home = getenv("HOME");
    if (path) {
        HL_TRY(read_file(s, path, true, err));
    } else if (home && home[0]) {
        int n = snprintf(own, sizeof own, "%s/.hyperllama/config.yaml", home);
        if (n > 0 && (size_t)n < sizeof own) HL_TRY(read_file(s, own, false, err));
    }
    return hl_settings_read_environment(s, err);
}

/* -- checks ------------------------------------------------------------------------------------ */

static hl_status check_word(hl_setting_id id, const char *given, const char *const *words, size_t n,
                            hl_error *err) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(given, words[i]) == 0) return HL_OK;
    hl_buf list;
    hl_buf_init(&list, 256);
    for (size_t i = 0; i < n; i++) hl_buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    hl_status st = hl_fail(err, HL_EINVAL, "config", "%s is \"%.60s\", wants one of %.*s",
                           INFOS[id].name, given, HL_STR_ARG(hl_buf_str(&list)));
    hl_buf_deinit(&list);
    return st;
}

hl_status hl_settings_check(const hl_settings *s, hl_error *err) {
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
    static const char *const formats[] = {"text", "json"};
    HL_TRY(check_word(HL_SET_log, s->log, levels, sizeof levels / sizeof *levels, err));
    HL_TRY(check_word(HL_SET_log_format, s->log_format, formats, sizeof formats / sizeof *formats,
                      err));
    if ((s->tls_cert[0] != '\0') != (s->tls_key[0] != '\0'))
        return hl_fail(err, HL_EINVAL, "config", "tls_cert and tls_key go together: %s is missing",
                       s->tls_cert[0] ? "tls_key" : "tls_cert");
    return HL_OK;
}

bool hl_list_next(hl_str list, size_t *at, hl_str *ret) {
    while (*at < list.len) {
        size_t end = hl_str_find(list, HL_STR(","), *at);
        if (end == SIZE_MAX) end = list.len;
        *ret = hl_env_trim(hl_str_slice(list, *at, end));
        *at = end + 1;
        if (ret->len > 0) return true;
    }
    return false;
}
