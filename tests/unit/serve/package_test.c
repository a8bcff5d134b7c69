#include "serve/package.h"

#include "stored_model.h"

static const char JINJA[] = "{% for m in messages %}{{ m.content }}{% endfor %}";
static const char JINJA_TOOLS[] = "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in "
                                  "messages %}<think></think>{% endfor %}";
static const char GO[] = "{{ range .Messages }}{{ .Content }}{{ end }}";
static const char GO_TOOLS[] = "{{ if .Tools }}{{ .Tools }}{{ end }}{{ range .Messages }}"
                               "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
                               "{{ .Content }}{{ end }}";
static const char GO_FIM[] = "{{ if .Suffix }}{{ .Suffix }}{{ else }}{{ .Prompt }}{{ end }}";

static int set_up(void **state) {
    static stored s;
    stored_init(&s);
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    stored_deinit(*state);
    return 0;
}

/* A model whose file has one template and whose layer has the other; NULL: none. */
static hl_package *package_of(stored *s, const char *own, const char *layer) {
    hl_package *p;
    (void)stored_make(s, "base", own, 1);
    hl_create c = {.name = stored_name("m"), .has_from = true, .from = stored_name("base")};
    if (layer) c.template_text = hl_str_from(layer);
    stored_ok(s, stored_create(s, &c));
    hl_manifest m = stored_manifest(s, "m");
    stored_ok(s, hl_package_open_stored(s->store, &m, "m:latest", NULL, &p, &s->err));
    hl_manifest_deinit(&m);
    return p;
}

static void the_more_able_template_wins(void **state) {
    stored *s = *state;
    const struct {
        const char *own, *layer, *want;
        bool go, tools, thinks, inserts;
    } cases[] = {
        {NULL, NULL, "", false, false, false, false},
        {JINJA, NULL, JINJA, false, false, false, false},
        {NULL, GO, GO, true, false, false, false},
        {JINJA, GO, GO, true, false, false, false},
        {JINJA_TOOLS, GO, JINJA_TOOLS, false, true, true, false},
        {JINJA_TOOLS, GO_TOOLS, GO_TOOLS, true, true, true, false},
        {JINJA, "{{ .Prompt }}\n", JINJA, false, false, false, false},
        {NULL, "{{ .Prompt }}", "{{ .Prompt }}", true, false, false, false},
        {JINJA_TOOLS, JINJA, JINJA, false, false, false, false},
        {JINJA_TOOLS, GO_FIM, JINJA_TOOLS, false, true, true, false},
        {NULL, GO_FIM, GO_FIM, true, false, false, true},
        {"{% broken", GO, GO, true, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hl_package *p = package_of(s, cases[i].own, cases[i].layer);
        if (!hl_str_is(p->template_text, cases[i].want)) fail_msg("%zu", i);
        assert_int_equal(p->go != NULL, cases[i].go);
        assert_int_equal(p->can_use_tools, cases[i].tools);
        assert_int_equal(p->tags != NULL, cases[i].thinks);
        assert_int_equal(p->can_insert, cases[i].inserts);
        hl_package_drop(p);
    }
}

static void the_environment_may_prefer_jinja(void **state) {
    stored *s = *state;
    setenv("OLLAMA_GO_TEMPLATE", "false", 1);
    hl_package *p = package_of(s, JINJA, GO_TOOLS);
    unsetenv("OLLAMA_GO_TEMPLATE");
    assert_non_null(p->chat);
    hl_package_drop(p);
}

static void a_broken_template_is_told_when_needed(void **state) {
    stored *s = *state;
    hl_package *p = package_of(s, "{% broken", NULL);
    assert_true(hl_package_check_template(p, &s->err) < 0);
    assert_true(!p->chat && !p->go && strlen(s->err.text) > 0);
    hl_package_drop(p);
    p = package_of(s, JINJA, NULL);
    assert_int_equal(hl_package_check_template(p, &s->err), HL_OK);
    hl_package_drop(hl_package_keep(p));
    hl_package_drop(p);
    hl_package_drop(NULL);
}

static struct json_object *json(const char *text) {
    struct json_object *o = NULL;
    assert_int_equal(hl_json_parse(hl_str_from(text), &o, NULL), HL_OK);
    return o;
}

static void layers_become_a_package(void **state) {
    stored *s = *state;
    hl_str licenses[] = {HL_STR("A"), HL_STR("B")};
    char blob[HL_STORE_PATH_MAX];
    hl_digest d = stored_make(s, "base", JINJA, 1);
    hl_create c = {.name = stored_name("m"),
                   .has_from = true,
                   .from = stored_name("base"),
                   .system = HL_STR("S"),
                   .licenses = licenses,
                   .n_licenses = 2,
                   .renderer = HL_STR("r"),
                   .requires = HL_STR("0.9"),
                   .parameters = json("{\"top_k\":3,\"stop\":[\"x\"]}"),
                   .messages = json("[{\"role\":\"user\",\"content\":\"hi\"}]")};
    stored_ok(s, stored_create(s, &c));
    hl_manifest m = stored_manifest(s, "m");
    hl_package *p;
    stored_ok(s, hl_package_open_stored(s->store, &m, "m:latest", NULL, &p, &s->err));
    hl_manifest_deinit(&m);
    json_object_put(c.parameters);
    json_object_put(c.messages);
    assert_true(hl_store_blob_path(s->store, &d, blob));
    assert_string_equal(p->path, blob);
    assert_str(p->system, "S");
    assert_str(p->license, "A\nB");
    assert_str(p->parent, "base:latest");
    assert_str(p->renderer, "r");
    assert_str(p->requires, "0.9");
    assert_int_equal(p->options.top_k, 3);
    assert_int_equal(p->options.n_stop, 1);
    assert_int_equal(p->n_messages, 1);
    assert_str(p->messages[0].role, "user");
    assert_str(p->messages[0].parts[0].text, "hi");
    assert_int_equal(p->n_families, 1);
    assert_str(p->families[0], "llama");
    hl_package_drop(p);
}

static void lost_blobs_are_named(void **state) {
    stored *s = *state;
    char blob[HL_STORE_PATH_MAX];
    hl_package *p;
    hl_digest d = stored_make(s, "base", NULL, 1);
    hl_manifest m = stored_manifest(s, "base");
    assert_true(hl_store_blob_path(s->store, &d, blob) && unlink(blob) == 0);
    assert_int_equal(hl_package_open_stored(s->store, &m, "base:latest", NULL, &p, &s->err),
                     HL_ENOTFOUND);
    assert_non_null(strstr(s->err.text, blob));
    hl_manifest_deinit(&m);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(the_more_able_template_wins),
        EACH(the_environment_may_prefer_jinja),
        EACH(a_broken_template_is_told_when_needed),
        EACH(layers_become_a_package),
        EACH(lost_blobs_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
