/* Templates of real models write the calls of earlier turns; the reader of calls must find them
 * there, as it finds them in an answer. */
#include "base/dir.h"
#include "base/fs.h"
#include "serve/tools.h"
#include "testing.h"
#include "text/template.h"

#include <stdio.h>
#include <unistd.h>

static const char *const TEMPLATES = "../shared/reference/templates/jinja";

/* Whose way of writing calls is not read: like Python, or of their own. */
static const char *const NOT_READ[] = {"LFM2", "functionary-medium-v3.2"};

static const char *const VARIABLES =
    "{\"bos_token\":\"\",\"eos_token\":\"\",\"add_generation_prompt\":false,"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":"
    "\"Weather\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\","
    "\"description\":\"The city\"},\"days\":{\"type\":\"integer\",\"description\":\"How many\"}},"
    "\"required\":[\"city\"]}}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":\"Hello?\"},{\"role\":\"assistant\",\"content\":"
    "\"\",\"tool_calls\":[{\"id\":\"abcdef123\",\"type\":\"function\",\"function\":{\"name\":"
    "\"get_weather\",\"arguments\":{\"city\":\"Oslo\",\"days\":2}}}]}]}";

static struct json_object *variables, *tools;
static size_t n_read, n_calls;
static hl_error err;

static void tell(void *arg, hl_str text, const hl_tool_call *call) {
    (void)arg;
    (void)text;
    if (!call) return;
    n_calls++;
    assert_str(call->name, "get_weather");
    assert_str(call->arguments, "{\"city\":\"Oslo\",\"days\":2}");
}

static bool is_not_read(const char *path) {
    for (size_t i = 0; i < sizeof NOT_READ / sizeof NOT_READ[0]; i++)
        if (strstr(path, NOT_READ[i])) return true;
    return false;
}

/* What comes behind the user's words is what the model would have written. */
static void read_answer(const char *path, hl_str source, hl_str rendered) {
    hl_tools_format format = hl_tools_format_find(source, HL_STR(""));
    size_t at = hl_str_find(rendered, HL_STR("Hello?"), 0);
    hl_tools t;
    n_calls = 0;
    if (at == SIZE_MAX) return;
    hl_tools_init(&t, &format, tools);
    if (format.bare) at = hl_str_find(rendered, HL_STR("{"), at);
    for (at += format.bare ? 0 : 6; at < rendered.len; at++)
        hl_tools_push(&t, hl_str_slice(rendered, at, at + 1), tell, NULL);
    hl_tools_finish(&t, tell, NULL);
    hl_tools_deinit(&t);
    bool writes = hl_str_find(rendered, HL_STR("Oslo"), 0) != SIZE_MAX;
    if (writes && n_calls != 1 && !is_not_read(path))
        print_error("%s: %zu calls in\n%.*s\n", path, n_calls,
                    HL_STR_ARG(hl_str_slice(rendered, hl_str_find(rendered, HL_STR("Hello?"), 0),
                                            rendered.len)));
    if (writes && !is_not_read(path)) assert_int_equal(n_calls, 1);
    n_read += n_calls;
}

static void take_template(const char *path) {
    hl_buf source, rendered;
    hl_template *t;
    hl_buf_init(&source, 0);
    hl_buf_init(&rendered, 0);
    assert_int_equal(hl_file_read(path, 1 << 20, &source, &err), HL_OK);
    if (hl_template_parse("t", hl_buf_str(&source), &t, &err) >= 0) {
        if (hl_template_render(t, variables, 0, &rendered, &err) >= 0)
            read_answer(path, hl_buf_str(&source), hl_buf_str(&rendered));
        else
            print_message("%s: %s\n", path, err.text);
        hl_template_destroy(t);
    }
    hl_buf_deinit(&source);
    hl_buf_deinit(&rendered);
}

static void take_name(void *arg, const char *name) {
    char path[512];
    (void)arg;
    if (!hl_str_ends(hl_str_from(name), HL_STR(".jinja"))) return;
    snprintf(path, sizeof path, "%s/%s", TEMPLATES, name);
    take_template(path);
}

static void calls_of_earlier_turns_are_read(void **state) {
    struct json_object *value;
    (void)state;
    if (access(TEMPLATES, R_OK) != 0) {
        print_message("skipped: %s is not there\n", TEMPLATES);
        skip();
    }
    assert_int_equal(hl_json_parse(hl_str_from(VARIABLES), &variables, &err), HL_OK);
    assert_true(json_object_object_get_ex(variables, "tools", &value));
    tools = value;
    hl_dir_each(TEMPLATES, take_name, NULL);
    print_message("%zu templates whose calls are read\n", n_read);
    assert_true(n_read >= 20);
    json_object_put(variables);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(calls_of_earlier_turns_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
