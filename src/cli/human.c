#include "cli/human.h"

#include <math.h>
#include <stdio.h>

/* -- sizes ------------------------------------------------------------------------------------- */

/* From 10 on whole, cut; below with one digit unless it is whole. */
void hl__size_text(uint64_t bytes, char out[HL__HUMAN_MAX]) {
    static const struct {
        double unit;
        const char *name;
    } scales[] = {{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "KB"}, {1, "B"}};
    size_t i = 0;
    while (scales[i].unit > 1 && (double)bytes < scales[i].unit) i++;
    double value = (double)bytes / scales[i].unit;
    bool whole = value >= 10 || value == floor(value);
    snprintf(out, HL__HUMAN_MAX, whole ? "%.0f %s" : "%.1f %s", whole ? floor(value) : value,
             scales[i].name);
}

void hl__processor_text(uint64_t bytes, uint64_t vram_bytes, char out[HL__HUMAN_MAX]) {
    if (bytes == 0 || vram_bytes > bytes) {
        snprintf(out, HL__HUMAN_MAX, "Unknown");
    } else if (vram_bytes == 0 || vram_bytes == bytes) {
        snprintf(out, HL__HUMAN_MAX, vram_bytes == 0 ? "100%% CPU" : "100%% GPU");
    } else {
        int cpu = (int)round((double)(bytes - vram_bytes) / (double)bytes * 100);
        snprintf(out, HL__HUMAN_MAX, "%d%%/%d%% CPU/GPU", cpu, 100 - cpu);
    }
}

/* -- spans of time ----------------------------------------------------------------------------- */

enum { MS_PER_S = 1000, MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR };

static void span_text(uint64_t s, char out[HL__HUMAN_MAX]) {
    uint64_t hours = (s + HOUR / 2) / HOUR;
    if (s < 1)
        snprintf(out, HL__HUMAN_MAX, "Less than a second");
    else if (s < MINUTE)
        snprintf(out, HL__HUMAN_MAX, s == 1 ? "1 second" : "%u seconds", (unsigned)s);
    else if (s < HOUR)
        snprintf(out, HL__HUMAN_MAX, s < 2 * MINUTE ? "About a minute" : "%u minutes",
                 (unsigned)(s / MINUTE));
    else if (hours < 48)
        snprintf(out, HL__HUMAN_MAX, hours == 1 ? "About an hour" : "%u hours", (unsigned)hours);
    else if (hours < 14 * 24)
        snprintf(out, HL__HUMAN_MAX, "%u days", (unsigned)(hours / 24));
    else if (hours < 60 * 24)
        snprintf(out, HL__HUMAN_MAX, "%u weeks", (unsigned)(hours / 24 / 7));
    else if (hours < 2 * 365 * 24)
        snprintf(out, HL__HUMAN_MAX, "%u months", (unsigned)(hours / 24 / 30));
    else
        snprintf(out, HL__HUMAN_MAX, "%u years", (unsigned)(hours / 24 / 365));
}

static void append(char out[HL__HUMAN_MAX], const char *text) {
    size_t len = strlen(out);
    snprintf(out + len, HL__HUMAN_MAX - len, "%s", text);
}

void hl__time_text(int64_t at_ms, int64_t now_ms, char out[HL__HUMAN_MAX]) {
    bool later = at_ms > now_ms;
    uint64_t at = (uint64_t)at_ms, now = (uint64_t)now_ms;
    span_text((later ? at - now : now - at) / MS_PER_S, out);
    append(out, later ? " from now" : " ago");
}

void hl__until_text(int64_t at_ms, int64_t now_ms, char out[HL__HUMAN_MAX]) {
    static const uint64_t forever = (uint64_t)20 * 365 * DAY * MS_PER_S;
    if (at_ms < now_ms)
        snprintf(out, HL__HUMAN_MAX, "Stopping...");
    else if ((uint64_t)at_ms - (uint64_t)now_ms > forever)
        snprintf(out, HL__HUMAN_MAX, "Forever");
    else
        hl__time_text(at_ms, now_ms, out);
}

/* -- dates ------------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a date of the Gregorian calendar; the year is counted from March, so
 * that the leap day is its last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t months_since_march = (month + 9) % 12;
    int64_t day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static int64_t number_at(hl_str s, size_t at, size_t n) {
    int64_t value = 0;
    for (size_t i = at; i < at + n; i++) value = value * 10 + (s.ptr[i] - '0');
    return value;
}

/* '0' in the pattern stands for any digit. */
static bool matches(hl_str s, const char *pattern) {
    if (s.len != strlen(pattern)) return false;
    for (size_t i = 0; i < s.len; i++) {
        bool digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        if (pattern[i] == '0' ? !digit : s.ptr[i] != pattern[i]) return false;
    }
    return true;
}

bool hl__date_parse(hl_str s, int64_t *ret_s) {
    if (!matches(s, "0000-00-00T00:00:00")) return false;
    int64_t month = number_at(s, 5, 2), day = number_at(s, 8, 2);
    int64_t hour = number_at(s, 11, 2), minute = number_at(s, 14, 2), second = number_at(s, 17, 2);
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t days = days_from_date(number_at(s, 0, 4), month, day);
    *ret_s = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

/* "Z", "+01:00", "-08:00" */
static bool parse_zone(hl_str zone, int64_t *ret_s) {
    *ret_s = 0;
    if (hl_str_is(zone, "Z")) return true;
    if (!matches(zone, "+00:00") && !matches(zone, "-00:00")) return false;
    *ret_s = number_at(zone, 1, 2) * HOUR + number_at(zone, 4, 2) * MINUTE;
    if (zone.ptr[0] == '-') *ret_s = -*ret_s;
    return true;
}

/* The digits behind a point at *at, as thousandths. */
static int64_t parse_fraction(hl_str text, size_t *at) {
    int64_t ms = 0, unit = 100;
    if (*at >= text.len || text.ptr[*at] != '.') return 0;
    for (++*at; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; ++*at) {
        ms += (text.ptr[*at] - '0') * unit;
        unit /= 10;
    }
    return ms;
}

bool hl__time_parse(hl_str text, int64_t *ret_ms) {
    enum { DATE_CHARS = sizeof "2026-03-09T14:05:06" - 1 };
    size_t at = DATE_CHARS;
    int64_t date, zone;
    if (!hl__date_parse(hl_str_slice(text, 0, at), &date)) return false;
    int64_t ms = parse_fraction(text, &at);
    if (!parse_zone(hl_str_slice(text, at, text.len), &zone)) return false;
    *ret_ms = (date - zone) * MS_PER_S + ms;
    return true;
}
