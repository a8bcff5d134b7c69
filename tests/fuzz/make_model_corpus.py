#!/usr/bin/env python3
"""Writes the seeds of the model fuzz target into corpus/model beside this file: the smallest whole
model of each family, with the scaling methods of rope.  Needs nothing but Python."""
import pathlib
import struct

FOLDER = pathlib.Path(__file__).parent / "corpus" / "model"
U32, F32, STR = 4, 6, 8
EMBD, HEADS, DIM, FF, VOCAB = 8, 1, 8, 8, 4


def text(s):
    data = s.encode()
    return struct.pack("<Q", len(data)) + data


def value(key, kind, content):
    body = text(content) if kind == STR else struct.pack({U32: "<I", F32: "<f"}[kind], content)
    return text(key) + struct.pack("<I", kind) + body


def tensors_of(family, scaling):
    names = [("token_embd.weight", (EMBD, VOCAB)), ("output_norm.weight", (EMBD,))]
    if scaling == "divisors":
        names.append(("rope_freqs.weight", (DIM // 2,)))
    layer = [("attn_norm.weight", (EMBD,)), ("attn_q.weight", (EMBD, HEADS * DIM)), ("attn_k.weight", (EMBD, DIM)),
             ("attn_v.weight", (EMBD, DIM)), ("attn_output.weight", (HEADS * DIM, EMBD)), ("ffn_norm.weight", (EMBD,)),
             ("ffn_gate.weight", (EMBD, FF)), ("ffn_up.weight", (EMBD, FF)), ("ffn_down.weight", (FF, EMBD))]
    if family == "qwen2":
        layer += [(f"attn_{x}.bias", (DIM,)) for x in "qkv"]
    if family == "qwen3":
        layer += [(f"attn_{x}_norm.weight", (DIM,)) for x in "qk"]
    return names + [("blk.0." + name, dims) for name, dims in layer]


def model(family, scaling=""):
    values = [value("general.architecture", STR, family)]
    for key, n in (("block_count", 1), ("embedding_length", EMBD), ("context_length", 64), ("feed_forward_length", FF),
                   ("attention.head_count", HEADS), ("attention.key_length", DIM), ("attention.value_length", DIM)):
        values.append(value(f"{family}.{key}", U32, n))
    values.append(value(f"{family}.attention.layer_norm_rms_epsilon", F32, 1e-5))
    if scaling in ("yarn", "linear"):
        values.append(value(f"{family}.rope.scaling.type", STR, scaling))
        values.append(value(f"{family}.rope.scaling.factor", F32, 4))
    infos, data = b"", b""
    tensors = tensors_of(family, scaling)
    for name, dims in tensors:
        infos += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, 0, len(data))
        count = dims[0] * (dims[1] if len(dims) > 1 else 1)
        data += struct.pack("<f", 0.5) * count
        data += b"\0" * (-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + b"".join(values) + infos
    return head + b"\0" * (-len(head) % 32) + data


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for family in ("llama", "mistral", "qwen2", "qwen3"):
        (FOLDER / family).write_bytes(model(family))
    for scaling in ("linear", "yarn", "divisors"):
        (FOLDER / f"llama-{scaling}").write_bytes(model("llama", scaling))


if __name__ == "__main__":
    main()
