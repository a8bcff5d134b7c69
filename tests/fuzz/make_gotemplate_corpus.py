#!/usr/bin/env python3
"""Writes the seeds of the gotemplate fuzz target into corpus/gotemplate beside this file.

Each is a Go template, a NUL byte, and JSON.  Needs nothing but Python; the same bytes on every run.
"""
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent / "corpus" / "gotemplate"

VARIABLES = {
    "System": "S", "Prompt": "hi é", "Suffix": "", "Response": "", "Think": True, "n": 3, "f": 1.5, "nil": None,
    "Messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "thinking": "t", "tool_calls": [
            {"id": "c", "function": {"index": 1, "name": "f", "arguments": {"x": [1, 2.5, None], "a": {"b": "<"}}}}]},
    ],
    "Tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
        "x": {"type": ["number", "null"], "enum": [1, "a"]}, "y": {"anyOf": [{"type": "array"}]}}}}}],
    "list": ["a", "b", "c"], "m": {"b": 1, "a": {"k": [1]}},
}

SEEDS = [
    "{{- range $i, $e := .Messages }}{{ if eq .Role \"user\" }}{{ .Content }}{{ else if .ToolCalls }}<c>{{ range .ToolCalls }}"
    "{{ .Function.Name }}{{ .Function.Arguments }}{{ range $k, $v := .Function.Arguments }}{{ $k }}{{ $v }}{{ end }}{{ end }}{{ end }}{{ end }}",
    "{{ if .System }}<s>{{ .System }}{{ end }}{{ .Prompt }}{{ .Response }}<e>{{ with .n }}{{ . }}{{ else with .f }}x{{ end }}",
    "{{ .Tools }}{{ json .Messages }}{{ range .Tools }}{{ .Function }}{{ range $n, $p := .Function.Parameters.Properties }}"
    "{{ $n }}{{ $p.Type }}{{ $p | toTypeScriptType }}{{ end }}{{ end }}{{ currentDate }}{{ yesterdayDate }}",
    "{{ range .list }}{{ if eq . \"b\" }}{{ continue }}{{ end }}{{ break }}{{ else }}n{{ end }}{{ range 5 }}{{ . }}{{ end }}{{ range .m }}{{ . }}{{ end }}",
    "{{ define \"x\" }}{{ template \"y\" . }}{{ end }}{{ define \"y\" }}{{ $.n }}{{ end }}{{ template \"x\" . }}{{ block \"z\" .m }}{{ .b }}{{ end }}",
    "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
    "{{ $x := 1 }}{{ $x = .n }}{{ $x }}{{ $y := .m }}{{ $y.a.k }}{{ ($y).b }}{{ (index .list 1) | printf \"%s\" }}{{- /* c */ -}} x",
    "{{ printf \"%v %+v %#v %T %5d|%-8.3f|%x %q %U %c %[1]v %*d %.*f %!\" .n .m .list .nil 42 1.5 \"é\" \"q\\n\" 65 66 3 4 2 1.5 }}",
    "{{ printf \"%b %o %O %X %e %g %t %s %d\" 5 8 8 255 1e21 1e-7 true .list .m }}{{ print 1 2 \"a\" 3 }}{{ println nil .f }}",
    "{{ html \"<a&'\" }}{{ js \"<\\n\\u2028'\" }}{{ urlquery \"a b/é\" }}{{ json \"<\\x00\\xff\" }}{{ len .list }}{{ slice .list 1 2 }}{{ slice \"abc\" 1 }}",
    "{{ and .n .nil }}{{ or .nil .f }}{{ not .n }}{{ eq 1 2 1 }}{{ lt 1.5 2.5 }}{{ ge \"b\" \"a\" }}{{ ne .n 3 }}{{ index .m \"a\" \"k\" 0 }}{{ call .n }}",
    "{{ 0x1F }}{{ 0b11 }}{{ 017 }}{{ 1_000 }}{{ 1.5e3 }}{{ 0x1p-2 }}{{ 'a' }}{{ '\\u00e9' }}{{ `raw` }}{{ \"\\U0001F642\\101\" }}{{ true }}{{ nil }}",
    "{{ if }}", "{{ end }}", "{{ .a.b.c.d | x }}", "{{/* ", "{{ \"", "{{ ((((.n)))) }}{{ (.m).a.k }}{{ .n.x }}", "{{ range $i, $e, $f := . }}",
]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(SEEDS):
        text = seed + "\0" + json.dumps(VARIABLES, ensure_ascii=False)
        (FOLDER / f"seed-{i:02}").write_bytes(text.encode())


if __name__ == "__main__":
    main()
