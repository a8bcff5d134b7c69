#!/usr/bin/env python3
"""Writes src/text/template_chars_data.c: character classes and case mappings as Python's str has them.

Run with Python 3.11 (Unicode 14.0): python3.11 tools/make_template_chars.py > src/text/template_chars_data.c
"""
import sys
import unicodedata

if unicodedata.unidata_version != "14.0.0":
    sys.exit(f"Unicode {unicodedata.unidata_version} here, the tables are of 14.0.0: use Python 3.11")

LAST = 0x10FFFF
CASES = [("lower", str.lower), ("upper", str.upper), ("title", str.title), ("fold", str.casefold)]


def flags(cp):
    c = chr(cp)
    # Case_Ignorable shows in what Python does with a sigma that ends a word
    ignorable = ("A" + c + "\u03a3").lower().endswith("\u03c2") and not ("A " + c + "\u03a3").lower().endswith("\u03c2")
    tests = [c.isspace(), c.isalpha(), c.isdecimal(), c.isdigit(), c.isnumeric(), c.isupper(), c.islower(),
             unicodedata.category(c) == "Lt", c.isprintable(), ignorable]
    return sum(1 << i for i, t in enumerate(tests) if t)


def class_runs():
    last = None
    for cp in range(LAST + 1):
        f = 0 if 0xD800 <= cp < 0xE000 else flags(cp)
        if f != last:
            yield cp, f
        last = f


def case_tables(convert):
    singles, specials = [], []
    for cp in range(LAST + 1):
        if 0xD800 <= cp < 0xE000:
            continue
        to = [ord(c) for c in convert(chr(cp))]
        if to == [cp]:
            continue
        if len(to) == 1:
            singles.append((cp, to[0] - cp))
        else:
            specials.append((cp, to))
    runs = []
    for cp, delta in singles:
        if runs and runs[-1][3] == delta:
            first, last, step, _ = runs[-1]
            gap = cp - last
            if (first == last and gap in (1, 2)) or gap == step:
                runs[-1] = (first, cp, gap, delta)
                continue
        runs.append((cp, cp, 1, delta))
    return runs, specials


def table(kind, name, rows):
    print(f"static const {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        if len(line) + len(row) + 2 > 98:
            print(line)
            line = "   "
        line += f" {row},"
    print(line)
    print("};\n")


def main():
    print("/* Written by tools/make_template_chars.py from Unicode 14.0; not to be edited. */")
    print("/* clang-format off */")
    print('#include "text/template_chars.h"\n')
    rows = [f"{{0x{cp:X}, {f}}}" for cp, f in class_runs()]
    print("const tpl_char_run hl__tpl_char_runs[] = {")
    line = "   "
    for row in rows:
        if len(line) + len(row) + 2 > 98:
            print(line)
            line = "   "
        line += f" {row},"
    print(line)
    print("};")
    print("const size_t hl__tpl_char_runs_n = sizeof hl__tpl_char_runs / sizeof hl__tpl_char_runs[0];\n")
    for name, convert in CASES:
        runs, specials = case_tables(convert)
        table("tpl_case_run", f"{name.upper()}_RUNS", [f"{{0x{a:X}, 0x{b:X}, {s}, {d}}}" for a, b, s, d in runs])
        table("tpl_case_special", f"{name.upper()}_SPECIALS",
              ["{0x%X, {%s}}" % (cp, ", ".join(f"0x{t:X}" for t in to)) for cp, to in specials])
    print("const tpl_case_table hl__tpl_case_tables[4] = {")
    for name, _ in CASES:
        n = name.upper()
        print(f"    {{{n}_RUNS, sizeof {n}_RUNS / sizeof {n}_RUNS[0], {n}_SPECIALS,")
        print(f"     sizeof {n}_SPECIALS / sizeof {n}_SPECIALS[0]}},")
    print("};")


main()
