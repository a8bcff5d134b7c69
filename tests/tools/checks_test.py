"""The checkers find what is planted and leave what is right alone."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOOLS))
import check_banned  # noqa: E402
import check_layers  # noqa: E402


class Tree(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.addCleanup(self.holder.cleanup)
        self.root = pathlib.Path(self.holder.name)

    def plant(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run_tool(self, name):
        return subprocess.run([sys.executable, TOOLS / name, "--root", self.root], text=True,
                              capture_output=True, check=False)


class Layers(Tree):
    def found(self, path, include):
        self.plant(f"src/{path}", f'#include "{include}"\n')
        return [line for line in check_layers.check(self.root) if f"src/{path}:" in line]

    def test_down_and_own_are_right(self):
        self.assertEqual(self.found("text/a.c", "base/str.h"), [])
        self.assertEqual(self.found("text/a.c", "text/a.h"), [])
        self.assertEqual(self.found("serve/a.c", "engine/engine.h"), [])

    def test_up_is_found(self):
        [line] = self.found("base/a.c", "gguf/gguf.h")
        self.assertTrue(line.startswith('src/base/a.c:1: includes "gguf/gguf.h"'), line)

    def test_sideways_is_found(self):
        self.assertEqual(len(self.found("config/a.h", "gguf/gguf.h")), 1)
        self.assertEqual(len(self.found("model/sub/a.h", "text/tokenizer.h")), 1)

    def test_unknown_directory_and_bare_name_are_found(self):
        self.assertEqual(len(self.found("newdir/a.c", "base/str.h")), 1)
        self.assertEqual(len(self.found("base/a.c", "str.h")), 1)

    def test_commands_keep_out_of_the_engine(self):
        for header in ("engine/engine.h", "compute/backend.h", "model/model.h"):
            self.assertEqual(len(self.found("cli/a.c", header)), 1, header)
        for header in ("engine/request.h", "serve/inspect.h", "gguf/gguf.h", "text/tokenizer.h"):
            self.assertEqual(self.found("cli/a.c", header), [], header)

    def test_only_server_and_client_include_api_and_http(self):
        for header in ("api/api.h", "http/address.h"):
            self.assertEqual(self.found("cli/serve.c", header), [], header)
            self.assertEqual(self.found("cli/server.c", header), [], header)
            self.assertEqual(len(self.found("cli/run.c", header)), 1, header)
        self.assertEqual(self.found("cli/client.c", "http/client.h"), [])
        self.assertEqual(len(self.found("cli/client.c", "api/api.h")), 1)
        self.assertEqual(len(self.found("cli/serve.c", "engine/engine.h")), 1)
        self.assertEqual(len(self.found("api/a.c", "cli/cli.h")), 1)

    def test_program_fails_on_a_violation(self):
        self.plant("src/base/a.c", '#include "cli/main.h"\n')
        self.assertEqual(self.run_tool("check_layers.py").returncode, 1)


class Banned(Tree):
    def errors(self, text, path="src/text/a.c"):
        return check_banned.check_text(path, text)[0]

    def test_each_name_is_found_with_its_replacement(self):
        for name, (instead, _) in check_banned.BANNED.items():
            [line] = self.errors(f"int f(void) {{\n    return {name} (1);\n}}\n")
            self.assertIn(f"src/text/a.c:2: {name} is banned; use {instead}", line)

    def test_longer_names_members_comments_and_strings_are_right(self):
        self.assertEqual(self.errors(
            '/* malloc(1) */ // free(x)\nstatic char *s = "strcpy(";\n'
            "int f(x *v) { return hl_free(v->free(1), v.time(2), assert_true(1), strtoll(3)); }\n"
        ), [])

    def test_heap_and_abort_have_their_place(self):
        self.assertEqual(self.errors("void *p = malloc(1);\n", "src/base/mem.c"), [])
        self.assertEqual(self.errors("void f(void) { abort(); }\n", "src/base/status.c"), [])
        self.assertEqual(len(self.errors("void f(void) { abort(); }\n", "src/base/mem.c")), 1)

    def test_open_ends(self):
        for line in ("/* TODO: later */", "// FIXME", "/* XXX */"):
            self.assertEqual(len(self.errors(line + "\n")), 1, line)
        self.assertEqual(self.errors("/* TODO(#12): windows */ /* NEEDSWORK: ADR 0004 */\n"), [])

    def test_included_source(self):
        self.assertEqual(len(self.errors('#include "text/b.c"\n')), 1)
        self.assertEqual(self.errors('#include "text/b.h"\n'), [])

    def test_long_function(self):
        body = "    g();\n" * 119
        head = "static int long_one(int a,\n                    int b) {\n"
        [line] = self.errors("int x[] = {1, 2};\n" + head + body + "}\n")
        self.assertIn("src/text/a.c:2: a function of 122 lines", line)
        self.assertEqual(self.errors("/* LONG: a state machine */\n" + head + body + "}\n"), [])
        self.assertEqual(self.errors("int f(void) {\n" + "    g();\n" * 118 + "}\n"), [])

    def test_a_long_table_is_no_function(self):
        self.assertEqual(self.errors("static const int T[] = {\n" + "    1,\n" * 500 + "};\n"), [])

    def test_long_file_is_a_warning(self):
        self.plant("src/text/long.c", "int a;\n" * 1001)
        result = self.run_tool("check_banned.py")
        self.assertEqual(result.returncode, 0)
        self.assertIn("src/text/long.c: warning: 1001 lines", result.stdout)
        self.plant("src/text/long.c", "/* Made by a tool; do not edit. */\n" + "int a;\n" * 1001)
        self.assertEqual(self.run_tool("check_banned.py").stdout, "")

    def test_program_fails_on_a_violation(self):
        self.plant("tests/unit/a_test.c", "int x = atoi(y);\n")
        result = self.run_tool("check_banned.py")
        self.assertEqual(result.returncode, 1)
        self.assertIn("tests/unit/a_test.c:1: atoi is banned", result.stdout)


if __name__ == "__main__":
    unittest.main()
