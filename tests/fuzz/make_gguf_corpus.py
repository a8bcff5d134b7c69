#!/usr/bin/env python3
"""Writes the seeds of the GGUF fuzz target into corpus/gguf beside this file.

Small files that between them use every part of the format, and a few that break one rule
each; the fuzzer makes the rest.  Needs nothing but Python; the same bytes on every run.
"""
import pathlib
import struct

FOLDER = pathlib.Path(__file__).parent / "corpus" / "gguf"
U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARRAY, U64, I64, F64 = range(13)
FORMAT = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B",
          U64: "Q", I64: "q", F64: "d"}
# number: (weights a block, bytes a block), of all types that a file may use
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
          9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176),
          14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98),
          19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1),
          25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
          34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18)}


def text(s):
    data = s.encode()
    return struct.pack("<Q", len(data)) + data


def value(key, kind, content):
    """A key with its value; content is a number, a string, or (type, list) for an array."""
    head = text(key) + struct.pack("<I", kind)
    if kind == STR:
        return head + text(content)
    if kind != ARRAY:
        return head + struct.pack("<" + FORMAT[kind], content)
    inner, items = content
    head += struct.pack("<IQ", inner, len(items))
    return head + b"".join(text(i) if inner == STR else struct.pack("<" + FORMAT[inner], i)
                           for i in items)


def tensor(name, kind, dims, offset):
    return (text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) +
            struct.pack("<IQ", kind, offset))


def gguf(values=(), tensors=(), data=b"", version=3, align=32, counts=None):
    n_tensors, n_values = counts or (len(tensors), len(values))
    head = b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_values)
    head += b"".join(values) + b"".join(tensors)
    return head + bytes(-len(head) % align) + data


def matrices(kinds):
    """One tensor of each type with its bytes."""
    tensors, data = [], b""
    for kind in kinds:
        weights, size = BLOCKS[kind]
        tensors.append(tensor(f"blk.{kind}.ffn_down.weight", kind, [weights, 2], len(data)))
        blocks = bytes((7 * i + kind) % 64 for i in range(2 * size))
        data += blocks + bytes(-len(blocks) % 32)
    return tensors, data


def seeds():
    every = [value(f"v{k}", k, 1) for k in FORMAT] + [value("s", STR, "text")]
    arrays = [value(f"a{k}", ARRAY, (k, [1, 0, 1])) for k in FORMAT]
    arrays.append(value("as", ARRAY, (STR, ["", "a", "bc"])))
    model = [value("general.architecture", STR, "llama"), value("llama.block_count", U32, 8),
             value("llama.attention.head_count", U32, 8), value("llama.expert_count", U16, 8)]
    yield "empty", gguf()
    yield "values", gguf(every)
    yield "arrays", gguf(arrays, version=2)
    yield "model", gguf(model, *matrices([0, 1, 2, 8, 30]))
    yield "super-blocks", gguf([], *matrices([12, 13, 14]))
    yield "all-types", gguf([], *matrices(BLOCKS))
    one = matrices([1])
    yield "alignment", gguf([value("general.alignment", U32, 64)], *one, align=64)
    yield "bad-alignment", gguf([value("general.alignment", U32, 24)], *one)
    yield "split", gguf([value("split.count", U16, 2), value("split.no", U16, 0)])
    yield "twice", gguf([value("k", U8, 1), value("k", U8, 1)])
    yield "nested", gguf([text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + bytes(12)])
    yield "many-values", gguf(counts=(0, 1 << 62), data=bytes(64))
    yield "long-string", gguf([text("s") + struct.pack("<IQ", STR, (1 << 64) - 1)])
    yield "long-array", gguf([text("a") + struct.pack("<IIQ", ARRAY, F64, 1 << 61)])
    yield "product", gguf([], [tensor("w", 0, [1 << 32, 1 << 32], 0)])
    yield "past-the-end", gguf([], [tensor("w", 0, [8], (1 << 64) - 32)], bytes(32))
    yield "big-endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in seeds():
        (FOLDER / f"{name}.gguf").write_bytes(content)
