/* Stop strings, whole and in pieces; and against a plain search over all ways of cutting. */
#include "engine/native/stop.h"

#include "base/rng.h"
#include "testing.h"

typedef struct stream {
    hl_stop stop;
    hl_buf out;
} stream;

static void begin(stream *s, const char *const *stops, size_t n) {
    hl_str strs[HL_STOPS_MAX];
    for (size_t i = 0; i < n; i++) strs[i] = hl_str_from(stops[i]);
    hl_buf_init(&s->out, 0);
    assert_int_equal(hl_stop_init(&s->stop, 256, NULL), HL_OK);
    assert_int_equal(hl_stop_set(&s->stop, strs, n, NULL), HL_OK);
}

static void end(stream *s) {
    hl_stop_deinit(&s->stop);
    hl_buf_deinit(&s->out);
}

static bool push(stream *s, const char *text) {
    return hl_stop_push(&s->stop, hl_str_from(text), &s->out);
}

#define assert_shown(s, text) assert_true(hl_str_is(hl_buf_str(&(s)->out), (text)))

static void without_stops_all_passes(void **state) {
    (void)state;
    stream s;
    begin(&s, NULL, 0);
    assert_false(push(&s, "any"));
    assert_shown(&s, "any");
    end(&s);
}

static void split_over_pieces(void **state) {
    (void)state;
    stream s;
    begin(&s, (const char *const[]){"\nUser:"}, 1);
    assert_false(push(&s, "Hello\n"));
    assert_shown(&s, "Hello");
    assert_false(push(&s, "Us"));
    assert_shown(&s, "Hello");
    assert_false(push(&s, "ual\nU"));
    assert_shown(&s, "Hello\nUsual");
    assert_false(push(&s, "ser"));
    assert_true(push(&s, ": never shown"));
    assert_shown(&s, "Hello\nUsual");
    end(&s);
}

static void an_end_shows_what_was_held(void **state) {
    (void)state;
    stream s;
    begin(&s, (const char *const[]){"END", "aab"}, 2);
    assert_false(push(&s, "xaaaa EN"));
    assert_shown(&s, "xaaaa ");
    hl_stop_finish(&s.stop, &s.out);
    assert_shown(&s, "xaaaa EN");
    end(&s);
}

static void overlapping_stops(void **state) {
    (void)state;
    stream s;
    begin(&s, (const char *const[]){"abcd", "bc"}, 2);
    assert_true(push(&s, "abcd")); /* "bc" is complete first */
    assert_shown(&s, "a");
    end(&s);
    begin(&s, (const char *const[]){"c", "abc"}, 2);
    assert_true(push(&s, "xabc")); /* both at once: nothing of the longer is shown */
    assert_shown(&s, "x");
    end(&s);
}

static void set_refuses(void **state) {
    (void)state;
    hl_stop s;
    hl_error err;
    hl_str strs[HL_STOPS_MAX + 1];
    for (size_t i = 0; i < HL_STOPS_MAX + 1; i++) strs[i] = HL_STR("x");
    assert_int_equal(hl_stop_init(&s, 64, NULL), HL_OK);
    assert_int_equal(hl_stop_set(&s, strs, HL_STOPS_MAX + 1, &err), HL_ELIMIT);
    assert_string_equal(err.text, "33 stop strings, at most 32");
    assert_int_equal(hl_stop_set(&s, strs, HL_STOPS_MAX, &err), HL_OK);
    strs[1] = HL_STR("");
    assert_int_equal(hl_stop_set(&s, strs, 2, &err), HL_EINVAL);
    strs[1] = HL_STR("a\xff");
    assert_int_equal(hl_stop_set(&s, strs, 2, &err), HL_EINVAL);
    assert_string_equal(err.text, "stop string 2 is not UTF-8 at byte 1");
    strs[1] = HL_STR("0123456789012345678901234567890123456789012345678901234567890123");
    assert_int_equal(hl_stop_set(&s, strs, 2, &err), HL_ELIMIT);
    assert_int_equal(hl_stop_set(&s, strs + 1, 1, &err), HL_OK);
    hl_stop_deinit(&s);
}

/* Where the text is cut by the rule, found without cleverness; its length when nowhere. */
static size_t plain_cut(hl_str text, const hl_str *stops, size_t n, bool *ret_hit) {
    for (size_t to = 1; to <= text.len; to++) {
        size_t cut = SIZE_MAX;
        for (size_t i = 0; i < n; i++)
            if (hl_str_ends(hl_str_slice(text, 0, to), stops[i]) && to - stops[i].len < cut)
                cut = to - stops[i].len;
        *ret_hit = cut != SIZE_MAX;
        if (*ret_hit) return cut;
    }
    *ret_hit = false;
    return text.len;
}

static hl_str random_text(hl_rng *rng, char *out, size_t max, unsigned letters) {
    size_t len = hl_rng_below(rng, max) + 1;
    for (size_t i = 0; i < len; i++) out[i] = (char)('a' + hl_rng_below(rng, letters));
    return (hl_str){out, len};
}

static void random_cuts_against_plain_search(void **state) {
    (void)state;
    hl_stop stop;
    hl_buf out;
    hl_buf_init(&out, 0);
    assert_int_equal(hl_stop_init(&stop, 256, NULL), HL_OK);
    for (uint64_t seed = 0; seed < 3000; seed++) {
        hl_rng rng;
        hl_rng_init(&rng, seed);
        char text_room[60], stop_room[4][8];
        hl_str stops[4], text = random_text(&rng, text_room, sizeof text_room, 3);
        size_t n = hl_rng_below(&rng, 4) + 1;
        for (size_t i = 0; i < n; i++) stops[i] = random_text(&rng, stop_room[i], 8, 3);
        assert_int_equal(hl_stop_set(&stop, stops, n, NULL), HL_OK);
        hl_buf_reset(&out);
        bool hit = false, want_hit;
        size_t want = plain_cut(text, stops, n, &want_hit);
        for (size_t at = 0, piece; at < text.len && !hit; at += piece) {
            piece = hl_rng_below(&rng, 5) + 1;
            hit = hl_stop_push(&stop, hl_str_slice(text, at, at + piece), &out);
            /* What is out stays right: nothing of a stop string was shown. */
            if (out.len > want) fail_msg("seed %d: too much shown", (int)seed);
        }
        if (!hit) hl_stop_finish(&stop, &out);
        if (hit != want_hit || !hl_str_eq(hl_buf_str(&out), hl_str_slice(text, 0, want)))
            fail_msg("seed %d: '%.*s' became '%.*s'", (int)seed, HL_STR_ARG(text),
                     HL_STR_ARG(hl_buf_str(&out)));
    }
    hl_stop_deinit(&stop);
    hl_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_stops_all_passes),
        cmocka_unit_test(split_over_pieces),
        cmocka_unit_test(an_end_shows_what_was_held),
        cmocka_unit_test(overlapping_stops),
        cmocka_unit_test(set_refuses),
        cmocka_unit_test(random_cuts_against_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
