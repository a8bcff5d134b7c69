"""A GGUF file's bytes as those of several files, each with some of the tensors."""
import struct

ALIGNMENT = 32
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


def _u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def _u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def _after_value(data, at, kind):
    if kind == STRING:
        return at + 8 + _u64(data, at)
    if kind == ARRAY:
        inner, n = _u32(data, at), _u64(data, at + 4)
        at += 12
        if inner in WIDTHS:
            return at + n * WIDTHS[inner]
        for _ in range(n):
            at = _after_value(data, at, inner)
        return at
    return at + WIDTHS[kind]


def _aligned(n):
    return -(-n // ALIGNMENT) * ALIGNMENT


def _read(data):
    """The bytes of the values, their number, [(the tensor's description up to its offset, its bytes)]"""
    n_tensors, n_values = _u64(data, 8), _u64(data, 16)
    begin = at = 24
    for _ in range(n_values):
        at += 8 + _u64(data, at)
        at = _after_value(data, at + 4, _u32(data, at))
    values, heads = data[begin:at], []
    for _ in range(n_tensors):
        first = at
        at += 8 + _u64(data, at)
        at += 4 + 8 * _u32(data, at) + 4
        heads.append((data[first:at], _u64(data, at)))
        at += 8
    base = _aligned(at)
    ends = sorted(offset for _, offset in heads)[1:] + [len(data) - base]
    after = dict(zip(sorted(offset for _, offset in heads), ends))
    return values, n_values, [(head, data[base + o:base + after[o]]) for head, o in heads]


def _value(key, kind, layout, number):
    return struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + struct.pack(layout, number)


def split(data, n):
    values, n_values, tensors = _read(data)
    parts = []
    for i in range(n):
        mine = tensors[i * len(tensors) // n:(i + 1) * len(tensors) // n]
        said = (_value("split.no", 2, "<H", i) + _value("split.count", 2, "<H", n) +
                _value("split.tensors.count", 5, "<i", len(tensors)))
        head = b"GGUF" + struct.pack("<IQQ", 3, len(mine), 3 + (n_values if i == 0 else 0))
        head += (values if i == 0 else b"") + said
        body = b""
        for description, content in mine:
            head += description + struct.pack("<Q", len(body))
            body += content.ljust(_aligned(len(content)), b"\0")
        parts.append(head.ljust(_aligned(len(head)), b"\0") + body)
    return parts
