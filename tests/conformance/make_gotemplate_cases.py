#!/usr/bin/env python3
"""Writes data/gotemplate/*.jsonl: Go templates with what Go's text/template makes of them.

The cases are here; gotemplate/main.go gives the outputs, so that the test also works where there
is no Go.  Run from the repository root:  tests/conformance/make_gotemplate_cases.py
"""
import itertools
import json
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
OUT = HERE / "data/gotemplate"

DATA = {
    "s": "text", "empty": "", "sp": "  two words  ", "html": "<a href=\"x\">Tom & 'Ann'</a>",
    "uni": "grüße 漢字 🙂", "nl": "one\ntwo\n", "ctl": "a\tb\u0001\u2028\u00a0z", "num": "42",
    "i": 7, "zero": 0, "neg": -3, "big": 9007199254740993, "f": 1.5, "small": 1e-7, "huge": 1e21,
    "mega": 2500000.0, "third": 0.3333333333333333, "whole": 3.0, "nf": -0.25,
    "yes": True, "no": False, "nil": None,
    "list": ["a", "b", "c"], "ints": [3, 1, 2], "mix": [1, "x", 2.5, True, None, ["n"], {"k": "v"}],
    "none": [], "m": {"z": 1, "a": "one", "k": {"deep": [10, 20]}}, "void": {},
    "people": [{"name": "Ann", "age": 31, "tags": ["x", "y"]}, {"name": "Bo", "age": 0, "tags": []},
               {"name": "Cy", "tags": None}],
    "key": "a", "two": 2,
}

LANGUAGE = r"""
plain text
{{.s}}
{{ .s }} and {{ .i }}
{{- .s -}}
a {{- .s }} b
a {{ .s -}} b
a {{- .s -}} b
  {{- "x" }}  {{ "y" -}}  z
{{ .s }}~{{- " q " -}}~ x
{{/* nothing */}}
a {{- /* trimmed */ -}} b
a {{/* kept */}} b
a{{/* with }} in it */}}b
{{/*
 lines */ -}}   x
{{if .yes}}y{{end}}
{{if .no}}y{{end}}
{{if .no}}y{{else}}n{{end}}
{{if .missing}}y{{else}}n{{end}}
{{if .nil}}y{{else}}n{{end}}
{{if .zero}}y{{else}}n{{end}}
{{if .empty}}y{{else}}n{{end}}
{{if .none}}y{{else}}n{{end}}
{{if .void}}y{{else}}n{{end}}
{{if .list}}y{{else}}n{{end}}
{{if .m}}y{{else}}n{{end}}
{{if .f}}y{{else}}n{{end}}
{{if 0.0}}y{{else}}n{{end}}
{{if .no}}1{{else if .yes}}2{{else}}3{{end}}
{{if .no}}1{{else if .no}}2{{else}}3{{end}}
{{if .no}}1{{else if .no}}2{{else if .i}}3{{end}}
{{if .no}}1{{else if $x := .i}}{{$x}}{{end}}
{{if $x := .s}}{{$x}}!{{else}}{{$x}}?{{end}}
{{if $x := .empty}}{{$x}}!{{else}}[{{$x}}]{{end}}
{{if and .yes .s}}{{.s}}{{end}}
{{if not .no}}ok{{end}}
{{if (eq .i 7)}}seven{{end}}
{{range .list}}{{.}},{{end}}
{{range .list}}{{.}}{{else}}none{{end}}
{{range .none}}{{.}}{{else}}none{{end}}
{{range .nil}}x{{else}}none{{end}}
{{range .missing}}x{{else}}none{{end}}
{{range .void}}x{{else}}none{{end}}
{{range $e := .list}}{{$e}}{{end}}
{{range $i, $e := .list}}{{$i}}={{$e}};{{end}}
{{range $i , $e := .ints}}{{$i}}={{$e}};{{end}}
{{range $k, $v := .m}}{{$k}}:{{$v}};{{end}}
{{range .m}}{{.}};{{end}}
{{range $k := .m}}{{$k}};{{end}}
{{range 3}}{{.}}{{end}}
{{range $i := 3}}{{$i}}{{end}}
{{range .zero}}x{{else}}zero{{end}}
{{range .neg}}x{{else}}neg{{end}}
{{range .two}}{{.}}{{end}}
{{range .list}}{{break}}{{end}}
{{range .list}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}
{{range .list}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}
{{range $i, $e := .list}}{{if $i}}, {{end}}{{$e}}{{end}}
{{range .people}}{{.name}}({{range .tags}}{{.}}{{else}}-{{end}}) {{end}}
{{range $p := .people}}{{range $t := $p.tags}}{{$p.name}}{{$t}} {{end}}{{end}}
{{range .people}}{{range .tags}}{{if eq . "x"}}{{continue}}{{end}}{{.}}{{break}}{{end}}|{{end}}
{{range .list}}{{$.s}}{{end}}
{{$x := "o"}}{{range .list}}{{$x = .}}{{end}}{{$x}}
{{$x := "o"}}{{range .list}}{{$x := .}}{{end}}{{$x}}
{{$i := 0}}{{$e := 0}}{{range $i, $e = .list}}{{end}}{{$i}}{{$e}}
{{$e := 0}}{{range $e = .list}}{{end}}{{$e}}
{{$e := 0}}{{range $e = .none}}{{else}}{{$e}}{{end}}{{$e}}
{{range $i, $e := .none}}{{else}}{{$i}}{{$e}}{{end}}
{{range .mix}}[{{.}}]{{end}}
{{range $i, $e := .mix}}{{$i}}[{{$e}}]{{end}}
{{with .s}}{{.}}{{end}}
{{with .empty}}x{{else}}{{.s}}{{end}}
{{with .missing}}x{{else}}none{{end}}
{{with .missing}}x{{else with .s}}{{.}}{{else}}none{{end}}
{{with .no}}x{{else with .zero}}y{{else}}z{{end}}
{{with $x := .m}}{{$x.a}}{{.a}}{{$.s}}{{end}}
{{with .m.k}}{{.deep}}{{end}}
{{with index .people 0}}{{.name}}{{end}}
{{with .list}}{{range .}}{{.}}{{end}}{{end}}
{{$x := 1}}{{$x}}
{{$x := 1}}{{$x = 2}}{{$x}}
{{$x := 1}}{{if .yes}}{{$x = 2}}{{end}}{{$x}}
{{$x := 1}}{{if .yes}}{{$x := 2}}{{$x}}{{end}}{{$x}}
{{$x := .m}}{{$x.k.deep}}
{{$x := .missing}}{{$x}}
{{$x := .missing}}{{$x.y}}
{{$_y1 := "u"}}{{$_y1}}
{{$}}
{{$.s}}
{{$.m.k.deep}}
{{with .m}}{{with .k}}{{$.s}}{{end}}{{end}}
{{define "x"}}X{{.}}{{end}}{{template "x" .s}}
{{define "x"}}X{{.}}{{end}}{{template "x"}}
{{define "x"}}X{{.a}}{{end}}{{template "x"}}
{{define "x"}}X{{.a.b}}{{end}}{{template "x"}}
{{template "x" .m}}{{define "x"}}{{.a}}{{$.a}}{{end}}
{{define "x"}}{{template "y" .}}{{end}}{{define "y"}}Y{{.}}{{end}}{{template "x" 3}}
{{define "x"}}{{end}}{{define "x"}}late{{end}}{{template "x"}}
{{define "x"}}first{{end}}{{define "x"}} {{end}}{{template "x"}}
{{block "b" .s}}B{{.}}{{end}}
{{block "b" .s}}B{{.}}{{end}}{{template "b" .i}}
{{range .list}}{{block "it" .}}<{{.}}>{{end}}{{end}}
{{define "r"}}{{range .}}{{.}}{{end}}{{end}}{{template "r" .list}}
{{define "n"}}{{if .}}{{template "n" (slice . 1)}}{{len .}}{{end}}{{end}}{{template "n" .list}}
{{define `raw`}}r{{end}}{{template `raw`}}
{{template "x" $v := .s}}{{define "x"}}{{.}}{{end}}{{$v}}
{{.s | printf "%s-%s" "a"}}
{{.s | len}}
{{.s | len | printf "%03d"}}
{{"a" | print "b" | print "c"}}
{{(.s)}}
{{((.s))}}
{{(.m).a}}
{{(.m.k).deep}}
{{(index .people 0).name}}
{{(index .people 0).tags | len}}
{{(.m | print) | len}}
{{.m.k.deep}}
{{.m.none}}
{{.missing}}
{{.nil}}
{{(.missing).x}}
{{.}}
{{true}}{{false}}
{{true | not}}
{{nil | print}}{{end}}
{{print nil}}
{{1}} {{-1}} {{+1}} {{0}}
{{0x1F}} {{0b101}} {{0o17}} {{017}} {{1_000}}
{{1.5}} {{1e3}} {{1.}} {{.5}} {{-2.5e-3}} {{0x1p-2}} {{1_0.2_5}}
{{'a'}} {{'\n'}} {{'\''}} {{'\x41'}} {{'\u00e9'}} {{'漢'}} {{'\101'}}
{{"q\"q"}} {{"t\tn\\"}} {{"\u00e9\x41\101"}} {{"\U0001F642"}}
{{`raw "q" \n`}}
{{`two
lines`}}
{{"é"}}{{"漢字"}}
{{print "a" 1 2 "b" 3 true}}
{{
  .s
}}
{{if .yes
}}x{{
end}}
{{.s}}{{.i}}{{.f}}
{{range $i, $c := .list}}{{if eq $i 1}}{{$c}}{{end}}{{end}}
{{and}}{{end}}
{{and .yes .no}} {{and .s .i}} {{and .empty .i}} {{and .i}}
{{or .no .s}} {{or .empty .none .i}} {{or .no .zero}} {{or .missing "d"}}
{{and .no (index .none 5)}}
{{or .yes (index .none 5)}}
{{.s | and .yes}} {{.s | or .no}} {{.s | and .no}}
{{not .s}} {{not .empty}} {{not nil}}
{{with $x := 5}}{{with $y := 6}}{{$x}}{{$y}}{{end}}{{end}}
{{len .list}}{{len .m}}{{len .s}}{{len .uni}}{{len .none}}
{{- range $i, $p := .people }}{{ if $i }}{{ "\n" }}{{ end }}{{ $p.name }}: {{ $p.age }}{{ end }}
{{- if .s -}}   x   {{- else -}}   y   {{- end -}}   z
{{- range .list -}} {{ . }} {{- end }}
x{{" "}}{{- "y"}}
a  {{-  /* c */  -}}  b
a	{{- .s -}}
{{ $a := 1 }}{{ $b := $a }}{{ $a }}{{ $b }}
{{ $a := "x" | printf "%s%s" "y" }}{{ $a }}
{{ ($a := 3) }}{{ $a }}
{{print ($a := 3)}}{{$a}}
{{if or (eq .s "text") (eq .s "other")}}T{{end}}
{{if and (gt .i 5) (lt .i 10)}}T{{end}}
{{range (slice .list 1)}}{{.}}{{end}}
{{range $i, $_ := .list}}{{$i}}{{end}}
{{range .list}}{{range $.ints}}{{.}}{{end}};{{end}}
{{.m.a | printf "%q"}}
{{break}}{{end}}
{{range .list}}{{with .}}{{break}}{{end}}{{end}}after
{{range .list}}{{define "no"}}{{end}}{{end}}
{{ .s}}}}
{{.s}} }} {
{{"}}"}} {{"{{"}}
{{range .people}}{{.age}}{{end}}
{{range .people}}{{.missing}}{{end}}
{{- "a" -}}{{- "b" -}}
{{-3}} {{- 3}} {{3 -}} x
"""

PRINTING_VALUES = ["s", "empty", "html", "uni", "ctl", "i", "neg", "big", "f", "small", "huge", "mega",
                   "third", "whole", "nf", "yes", "nil", "list", "ints", "mix", "none", "m", "void"]
PRINTING_VERBS = ["%v", "%+v", "%#v", "%T", "%s", "%q", "%d", "%x", "%t", "%g", "%e", "%6.2f", "%08d",
                  "%-8v|", "%8v|", "%+d", "%c", "%U", "%b", "%o", "%X", "%5s|", "%.2s", "% d", "%+q"]
PRINTING = r"""
{{printf "plain"}}
{{printf "%%"}}
{{printf "%d%%" 5}}
{{printf "%s %s" .s .num}}
{{printf "%s" }}
{{printf "%d %d" 1}}
{{printf "%d" 1 2}}
{{printf "%d" 1 "x" nil}}
{{printf "%[2]s %[1]s" "a" "b"}}
{{printf "%[1]d %[1]x" 255}}
{{printf "%[3]d" 1}}
{{printf "%[x]d" 1}}
{{printf "%[1]*d|" 5 7}}
{{printf "%*d|" 5 7}}
{{printf "%-*d|" 5 7}}
{{printf "%*d|" -5 7}}
{{printf "%.*f|" 2 3.14159}}
{{printf "%*d|" "x" 7}}
{{printf "%.*f|" "x" 2.5}}
{{printf "%z" 1}}
{{printf "%!" 1}}
{{printf "%"}}
{{printf "abc%"}}
{{printf "%5"}}
{{printf "%é" 1}}
{{printf "%05d|%-5d|%+5d|% 5d" 42 42 42 42}}
{{printf "%05d|%05s|%05t" -42 "ab" true}}
{{printf "%x %X %#x %#X %# x" 255 255 255 255 "ab"}}
{{printf "%x|%X|% x|%#x" "hello" "hello" "hello" "hello"}}
{{printf "%o %#o %O" 8 8 8}}
{{printf "%b %#b" 5 5}}
{{printf "%c%c" 72 0x1F642}}
{{printf "%q %q %+q %#q" 65 0x1F642 0x1F642 65}}
{{printf "%U %#U" 0x1F642 0x1F642}}
{{printf "%q" "a\tb\"c\\ \u0001 é"}}
{{printf "%#q %#q" "plain" "with`tick"}}
{{printf "%+q" "é漢🙂"}}
{{printf "%.3d|%8.3d|%-8.3d|%08.3d" 5 5 5 5}}
{{printf "%.0d|%.0d" 0 1}}
{{printf "%.2s|%5.1s|%-5.1s|" "abc" "abc" "abc"}}
{{printf "%f %.0f %.1f %10.3f|%-10.3f|%+f" 1.5 2.5 0.25 3.14159 3.14159 1.0}}
{{printf "%e %E %.2e" 12345.678 12345.678 12345.678}}
{{printf "%g %G %.3g %.10g" 1e100 1e-7 12345.678 0.1}}
{{printf "%g %g %g %g" 100000.0 1000000.0 0.0001 0.00001}}
{{printf "%v %v %v" 123456.0 1234567.0 123456789.0}}
{{printf "%6d|%-6d|%06d" -42 -42 -42}}
{{printf "%+.2e" 12345.678}}
{{printf "%+v" .m}}
{{printf "%s" .list}}
{{printf "%q" .list}}
{{printf "%d" .ints}}
{{printf "%d" .list}}
{{printf "%5d" .ints}}
{{printf "%x" .list}}
{{printf "%v %v" nil .nil}}
{{printf "%s %d" nil .nil}}
{{printf "%5v|%-5v|" true nil}}
{{printf "%t %t" true 1}}
{{printf "%w" 1}}
{{printf "%s" 1.5}}
{{printf "%c" "x"}}
{{printf "%v" 'a'}}
{{printf .s}}
{{printf "%s" (index .list 0)}}
{{printf "%d" (index .s 0)}}
{{printf "%v %T %#v %c" (index .s 0) (index .s 0) (index .s 0) (index .s 0)}}
{{printf "%08.3f|%+08.3f|%-8.1f|" 3.14159 3.14159 3.14159}}
{{printf "%3c|%-3c|" 65 65}}
{{printf "%6q|%-6q|" "a" "a"}}
{{printf "%20v|" .list}}
{{printf "%4v" .mix}}
{{printf "%T %T %T %T %T" 1 1.5 "s" true nil}}
{{printf "%T %T %T" .list .m .nil}}
{{printf "%10T|" 1}}
{{printf "%-010d|" 5}}
{{printf "%+s" "é"}}
{{printf "%99999999d" 1}}
{{print}}
{{print 1 2 3}}
{{print "a" "b"}}
{{print "a" 1 "b" 2 3 "c"}}
{{print 1 "a" 2}}
{{print .list .m}}
{{print 1.0 2.5 1e6 1e21 1e-5}}
{{print nil nil}}
{{print true false}}
{{println}}
{{println 1 "a" 2.5 nil}}
{{println "x"}}
{{.mega}} {{.huge}} {{.small}} {{.third}} {{.whole}} {{.nf}} {{.big}}
{{.list}} {{.ints}} {{.mix}} {{.none}} {{.m}} {{.void}}
{{.people}}
{{html .html}} {{.html | html}}
{{html 1 "<" .nil}}
{{html .nil}} {{html .missing}}
{{html}}
{{js .html}} {{js "a\\b=c\n\u0001é"}}
{{js "it's \"q\" <b> \u2028 \u00a0"}}
{{js 1 2}}
{{urlquery "a b&c=d/é?~-_."}}
{{urlquery "x" 1 "y"}}
{{urlquery .nil}}
{{json .s}} {{json .html}} {{json .uni}} {{json .ctl}}
{{json .i}} {{json .f}} {{json .big}} {{json .small}} {{json .huge}} {{json .mega}} {{json .third}}
{{json .whole}} {{json .nf}} {{json 1e20}} {{json 1e21}} {{json 1e-6}} {{json 1e-7}} {{json 123456789.0}}
{{json .list}} {{json .mix}} {{json .none}} {{json .m}} {{json .void}} {{json .nil}} {{json .missing}}
{{json .people}}
{{json "\x00\x1f\x7f\xff"}}
{{json "\b\f\n\r\t\\\"/"}}
{{.m | json | len}}
{{json .yes}}{{json nil}}
{{currentDate}} {{yesterdayDate}} {{currentDate "any"}} {{currentDate .s .num}}
{{print (index .s 1)}}
{{-0.0}} {{json -0.0}}
"""

VALUES = ["1", "2", "-1", "1.5", "2.0", "\"a\"", "\"b\"", "true", "false", ".nil", ".missing", ".i",
          ".list", ".m", "(index .s 0)", ".none"]
VALUES_MORE = r"""
{{eq 1 1}} {{eq 1 2}} {{eq 1 2 1}} {{eq .s "x" "text"}} {{eq .i 7}} {{eq .f 1.5}}
{{eq .missing nil}} {{eq .nil .missing}} {{ne .missing nil}} {{eq .missing "x"}} {{eq "x" .missing}}
{{eq 7 .i 8}} {{ne .i 8}} {{lt 1 2}} {{le 2 2}} {{gt 3 2}} {{ge 2 3}}
{{lt "a" "b"}} {{le "b" "a"}} {{gt "ab" "a"}} {{ge "" ""}}
{{lt 1.5 2.5}} {{le 2.5 2.5}} {{gt .f 1.0}} {{ge .f 2.0}}
{{1 | eq 1}} {{.i | lt 5}} {{.s | eq "text"}}
{{eq (len .list) 3}} {{if eq (len .s) 4}}four{{end}}
{{eq (index .s 0) 116}} {{eq 116 (index .s 0)}} {{lt (index .s 0) 200}}
{{index .list 0}} {{index .list 2}} {{index .m "a"}} {{index .m "k" "deep" 1}} {{index .m .key}}
{{index .m "none"}} {{index .mix 5 0}} {{index .mix 6 "k"}} {{index .mix 4}}
{{index .people 0 "name"}} {{index .people 1 "tags"}}
{{index .s 0}} {{index "abc" 1}} {{index .list}}
{{.two | index .list}} {{index .list .two}}
{{slice .list}} {{slice .list 1}} {{slice .list 1 2}} {{slice .list 0 0}} {{slice .list 3}}
{{slice .list 0 1 2}} {{slice .s}} {{slice .s 1}} {{slice .s 1 3}} {{slice .uni 0 2}}
{{len (slice .list 1)}} {{index (slice .list 1) 0}} {{range slice .list 1 3}}{{.}}{{end}}
{{slice (slice .list 1) 1}} {{json (slice .list 1)}} {{slice .list (index .s 0)}}
{{len ""}} {{len "é"}} {{"abc" | len}}
{{index .list 3}}
{{index .list -1}}
{{index .list "x"}}
{{index .list 1.0}}
{{index .list nil}}
{{index .m 1}}
{{index .m nil}}
{{index .i 0}}
{{index .nil 0}}
{{index .missing 0}}
{{index .m "none" 1}}
{{index .mix 4 0}}
{{index nil 1}}
{{index .s 99}}
{{index .s 4}}
{{index}}
{{slice .list 4}}
{{slice .list 2 1}}
{{slice .list 1 2 9}}
{{slice .s 0 1 2}}
{{slice .i}}
{{slice .m}}
{{slice .nil}}
{{slice .list "x"}}
{{slice .list 1 1 1 1}}
{{slice}}
{{len .i}}
{{len .nil}}
{{len .missing}}
{{len 1.5}}
{{len}}
{{len .s .s}}
{{eq}}
{{eq 1}}
{{ne 1}}
{{ne 1 2 3}}
{{lt 1}}
{{lt 1 2 3}}
{{lt .list .list}}
{{eq .list .list}}
{{eq .m .m}}
{{eq .list nil}}
{{eq 1 .list}}
{{eq .list .m}}
{{not}}
{{not 1 2}}
{{and}}
{{or}}
{{call .s}}
{{call .nil}}
{{call}}
{{call .i 1 2}}
{{html .m}} {{js .list}} {{urlquery .m}}
"""

ERRORS = r"""
{{
{{.s
{{end}}
{{else}}
{{if}}x{{end}}
{{if .yes}}
{{if .yes}}x{{else}}y
{{if .yes}}x{{else}}y{{else}}z{{end}}
{{if .yes}}x{{else if}}y{{end}}
{{if .yes}}x{{else range .list}}y{{end}}
{{range .list}}x{{else if .yes}}y{{end}}
{{with .s}}x{{else if .yes}}y{{end}}
{{if .s}}x{{else with .yes}}y{{end}}
{{range}}x{{end}}
{{with}}x{{end}}
{{end .s}}
{{if .s}}{{end .s}}
{{else .s}}
{{foo}}
{{.s | foo}}
{{print foo}}
{{$x}}
{{$x = 1}}
{{$x = 1}}{{$x}}
{{if .s}}{{$x := 1}}{{end}}{{$x}}
{{define "x"}}{{$y}}{{end}}{{$y := 1}}
{{$y := 1}}{{define "x"}}{{$y}}{{end}}
{{$y := 1}}{{block "x" .}}{{$y}}{{end}}
{{range $i, $e, $f := .list}}{{end}}
{{range $i, := .list}}{{end}}
{{range $i, 3}}{{end}}
{{$i, $e := .list}}
{{if $i, $e := .list}}{{end}}
{{break}}
{{continue}}
{{if .s}}{{break}}{{end}}
{{range .list}}{{break 1}}{{end}}
{{range .list}}{{block "x" .}}{{break}}{{end}}{{end}}
{{range .list}}x{{else}}{{break}}{{end}}
{{define}}x{{end}}
{{define x}}y{{end}}
{{define "x"}}y
{{define "x"}}y{{else}}z{{end}}
{{define "x" .}}y{{end}}
{{if .s}}{{define "x"}}y{{end}}{{end}}
{{define "x"}}1{{end}}{{define "x"}}2{{end}}
{{template}}
{{template x}}
{{template "x"}}
{{template "x" 1 2}}
{{template .s}}
{{block "x"}}y{{end}}
{{block "x" .}}y
{{define "t"}}a{{end}}b
{{define "loop"}}{{template "nope"}}{{end}}{{template "loop"}}
{{.s | 1}}
{{.s | "x"}}
{{.s | .}}
{{.s | nil}}
{{1 | 2 | print}}
{{|}}
{{.s |}}
{{| .s}}
{{.s || .s}}
{{()}}
{{(.s}}
{{.s)}}
{{(.s))}}
{{)}}
{{nil}}
{{nil.x}}
{{1.x}}
{{"x".y}}
{{true.x}}
{{. .s}}
{{..s}}
{{.s.}}
{{.s..t}}
{{$.}}
{{.1a}}
{{1a}}
{{0x}}
{{0b2}}
{{09}}
{{1__0}}
{{_1}}
{{99999999999999999999}}
{{18446744073709551615}}
{{9223372036854775808}}
{{1e1000}}
{{'ab'}}
{{''}}
{{'a}}
{{"abc}}
{{"ab
c"}}
{{`abc}}
{{"\z"}}
{{"\'"}}
{{'\"'}}
{{"\ud800"}}
{{"\400"}}
{{'\400'}}
{{.s "x"}}
{{.s.x}}
{{.i.x}}
{{.list.x}}
{{.missing.x}}
{{.nil.x}}
{{.m.a.b}}
{{.m.none.b}}
{{(.i).x}}
{{.m.a 1}}
{{1 2}}
{{"a" "b"}}
{{true 1}}
{{.s | .i}}
{{.s | $}}
{{$ 1}}
{{(print) 1}}
{{print .s.x}}
{{range .i .s}}{{end}}
{{range .s}}{{end}}
{{range .f}}{{end}}
{{range .yes}}{{end}}
{{range $i, $e := 3}}{{end}}
{{range .list}}{{.x}}{{end}}
{{range .mix}}{{.k}}{{end}}
{{with .nil.x}}{{end}}
{{printf}}
{{printf 1}}
{{printf .i}}
{{printf .missing}}
{{printf nil}}
{{1 | printf}}
{{currentDate 1}}
{{currentDate .nil}}
{{json}}
{{json 1 2}}
{{toTypeScriptType}}
{{/* unclosed
{{/* x */ y}}
{{/**/
{{ /* not at once */ }}
{{.s /* c */}}
{{.s, .i}}
{{.s; .i}}
{{.s + .i}}
{{.s # .i}}
{{.a-b}}
{{.s"x"}}
{{print"x"}}
{{print(1)}}
{{if(.yes)}}x{{end}}
{{$x:=1}}{{$x}}
{{$x :=1}}{{$x}}
{{$x: = 1}}
{{$x : 1}}
{{:= 1}}
{{= 1}}
{{.x := 1}}
{{print $x := 1}}
{{if := 1}}{{end}}
{{é}}
{{.é}}
{{.ключ}}
{{$é := 1}}{{$é}}
{{☃}}
{{.☃}}
{{if .yes}}{{else if .no}}{{else}}{{end}}{{end}}
{{nil | print}}
{{print | 1}}
{{template "x" nil}}{{define "x"}}{{.}}{{end}}
{{range nil}}{{end}}
{{if nil}}{{end}}
{{with nil}}{{end}}
{{and nil}}
{{$x := nil}}
{{(nil)}}
{{if}}
{{"a"}}{{.s

}}{{.i.x}}
line one
line two {{.s}}
{{.i.x}} line three
one
{{range .list}}
{{.x}}
{{end}}
"""

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather <now> & later",
        "parameters": {"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string", "description": "The city"},
            "unit": {"type": ["string", "null"], "enum": ["C", "F"]}}}}},
    {"type": "function", "function": {
        "name": "add", "parameters": {"type": "object", "properties": {
            "a": {"type": "number"}, "b": {"anyOf": [{"type": "number"}, {"type": "null"}]}}}}},
]
USER = {"role": "user", "content": "What is 2+2?"}
TALKS = {
    "one": {"System": "", "Messages": [USER], "Tools": None},
    "system": {"System": "Be brief.", "Messages": [{"role": "system", "content": "Be brief."}, USER],
               "Tools": None},
    "turns": {"System": "S", "Messages": [
        {"role": "system", "content": "S"}, USER, {"role": "assistant", "content": "4"},
        {"role": "user", "content": "And <3+3> & \"more\"?\nTell."}], "Tools": None},
    "tools": {"System": "S", "Messages": [
        {"role": "system", "content": "S"}, {"role": "user", "content": "Weather in Köln?"},
        {"role": "assistant", "content": "", "thinking": "I should ask.", "tool_calls": [
            {"id": "c1", "function": {"index": 0, "name": "get_weather",
                                      "arguments": {"city": "Köln", "days": 3, "deep": {"z": 1, "a": [1.5, None]}}}}]},
        {"role": "tool", "content": "12 C", "tool_name": "get_weather", "tool_call_id": "c1"},
        {"role": "user", "content": "Thanks"}], "Tools": TOOLS},
    "prefill": {"System": "", "Messages": [USER, {"role": "assistant", "content": "It is"}],
                "Tools": TOOLS[1:]},
}
LEGACY = [
    {"System": "", "Prompt": "Hi", "Response": ""}, {"System": "Be kind.", "Prompt": "Hi", "Response": ""},
    {"System": "S", "Prompt": "Q", "Response": "A"}, {"System": "", "Prompt": "", "Response": "A"},
]
CHAT_LEGACY = {
    "chatml": "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ if .Prompt }}"
              "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
              "{{ .Response }}<|im_end|>\n",
    "llama3": "{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>{{ end }}"
              "{{ if .Prompt }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>{{ end }}"
              "<|start_header_id|>assistant<|end_header_id|>\n\n{{ .Response }}<|eot_id|>",
    "llama2": "[INST] <<SYS>>{{ .System }}<</SYS>>\n\n{{ .Prompt }} [/INST]\n{{- .Response }}</s>",
    "mistral": "[INST] {{ if .System }}{{ .System }} {{ end }}{{ .Prompt }} [/INST]",
    "phi": "{{ if .System }}<|system|>\n{{ .System }}<|end|>\n{{ end }}{{ if .Prompt }}<|user|>\n{{ .Prompt }}"
           "<|end|>\n{{ end }}<|assistant|>\n{{ .Response }}<|end|>",
    "vicuna": "{{ if .System }}{{ .System }} {{ end }}USER: {{ .Prompt }} ASSISTANT: {{ .Response }}</s>",
    "zephyr": "{{- if .System -}}<|system|>\n{{ .System }}</s>\n{{ end -}}{{ if .Prompt }}<|user|>\n"
              "{{ .Prompt }}</s>\n{{ end }}<|assistant|>\n{{ .Response }}</s>\n",
    "alpaca": "{{ if .System }}{{ .System }}\n\n{{ end }}{{ if .Prompt }}### Instruction:\n{{ .Prompt }}\n\n"
              "{{ end }}### Response:\n{{ .Response }}\n\n",
    "solar": "{{ if .System }}### System:\n{{ .System }}\n\n{{ end }}### User:\n{{ .Prompt }}\n\n"
             "### Assistant:\n{{ .Response }}\n",
    "falcon": "{{ with .System }}System: {{ . }}\n{{ end }}User: {{ .Prompt }}\nFalcon: {{ .Response }}\n",
    "gemma": "<start_of_turn>user\n{{ with .System }}{{ . }}\n\n{{ end }}{{ .Prompt }}<end_of_turn>\n"
             "<start_of_turn>model\n{{ .Response }}<end_of_turn>\n",
    "openchat": "{{ .System }}<|end_of_turn|>GPT4 Correct User: {{ .Prompt }}<|end_of_turn|>"
                "GPT4 Correct Assistant: {{ .Response }}<|end_of_turn|>",
    "command": "{{ if .System }}<|SYS|>{{ .System }}<|END|>{{ end }}{{ if .Prompt }}<|USR|>{{ .Prompt }}"
               "<|END|>{{ end }}<|BOT|>{{ .Response }}<|END|>",
    "alfred": "{{ if .System }}<system>{{ .System }}</system>\n{{ end }}{{ if .Prompt }}<user>{{ .Prompt }}</user>\n"
              "{{ end }}<bot>{{ .Response }}\n",
    "chatqa": "{{- if .System }}System: {{ .System }}\n\n{{ end }}{{- with .Prompt }}User: {{ . }}\n\n"
              "{{ end }}Assistant: {{ .Response }}\n\n",
    "codellama": "{{ if .System }}Source: system\n\n {{ .System }} <step> {{ end }}Source: user\n\n {{ .Prompt }} <step> "
                 "Source: assistant\nDestination: user\n\n {{ .Response }} <step> ",
    "granite": "{{ if .System }}System:\n{{ .System }}\n\n{{ end -}}\n{{ if .Prompt -}}\nQuestion:\n{{ .Prompt }}\n\n"
               "{{ end -}}\nAnswer:\n{{ .Response }}",
    "magicoder": "{{ with .System }}{{ . }}\n\n{{ end }}@@ Instruction\n{{ .Prompt }}\n\n@@ Response\n{{ .Response }}\n",
    "starcoder": "{{ if .System }}{{ .System }}{{- /* no line */ -}}  {{ end }}\n### Instruction\n{{ .Prompt }}\n\n"
                 "### Response\n{{ .Response }}<|end|>\n",
    "gemma3": "{{ define \"turn\" }}<start>{{ .who }}{{ end }}{{ block \"user\" . }}<start>user\n{{ .Prompt }}<end>\n{{ end }}"
              "<start>model\n{{ .Response }}<end>\n",
    "fim": "{{ if .Suffix }}<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>{{ else }}{{ .Prompt }}{{ end }}",
    "bare": "{{ .Prompt }}",
}
CHAT = {
    "chatml": """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
""",
    "qwen": """{{- if or .System .Tools }}<|im_start|>system
{{- if .System }}
{{ .System }}
{{- end }}
{{- if .Tools }}

# Functions
<tools>
{{- range .Tools }}
{"type": "function", "function": {{ .Function }}}
{{- end }}
</tools>
{{- end }}<|im_end|>
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if .Thinking }}<think>{{ .Thinking }}</think>
{{ end -}}
{{ if .Content }}{{ .Content }}
{{- else if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{ end }}</tool_call>
{{- end }}{{ if not $last }}<|im_end|>
{{ end }}
{{- else if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .Content }}
</tool_response><|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }}""",
    "llama": """{{- if .System }}<|h|>system<|/h|>

{{ .System }}<|eot|>{{ end }}
{{- range $i, $m := .Messages }}
{{- if eq $m.Role "user" }}<|h|>user<|/h|>
{{- if and $.Tools (le (len (slice $.Messages $i)) 2) }}
Functions:
{{ range $.Tools }}
{{- . }}
{{ end }}
{{- end }}

{{ $m.Content }}<|eot|>
{{- else if eq $m.Role "assistant" }}<|h|>assistant<|/h|>
{{- with $m.ToolCalls }}
{{ range . }}{"name": "{{ .Function.Name }}", "parameters": {{ json .Function.Arguments }}}{{ end }}
{{- else }}

{{ $m.Content }}
{{- end }}<|eot|>
{{- else if eq $m.Role "tool" }}<|h|>ipython<|/h|>

{{ printf "%s: %q" $m.ToolName $m.Content }}<|eot|>
{{- end }}
{{- end }}<|h|>assistant<|/h|>

""",
    "mistral": """{{- range $index, $_ := .Messages }}
{{- if eq .Role "user" }}
{{- if and (le (len (slice $.Messages $index)) 2) $.Tools }}[AVAILABLE_TOOLS] {{ $.Tools }}[/AVAILABLE_TOOLS]
{{- end }}[INST] {{ if and $.System (eq (len (slice $.Messages $index)) 1) }}{{ $.System }}

{{ end }}{{ .Content }}[/INST]
{{- else if eq .Role "assistant" }}
{{- if .ToolCalls }}[TOOL_CALLS] [
{{- range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{- end }}]
{{- else }} {{ .Content }}
{{- end }}</s>
{{- else if eq .Role "tool" }}[TOOL_RESULTS] {"content": {{ .Content }}}[/TOOL_RESULTS]
{{- end }}
{{- end }}""",
    "walk": """{{ range .Tools }}{{ .Type }}/{{ .Function.Name }}/{{ .Function.Description }}
{{- range $n, $p := .Function.Parameters.Properties }}
  {{ $n }}: {{ $p.Type }} {{ $p.Description }} {{ len $p.Enum }}{{ range $p.Enum }} {{ . }}{{ end }}{{ range $p.AnyOf }}|{{ .Type }}{{ end }}
{{- end }}
{{- range .Function.Parameters.Required }} !{{ . }}{{ end }}
{{ end }}{{ range .Messages }}{{ .Role }} {{ .Thinking }} {{ .ToolCallID }} {{ len .Images }}
{{- range .ToolCalls }} {{ .ID }}#{{ .Function.Index }}
{{- range $k, $v := .Function.Arguments }} {{ $k }}={{ $v }}{{ end }}{{ end }}
{{ end }}""",
    "json": "{{ json .Messages }}{{ json .Tools }}{{ .Tools }}{{ with .Tools }}{{ (index . 0).Function.Parameters }}"
            "{{ (index . 0).Function.Parameters.Properties }}{{ end }}{{ range .Tools }}{{ printf \"%q\" . }}{{ end }}",
    "unknown": "{{ range .Messages }}{{ .Nope }}{{ end }}",
    "args": "{{ range .Messages }}{{ .Content 1 }}{{ end }}",
    "false": "{{ range .Messages }}{{ range .ToolCalls }}{{ if .Function.Arguments.nope }}x{{ else }}y{{ end }}"
             "{{ .Function.Arguments.days }} {{ .Function.Arguments.deep }} {{ index .Function.Arguments \"city\" }}"
             "{{ end }}{{ if .Images }}i{{ end }}{{ if .ToolCalls }}c{{ end }}{{ end }}",
    "types": "{{ printf \"%T\" .System }}{{ range .Messages }}{{ printf \"%T %T\" .Role .Images }}{{ end }}",
}


def lines_of(text):
    """One case a line; a line that opens an action goes on until it is closed."""
    cases, open_lines = [], []
    for line in text.strip("\n").split("\n"):
        open_lines.append(line)
        whole = "\n".join(open_lines)
        if not whole.endswith("\\"):
            cases.append(whole)
            open_lines = []
    return cases


MULTI = [  # what cannot stand in one line
    "a\n{{- .s -}}\nb\n", "a \n\t{{ .s }} \n", "{{/* one\ntwo */ -}}\n\n x", "{{if .yes\n}}x{{\nend}}", "{{\n  .s\n}}",
    "{{`two\nlines\r\n`}}", "\r\n{{- .s }}\r\n", "{{range .list}}\n- {{.}}\n{{- end}}\n", "", "\n",
    "{{range $i, $e := .list}}\n{{- if $i}},\n{{end}}{{$e}}\n{{- end}}",
    "{{define \"x\"}}\nX\n{{end}}\n{{template \"x\"}}\n", "{{- /* c */ -}}\n{{- .s}}", "{{ .s\t}}\t", "{", "}}", "{ {.s}}",
    "{{.s}}\u00e9\u6f22", "{{ range .people -}}\n  {{ .name }}\n{{ else -}}\n  nobody\n{{ end -}}\n",
]
MULTI_ERRORS = ["{{\"ab\nc\"}}", "{{\"a\"}}{{.s\n\n}}\n{{.i.x}}", "one\ntwo {{.s}}\n{{.i.x}} three",
                "one\n{{range .list}}\n{{.x}}\n{{end}}", "a\nb\n{{if .s}}\nc\n", "a\n{{foo}}", "\n\n{{end}}", "{{/* a\n b",
                "{{'a\n'}}", "\n{{`a\n\n", "{{define \"x\"}}\n{{.y.z}}\n{{end}}{{template \"x\" .}}", "{{.s\n| 1}}"]


def cases():
    one = lambda text: [{"template": t} for t in lines_of(text)]
    many = lambda templates: [{"template": t} for t in templates]
    printing = [{"template": "{{printf \"%s\" .%s}}" % (verb, v)}
                for v, verb in itertools.product(PRINTING_VALUES, PRINTING_VERBS)]
    comparing = [{"template": "{{%s %s %s}}" % (f, a, b)}
                 for f in ("eq", "lt") for a, b in itertools.product(VALUES, VALUES)]
    comparing += [{"template": "{{%s %s %s}}" % (f, a, b)} for f in ("ne", "le", "gt", "ge")
                  for a, b in itertools.product(VALUES[:8], VALUES[2:9])]
    chat = [{"template": t, "data": d} for t in CHAT_LEGACY.values() for d in LEGACY]
    chat += [{"template": t, "data": d, "typed": True} for t in CHAT.values() for d in TALKS.values()]
    return {"language": one(LANGUAGE) + many(MULTI), "printing": one(PRINTING) + printing,
            "values": one(VALUES_MORE) + comparing, "errors": one(ERRORS) + many(MULTI_ERRORS), "chat": chat}


def dump(value):
    return json.dumps(value, ensure_ascii=False)


def main():
    (OUT / "data.json").write_text(dump(DATA) + "\n")
    with tempfile.TemporaryDirectory() as directory:
        oracle = directory + "/oracle"
        subprocess.run(["go", "build", "-o", oracle, str(HERE / "gotemplate/main.go")], check=True)
        for name, items in cases().items():
            text = "".join(dump(item) + "\n" for item in items)
            done = subprocess.run([oracle, str(OUT / "data.json")], input=text, text=True, check=True,
                                  capture_output=True)
            results = [json.loads(line) for line in done.stdout.splitlines()]
            assert len(results) == len(items)
            (OUT / (name + ".jsonl")).write_text(
                "".join(dump({**item, **result}) + "\n" for item, result in zip(items, results)))
            print(name, len(items), sum("error" in r for r in results))


if __name__ == "__main__":
    main()
