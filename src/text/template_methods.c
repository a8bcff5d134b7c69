/* Methods of strings, as Python's str has them; the is… ones are in template_methods_is.c.
 * A safe string gives safe strings. */
#include "text/template_eval.h"

#include "text/template_strings.h"

static hl_str self(const tpl_call *c) {
    HL_ASSERT(c->a[0].kind == TPL_STR);
    return c->a[0].u.s;
}

/* A part of the string itself. */
static hl_status part(const tpl_call *c, hl_str s, tpl_value *ret) {
    *ret = hl__tpl_str(s);
    ret->safe = c->a[0].safe;
    return HL_OK;
}

static hl_status push_part(tpl_run *r, const tpl_call *c, hl_str s, tpl_list *to) {
    tpl_value v;
    HL_TRY(part(c, s, &v));
    return hl__tpl_list_push(r, to, v);
}

/* ---- case ---- */

static hl_status in_case(tpl_run *r, const tpl_call *c, tpl_case to, tpl_value *ret) {
    HL_TRY(hl__tpl_change_case(r, self(c), to, ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}
static hl_status str_lower(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return in_case(r, c, TPL_CASE_LOWER, ret);
}
static hl_status str_upper(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return in_case(r, c, TPL_CASE_UPPER, ret);
}
static hl_status str_casefold(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return in_case(r, c, TPL_CASE_FOLD, ret);
}
static hl_status str_capitalize(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    HL_TRY(hl__tpl_capitalize(r, self(c), ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}

/* swap: the other case of each; else title case, where a word begins behind what has no case. */
static hl_status recase(tpl_run *r, const tpl_call *c, bool swap, tpl_value *ret) {
    size_t begin = hl__tpl_text_begin(r);
    bool inside = false;
    HL_TRY(hl__tpl_charge(r, self(c).len / 8));
    for (size_t at = 0; at < self(c).len;) {
        size_t from = at;
        uint32_t cp = hl__tpl_chars_next(self(c), &at);
        unsigned flags = hl__tpl_char_flags(cp);
        if (swap ? !(flags & TPL_CHAR_LOWER) : inside)
            hl__tpl_append_lower(r, self(c), &from);
        else
            hl__tpl_append_case(r, cp, swap ? TPL_CASE_UPPER : TPL_CASE_TITLE);
        inside = (flags & (TPL_CHAR_UPPER | TPL_CHAR_LOWER | TPL_CHAR_TITLE)) != 0;
    }
    HL_TRY(hl__tpl_text_end(r, begin, ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}
static hl_status str_title(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return recase(r, c, false, ret);
}
static hl_status str_swapcase(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return recase(r, c, true, ret);
}

/* ---- ends ---- */

static hl_status strip(tpl_run *r, const tpl_call *c, bool left, bool right, tpl_value *ret) {
    hl_str chars, s;
    bool given = hl__tpl_given(&c->a[1]);
    if (given) HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &chars));
    HL_TRY(hl__tpl_strip(r, self(c), given ? &chars : NULL, left, right, &s));
    return part(c, s, ret);
}
static hl_status str_strip(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return strip(r, c, true, true, ret);
}
static hl_status str_lstrip(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return strip(r, c, true, false, ret);
}
static hl_status str_rstrip(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return strip(r, c, false, true, ret);
}

static hl_status str_removeprefix(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = self(c), prefix;
    HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &prefix));
    return part(c, hl_str_starts(s, prefix) ? hl_str_slice(s, prefix.len, s.len) : s, ret);
}
static hl_status str_removesuffix(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = self(c), suffix;
    HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &suffix));
    return part(c, hl_str_ends(s, suffix) ? hl_str_slice(s, 0, s.len - suffix.len) : s, ret);
}

/* The optional start and end arguments, in characters, of those that search.  inside: false when
 * the start lies behind the end, where not even the empty string is found. */
static hl_status window(tpl_run *r, const tpl_call *c, hl_str *ret, int64_t *ret_start,
                        bool *ret_inside) {
    hl_str s = self(c);
    int64_t n, from = 0, to;
    tpl_value whole = c->a[0];
    HL_TRY(hl__tpl_len(r, &whole, &n));
    to = n;
    if (hl__tpl_given(&c->a[2])) HL_TRY(hl__tpl_arg_int(r, &c->a[2], 0, &from));
    if (hl__tpl_given(&c->a[3])) HL_TRY(hl__tpl_arg_int(r, &c->a[3], n, &to));
    if (from < 0) from = from < -n ? 0 : from + n;
    if (to < 0) to = to < -n ? 0 : to + n;
    if (to > n) to = n;
    *ret_start = from;
    *ret_inside = from <= to;
    *ret = (hl_str){0};
    if (from > to) return HL_OK;
    size_t at = hl__tpl_chars_skip(s, 0, (size_t)from);
    *ret = hl_str_slice(s, at, hl__tpl_chars_skip(s, at, (size_t)(to - from)));
    return HL_OK;
}

static hl_status at_end(tpl_run *r, const tpl_call *c, bool start, tpl_value *ret) {
    hl_str s, what;
    int64_t from;
    bool inside, found = false;
    HL_TRY(window(r, c, &s, &from, &inside));
    const tpl_value *items = &c->a[1];
    size_t n = 1;
    if (c->a[1].kind == TPL_TUPLE) {
        items = c->a[1].u.list->items;
        n = c->a[1].u.list->n;
    }
    for (size_t i = 0; i < n && !found; i++) {
        HL_TRY(hl__tpl_arg_str(r, &items[i], (hl_str){0}, &what));
        HL_TRY(hl__tpl_charge_bytes(r, what.len));
        found = inside && (start ? hl_str_starts(s, what) : hl_str_ends(s, what));
    }
    *ret = hl__tpl_bool(found);
    return HL_OK;
}
static hl_status str_startswith(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return at_end(r, c, true, ret);
}
static hl_status str_endswith(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return at_end(r, c, false, ret);
}

/* ---- searching ---- */

static size_t find_last(hl_str s, hl_str what) {
    if (what.len > s.len) return SIZE_MAX;
    for (size_t at = s.len - what.len;; at--) {
        if (what.len == 0 || memcmp(s.ptr + at, what.ptr, what.len) == 0) return at;
        if (at == 0) return SIZE_MAX;
    }
}

static hl_status search(tpl_run *r, const tpl_call *c, bool last, bool must, tpl_value *ret) {
    hl_str s, what;
    int64_t from;
    bool inside;
    HL_TRY(window(r, c, &s, &from, &inside));
    HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &what));
    HL_TRY(hl__tpl_charge(r, s.len / 16 * (last ? 1 + what.len / 64 : 1) + what.len / 16));
    size_t at = !inside ? SIZE_MAX : last ? find_last(s, what) : hl_str_find(s, what, 0);
    if (at == SIZE_MAX && must) return hl__tpl_fail(r, HL_EFORMAT, "substring not found");
    *ret = hl__tpl_int(-1);
    if (at != SIZE_MAX) ret->u.i = from + (int64_t)hl__tpl_chars_count(hl_str_slice(s, 0, at));
    return HL_OK;
}
static hl_status str_find(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return search(r, c, false, false, ret);
}
static hl_status str_rfind(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return search(r, c, true, false, ret);
}
static hl_status str_index(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return search(r, c, false, true, ret);
}
static hl_status str_rindex(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return search(r, c, true, true, ret);
}

static hl_status str_count(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s, what;
    int64_t from;
    bool inside;
    HL_TRY(window(r, c, &s, &from, &inside));
    HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &what));
    HL_TRY(hl__tpl_charge(r, (s.len + what.len) / 16));
    *ret = hl__tpl_int(0);
    if (!inside) return HL_OK;
    if (what.len == 0) {
        ret->u.i = (int64_t)hl__tpl_chars_count(s) + 1;
        return HL_OK;
    }
    for (size_t at = 0; (at = hl_str_find(s, what, at)) != SIZE_MAX; at += what.len) ret->u.i++;
    return HL_OK;
}

static hl_status str_replace(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value old = c->a[1], with = c->a[2];
    hl_str ignored;
    int64_t count;
    HL_TRY(hl__tpl_arg_str(r, &old, (hl_str){0}, &ignored));
    HL_TRY(hl__tpl_arg_str(r, &with, (hl_str){0}, &ignored));
    HL_TRY(hl__tpl_arg_int(r, &c->a[3], -1, &count));
    if (c->a[0].safe) {
        HL_TRY(hl__tpl_escape(r, &old, &old));
        HL_TRY(hl__tpl_escape(r, &with, &with));
    }
    HL_TRY(hl__tpl_replace(r, self(c), old.u.s, with.u.s, count, ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}

/* ---- splitting and joining ---- */

static hl_status split_words(tpl_run *r, const tpl_call *c, int64_t max, tpl_list *to) {
    hl_str s = self(c), word;
    for (size_t at = 0; hl__tpl_next_word(s, &at, &word); max--) {
        if (max == 0) { /* the rest, but for white space before it and behind */
            size_t from = (size_t)(word.ptr - s.ptr);
            return push_part(r, c, hl__tpl_chars_strip(hl_str_slice(s, from, s.len), true, false),
                             to);
        }
        HL_TRY(push_part(r, c, word, to));
    }
    return HL_OK;
}

static hl_status split_at(tpl_run *r, const tpl_call *c, hl_str by, int64_t max, tpl_list *to) {
    hl_str s = self(c);
    size_t from = 0;
    for (; max != 0; max--) {
        size_t hit = hl_str_find(s, by, from);
        if (hit == SIZE_MAX) break;
        HL_TRY(push_part(r, c, hl_str_slice(s, from, hit), to));
        from = hit + by.len;
    }
    return push_part(r, c, hl_str_slice(s, from, s.len), to);
}

static hl_status rsplit_words(tpl_run *r, const tpl_call *c, int64_t max, tpl_list *to) {
    hl_str s = hl__tpl_chars_strip(self(c), false, true);
    for (; s.len && max != 0; max--) {
        size_t from = s.len;
        while (from > 0) {
            size_t before = from;
            if (hl__tpl_char_flags(hl__tpl_chars_prev(s, &before)) & TPL_CHAR_SPACE) break;
            from = before;
        }
        HL_TRY(push_part(r, c, hl_str_slice(s, from, s.len), to));
        s = hl__tpl_chars_strip(hl_str_slice(s, 0, from), false, true);
    }
    return s.len ? push_part(r, c, s, to) : HL_OK;
}

static hl_status rsplit_at(tpl_run *r, const tpl_call *c, hl_str by, int64_t max, tpl_list *to) {
    hl_str s = self(c);
    for (; max != 0; max--) {
        size_t hit = find_last(s, by);
        HL_TRY(hl__tpl_charge(r, 1));
        if (hit == SIZE_MAX) break;
        HL_TRY(push_part(r, c, hl_str_slice(s, hit + by.len, s.len), to));
        s = hl_str_slice(s, 0, hit);
    }
    return push_part(r, c, s, to);
}

static void reverse_items(tpl_list *l) {
    for (size_t i = 0; i < l->n / 2; i++) {
        tpl_value other = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = l->items[i];
        l->items[i] = other;
    }
}

static hl_status split(tpl_run *r, const tpl_call *c, bool right, tpl_value *ret) {
    hl_str by = {0};
    int64_t max;
    bool words = !hl__tpl_given(&c->a[1]);
    if (!words) HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &by));
    if (!words && by.len == 0) return hl__tpl_fail(r, HL_EFORMAT, "empty separator");
    HL_TRY(hl__tpl_arg_int(r, &c->a[2], -1, &max));
    if (max < 0) max = INT64_MAX;
    HL_TRY(hl__tpl_charge(r, (self(c).len + by.len) / 16));
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, ret));
    if (!right)
        return words ? split_words(r, c, max, ret->u.list) : split_at(r, c, by, max, ret->u.list);
    HL_TRY(words ? rsplit_words(r, c, max, ret->u.list) : rsplit_at(r, c, by, max, ret->u.list));
    reverse_items(ret->u.list);
    return HL_OK;
}
static hl_status str_split(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return split(r, c, false, ret);
}
static hl_status str_rsplit(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return split(r, c, true, ret);
}

static hl_status str_splitlines(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = self(c), line, end;
    bool keep = hl__tpl_arg_bool(&c->a[1], false);
    HL_TRY(hl__tpl_charge(r, s.len / 16));
    HL_TRY(hl__tpl_list_new(r, TPL_LIST, 0, ret));
    for (size_t at = 0; hl__tpl_next_line(s, &at, &line, &end);) {
        if (keep) line.len += end.len;
        HL_TRY(push_part(r, c, line, ret->u.list));
    }
    return HL_OK;
}

static hl_status partition(tpl_run *r, const tpl_call *c, bool right, tpl_value *ret) {
    hl_str s = self(c), by;
    HL_TRY(hl__tpl_arg_str(r, &c->a[1], (hl_str){0}, &by));
    if (by.len == 0) return hl__tpl_fail(r, HL_EFORMAT, "empty separator");
    HL_TRY(hl__tpl_charge(r, s.len / 16));
    size_t hit = right ? find_last(s, by) : hl_str_find(s, by, 0);
    hl_str parts[3] = {s, {0}, {0}};
    if (hit == SIZE_MAX && right) {
        parts[2] = s;
        parts[0] = (hl_str){0};
    } else if (hit != SIZE_MAX) {
        parts[0] = hl_str_slice(s, 0, hit);
        parts[1] = hl_str_slice(s, hit, hit + by.len);
        parts[2] = hl_str_slice(s, hit + by.len, s.len);
    }
    HL_TRY(hl__tpl_list_new(r, TPL_TUPLE, 3, ret));
    for (int i = 0; i < 3; i++) HL_TRY(push_part(r, c, parts[i], ret->u.list));
    return HL_OK;
}
static hl_status str_partition(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return partition(r, c, false, ret);
}
static hl_status str_rpartition(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return partition(r, c, true, ret);
}

static hl_status str_join(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_value item;
    tpl_iter it;
    bool more;
    HL_TRY(hl__tpl_iter_open(r, &c->a[1], &it));
    size_t begin = hl__tpl_text_begin(r);
    for (size_t i = 0;; i++) {
        HL_TRY(hl__tpl_iter_next(r, &it, &item, &more));
        if (!more) break;
        if (c->a[0].safe)
            HL_TRY(hl__tpl_escape(r, &item, &item));
        else if (item.kind != TPL_STR)
            return hl__tpl_fail(r, HL_EFORMAT, "sequence item %zu: expected str instance, %s found",
                                i, hl__tpl_type_name((tpl_kind)item.kind));
        if (i) HL_TRY(hl__tpl_append_str(r, &c->a[0]));
        HL_TRY(hl__tpl_append_str(r, &item));
    }
    HL_TRY(hl__tpl_text_end(r, begin, ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}

/* ---- padding ---- */

static hl_status justify(tpl_run *r, const tpl_call *c, char align, tpl_value *ret) {
    int64_t width;
    hl_str fill;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 0, &width));
    HL_TRY(hl__tpl_arg_str(r, &c->a[2], HL_STR(" "), &fill));
    if (hl__tpl_chars_count(fill) != 1)
        return hl__tpl_fail(r, HL_EFORMAT, "the fill character must be exactly one character long");
    HL_TRY(hl__tpl_justify(r, self(c), width, fill, align, ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}
static hl_status str_ljust(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return justify(r, c, '<', ret);
}
static hl_status str_rjust(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return justify(r, c, '>', ret);
}
static hl_status str_center(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return justify(r, c, '^', ret);
}

/* Zeros between the sign and the rest. */
static hl_status str_zfill(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = self(c);
    int64_t width;
    tpl_value filled;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 0, &width));
    bool sign = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    HL_TRY(hl__tpl_justify(r, hl_str_slice(s, sign, s.len), width < 1 ? 0 : width - sign,
                           HL_STR("0"), '>', &filled));
    HL_TRY(hl__tpl_concat(r, hl_str_slice(s, 0, sign), filled.u.s, ret));
    ret->safe = c->a[0].safe;
    return HL_OK;
}

static hl_status str_expandtabs(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    hl_str s = self(c);
    int64_t size, column = 0;
    HL_TRY(hl__tpl_arg_int(r, &c->a[1], 8, &size));
    size_t begin = hl__tpl_text_begin(r);
    HL_TRY(hl__tpl_charge(r, s.len / 8));
    for (size_t at = 0; at < s.len;) {
        size_t from = at;
        uint32_t cp = hl__tpl_chars_next(s, &at);
        if (cp != '\t') {
            hl_buf_append_str(&r->out, hl_str_slice(s, from, at));
            column = cp == '\n' || cp == '\r' ? 0 : column + 1;
            continue;
        }
        int64_t n = size > 0 ? size - column % size : 0;
        HL_TRY(hl__tpl_charge(r, (uint64_t)n / 8));
        for (int64_t i = 0; i < n && !r->out.failed; i++) hl_buf_append_char(&r->out, ' ');
        column += n;
    }
    return hl__tpl_text_end(r, begin, ret);
}

static hl_status str_format(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    return hl__tpl_format(r, &c->a[0], c->all, ret);
}

static hl_status str_format_map(tpl_run *r, const tpl_call *c, tpl_value *ret) {
    tpl_args args = {0};
    if (c->a[1].kind != TPL_DICT) return hl__tpl_fail(r, HL_EFORMAT, "format_map needs a mapping");
    size_t at = 0;
    for (const tpl_entry *e; (e = hl__tpl_dict_next(c->a[1].u.dict, &at));) {
        if (e->key.kind == TPL_STR) HL_TRY(hl__tpl_args_name(r, &args, e->key.u.s, e->value));
    }
    return hl__tpl_format(r, &c->a[0], &args, ret);
}

const tpl_builtin hl__tpl_methods_str[] = {
    {"split", "self sep? maxsplit?", str_split},
    {"strip", "self chars?", str_strip},
    {"lstrip", "self chars?", str_lstrip},
    {"rstrip", "self chars?", str_rstrip},
    {"startswith", "self prefix start? end?", str_startswith},
    {"endswith", "self suffix start? end?", str_endswith},
    {"replace", "self old new count?", str_replace},
    {"rsplit", "self sep? maxsplit?", str_rsplit},
    {"join", "self iterable", str_join},
    {"format", "self **", str_format},
    {"lower", "self", str_lower},
    {"upper", "self", str_upper},
    {"title", "self", str_title},
    {"capitalize", "self", str_capitalize},
    {"find", "self sub start? end?", str_find},
    {"rfind", "self sub start? end?", str_rfind},
    {"index", "self sub start? end?", str_index},
    {"rindex", "self sub start? end?", str_rindex},
    {"count", "self sub start? end?", str_count},
    {"splitlines", "self keepends?", str_splitlines},
    {"partition", "self sep", str_partition},
    {"rpartition", "self sep", str_rpartition},
    {"removeprefix", "self prefix", str_removeprefix},
    {"removesuffix", "self suffix", str_removesuffix},
    {"casefold", "self", str_casefold},
    {"swapcase", "self", str_swapcase},
    {"ljust", "self width fillchar?", str_ljust},
    {"rjust", "self width fillchar?", str_rjust},
    {"center", "self width fillchar?", str_center},
    {"zfill", "self width", str_zfill},
    {"expandtabs", "self tabsize?", str_expandtabs},
    {"format_map", "self mapping", str_format_map},
    {0},
};
