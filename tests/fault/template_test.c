/* The n-th allocation fails while a template is parsed and rendered: ENOMEM with a message, nothing
 * appended, no leak (AddressSanitizer). */
#include "template_render.h"

#include "base/mem.h"

/* Long enough that arenas and the output grow on the way. */
static const char SOURCE[] =
    "{% macro m(a, b=[1, 2]) %}{{ a ~ b }}{% endmacro %}{% set ns = namespace(t='') %}"
    "{% for x in range(400) %}{% set ns.t = ns.t + 'some more text' %}{{ m(x) }}"
    "{{ {'k': x, 'l': [x, none]}|tojson(indent=2) }}{% endfor %}{{ ns.t|upper|replace('SOME', 'x') "
    "}}"
    "{{ messages|map(attribute='role')|join(',') }}{{ messages|sort(attribute='role')|list }}";
static const char VARIABLES[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"é\"},{\"role\":"
                                "\"b\",\"content\":[1.5,null]}]}";

static void every_allocation_may_fail(void **state) {
    (void)state;
    struct json_object *variables = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(VARIABLES), &variables, NULL), HL_OK);
    int failed = 0;
    for (hl_status st = HL_ENOMEM; st != HL_OK; failed++) {
        hl_template *t = NULL;
        hl_buf out = {0};
        hl_error err = {0};
        hl_mem_fail_nth((uint64_t)failed + 1);
        st = hl_template_parse("t", hl_str_from(SOURCE), &t, &err);
        if (st == HL_OK) st = hl_template_render(t, variables, 0, &out, &err);
        hl_mem_fail_nth(0);
        hl_template_destroy(t);
        if (st == HL_OK) {
            assert_true(out.len > 1000);
        } else {
            assert_int_equal(st, HL_ENOMEM);
            assert_int_equal(err.status, HL_ENOMEM);
            assert_true(err.text[0] != '\0');
            assert_int_equal(out.len, 0);
        }
        hl_buf_deinit(&out);
        assert_true(failed < 1000);
    }
    assert_true(failed > 10);
    json_object_put(variables);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
