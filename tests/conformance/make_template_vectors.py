#!/usr/bin/env python3
"""Writes tests/conformance/data/template_vectors.json: small templates of our own and what Jinja2 makes of them.

    pip install 'jinja2==3.1.6' && python3.11 tests/conformance/make_template_vectors.py

The environment is that of chat templates: the sandbox that allows no changes to lists and dicts, trim_blocks and lstrip_blocks
on, break and continue, a generation tag without effect, tojson by json.dumps, raise_exception and strftime_now.  Each snippet
is rendered with the variables in VARIABLES; the file says for each what came out, or that it was an error (and, for
raise_exception, which).  Python 3.11: the character tables are of its Unicode version.
"""
import datetime
import json
import pathlib

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUT = pathlib.Path(__file__).resolve().parent / "data/template_vectors.json"
NOW = datetime.datetime(2024, 2, 5, 7, 8, 9)

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Grüße, \"Welt\"!\n\tЖ 👋🏽 <b>&amp;</b>"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"function": {"name": "f", "arguments": {"x": 1, "y": [1.0, 2.5, True, None], "z": {}}}}]},
        {"role": "tool", "content": "[1, 2]"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"items": {"type": "string"}, "required": []}}}],
    "nothing": None,
    "yes": True,
    "no": False,
    "n": 7,
    "pi": 3.14159,
    "text": "  The quick brown fox,\n jumps over\tthe lazy dog.  ",
    "word": "straße",
    "empty": "",
    "numbers": [5, 3, 8, 1, 9, 2],
    "words": ["banana", "Apple", "cherry", "apple", "Banana"],
    "people": [{"name": "Zoë", "age": 30, "city": "Bern"}, {"name": "adam", "age": 25, "city": "Basel"},
               {"name": "Bob", "age": 30, "city": "bern"}, {"name": "eve", "age": 41}],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}, {"v": 5, "kids": []}],
    "d": {"b": 1, "a": {"x": [1, 2, {"y": "z"}]}, "C": None, "items": "shadowed", "key with space": 2},
    "big64": 18446744073709551615,
    "floats": [0.1, 1e16, 1e15, 123456789.123, 1e-5, 0.0001, -0.0, 1e300, 5e-324, 2.0, 100.0, 1.7976931348623157e308,
               5.684341886080802e-14, 9007199254740993.0, 0.30000000000000004, 1e22, 1e21],
    "specials": "quote ' and \" back\\slash \u00a0\u200b\x7f\u00ad tab\t nul\u0001 \U0001F600 \u2028",
}


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("show"), [], [], body, lineno=line)

    def show(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])

    def refuse(message):
        raise TemplateError(message)

    def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.globals.update(raise_exception=refuse, strftime_now=NOW.strftime)
    env.filters["tojson"] = to_json
    return env


# One snippet a line; those that need lines of their own are in BLOCKS.
LINES = r"""
# literals and operators
{{ 1 }}|{{ -1 }}|{{ +1 }}|{{ 1.5 }}|{{ 1e3 }}|{{ 1_000 }}|{{ 0x1F }}|{{ 0b101 }}|{{ 0o17 }}|{{ 00 }}
{{ true }} {{ True }} {{ false }} {{ none }} {{ None }} {{ False }}
{{ 'a' 'b' "c" }}|{{ 'x'
 'y' }}
{{ "\n\t\\\'\"\a\x41\u00e9\U0001F600\101\q\é\8" }}
{{ 'line\
continued' }}
{{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 6 / 3 }}
{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2.0 ** 0.5 }} {{ 4 ** 0.5 }}
{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }} {{ 10 - 2 - 3 }} {{ 2 * 3 % 4 }}
{{ 1 ~ 2 ~ 'x' ~ none ~ true ~ 1.0 }} {{ 1 + 2 ~ 3 }} {{ 'a' ~ 1 + 2 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ (1,) == (1,) }}
{{ [1] == (1,) }} {{ {'a': 1} == {'a': 1.0} }} {{ none == false }} {{ 'a' != 'b' }} {{ undefined_1 == undefined_2 }}
{{ 3 > 2 >= 2 != 1 }} {{ not 1 == 2 }} {{ not true and false }} {{ true or false and false }}
{{ 1 in [1, 2] }} {{ 3 not in [1, 2] }} {{ 'b' in 'abc' }} {{ '' in 'abc' }} {{ 'a' in {'a': 1} }} {{ 2 in range(3) }}
{{ 'x' in undefined_thing }} {{ 1 in (1, 2) }} {{ not 1 in [2] }} {{ 'a' in d.keys() }} {{ ('b', 1) in d.items() }}
{{ '' or 'x' }} {{ 'a' and 'b' }} {{ 0 or [] or none }} {{ [] and 1 }} {{ 1 and 0 or 2 }}
{{ 'a' * 3 }} {{ 3 * 'ab' }} {{ 'a' * -1 }} {{ [1] * 2 }} {{ 2 * (1, 2) }} {{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }}
{{ true + true }} {{ true * 2.5 }} {{ -true }} {{ 1 - true }} {{ true / 2 }}
{{ 'yes' if yes else 'no' }} {{ 'x' if no }} {{ 'a' if no else 'b' if no else 'c' }} {{ (1 if yes else 2) + 1 }}
{{ [1, 2, 3][0] }} {{ [1, 2, 3][-1] }} {{ 'abc'[1] }} {{ 'äöü'[-1] }} {{ (1, 2)[1] }} {{ [1][5] }} {{ 'a'[5] }}
{{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ 'hello'[-3:] }} {{ 'hello'[:-1] }} {{ 'hello'[::2] }} {{ 'hello'[4:1:-1] }} {{ 'x'[5:] }}
{{ [1,2,3,4][1:3] }} {{ [1,2,3,4][::-1] }} {{ [1,2,3,4][-100:100] }} {{ (1,2,3)[:2] }} {{ range(10)[2:8:3] }} {{ range(5)[-1] }}
{{ numbers[1:][:2] }} {{ numbers[-2:] }} {{ numbers[none:none] }} {{ 'grüße'[2:4] }} {{ '👋🏽x'[::-1] == 'x🏽👋' }}
{{ 'abc'[n] }}|{{ d['b'] }}|{{ d['nope'] }}|{{ d.a.x[2].y }}|{{ d['a']['x'][0] }}|{{ d.a.x.0 }}|{{ d[none] }}
{{ (1, 2) }} {{ (1,) }} {{ () }} {{ [] }} {{ {} }} {{ [1, 'a', none, true, 1.0, (1,)] }} {{ {'a': 1, 2: 'b', none: []} }}
{{ 1, 2 }} {{ {'a': {'b': {}}} }} {{ {'a': 1}['a'] }} {{ [[1, 2], [3]][0][1] }} {{ {1: 'i', 1.0: 'f', true: 't'} }}
{{ 7 is divisibleby 7 }} {{ 1.5 + 1 }} {{ 1e400 }} {{ -1e400 }} {{ 1e400 - 1e400 }}
{{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }} {{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }}
{{ big64 }} {{ [big64] }} {{ big64 is number }} {{ big64 is integer }} {{ big64 == big64 }} {{ big64|string|length }} {{ big64|tojson }} {{ '123456789012345678901234567890'|int }}
{{ floats }} {{ floats|tojson }} {{ floats|map('string')|join(' ') }} {{ floats|sum }} {{ 0.1 + 0.2 }} {{ 1/3 }} {{ 100 * 1.1 }}
{{ 1.0 }} {{ 1e5 }} {{ 1.5e-7 }} {{ 123456789012345680.0 }} {{ 1e15 + 0.5 }} {{ 2/3 }} {{ 1e16 }} {{ 12345.678e-10 }}
{{ specials }}{{ [specials] }}{{ specials|tojson }}{{ specials|tojson(ensure_ascii=true) }}
{{ ["it's", 'say "hi"', 'both \' and "', 'tab\t', 'nl\n', '\\', '\x00\x1f', 'é', '\u00ad', '\u2028'] }}
# errors
{{ 1 + 'a' }}
{{ 'a' + 1 }}
{{ 'a' + none }}
{{ none + 'a' }}
{{ [1] + (2,) }}
{{ undefined_thing.x }}
{{ undefined_thing['x'] }}
{{ undefined_thing() }}
{{ undefined_thing + 1 }}
{{ 'a' + undefined_thing }}
{{ -undefined_thing }}
{{ undefined_thing < 1 }}
{{ d.nope.x }}
{{ none.x }}|{{ none['x'] }}
{{ none.x.y }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1 / 0.0 }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ [1] < [none] }}
{{ 1 in 5 }}
{{ 1 in 'abc' }}
{{ 'a' in none }}
{{ 'abc'() }}
{{ 1.x }}
{{ {[]: 1} }}
{{ [1, 2][::0] }}
{{ 'a' * 'b' }}
{{ -'a' }}
{{ 'abc'.nope() }}
{{ 'abc'|nope }}
{{ 'abc' is nope }}
{{ raise_exception('Stop: "it" <here> é') }}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for a, b in [1, 2] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{% set x.y = 1 %}
{% set d.y = 1 %}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=1) }}
{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}
{{ 'x'.join([1, 2]) }}
{{ 'x'.split('') }}
{{ range(0, 5, 0) }}
{{ range(1000000) }}
{{ [1, 'a']|sort }}
{{ [1]|tojson(indent='x', foo=1) }}
{{ undefined_thing|tojson }}
{{ [undefined_thing]|tojson }}
{{ d.items()|tojson }}
{{ numbers|map('upper')|tojson }}
{{ 5|length }}
{{ none|length }}
{{ (numbers|select)|length }}
{{ numbers|select|last }}
{{ 5|list }}
{{ 5|items|list }}
{{ 'abc'|items|list }}
{{ 'abc'|dictsort }}
{{ undefined_thing|int }}
{{ 'x' % 1 }}
{{ '%d' % 'x' }}
{{ '%s %s' % ('x',) }}
{{ '{} {}'.format(1) }}
{{ '{x}'.format(1) }}
{{ '{' .format(1) }}
{{ loop.index }}
{% break %}
{{ 'unclosed }}
{{ 1 + }}
{{ (1 }}
{{ 1) }}
{% if x %}
{% endif %}
{% for %}{% endfor %}
{% nope %}
{# unclosed
{% raw %} x
{{ a b }}
{{ x is a is b }}
{% set true = 1 %}
{% macro m(a=1, b) %}{% endmacro %}
{{ f(a=1, 2) }}
{{ $ }}
{% include 'x' %}
# undefined
[{{ undefined_thing }}] {{ undefined_thing is defined }} {{ undefined_thing is undefined }} {{ undefined_thing|length }} {{ undefined_thing|list }}
{{ undefined_thing|default('x') }} {{ d.nope|default('y') }} {{ none|default('z') }} {{ none|default('z', true) }} {{ ''|d('e', boolean=true) }}
{{ undefined_thing is iterable }} {{ undefined_thing is sequence }} {{ undefined_thing is mapping }} {{ undefined_thing is callable }} {{ undefined_thing is string }}
{{ not undefined_thing }} {{ undefined_thing or 'x' }} {{ undefined_thing == '' }} {{ undefined_thing != none }} {{ undefined_thing in [1] }} {{ [undefined_thing] }}
{% for x in undefined_thing %}x{% else %}none{% endfor %} {{ undefined_thing|join(',') }}| {{ undefined_thing|trim }}| {{ undefined_thing|upper }}| {{ undefined_thing ~ 'x' }}
{{ messages[9] is defined }} {{ messages[0].nope is defined }} {{ messages[0]['content'] is defined }} {{ d.C is defined }} {{ d.C is none }} {{ 'x'.nope is defined }}
{{ undefined_thing|first is defined }} {{ []|first is defined }} {{ []|last is defined }} {{ []|max is defined }} {{ (undefined_thing|items)|list }} {{ undefined_thing|map('upper')|list }}
# methods shadow keys
{{ d.items is string }} {{ d['items'] }} {{ d.items()|list|length }} {{ tools[0].function.parameters['items'].type }} {{ tools[0].function.parameters.items is callable }} {{ d['keys'] is callable }}
{{ d.get('b') }} {{ d.get('nope') }} {{ d.get('nope', 5) }} {{ d.get('C', 5) }} {{ d.keys()|list }} {{ d.values()|list }} {{ d.items()|list }} {{ d.copy() == d }}
{{ d.keys() }} {{ d.values() }} {{ {'a': 1}.items() }} {{ d.keys()|length }} {{ d.items()|first }} {{ d.keys() is sequence }} {{ d.keys() is iterable }} {{ d.items()[0] is defined }}
{{ d.__class__ }}|{{ ''.__class__ }}|{{ d['__class__'] }}
# tests
{{ 1 is odd }} {{ 2 is even }} {{ 9 is divisibleby(3) }} {{ 9 is divisibleby 3 }} {{ 1.5 is float }} {{ 1 is float }} {{ true is integer }} {{ true is boolean }} {{ true is number }}
{{ 'a' is string }} {{ 1 is string }} {{ none is none }} {{ d is mapping }} {{ numbers is mapping }} {{ numbers is sequence }} {{ 'a' is sequence }} {{ d is sequence }} {{ d is iterable }} {{ 1 is iterable }}
{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'aBc' is lower }} {{ 'ß' is lower }} {{ '' is lower }} {{ 'É1' is upper }}
{{ 1 is eq 1 }} {{ 1 is equalto(1) }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 1 is le 1 }} {{ 2 is gt 1 }} {{ 2 is ge 3 }} {{ 1 is lessthan 2 }} {{ 1 is greaterthan 2 }} {{ 1 is sameas 1 }}
{{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 3 is not in [1] }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ none is sameas none }} {{ d is sameas d }} {{ [] is sameas [] }}
{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }} {{ range is callable }} {{ d.get is callable }} {{ 'a' is callable }} {{ ('a'|e) is escaped }} {{ 'a' is escaped }}
{{ x is not defined and 1 is odd }} {{ 1 is odd and 2 is even or false }} {{ not 1 is odd }} {{ 1 is not even }}
{{ 1 is number and 1 is not string }} {{ range(3) is sequence }} {{ range(3) is iterable }} {{ (1, 2) is sequence }} {{ [] is iterable }} {{ none is iterable }}
# string methods
{{ text.strip() }}|{{ text.lstrip() }}|{{ text.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abcba'.lstrip('ab') }}|{{ '\u00a0 x\u3000'.strip() }}|{{ 'éaé'.strip('é') }}
{{ text.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ ' a  b '.split(' ') }} {{ 'a b  c '.split(none, 1) }} {{ ' a b '.split(maxsplit=1) }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a b  c'.rsplit() }} {{ ' a b  c '.rsplit(none, 1) }} {{ 'a--b--c'.rsplit('--') }} {{ 'aaa'.split('aa') }} {{ 'aaa'.rsplit('aa') }}
{{ 'Abc'.lower() }} {{ 'Abc'.upper() }} {{ word.upper() }} {{ 'ǅ ΣΑΣ. ΑΣ'.lower() }} {{ "they're bill's".title() }} {{ 'ﬁx'.title() }} {{ 'hELLO wORLD'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'Straße'.casefold() }} {{ 'İ'.lower()|length }}
{{ 'abc'.startswith('a') }} {{ 'abc'.startswith(('x', 'ab')) }} {{ 'abc'.endswith('bc') }} {{ 'abc'.startswith('b', 1) }} {{ 'abc'.endswith('b', 0, 2) }} {{ 'abc'.startswith('') }} {{ ''.startswith('', 1) }}
{{ 'banana'.replace('a', 'o') }} {{ 'banana'.replace('a', 'o', 1) }} {{ 'abc'.replace('', '-') }} {{ ''.replace('', 'x') }} {{ 'aaa'.replace('aa', 'b') }} {{ 'é'.replace('', '.') }} {{ 'abc'.replace('', '-', 2) }}
{{ 'banana'.find('an') }} {{ 'banana'.find('an', 2) }} {{ 'banana'.rfind('an') }} {{ 'banana'.find('x') }} {{ 'banana'.index('n') }} {{ 'banana'.count('an') }} {{ 'banana'.count('') }} {{ 'äbä'.find('ä', 1) }} {{ 'abc'.find('', 5) }} {{ 'abc'.rfind('') }} {{ 'abcabc'.find('c', -2) }}
{{ ','.join(['a', 'b']) }} {{ ''.join('abc') }} {{ '-'.join({'a': 1, 'b': 2}) }} {{ ', '.join(words|map('upper')) }} {{ 'x'.join([]) }}
{{ 'a\nb\r\nc\rd\n'.splitlines() }} {{ 'a\nb'.splitlines(true) }} {{ ''.splitlines() }} {{ 'a\x0bb\x0cc\x1cd\x85e\u2028f'.splitlines()|length }} {{ '\n\n'.splitlines() }}
{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('=') }} {{ 'abc'.rpartition('=') }} {{ 'prefix_x'.removeprefix('prefix_') }} {{ 'x.txt'.removesuffix('.txt') }} {{ 'abc'.removesuffix('') }}
{{ 'ab'.ljust(5) }}|{{ 'ab'.rjust(5, '.') }}|{{ 'ab'.center(5, '*') }}|{{ 'abc'.center(6, '*') }}|{{ 'ab'.center(7, '*') }}|{{ '42'.zfill(5) }}|{{ '-42'.zfill(5) }}|{{ 'a\tb'.expandtabs(4) }}|{{ 'é'.center(4, 'ü') }}
{{ 'abc'.isalpha() }} {{ 'ab1'.isalpha() }} {{ '123'.isdigit() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ '½'.isnumeric() }} {{ 'a1'.isalnum() }} {{ ' \t'.isspace() }} {{ ''.isspace() }} {{ 'Ab Cd'.istitle() }} {{ 'ab'.islower() }} {{ 'AB'.isupper() }} {{ 'é'.isascii() }} {{ 'a b'.isidentifier() }} {{ 'é\n'.isprintable() }} {{ '٣'.isdigit() }} {{ '中'.isalpha() }}
{{ 'a{}b{}'.format(1, 'x') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{x} {y!r}'.format(x=1, y='q') }} {{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }} {{ '{{}} {}'.format(1) }} {{ '{0.x} {0[x]} {1[0]}'.format({'x': 5}, [6]) }}
{{ '{:.2f} {:,} {:05d} {:+d} {:x} {:#X} {:b} {:o} {:e} {:g} {:%} {:.1%}'.format(3.14159, 1234567, 42, 5, 255, 255, 5, 8, 12345.678, 0.0001, 0.25, 0.125) }}
{{ '{:5}|{:5}|{:<5}|{:>5}|{:.2}|{}|{:.3}|{:10.3f}|{:_}|{:,.2f}'.format(1, 1.5, 2, 'x', 'abc', none, 3.14159, 2.5, 1234567, 9876543.21) }} {{ '{:{w}.{p}f}'.format(2.5, w=8, p=2) }} {{ '{} {}'.format(true, [1]) }} {{ '{:d}'.format(true) }}
{{ '%s %d %r %5.2f %x %% %05d %-5s| %+d %c %e %g %i' % ('a', 5, 'b', 3.14159, 255, 42, 'x', 7, 'y', 1234.5, 0.00001, 3.9) }}
{{ '%s' % 'x' }} {{ '%s' % none }} {{ '%s' % [1] }} {{ '%(a)s-%(b)02d' % {'a': 'x', 'b': 3} }} {{ '%5s|%-5s|%.2s' % ('ab', 'ab', 'abc') }} {{ '%*d' % (5, 3) }} {{ '%s' % undefined_thing }}| {{ '%d' % 3.99 }} {{ '%.3d' % 5 }} {{ '%#x' % 255 }} {{ '% d' % 5 }} {{ '%s' % (('a', 1),) }}
# filters on text
{{ 'hello world'|upper }} {{ 'HELLO'|lower }} {{ 'hELLO'|capitalize }} {{ "hello wORLD foo-bar (baz) they're"|title }} {{ word|upper }} {{ 5|upper }} {{ none|lower }} {{ 'ﬁ'|capitalize }}
[{{ text|trim }}] [{{ 'xxaxx'|trim('x') }}] [{{ 5|trim }}] [{{ none|trim }}] [{{ '  a '|trim|length }}]
{{ 'banana'|replace('a', 'o') }} {{ 'banana'|replace('a', 'o', 2) }} {{ 123|replace(2, 'x') }} {{ 'a.b'|replace('.', '') }} {{ 'x'|replace(old='x', new='y') }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2) }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent('> ') }}|{{ 'a\nb\n'|indent(2, first=true) }}|{{ ''|indent }}|{{ '\n'|indent(1) }}|{{ 'a\r\nb'|indent(1) }}
{{ 'foo bar baz qux'|truncate(9) }} {{ 'foo bar baz qux'|truncate(9, true) }} {{ 'foo bar baz qux'|truncate(11) }} {{ 'foo bar baz qux'|truncate(11, false, '...', 0) }} {{ 'short'|truncate }} {{ 'foobarbazquxfoo'|truncate(7, end='…', leeway=0) }}
{{ 'one two-three, four_five'|wordcount }} {{ ''|wordcount }} {{ 'ab'|center(6) }}| {{ 'x'|center }}| {{ '%s-%s'|format('a', 1) }} {{ '%(a)s'|format(a=5) }}
{{ '<a href="x">\'&'|e }} {{ '<b>'|escape }} {{ '<b>'|e|e }} {{ '<b>'|e|forceescape }} {{ '<b>'|safe }} {{ 5|e }} {{ none|e }} {{ ['<']|e }}
{{ ('<a>'|safe) + '<b>' }} {{ '<b>' + ('<a>'|safe) }} {{ ('<a>'|safe) ~ '<b>' }} {{ ('<a>'|e) + 'x&' }} {{ ('a<'|safe).upper() + '<' }} {{ ('<i>%s</i>'|safe) % '<x>' }} {{ ('a,b'|safe).split(',')[0] + '<' }} {{ ('{}'|safe).format('<') }}
{{ (('<'|safe) * 2) + '<' }} {{ ('<'|safe)|string + '<' }} {{ ('<'|safe)|trim + '<' }} {{ ('<x'|safe)[0] + '<' }} {{ ('<'|safe)|replace('<', '>') + '<' }} {{ [('<'|safe), '<']|join + '<' }} {{ [1, '<'|safe] }} {{ ('-'|safe).join(['<', '>']) }} {{ ('a'|safe)|upper + '<' }} {{ ('a'|safe) == 'a' }} {{ ('<a'|safe).replace('a', '<') }}
{{ '<p>Hello <b>World</b></p>  x &amp; y'|striptags }} {{ 'a b/c?d=é&'|urlencode }} {{ {'a b': 'c/d', 'e': 1}|urlencode }} {{ {'class': 'x', 'id': none, 'n': '<'}|xmlattr }} {{ 1000|filesizeformat }} {{ 1|filesizeformat }} {{ 123456789|filesizeformat }} {{ 2048|filesizeformat(true) }} {{ 12|filesizeformat }}
{{ 5|string }} {{ none|string }} {{ [1, 'a']|string }} {{ true|string }} {{ 1.0|string|length }} {{ d|string }} {{ 'é'|length }} {{ '👋🏽'|count }}
{{ '42'|int }} {{ ' 42 '|int }} {{ '4.9'|int }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ 4.9|int }} {{ -4.9|int }} {{ '0x1f'|int(base=16) }} {{ '1f'|int(0, 16) }} {{ true|int }} {{ none|int }} {{ []|int(3) }} {{ '1_000'|int }} {{ '-7'|int }} {{ '1e3'|int }} {{ ''|int }} {{ '99999999999999999999'|int }} {{ '0b11'|int(0, 0) }}
{{ '4.5'|float }} {{ 'x'|float }} {{ 'x'|float(1.5) }} {{ 5|float }} {{ ' 1e3 '|float }} {{ 'inf'|float }} {{ '-Infinity'|float }} {{ 'nan'|float }} {{ none|float }} {{ '1_0.5'|float }} {{ '.5'|float }} {{ '5.'|float }} {{ '0x10'|float }}
{{ 42.55|round }} {{ 42.55|round(1) }} {{ 42.55|round(1, 'floor') }} {{ 42.51|round(0, 'ceil') }} {{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 5|round }} {{ 15|round(-1) }} {{ 25|round(-1) }} {{ -2.5|round }} {{ 1234.5|round(-2) }} {{ 2.5|round|int }} {{ 5|round(0, 'floor') }}
{{ -5|abs }} {{ (-5.5)|abs }} {{ 5|abs }} {{ (-0.0)|abs }} {{ true|abs }}
# filters on lists
{{ numbers|first }} {{ numbers|last }} {{ 'abc'|first }} {{ 'äbc'|last }} {{ d|first }} {{ numbers|length }} {{ d|length }} {{ numbers|sum }} {{ numbers|min }} {{ numbers|max }} {{ words|min }} {{ words|max }} {{ words|max(case_sensitive=true) }} {{ []|sum }} {{ [1.5, 2]|sum }} {{ people|sum('age') }} {{ people|sum(attribute='age', start=10) }} {{ people|max(attribute='age') }} {{ d|last }}
{{ numbers|sort }} {{ numbers|sort(reverse=true) }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ words|sort(true) }} {{ people|sort(attribute='name')|map(attribute='name')|list }} {{ people|sort(attribute='age,name')|map(attribute='name')|join(' ') }} {{ people|sort(attribute='age', reverse=true)|map(attribute='name')|join(' ') }} {{ [[2, 'b'], [1, 'z'], [1, 'a']]|sort }} {{ [[2, 'b'], [1, 'z'], [1, 'a']]|sort(attribute=1) }} {{ [true, 0, 2.5]|sort }} {{ 'hello'|sort }} {{ d|sort }}
{{ words|unique|list }} {{ words|unique(true)|list }} {{ [1, 1.0, true, 2]|unique|list }} {{ people|unique(attribute='city')|map(attribute='name')|list }} {{ 'hello'|unique|join }}
{{ numbers|reverse|list }} {{ 'abc'|reverse }} {{ d|reverse|list }} {{ (1, 2)|reverse|first }} {{ range(3)|reverse|list }} {{ d.items()|reverse|list|length }} {{ numbers|select('odd')|reverse }}
{{ numbers|join }} {{ numbers|join(', ') }} {{ people|join(', ', attribute='name') }} {{ [none, true, 1.5]|join('|') }} {{ 'abc'|join('-') }} {{ d|join(',') }} {{ [[1], {}]|join(' ') }} {{ numbers|join(1) }} {{ []|join('x') }}
{{ numbers|list }} {{ 'abc'|list }} {{ d|list }} {{ range(3)|list }} {{ d.items()|list|length }} {{ (1, 2)|list }} {{ range(5, 1, -2)|list }} {{ range(1, 4) }} {{ range(3) }} {{ range(0, 9, 2) }} {{ range(0) == range(5, 1) }}
{{ numbers|select|list }} {{ [0, 1, '', none, 'a']|select|list }} {{ [0, 1, '']|reject|list }} {{ numbers|select('odd')|list }} {{ numbers|reject('odd')|list }} {{ numbers|select('divisibleby', 3)|list }} {{ numbers|select('>', 4)|list }} {{ numbers|select('in', [1, 2])|list }} {{ numbers|select('ge', 5)|sum }} {{ words|select('equalto', 'apple')|list }} {{ words|select('lower')|list }}
{{ people|selectattr('city')|map(attribute='name')|list }} {{ people|selectattr('city', 'defined')|list|length }} {{ people|selectattr('age', 'equalto', 30)|map(attribute='name')|join(',') }} {{ people|rejectattr('age', '>', 29)|map(attribute='name')|list }} {{ people|rejectattr('city')|list|length }} {{ people|selectattr('city', 'undefined')|first }} {{ messages|selectattr('role', 'in', ['user', 'tool'])|map(attribute='role')|list }} {{ people|selectattr('name', 'eq', 'Bob')|first|attr('age') is defined }}
{{ people|map(attribute='city')|list }} {{ people|map(attribute='city', default='?')|list }} {{ words|map('upper')|list }} {{ words|map('replace', 'a', 'o')|list }} {{ words|map('length')|list }} {{ ['1', '2']|map('int')|sum }} {{ [[1, 2], [3, 4]]|map('first')|list }} {{ [[1, 2], [3, 4]]|map(attribute=1)|list }} {{ [{'a': {'b': 1}}]|map(attribute='a.b')|list }} {{ [{'a': [5]}]|map(attribute='a.0')|first }} {{ none|map('upper')|list }} {{ words|map('truncate', 3, end='', leeway=0)|list }}
{{ true if (numbers|select('gt', 100)) else false }} {{ true if (numbers|select('gt', 100)|list) else false }} {{ (numbers|map('string')) is sequence }} {{ (numbers|map('string')) is iterable }} {% set g = numbers|select('odd') %}{{ g|list }}{{ g|list }} {% set g = numbers|map('string') %}{{ g|first }}{{ g|first }}{{ g|join }} {% set r = numbers|reverse %}{{ r|list|length }}{{ r|list|length }}
{{ d|dictsort|map('first')|list }} {{ d|dictsort(true)|map('first')|list }} {{ {'x': 2, 'y': 1}|dictsort(by='value') }} {{ {'x': 2, 'y': 1}|dictsort(false, 'value', true) }} {{ {'b': 1, 'A': 2}|dictsort(reverse=true) }} {{ d|items|list|length }} {{ {'a': 1}|items|first }} {{ {2: 'a', 1: 'b'}|dictsort }}
{{ numbers|batch(4)|list }} {{ numbers|batch(4, 0)|list }} {{ numbers|slice(4)|list }} {{ numbers|slice(4, 'x')|list }} {{ []|batch(2)|list }} {{ numbers|batch(2)|map('sum')|list }} {{ numbers|slice(3)|map('join')|list }}
{% for g, l in people|groupby('age') %}{{ g }}:{{ l|map(attribute='name')|join(',') }};{% endfor %} {% for g in people|groupby('city', default='-') %}{{ g.grouper }}={{ g.list|length }} {% endfor %} {% for g in people|groupby('city', case_sensitive=true, default='') %}{{ g.grouper }}={{ g[1]|length }} {% endfor %} {{ [{'a': 1}]|groupby('a') }}
{{ d|attr('b') is defined }} {{ d|attr('get') is callable }} {{ d|attr('get')('b') }} {{ 'abc'|attr('upper')() }}
# tojson
{{ messages|tojson }} {{ d|tojson }} {{ tools|tojson(indent=2) }} {{ [1, 2]|tojson(indent=4) }} {{ {}|tojson(indent=2) }} {{ []|tojson(indent=2) }} {{ [[], {}, [1]]|tojson(indent=1) }}
{{ d|tojson(sort_keys=true) }} {{ d|tojson(separators=(',', ':')) }} {{ d|tojson(indent=2, separators=(',', ': '), sort_keys=true) }} {{ [1]|tojson(indent=0) }} {{ [1, [2]]|tojson(indent='\t') }} {{ d|tojson(true) }} {{ 'é'|tojson(ensure_ascii=True) }} {{ '👋'|tojson(true) }} {{ [1]|tojson(indent=none) }}
{{ 'a"b\\c\n\u0001\x7f</script>&\''|tojson }} {{ 1.0|tojson }} {{ none|tojson }} {{ true|tojson }} {{ (1, 2)|tojson }} {{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }} {{ 1e400|tojson }} {{ 'x'|tojson|length }} {{ ('<'|safe)|tojson }} {{ ''|tojson }} {{ {'a': 1}|tojson + 'x' }} {{ range(3)|list|tojson }}
{{ [-1, 0, 1.5e-7, 1e20, 123456789.0]|tojson }} {{ {'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true, indent=2) }} {{ d.a.x|tojson(indent=2) }}
# strftime
{{ strftime_now('%Y-%m-%d %H:%M:%S') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%A, %B %d, %Y') }} {{ strftime_now('%a %e %j %I %p %y %%') }} {{ strftime_now('%-d.%-m.%Y %-H %-I %-M') }} {{ strftime_now('%c|%x|%X|%D|%F|%T|%R|%r') }} {{ strftime_now('%U %W %V %G %g %u %w %C %h %k|%l|%f|%z|%Z|%n%t|%P|%s') }} {{ strftime_now('%_d %_H %^a %^B %#p %05d %Q %é x') }} {{ strftime_now('') }}
# for
{% for x in numbers %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ ',' if not loop.last }}{% endfor %} {% for x in numbers %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }} {% endfor %}
{% for x in numbers if x > 4 %}{{ loop.index }}:{{ x }}:{{ loop.last }}:{{ loop.length }} {% endfor %}|{% for x in numbers if x > 100 %}x{% else %}none{% endfor %}|{% for x in [] %}{% else %}empty{% endfor %}|{% for x in [1] %}a{% else %}b{% endfor %}
{% for x in numbers %}{{ loop.previtem if loop.previtem is defined else '^' }}<{{ x }}>{{ loop.nextitem|default('$') }} {% endfor %}|{% for x in numbers|select('odd') %}{{ loop.length }}{{ loop.last }}{{ loop.revindex }} {% endfor %}|{% for x in numbers if x is odd %}{{ loop.nextitem }}.{{ loop.revindex0 }} {% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {% for k in d %}{{ k }},{% endfor %} {% for k, v in d|dictsort %}{{ k }} {% endfor %} {% for k, v in d|items %}{{ k }}{% endfor %} {% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %} {% for c in 'äb' %}[{{ c }}]{% endfor %} {% for a, b in ['xy', 'zw'] %}{{ b }}{{ a }}{% endfor %} {% for (a, b) in [[1, 2]] %}{{ a }}{{ b }}{% endfor %}
{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %} {% for x in [1, 2] %}{% for y in [1, 2] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %} {% for x in [1] %}{% break %}{% else %}else{% endfor %}
{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %} {% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %} {% for x in [1, 2] %}{% for y in [1] %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %} {% for x in [1] %}{{ loop.depth }}{{ loop.depth0 }}{{ loop }}{% endfor %}
{% for n in tree recursive %}{{ n.v }}@{{ loop.depth }}{% if n.kids %}({{ loop(n.kids) }}){% endif %}{{ ',' if not loop.last }}{% endfor %}
{% set x = 0 %}{% for i in [1, 2] %}{% set x = i %}{{ x }}{% endfor %}{{ x }} {% set ns = namespace(x=0, l=[]) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }} {{ ns.nope is defined }} {{ ns['x'] }} {% for i in [1, 2] %}{{ y is defined }}{% set y = 1 %}{% endfor %} {% for n in [1] %}{{ n }}{% endfor %}{{ n }}
{% for x in numbers[:2] %}{% set q = x %}{% endfor %}{{ q is defined }} {% if yes %}{% set q = 5 %}{% endif %}{{ q }} {% for x in [1] %}{% if yes %}{% set q = 6 %}{% endif %}{{ q }}{% endfor %}{{ q }} {% for loop_var in [1] %}{{ loop.index }}{% else %}{{ loop }}{% endfor %}
{% for i in range(3) %}{{ i }}{% endfor %} {% for i in range(3, 0, -1) %}{{ i }}{% endfor %} {% for i in (1, 2) %}{{ i }}{% endfor %} {% for i in 1, 2 %}{{ i }}{% endfor %} {% for x in numbers|sort if x > 2 %}{{ x }}{% endfor %} {% for m in messages if m.role != 'system' and m.content %}{{ m.role }} {% endfor %}
{% for x in [[1, 2], [3]] %}{% set outer = loop %}{% for y in x %}{{ outer.index }}.{{ loop.index }} {% endfor %}{% endfor %} {% for x in namespace(a=[1,2]).a %}{{ x }}{% endfor %}
# set, with, filter, blocks
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set a = b %}{{ a }} {% set (c, e) = [3, 4] %}{{ c }}{{ e }} {% set t = 1, 2 %}{{ t }} {% set x %}  hi {{ n }}  {% endset %}[{{ x }}] {% set x | upper | trim %} abc {% endset %}[{{ x }}] {% set f = 'x' if no else 'y' %}{{ f }} {% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}
{% with a=1, b=2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }} {% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z is defined }} {% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %} {% filter upper %}abc{{ n }}{% endfilter %} {% filter replace('a', 'b')|trim %} aaa {% endfilter %}| {% filter indent(2) %}a{{ '\n' }}b{% endfilter %} {% set v %}{% set inner = 1 %}x{% endset %}{{ inner is defined }}
{% print 1, 2 %} {% block foo %}in {{ n }}{% endblock %} {% block bar scoped %}x{% endblock bar %} {% generation %}gen {{ n }}{% endgeneration %} {% autoescape false %}<{{ '<' }}{% endautoescape %} {% if no %}a{% elif yes %}b{% else %}c{% endif %} {% if no %}{% elif no %}{% else %}d{% endif %} {% set q = 1 %}{% block w %}{{ q }}{% set q = 2 %}{% endblock %}{{ q }}
{% raw %}{{ x }} {% y %} {# z #}{% endraw %}|{%- raw -%}  {{ q }}  {%- endraw -%}|{# comment #}|{#- trim -#}|a {#- b -#} c|{{ '{{' }}|{{ '}}' }}|{{ "{%" }}|{{ {'a': {'b': 1}}}}|{{-1}}|{{- 2 -}}|{{+3}}
{{ namespace(a=1) }} {{ namespace({'x': 2}, y=3).x }} {{ dict(a=1, b=2) }} {{ dict({'x': 1}, y=2) }} {{ dict([('a', 1), ['b', 2]]) }} {{ dict() }} {% set j = joiner(' | ') %}{{ j() }}a{{ j() }}b{{ j() }} {% set c = cycler('x', 'y') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.current }}
# macros
{% macro m(a, b=2, c='x') %}{{ a }}-{{ b }}-{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c='y') }}{{ m(b=5, a=4) }}{{ m() }}{{ m(*[7, 8]) }}{{ m(**{'a': 9, 'c': 'z'}) }} {{ m }} {{ m.name }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }} {% macro v() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ v(1, 2, x=3) }}{{ v() }} {% macro w(n=n) %}{{ n is defined }}{% endmacro %}{{ w() }} {% macro r(x) %}{{ x }}{% if x > 0 %}{{ r(x - 1) }}{% endif %}{% endmacro %}{{ r(3) }}
{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}in {{ n }}{% endcall %} {% macro each(l) %}{% for x in l %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}{% call(v, i) each([5, 6]) %}{{ i }}={{ v }} {% endcall %} {% macro opt() %}{{ caller() if caller is defined else 'no' }}{% endmacro %}{{ opt() }}{% call opt() %}yes{% endcall %} {% macro dd() %}{{ caller(1) }}{% endmacro %}{% call(a, b=3) dd() %}{{ a }}{{ b }}{% endcall %}
{% macro late() %}{{ later }}{% endmacro %}{% set later = 'set after' %}{{ late() }} {% macro outer() %}{% macro inner() %}i{% endmacro %}[{{ inner() }}]{% endmacro %}{{ outer() }} {{ inner is defined }} {% set fn = outer %}{{ fn() }} {% macro s(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{{ s(1) }}{{ x is defined }} {{ (s(1)|int) + 1 }} {{ s(1) ~ s(2) }} {{ [1, 2]|map('string')|join(s(1)) }}
{% macro t(x) -%}   {{ x }}   {%- endmacro %}[{{ t(1) }}] {% macro e() %}{% endmacro %}[{{ e() }}]{{ e()|length }} {% macro p(messages) %}{{ messages }}{% endmacro %}{{ p('local') }} {% for i in [1, 2] %}{% macro inloop() %}{{ i }}{% endmacro %}{{ inloop() }}{% endfor %} {% macro k(a) %}{{ kwargs.b }}{% endmacro %}{{ k(1, b=2) }}
{% macro typ(s) %}{% if s is mapping %}{% for k, v in s.items() %}{{ k }}:{{ typ(v) }};{% endfor %}{% elif s is iterable and s is not string %}[{% for x in s %}{{ typ(x) }}{% endfor %}]{% else %}{{ s }}{% endif %}{% endmacro %}{{ typ(d) }}{{ typ(tree) }}
""".strip("\n")

# White space: what is around tags, with every sign.
SPACE = [f"a \n  {{%{l} if yes {r}%}}  \n  b  \n  {{%{l2} endif {r2}%}}  \n c" for l in ("", "-", "+") for r in ("", "-", "+")
         for l2, r2 in (("", ""), ("-", "-"), ("+", "+"))]
SPACE += [f"a \n  {{{{{l} n {r}}}}}  \n  b" for l in ("", "-", "+") for r in ("", "-")]
SPACE += [f"a \n  {{#{l} c {r}#}}  \n  b" for l in ("", "-", "+") for r in ("", "-", "+")]
SPACE += [f"a \n  {{%{l} raw {r}%}}  \n {{{{ x }}}} \n  {{%{l2} endraw {r2}%}}  \n b" for l in ("", "-", "+") for r in ("", "-")
          for l2, r2 in (("", ""), ("-", "-"), ("+", "+"))]

BLOCKS = [
    "", "\n", "\n\n", "a\n", "a\n\n", "a\r\nb\rc\n", "{% if yes %}\n\n\nx\n{% endif %}\n", "  {% if yes %}x{% endif %}\n", "\t{# c #}\n{{ n }}\n",
    "a{% if yes %}\nb{% endif %}\nc", "a\n{%- if yes -%}\n\n  b\n\n{%- endif -%}\n\nc", "x\n    {% for i in [1, 2] %}\n    {{ i }}\n    {% endfor %}\ny",
    "{% for i in [1, 2] -%}\n  {{ i }}\n{%- endfor %}", "  {%+ if yes %}x{% endif +%}\n  y", "{{ n }}\n\n{{ n }}\n", "{% set x = 1 %}   \n  {{ x }}",
    "{%- set x = 1 -%}  \u00a0\u3000 x", "a {%if yes%}b{%endif%} c {{n}}{{'x'}}", "{{ 'a' }}{# c\nc #}\n{{ 'b' }}", "{#-\n#}x", "{#--#}x{#+#}y",
    "{% raw %}\n  {{ a }}\n{% endraw %}\nb", "{{ '\n' }}|{{ 'a\r\nb' }}", "{%\n  if\n  yes\n%}\nx\n{%\nendif\n%}\n", "x{% if yes %} {% endif %}y", "{%- if yes %} a {%- endif %} b",
    "{{\n n\n}}\n", "{{ [1,\n2] }}", "{{ {\n'a':\n1\n} }}", "{%+ set x = 1 %}\n{{ x }}", " {%+ if yes +%} \nx {%- endif %}", "<{{ n }}>\n<{{- n -}}>\n< {{- n -}} >",
]

CHAT = """{{ bos|default('<s>') }}{%- set ns = namespace(system='', tools_in=tools is defined and tools) -%}
{%- for message in messages %}
    {%- if message.role == 'system' and loop.first %}
        {%- set ns.system = message.content|trim %}
    {%- elif message['role'] == 'assistant' and message.tool_calls is defined %}
        {{- '<|assistant|>' }}
        {%- for call in message.tool_calls %}
{{ {"name": call.function.name, "arguments": call.function.arguments}|tojson }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    {%- else %}
        {{- '<|' ~ message.role ~ '|>\\n' + message.content|string }}
        {%- if loop.last and add_generation_prompt|default(true) %}<|assistant|>{% endif %}

    {%- endif %}
{% endfor -%}
{{ ns.system }} {{ ns.tools_in|length }}
"""


def strftime_days():
    """Days that are hard for week numbers, as templates of their own."""
    return ["".join("{{ strftime_now('%s') }}" % "%A %B %-j %G-W%V %U %W %u %y %C|")]


def outcome(env, source):
    try:
        return {"text": env.from_string(source).render(**json.loads(json.dumps(VARIABLES)))}
    except TemplateError as e:
        return {"raises": str(e)} if type(e) is TemplateError else {"error": type(e).__name__}
    except Exception as e:
        return {"error": type(e).__name__}


def main():
    env = environment()
    lines, joined = [], None
    for line in LINES.split("\n"):
        if line.startswith("# "):
            continue
        # the two literals that go over the end of a line
        if line.endswith(("{{ 'x'", "{{ 'line\\")):
            joined = line
            continue
        lines.append(f"{joined}\n{line}" if joined else line)
        joined = None
    sources = lines + SPACE + BLOCKS + [CHAT] + strftime_days()
    cases = [{"template": s, **outcome(env, s)} for s in sources]
    data = {"made_by": "tests/conformance/make_template_vectors.py", "now": NOW.isoformat(), "variables": VARIABLES, "cases": cases}
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w", encoding="utf-8") as f:
        head = {k: v for k, v in data.items() if k != "cases"}
        f.write(json.dumps(head, ensure_ascii=True)[:-1] + ',\n"cases": [\n')
        f.write(",\n".join(json.dumps(c, ensure_ascii=True) for c in cases))
        f.write("\n]}\n")
    errors = sum("text" not in c for c in cases)
    print(f"{len(cases)} cases, {errors} of them errors")


main()
