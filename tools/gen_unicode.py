#!/usr/bin/env python3
"""Writes src/text/unicode_gen.c: the tables of one fixed Unicode version.

    pip install unicodedata2==16.0.0 && tools/gen_unicode.py > src/text/unicode_gen.c

The version is part of the program's behaviour (ids of rare characters depend on it), so it is
checked here and moved only on purpose.  General categories, combining classes and canonical
decompositions come from the module; White_Space and Script=Han, which it lacks, are listed below.
"""
import sys

import unicodedata2 as ud

VERSION = "16.0.0"
MAX = 0x110000
BLOCK = 128

WHITE_SPACE = [(0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680),
               (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F),
               (0x3000, 0x3000)]
HAN = [(0x2E80, 0x2E99), (0x2E9B, 0x2EF3), (0x2F00, 0x2FD5), (0x3005, 0x3005), (0x3007, 0x3007),
       (0x3021, 0x3029), (0x3038, 0x303B), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFA6D),
       (0xFA70, 0xFAD9), (0x16FE2, 0x16FE3), (0x16FF0, 0x16FF1), (0x20000, 0x2A6DF),
       (0x2A700, 0x2B739), (0x2B740, 0x2B81D), (0x2B820, 0x2CEA1), (0x2CEB0, 0x2EBE0),
       (0x2EBF0, 0x2EE5D), (0x2F800, 0x2FA1D), (0x30000, 0x3134A), (0x31350, 0x323AF)]

# The bits of hl_unicode_class in src/text/unicode.h.
LU, LL, LO, M, N, P, S, SPACE = (1 << i for i in range(8))


def char_class(cp):
    cat = ud.category(chr(cp))
    bits = {"Lu": LU, "Lt": LU, "Ll": LL, "Lm": LO, "Lo": LO}.get(cat, 0)
    bits |= {"M": M, "N": N, "P": P, "S": S}.get(cat[0], 0)
    return bits | (SPACE if any(a <= cp <= b for a, b in WHITE_SPACE) else 0)


def two_stage(values):
    """Index of blocks and the distinct blocks, block 0 first."""
    index, blocks, seen = [], [], {}
    for at in range(0, MAX, BLOCK):
        block = tuple(values[at:at + BLOCK])
        if block not in seen:
            seen[block] = len(blocks)
            blocks.append(block)
        index.append(seen[block])
    return index, [v for block in blocks for v in block]


def pair_of(cp):
    """The canonical decomposition as one or two code points, or None.  Hangul is arithmetic."""
    text = ud.decomposition(chr(cp))
    if not text or text.startswith("<"):
        return None
    parts = [int(x, 16) for x in text.split()]
    assert len(parts) in (1, 2)
    return (parts + [0])[:2]


def table(ctype, name, values, fmt="{}"):
    print(f"const {ctype} {name}[{len(values)}] = {{")
    line = "   "
    for v in values:
        item = " " + fmt.format(*v if isinstance(v, (tuple, list)) else (v,)) + ","
        if len(line) + len(item) > 99:
            print(line)
            line = "   "
        line += item
    print(line + "\n};\n")


def main():
    if ud.unidata_version != VERSION:
        sys.exit(f"this is Unicode {ud.unidata_version}, wanted {VERSION}")
    scalars = [cp for cp in range(MAX) if not 0xD800 <= cp < 0xE000]
    classes = [0] * MAX
    for cp in scalars:
        classes[cp] = char_class(cp)

    decompositions = [(cp, *pair_of(cp)) for cp in scalars if pair_of(cp)]
    stable = {cp for cp in scalars if ud.normalize("NFC", chr(cp)) == chr(cp)}
    compositions = sorted((a, b, cp) for cp, a, b in decompositions if b and cp in stable)
    maybe = {b for _, b, _ in compositions} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    # One byte a character: an index into the distinct (combining class, needs a look) pairs.
    order = [(ud.combining(chr(cp)), cp not in stable or cp in maybe)
             if not 0xD800 <= cp < 0xE000 else (0, False) for cp in range(MAX)]
    kinds = sorted(set(order))
    number = {k: i for i, k in enumerate(kinds)}

    print(f"""/* Made by tools/gen_unicode.py from Unicode {VERSION}; do not edit. */
/* clang-format off */
#include "text/unicode_gen.h"
""")
    print(f'const char hl__unicode_version[] = "{VERSION}";\n')
    index, blocks = two_stage(classes)
    table("uint16_t", "hl__unicode_class_index", index)
    table("uint8_t", "hl__unicode_class_blocks", blocks)
    index, blocks = two_stage([number[k] for k in order])
    table("uint16_t", "hl__unicode_order_index", index)
    table("uint8_t", "hl__unicode_order_blocks", blocks)
    table("hl__unicode_order", "hl__unicode_orders", [(c, int(q)) for c, q in kinds], "{{{}, {}}}")
    table("hl__unicode_triple", "hl__unicode_decompositions", decompositions,
          "{{0x{:X}, 0x{:X}, 0x{:X}}}")
    print(f"const size_t hl__unicode_n_decompositions = {len(decompositions)};\n")
    table("hl__unicode_triple", "hl__unicode_compositions", compositions,
          "{{0x{:X}, 0x{:X}, 0x{:X}}}")
    print(f"const size_t hl__unicode_n_compositions = {len(compositions)};\n")
    table("hl__unicode_range", "hl__unicode_han", HAN, "{{0x{:X}, 0x{:X}}}")
    print(f"const size_t hl__unicode_n_han = {len(HAN)};")


if __name__ == "__main__":
    main()
