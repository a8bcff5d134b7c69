#!/usr/bin/env python3
"""Writes the seeds of the tokenizer fuzz target into corpus/tokenizer beside this file.

Texts for both samples, and small vocabularies, sound and broken.  Needs nothing but Python; the
same bytes on every run.
"""
import pathlib
import struct

FOLDER = pathlib.Path(__file__).parent / "corpus" / "tokenizer"
U32, I32, F32, BOOL, STR, ARRAY = 4, 5, 6, 7, 8, 9
FORMAT = {U32: "I", I32: "i", F32: "f", BOOL: "?"}
TEXTS = ["hello world 12 aaaaaaa", "<tool><tool_call><|end|> <|en", "don't I'LL 've \u017f's",
         "e\u0301 \u1100\u1161 \U0001f44d\U0001f3fd \u4e2d\u6587 \u0928\u092e\u0938\u094d",
         "  a\n\n b\r\n\t c  ", "3.14 1,000 x=1;//**/", "HTTPServer camelCase GAR\u00c7ON",
         "</s>hello\u2581\u2581<b><0x0A>", "a" * 200, " " * 200]


def text(s):
    data = s.encode()
    return struct.pack("<Q", len(data)) + data


def one(kind, v):
    return text(v) if kind == STR else struct.pack("<" + FORMAT[kind], v)


def value(key, kind, v):
    head = text("tokenizer.ggml." + key)
    if isinstance(v, list):
        body = b"".join(one(kind, x) for x in v)
        return head + struct.pack("<IIQ", ARRAY, kind, len(v)) + body
    return head + struct.pack("<I", kind) + one(kind, v)


def gguf(*values):
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + b"".join(values)


def bpe(pre, merges, *more):
    tokens = list("helowrd\u0120a123\u010a<|>s") + ["he", "ll", "hell", "hello", "\u0120w", "aa", "<|s|>", "<s>"]
    types = [1] * (len(tokens) - 2) + [3, 4]
    return gguf(value("model", STR, "gpt2"), value("pre", STR, pre), value("tokens", STR, tokens),
                value("token_type", I32, types), value("merges", STR, merges), *more)


def spm(*more):
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581", "h", "e", "he", "\u2581he", "<b>"]
    types = [2, 3, 3] + [6] * 256 + [1] * 5 + [4]
    scores = [0.0] * 259 + [-5.0, -6.0, -7.0, -1.0, -2.0, 0.0]
    return gguf(value("model", STR, "llama"), value("tokens", STR, tokens),
                value("token_type", I32, types), value("scores", F32, scores), *more)


MERGES = ["h e", "l l", "he ll", "hell o", "\u0120 w", "a a"]
FILES = {
    "bpe": bpe("llama-bpe", MERGES, value("bos_token_id", U32, 1), value("add_bos_token", BOOL, True)),
    "bpe-plain": bpe("gpt-2", MERGES, value("eos_token_id", U32, 2)),
    "bpe-bad-merge": bpe("qwen2", ["h e", "nothing"]),
    "bpe-bad-id": bpe("tekken", MERGES, value("eot_token_id", U32, 1 << 30)),
    "bpe-unknown": bpe("who-knows", MERGES),
    "bpe-ends": bpe("gpt-4o", MERGES, value("eos_token_ids", I32, [1, 2, 3])),
    "spm": spm(),
    "spm-no-prefix": spm(value("add_space_prefix", BOOL, False)),
    "spm-twice": spm(value("scores", F32, [1.0])),
    "no-tokens": gguf(value("model", STR, "gpt2"), value("tokens", STR, [])),
    "wrong-array": gguf(value("model", STR, "llama"), value("tokens", I32, [1, 2, 3])),
}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for i, t in enumerate(TEXTS):
        (FOLDER / f"text-bpe-{i}").write_bytes(bytes([2 * i]) + t.encode())
        (FOLDER / f"text-spm-{i}").write_bytes(b"@" + t.encode())
    (FOLDER / "text-malformed").write_bytes(b"\x01\xff\xc3 \xe4\xb8a\xf0\x9f")
    for name, data in FILES.items():
        (FOLDER / f"vocabulary-{name}").write_bytes(b"\xff" + data)


if __name__ == "__main__":
    main()
