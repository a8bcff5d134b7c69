#!/usr/bin/env python3
"""Writes tests/fuzz/corpus/grammar: a schema or (behind a 'g') GBNF, a NUL byte, and a text."""
import json
import pathlib

SEEDS = {
    "person": ({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer",
                "minimum": 0, "maximum": 150}}, "required": ["name"]}, '{"name": "a\\n", "age": 33}'),
    "list": ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {
              "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}}}, '{"next":{"next":null}}'),
    "all-of": ({"allOf": [{"type": "object", "properties": {"a": {"minimum": 1.5}}},
                {"required": ["a"], "properties": {"a": {"type": "number", "exclusiveMaximum": 2}}}]},
               '{"a":1.75}'),
    "strings": ({"type": "array", "items": {"anyOf": [{"type": "string", "pattern": "^[a-c]+\\d?$"},
                 {"type": "string", "format": "date-time"}, {"enum": ["x", None, {"y": [1]}]}]},
                 "minItems": 1, "maxItems": 4}, '["abc1", null, {"y": [1]}]'),
    "extra": ({"type": "object", "properties": {"ab": True, "a": {"const": 1}},
               "additionalProperties": {"type": ["boolean", "null"]}}, '{"ab":[],"abc":true}'),
    "tuple": ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string", "maxLength": 2}],
               "items": False}, '[1,"\\u00e9x"]'),
    "refused": ({"type": "object", "properties": {"a": {"not": {}}}}, ""),
    "gbnf": ('groot ::= (move " ")+ end?\nmove ::= [a-h] [1-8] | "O-O"\nend ::= [^\\x00-\\x7F]{1,3}', "e4 O-O "),
    "gbnf-nested": ('groot ::= "(" root ")" | x*\nx ::= "a" root? # ambiguous', "((aa))"),
}

folder = pathlib.Path(__file__).parent / "corpus" / "grammar"
folder.mkdir(parents=True, exist_ok=True)
for name, (source, text) in SEEDS.items():
    source = source if isinstance(source, str) else json.dumps(source)
    (folder / name).write_bytes(source.encode() + b"\0" + text.encode())
