#!/usr/bin/env python3
"""Writes the seeds of the template fuzz target into corpus/template beside this file.

Each is a template, a NUL byte, and JSON.  Templates that use what the interpreter has, and hostile ones.  Needs
nothing but Python; the same bytes on every run.
"""
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent / "corpus" / "template"

VARIABLES = {
    "messages": [
        {"role": "user", "content": "hi é"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, 2.5, None]}}}]},
    ],
    "tools": None, "n": 3, "yes": True, "text": " a b\nc ", "numbers": [3, 1, 2], "words": ["b", "A"],
    "d": {"a": {"b": [1, "x"]}, "items": 1}, "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}]}],
}

SOUND = [
    "{{ [1, -2.5, 'a', none, true, (1,), {'k': 1}] }}{{ 'a' 'b' ~ 1 }}{{ 7 // 2 ** 2 % 3 - 1 }}{{ 1 < 2 != 3 }}{{ 1 if yes else 2 }}",
    "{{ text[1:-1:2] }}{{ numbers[::-1] }}{{ d.a['b'][-1] }}{{ d.nope is defined }}{{ 'x' in text and not n is odd or 3 }}",
    "{{ text.split() }}{{ text.strip().title() }}{{ 'a,b'.rsplit(',', 1) }}{{ ', '.join(words) }}{{ text.replace('a', 'é', 1) }}{{ 'ab'.center(9, '*') }}",
    "{{ text|trim|upper|replace('A', 'ß')|capitalize }}{{ text|indent(2, true) }}{{ text|truncate(3) }}{{ '<'|e + ('>'|safe) }}{{ text|urlencode }}",
    "{{ numbers|sort|join(',') }}{{ words|map('lower')|list }}{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|first }}",
    "{{ numbers|select('odd')|list }}{{ numbers|batch(2, 0)|list }}{{ numbers|slice(2)|list }}{{ d|dictsort }}{{ messages|groupby('role') }}{{ words|unique|list }}",
    "{{ messages|tojson(indent=2) }}{{ d|tojson(ensure_ascii=true, separators=(',', ':'), sort_keys=true) }}{{ '[1.5e3]'|from_json }}",
    "{{ '%5.2f|%-4s|%(a)s' }}{{ '%05d %r %x' % (n, text, 255) }}{{ '%(a)s' % {'a': 1} }}{{ '{:>5} {0!r} {x[0]:.2f}' }}{{ '{:*^7} {x:,}'.format('a', x=12345) }}",
    "{{ strftime_now('%Y-%m-%d %-H:%M:%S %A %j %G-W%V %c') }}{{ '42'|int + '1.5'|float }}{{ 2.675|round(2) }}{{ -3|abs }}",
    "{% for m in messages if m.content %}{{ loop.index }}/{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{% else %}none{% endfor %}",
    "{% for n in tree recursive %}{{ n.v }}{{ loop(n.kids) }}{{ loop.depth }}{% endfor %}{% for k, v in d.items() %}{% if loop.last %}{% break %}{% endif %}{% continue %}{% endfor %}",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{{ caller(a) if caller }}{% endmacro %}{{ m(1, 2, 3, x=4) }}{% call(z) m(5) %}{{ z }}{% endcall %}{{ m(*[1], **{'b': 2}) }}",
    "{% set ns = namespace(x=0) %}{% set ns.x, y = 1, 2 %}{% set t | upper %}a{{ ns.x }}{% endset %}{{ t }}{% with a = y %}{{ a }}{% endwith %}{% filter trim %} x {% endfilter %}",
    "a\n  {%- if yes -%}\n b\n  {%+ else +%} c {% endif %}\n{# x -#}\n {% raw -%} {{ }} {%- endraw %}{% generation %}g{% endgeneration %}{% block b %}{% endblock %}",
    "{% set l = [1] %}{% set _ = l.append(2) %}{{ l.pop() }}{{ l.insert(0, 5) }}{{ l.extend(l) }}{{ l.sort() }}{{ l }}{% set e = d.copy() %}{{ e.pop('a') }}{{ e.update(x=1) }}{{ e }}",
    "{{ joiner('|')() }}{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.current }}{{ dict(a=1) }}{{ range(9, 0, -2)|list }}{{ n is divisibleby 3 }}{{ 'x' is filter }}",
    "{{ raise_exception('no') }}",
    "{{ \"\\u00e9\\x41\\n\\101\\ud83d\\ude00\\é\" }}{{ 0x1f + 0b11 + 1_000 }}{{ 1e3 }}{{ {'a': {'b': 1}}}}",
]

HOSTILE = [
    "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",
    "{% set ns = namespace(s='x') %}{% for i in range(99999) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{{ 'x' * 999999999 }}", "{{ '%999999999d' % 1 }}", "{{ '{:999999999}'.format(1) }}", "{{ 'a'.center(99999999999) }}",
    "{{ 'a\t'.expandtabs(99999999999) }}", "{{ [1]|batch(99999999999, 0)|list }}", "{{ strftime_now('%99999d%E%-') }}",
    "{{ " + "(" * 200 + "1" + ")" * 200 + " }}", "{{ " + "[" * 300 + "]" * 300 + " }}", "{{ " + "-" * 300 + "1 }}",
    "{% set ns = namespace(l=[]) %}{% for i in range(2000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}{{ ns.l == ns.l }}",
    "{% set l = [1] %}{% for x in l %}{{ l.append(x) }}{% endfor %}", "{% set l = [] %}{{ l.append(l) }}{{ l }}{{ l|tojson }}",
    "{% set ns = namespace(g=[1]) %}{% for i in range(2000) %}{% set ns.g = ns.g|map('string') %}{% endfor %}{{ ns.g|list }}",
    "{% for k in d %}{{ d.pop(k) }}{{ d.update({k ~ 'x': 1}) }}{% endfor %}{{ d }}",
    "{{ 9223372036854775807 + 1 }}", "{{ (-9223372036854775807 - 1) // -1 }}{{ (-9223372036854775807 - 1) % -1 }}",
    "{{ (-9223372036854775807 - 1)|abs }}", "{{ numbers[9223372036854775807:-9223372036854775807:9223372036854775807] }}",
    "{{ range(1, -9223372036854775807, -9223372036854775807)[::-1] }}", "{{ 'a'.partition('x')[1].find('a') }}{{ ''.rfind('') }}",
    "{{", "{%", "{#", "{% raw %}x", "{{ 'x", "{{ '\\", "{{ \"\\u12\" }}", "{% if %}", "{% endfor %}",
]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    variables = json.dumps(VARIABLES, ensure_ascii=False).encode()
    for kind, templates in (("sound", SOUND), ("hostile", HOSTILE)):
        for i, source in enumerate(templates):
            (FOLDER / f"{kind}-{i:02}").write_bytes(source.encode() + b"\0" + variables)


main()
