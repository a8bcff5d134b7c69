/* strftime in the C locale, as Python's datetime has it: of broken-down local time that is given,
 * so without time zones (%z and %Z are empty).  The flags - _ 0 ^ # and widths are glibc's. */
#include "text/template_eval.h"

typedef struct civil {
    int64_t year, seconds; /* seconds since 1970 */
    int month, day, hour, minute, second;
    int weekday, yearday; /* Sunday is 0; January 1 is 0 */
} civil;

/* Source: the proleptic Gregorian calendar by eras of 400 years (146,097 days), counted
 * from March 1 of the year 0, so that the leap day is a year's last. */
static civil civil_of(int64_t t) {
    civil c = {.seconds = t};
    int64_t days = t / 86400, second = t % 86400;
    if (second < 0) {
        second += 86400;
        days--;
    }
    c.hour = (int)(second / 3600);
    c.minute = (int)(second / 60 % 60);
    c.second = (int)(second % 60);
    c.weekday = (int)(((days + 4) % 7 + 7) % 7);
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t in_era = z - era * 146097;
    int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int)((5 * in_year + 2) / 153); /* from March */
    c.day = (int)(in_year - (153 * month + 2) / 5) + 1;
    c.month = month < 10 ? month + 3 : month - 9;
    c.year = year_of_era + era * 400 + (c.month <= 2);
    bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
    /* in_year counts from March 1: January 1 is 306 */
    c.yearday = (int)(in_year >= 306 ? in_year - 306 : in_year + 59 + leap);
    return c;
}

static int weeks_in_iso_year(int64_t year) {
    /* 53 when January 1 is a Thursday, or a Wednesday of a leap year */
    int64_t a = (year + year / 4 - year / 100 + year / 400) % 7;
    int64_t p = year - 1;
    int64_t b = (p + p / 4 - p / 100 + p / 400) % 7;
    return a == 4 || b == 3 ? 53 : 52;
}

static void iso_week(const civil *c, int64_t *ret_year, int *ret_week) {
    int weekday = c->weekday ? c->weekday : 7;
    int week = (c->yearday + 1 - weekday + 10) / 7;
    *ret_year = c->year;
    if (week < 1) {
        *ret_year = c->year - 1;
        week = weeks_in_iso_year(*ret_year);
    } else if (week > weeks_in_iso_year(c->year)) {
        *ret_year = c->year + 1;
        week = 1;
    }
    *ret_week = week;
}

typedef struct spec {
    char pad;  /* '-', '_', '0', or '\0': the conversion's own */
    char fold; /* '^', '#', or '\0' */
    int width; /* 0: the conversion's own */
} spec;

enum { WIDTH_MAX = 256 };

static void put_number(hl_buf *b, const spec *s, int64_t v, int width, char pad) {
    if (s->pad) pad = s->pad == '_' ? ' ' : s->pad;
    if (s->width) width = s->width;
    if (pad == '-')
        hl_buf_printf(b, "%lld", (long long)v);
    else if (pad == ' ')
        hl_buf_printf(b, "%*lld", width, (long long)v);
    else
        hl_buf_printf(b, "%0*lld", width, (long long)v);
}

static void put_text(hl_buf *b, const spec *s, const char *text) {
    size_t len = strlen(text);
    for (size_t i = len; i < (size_t)s->width; i++)
        hl_buf_append_char(b, s->pad == '0' ? '0' : ' ');
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (s->fold && c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
        hl_buf_append_char(b, c);
    }
}

static const char *const DAYS[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const MONTHS[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

static void put_short(hl_buf *b, const spec *s, const char *text) {
    char cut[4] = {text[0], text[1], text[2], '\0'};
    put_text(b, s, cut);
}

/* %p: with '#' in small letters. */
static void put_noon(hl_buf *b, const spec *s, const civil *c, bool small) {
    bool pm = c->hour >= 12;
    if (small || s->fold == '#')
        put_text(b, &(spec){.pad = s->pad, .width = s->width}, pm ? "pm" : "am");
    else
        put_text(b, s, pm ? "PM" : "AM");
}

static int floor_mod100(int64_t year) {
    return (int)(((year % 100) + 100) % 100);
}

static int64_t century(int64_t year) {
    return (year - floor_mod100(year)) / 100;
}

/* Conversions that stand for several others. */
static const char *composite(char conversion) {
    switch (conversion) {
    case 'c': return "%a %b %e %H:%M:%S %Y";
    case 'D':
    case 'x': return "%m/%d/%y";
    case 'F': return "%Y-%m-%d";
    case 'r': return "%I:%M:%S %p";
    case 'R': return "%H:%M";
    case 'T':
    case 'X': return "%H:%M:%S";
    default: return NULL;
    }
}

static bool put_week(hl_buf *b, const spec *s, const civil *c, char conversion) {
    int64_t year;
    int week;
    iso_week(c, &year, &week);
    switch (conversion) {
    case 'G': put_number(b, s, year, 1, '0'); return true;
    case 'g': put_number(b, s, floor_mod100(year), 2, '0'); return true;
    case 'V': put_number(b, s, week, 2, '0'); return true;
    case 'U': put_number(b, s, (c->yearday + 7 - c->weekday) / 7, 2, '0'); return true;
    case 'W': put_number(b, s, (c->yearday + 7 - (c->weekday + 6) % 7) / 7, 2, '0'); return true;
    default: return false;
    }
}

static bool put_time(hl_buf *b, const spec *s, const civil *c, char conversion) {
    int hour12 = c->hour % 12 ? c->hour % 12 : 12;
    switch (conversion) {
    case 'H': put_number(b, s, c->hour, 2, '0'); return true;
    case 'I': put_number(b, s, hour12, 2, '0'); return true;
    case 'k': put_number(b, s, c->hour, 2, ' '); return true;
    case 'l': put_number(b, s, hour12, 2, ' '); return true;
    case 'M': put_number(b, s, c->minute, 2, '0'); return true;
    case 'S': put_number(b, s, c->second, 2, '0'); return true;
    case 's': put_number(b, s, c->seconds, 1, '0'); return true;
    case 'f': hl_buf_append_cstr(b, "000000"); return true; /* Python's own: microseconds */
    case 'p': put_noon(b, s, c, false); return true;
    case 'P': put_noon(b, s, c, true); return true;
    case 'z':
    case 'Z': return true;
    case 'n': hl_buf_append_char(b, '\n'); return true;
    case 't': hl_buf_append_char(b, '\t'); return true;
    case '%': hl_buf_append_char(b, '%'); return true;
    default: return false;
    }
}

static bool put_date(hl_buf *b, const spec *s, const civil *c, char conversion) {
    switch (conversion) {
    case 'a': put_short(b, s, DAYS[c->weekday]); return true;
    case 'A': put_text(b, s, DAYS[c->weekday]); return true;
    case 'b':
    case 'h': put_short(b, s, MONTHS[c->month - 1]); return true;
    case 'B': put_text(b, s, MONTHS[c->month - 1]); return true;
    case 'C': put_number(b, s, century(c->year), 2, '0'); return true;
    case 'd': put_number(b, s, c->day, 2, '0'); return true;
    case 'e': put_number(b, s, c->day, 2, ' '); return true;
    case 'j': put_number(b, s, c->yearday + 1, 3, '0'); return true;
    case 'm': put_number(b, s, c->month, 2, '0'); return true;
    case 'u': put_number(b, s, c->weekday ? c->weekday : 7, 1, '0'); return true;
    case 'w': put_number(b, s, c->weekday, 1, '0'); return true;
    case 'y': put_number(b, s, floor_mod100(c->year), 2, '0'); return true;
    case 'Y': put_number(b, s, c->year, 1, '0'); return true;
    default: return put_week(b, s, c, conversion) || put_time(b, s, c, conversion);
    }
}

static size_t read_spec(hl_str fmt, size_t at, spec *ret) {
    *ret = (spec){0};
    for (; at < fmt.len && fmt.ptr[at] && strchr("-_0^#", fmt.ptr[at]); at++) {
        if (strchr("^#", fmt.ptr[at]))
            ret->fold = fmt.ptr[at];
        else
            ret->pad = fmt.ptr[at];
    }
    for (; at < fmt.len && fmt.ptr[at] >= '0' && fmt.ptr[at] <= '9'; at++) {
        ret->width = ret->width * 10 + (fmt.ptr[at] - '0');
        if (ret->width > WIDTH_MAX) ret->width = WIDTH_MAX;
    }
    if (at < fmt.len && (fmt.ptr[at] == 'E' || fmt.ptr[at] == 'O')) at++;
    return at;
}

static void append_civil(hl_buf *b, hl_str fmt, const civil *c) {
    for (size_t at = 0; at < fmt.len;) {
        size_t from = at;
        if (fmt.ptr[at++] != '%') {
            hl_buf_append_char(b, fmt.ptr[from]);
            continue;
        }
        spec s;
        at = read_spec(fmt, at, &s);
        char conversion = at < fmt.len ? fmt.ptr[at++] : '\0';
        const char *parts = composite(conversion);
        if (parts) /* made of simple conversions: no deeper than this */
            append_civil(b, hl_str_from(parts), c);
        else if (!put_date(b, &s, c, conversion)) /* unknown: left as it is */
            hl_buf_append_str(b, hl_str_slice(fmt, from, at));
    }
}

void hl__tpl_append_strftime(tpl_run *r, hl_str fmt, int64_t t) {
    civil c = civil_of(t);
    HL_ASSERT(c.month >= 1 && c.month <= 12 && c.weekday >= 0 && c.weekday < 7);
    append_civil(&r->out, fmt, &c);
}
