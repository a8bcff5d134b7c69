/* Go templates against Go's own text/template: what it gave when the cases of data/gotemplate were
 * written (make_gotemplate_cases.py), and, where there is a Go, what it gives today
 * (gotemplate/main.go).  Outputs are equal to the byte; where Go fails, so do we, at the same line.
 */
#include "testing.h"

#include "base/fs.h"
#include "base/mem.h"
#include "text/gotemplate.h"

#include <stdio.h>
#include <stdlib.h>

#define DIRECTORY "tests/conformance/data/gotemplate/"

static const char *const FILES[] = {"language", "printing", "values", "errors", "chat"};
enum { N_FILES = sizeof FILES / sizeof FILES[0], NOW = 1707116889 }; /* 2024-02-05 07:08:09 */

static hl_buf read_file(const char *path) {
    hl_buf b = {0};
    hl_error err = {0};
    if (hl_file_read(path, 64 << 20, &b, &err) < 0) fail_msg("%s: %s", path, err.text);
    return b;
}

static struct json_object *parse(hl_str text) {
    struct json_object *o = NULL;
    hl_error err = {0};
    if (hl_json_parse(text, &o, &err) < 0) fail_msg("%s", err.text);
    return o;
}

static hl_str text_of(struct json_object *item, const char *key) {
    struct json_object *s = json_object_object_get(item, key);
    return (hl_str){json_object_get_string(s), (size_t)json_object_get_string_len(s)};
}

static hl_status render(struct json_object *item, struct json_object *shared, hl_buf *ret,
                        hl_error *err) {
    hl_gotemplate *t = NULL;
    struct json_object *own = json_object_object_get(item, "data");
    bool typed = json_object_get_boolean(json_object_object_get(item, "typed"));
    hl_gotemplate_how how = {.type = typed ? &hl_gotemplate_ollama : NULL, .now_s = NOW};
    hl_status st = hl_gotemplate_parse("t", text_of(item, "template"), &t, err);
    if (st == HL_OK) st = hl_gotemplate_render(t, own ? own : shared, &how, ret, err);
    hl_gotemplate_destroy(t);
    return st;
}

/* The line that "template: t:LINE:" tells. */
static long line_of(const char *error) {
    static const char HEAD[] = "template: t:";
    if (strncmp(error, HEAD, sizeof HEAD - 1) != 0) return -1;
    long line = 0;
    for (const char *c = error + sizeof HEAD - 1; *c >= '0' && *c <= '9'; c++)
        line = line * 10 + (*c - '0');
    return line;
}

/* Whether we do what Go did; tells what is wrong. */
static bool check_case(struct json_object *item, struct json_object *result,
                       struct json_object *shared) {
    hl_buf out = {0};
    hl_error err = {0};
    hl_status st = render(item, shared, &out, &err);
    struct json_object *error = json_object_object_get(result, "error");
    bool right;
    if (error)
        right = st == HL_EFORMAT && line_of(err.text) == line_of(json_object_get_string(error));
    else
        right = st == HL_OK && hl_str_eq(hl_buf_str(&out), text_of(result, "out"));
    if (!right)
        fprintf(stderr, "%s\n  wanted %s\n  got    %s\n",
                json_object_get_string(json_object_object_get(item, "template")),
                json_object_to_json_string(result), st < 0 ? err.text : hl_buf_str(&out).ptr);
    hl_buf_deinit(&out);
    return right;
}

/* The next line of a text, NULL at its end. */
static struct json_object *next_line(hl_str text, size_t *at) {
    if (*at >= text.len) return NULL;
    size_t end = hl_str_find(text, HL_STR("\n"), *at);
    struct json_object *o = parse(hl_str_slice(text, *at, end));
    *at = end == SIZE_MAX ? text.len : end + 1;
    return o;
}

/* Checks one file's cases; results: a line for each, or empty for those of the file. */
static size_t check_cases(hl_str cases, hl_str results, struct json_object *shared,
                          size_t *ret_wrong) {
    size_t n = 0, at = 0, at_result = 0;
    struct json_object *item;
    while ((item = next_line(cases, &at))) {
        struct json_object *result = next_line(results, &at_result);
        if (results.len) assert_non_null(result);
        *ret_wrong += !check_case(item, result ? result : item, shared);
        json_object_put(result);
        json_object_put(item);
        n++;
    }
    return n;
}

static void what_go_gave(void **state) {
    (void)state;
    hl_buf data = read_file(DIRECTORY "data.json");
    struct json_object *shared = parse(hl_buf_str(&data));
    size_t n = 0, wrong = 0;
    for (size_t i = 0; i < N_FILES; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, DIRECTORY "%s.jsonl", FILES[i]);
        hl_buf cases = read_file(path);
        n += check_cases(hl_buf_str(&cases), (hl_str){0}, shared, &wrong);
        hl_buf_deinit(&cases);
    }
    json_object_put(shared);
    hl_buf_deinit(&data);
    assert_true(n >= 500);
    if (wrong) fail_msg("%zu of %zu are wrong", wrong, n);
}

/* The output of a shell command that has to succeed. */
static hl_buf output_of(const char *command) {
    hl_buf b = {0};
    char part[4096];
    FILE *f = popen(command, "r");
    assert_non_null(f);
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) hl_buf_append(&b, part, n);
    assert_int_equal(pclose(f), 0);
    assert_int_equal(b.failed, HL_OK);
    return b;
}

/* A Go that knows all of the language: {{else with}} and {{range 3}} are younger than others. */
static const char *find_go(void) {
    enum { MINOR_MIN = 24 };
    static const char *const PLACES[] = {"go", "/usr/local/go/bin/go"};
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        char command[128];
        (void)snprintf(command, sizeof command, "'%s' env GOVERSION 2>/dev/null || true",
                       PLACES[i]);
        hl_buf version = output_of(command);
        int minor = 0;
        if (version.ptr) (void)sscanf(version.ptr, "go1.%d", &minor);
        hl_buf_deinit(&version);
        if (minor >= MINOR_MIN) return PLACES[i];
    }
    return NULL;
}

static void run(const char *command) {
    hl_buf b = output_of(command);
    hl_buf_deinit(&b);
}

static void what_go_gives(void **state) {
    (void)state;
    const char *go = find_go();
    if (!go) {
        fprintf(stderr,
                "there is no Go of 1.24 or later here: its outputs are those of the files\n");
        skip();
    }
    char directory[] = "/tmp/gotemplate.XXXXXX", command[512];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(command, sizeof command,
                   "GO111MODULE=off '%s' build -o %s/oracle "
                   "tests/conformance/gotemplate/main.go",
                   go, directory);
    run(command);
    hl_buf data = read_file(DIRECTORY "data.json");
    struct json_object *shared = parse(hl_buf_str(&data));
    size_t n = 0, wrong = 0;
    for (size_t i = 0; i < N_FILES; i++) {
        (void)snprintf(command, sizeof command, DIRECTORY "%s.jsonl", FILES[i]);
        hl_buf cases = read_file(command);
        (void)snprintf(command, sizeof command,
                       "%s/oracle " DIRECTORY "data.json <" DIRECTORY "%s.jsonl", directory,
                       FILES[i]);
        hl_buf results = output_of(command);
        n += check_cases(hl_buf_str(&cases), hl_buf_str(&results), shared, &wrong);
        hl_buf_deinit(&results);
        hl_buf_deinit(&cases);
    }
    (void)snprintf(command, sizeof command, "rm -r %s", directory);
    run(command);
    json_object_put(shared);
    hl_buf_deinit(&data);
    if (wrong) fail_msg("%zu of %zu are wrong", wrong, n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_go_gave),
        cmocka_unit_test(what_go_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
