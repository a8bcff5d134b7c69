/* Numbers between bounds, as automata over their digits.  Without exponents: those would be the
 * same numbers again. */
#include "text/grammar_nfa.h"

#include <stdio.h>

enum { FRACTION_MAX = 16, WHOLE_DIGITS = 18, ANY_WHOLE_DIGITS = 16 };
static const uint64_t WHOLE_MAX = 999999999999999999u; /* WHOLE_DIGITS nines */

/* -- reading a bound --------------------------------------------------------------------------- */

typedef struct digits {
    char d[80];
    size_t n, point; /* how many of them stand before the point */
} digits;

static bool read_digits(const char *s, digits *ret, bool *ret_negative, long *ret_exponent) {
    bool seen_point = false;
    *ret = (digits){.n = 0};
    *ret_exponent = 0;
    *ret_negative = *s == '-';
    for (s += *s == '-'; (*s >= '0' && *s <= '9') || *s == '.'; s++) {
        if (*s == '.') {
            seen_point = true;
            continue;
        }
        if (ret->n == sizeof ret->d) return false;
        ret->d[ret->n++] = *s;
        if (!seen_point) ret->point = ret->n;
    }
    if (*s != 'e' && *s != 'E') return *s == '\0' && ret->n > 0;
    bool down = *++s == '-';
    if (*s == '-' || *s == '+') s++;
    long e = 0;
    for (; *s >= '0' && *s <= '9' && e < 1000; s++) e = e * 10 + (*s - '0');
    *ret_exponent = down ? -e : e;
    return *s == '\0';
}

/* The digit at a place counted from the point (0: the first behind it), 0 where there is none. */
static char digit_at(const digits *d, long exponent, long place) {
    long i = (long)d->point + exponent + place;
    return i < 0 || i >= (long)d->n ? '0' : d->d[i];
}

bool hl__decimal_read(struct json_object *value, hl__decimal *ret) {
    enum { PLACES = 40, EXPONENT_MAX = 60 };
    digits d;
    long exponent;
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
    *ret = (hl__decimal){.present = true};
    if (!text || !read_digits(text, &d, &ret->negative, &exponent)) return false;
    if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX) return false;
    for (long place = -(long)d.point - exponent; place < 0; place++) {
        uint64_t digit = (uint64_t)(digit_at(&d, exponent, place) - '0');
        if (ret->whole > (WHOLE_MAX - digit) / 10) return false;
        ret->whole = ret->whole * 10 + digit;
    }
    for (long place = 0; place < (long)d.n - (long)d.point - exponent; place++) {
        char digit = digit_at(&d, exponent, place);
        if (digit == '0') continue;
        if (place >= FRACTION_MAX) return false;
        while (ret->n_fraction < place) ret->fraction[ret->n_fraction++] = '0';
        ret->fraction[ret->n_fraction++] = digit;
    }
    if (ret->whole == 0 && ret->n_fraction == 0) ret->negative = false;
    return true;
}

/* -- whole numbers ----------------------------------------------------------------------------- */

static uint64_t power(uint32_t n) {
    uint64_t p = 1;
    while (n-- > 0) p *= 10;
    return p;
}

static void write_digits(uint64_t value, uint32_t n, uint8_t *out) {
    for (uint32_t i = n; i-- > 0; value /= 10) out[i] = (uint8_t)('0' + value % 10);
}

/* a … b without leading zeros. */
static void whole_between(hl__nfa *b, uint32_t from, uint32_t to, uint64_t lo, uint64_t hi) {
    HL_ASSERT(lo <= hi && hi <= WHOLE_MAX);
    uint8_t first[WHOLE_DIGITS], last[WHOLE_DIGITS];
    for (uint32_t n = 1; n <= WHOLE_DIGITS; n++) {
        uint64_t least = n == 1 ? 0 : power(n - 1), most = power(n) - 1;
        if (lo > most || hi < least) continue;
        write_digits(lo > least ? lo : least, n, first);
        write_digits(hi < most ? hi : most, n, last);
        hl__nfa_between(b, from, to, first, last, n, '0', '9');
    }
}

/* -- fractions: digits behind a point ---------------------------------------------------------- */

typedef struct bounds {
    hl__nfa *b;
    const hl__decimal *lo, *hi;
    uint32_t to;
} bounds;

static void digit(hl__nfa *b, uint32_t from, uint32_t to, int lo, int hi) {
    if (lo <= hi) hl__nfa_range(b, from, to, (uint8_t)lo, (uint8_t)hi);
}

/* Digits behind the point, so few that readers of doubles do not round them to a bound. */
enum { DIGITS_MAX = 12 };

/* Any digits behind i others, at least `min`. */
static void any_digits(const bounds *w, uint32_t from, uint32_t i, uint32_t min) {
    char pattern[32];
    uint32_t max = i < DIGITS_MAX ? DIGITS_MAX - i : min;
    snprintf(pattern, sizeof pattern, "[0-9]{%u,%u}", min, max);
    hl__regex_emit(w->b, from, w->to, pattern);
}

/* Digits of which one is not 0. */
static void some_digits(const bounds *w, uint32_t from, uint32_t i) {
    char pattern[48];
    uint32_t half = i < DIGITS_MAX ? (DIGITS_MAX - 1 - i) / 2 : 0;
    snprintf(pattern, sizeof pattern, "0{0,%u}[1-9][0-9]{0,%u}", half, half);
    hl__regex_emit(w->b, from, w->to, pattern);
}

/* Zeros only, at least `min`. */
static void zeros(const bounds *w, uint32_t from, uint32_t i, uint32_t min) {
    char pattern[32];
    snprintf(pattern, sizeof pattern, "0{%u,%u}", min, i < DIGITS_MAX ? DIGITS_MAX - i : min);
    hl__regex_emit(w->b, from, w->to, pattern);
}

static uint32_t tail_state(const bounds *w, uint32_t i) {
    uint32_t s = hl__nfa_state(w->b);
    any_digits(w, s, i + 1, 0);
    return s;
}

/* Behind i digits equal to lo's: what is not below lo. */
static void not_below(const bounds *w, uint32_t from, uint8_t i) {
    const hl__decimal *lo = w->lo;
    if (i >= lo->n_fraction) {
        if (lo->exclusive)
            some_digits(w, from, i);
        else
            any_digits(w, from, i, i == 0);
        return;
    }
    uint32_t equal = hl__nfa_state(w->b);
    digit(w->b, from, tail_state(w, i), lo->fraction[i] + 1, '9');
    digit(w->b, from, equal, lo->fraction[i], lo->fraction[i]);
    not_below(w, equal, i + 1);
}

/* Behind i digits equal to hi's: what is not above hi. */
static void not_above(const bounds *w, uint32_t from, uint8_t i) {
    const hl__decimal *hi = w->hi;
    if (i > 0 && (i < hi->n_fraction || !hi->exclusive)) hl__nfa_empty(w->b, from, w->to);
    if (i >= hi->n_fraction) {
        if (!hi->exclusive) zeros(w, from, i, i == 0);
        return;
    }
    uint32_t equal = hl__nfa_state(w->b);
    digit(w->b, from, tail_state(w, i), '0', hi->fraction[i] - 1);
    digit(w->b, from, equal, hi->fraction[i], hi->fraction[i]);
    not_above(w, equal, i + 1);
}

static char fraction_digit(const hl__decimal *d, uint8_t i) {
    return i < d->n_fraction ? d->fraction[i] : '0';
}

/* Whether i digits and nothing more are within both bounds, which begin with them. */
static bool may_stop(const bounds *w, uint8_t i) {
    return w->lo->n_fraction <= i && !w->lo->exclusive &&
           (w->hi->n_fraction > i || !w->hi->exclusive);
}

/* Behind i digits that both bounds begin with. */
static void within(const bounds *w, uint32_t from, uint8_t i) {
    if (i > 0 && may_stop(w, i)) hl__nfa_empty(w->b, from, w->to);
    if (i >= w->lo->n_fraction && i >= w->hi->n_fraction) {
        if (may_stop(w, i)) zeros(w, from, i, i == 0);
        return;
    }
    char lo = fraction_digit(w->lo, i), hi = fraction_digit(w->hi, i);
    uint32_t low = hl__nfa_state(w->b);
    digit(w->b, from, low, lo, lo);
    if (lo == hi) {
        within(w, low, i + 1);
        return;
    }
    if (lo > hi) return;
    uint32_t high = hl__nfa_state(w->b);
    digit(w->b, from, tail_state(w, i), lo + 1, hi - 1);
    digit(w->b, from, high, hi, hi);
    not_below(w, low, i + 1);
    not_above(w, high, i + 1);
}

/* -- numbers ----------------------------------------------------------------------------------- */

static uint32_t point_behind(hl__nfa *b, uint32_t from) {
    uint32_t s = hl__nfa_state(b);
    hl__nfa_range(b, from, s, '.', '.');
    return s;
}

/* Not negative, lo … hi, which are not either. */
static void decimals_between(hl__nfa *b, uint32_t from, uint32_t to, const hl__decimal *lo,
                             const hl__decimal *hi) {
    bounds w = {.b = b, .lo = lo, .hi = hi, .to = to};
    if (lo->whole > hi->whole) return;
    uint32_t low = hl__nfa_state(b), high = hl__nfa_state(b), middle = hl__nfa_state(b);
    whole_between(b, from, low, lo->whole, lo->whole);
    if (lo->whole == hi->whole) {
        if (may_stop(&w, 0)) hl__nfa_empty(b, low, to);
        within(&w, point_behind(b, low), 0);
        return;
    }
    if (lo->n_fraction == 0 && !lo->exclusive) hl__nfa_empty(b, low, to);
    not_below(&w, point_behind(b, low), 0);
    if (hi->whole - lo->whole > 1) {
        whole_between(b, from, middle, lo->whole + 1, hi->whole - 1);
        hl__regex_emit(b, middle, to, "(\\.[0-9]{1,12})?");
    }
    whole_between(b, from, high, hi->whole, hi->whole);
    if (hi->n_fraction > 0 || !hi->exclusive) hl__nfa_empty(b, high, to);
    not_above(&w, point_behind(b, high), 0);
}

static void integers_between(hl__nfa *b, uint32_t from, uint32_t to, const hl__decimal *lo,
                             const hl__decimal *hi) {
    HL_ASSERT(lo->present && hi->present);
    uint64_t first = lo->whole, last = hi->whole;
    if (lo->n_fraction > 0 || lo->exclusive) first++;
    if (hi->n_fraction == 0 && hi->exclusive) {
        if (last == 0) return;
        last--;
    }
    if (first <= last) whole_between(b, from, to, first, last);
}

static void between(hl__nfa *b, uint32_t from, uint32_t to, const hl__decimal *lo,
                    const hl__decimal *hi, bool integer) {
    if (integer)
        integers_between(b, from, to, lo, hi);
    else
        decimals_between(b, from, to, lo, hi);
}

void hl__gjson_between(hl__nfa *b, uint32_t from, uint32_t to, const hl__decimal *lo,
                       const hl__decimal *hi, bool integer) {
    hl__decimal zero = {.present = true}, above_zero = {.present = true, .exclusive = true};
    hl__decimal most = {.present = true,
                        .whole = integer ? WHOLE_MAX : power(ANY_WHOLE_DIGITS) - 1};
    const hl__decimal *from_lo = lo->present && !lo->negative ? lo : &zero;
    if (!hi->present || !hi->negative)
        between(b, from, to, from_lo, hi->present ? hi : &most, integer);
    if (lo->present && !lo->negative) return;
    uint32_t minus = hl__nfa_state(b); /* mirrored, without "-0" */
    hl__nfa_range(b, from, minus, '-', '-');
    between(b, minus, to, hi->present && hi->negative ? hi : &above_zero, lo->present ? lo : &most,
            integer);
}
