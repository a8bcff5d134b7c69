#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets for model directories into corpus/safetensors and corpus/convert
beside this file.  Needs nothing but Python."""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")


def safetensors(tensors, data, metadata=None):
    header = dict({"__metadata__": metadata} if metadata else {}, **tensors)
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, start, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def config(architecture, **more):
    return dict(dict(architectures=[architecture], hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                     num_attention_heads=2, num_key_value_heads=1, vocab_size=64, max_position_embeddings=64,
                     rms_norm_eps=1e-5, hidden_act="silu", tie_word_embeddings=True), **more)


def byte_level(normalizer=None, **model):
    vocab = {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "\u0120a": 4}
    return dict(added_tokens=[dict(id=5, content="<e>", special=True), dict(id=6, content="<t>", special=False)],
                normalizer=normalizer,
                pre_tokenizer=dict(type="Sequence", pretokenizers=[
                    dict(type="Split", pattern=dict(Regex=QWEN2), behavior="Isolated", invert=False),
                    dict(type="ByteLevel", add_prefix_space=False, use_regex=False)]),
                post_processor=dict(type="TemplateProcessing", single=[
                    dict(SpecialToken=dict(id="<e>", type_id=0)), dict(Sequence=dict(id="A", type_id=0))]),
                model=dict(type="BPE", vocab=vocab, merges=["a b", ["\u0120", "a"]], **model))


def pieces():
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2, "<0x0A>": 3, "\u2581": 4, "a": 5, "\u2581a": 6}
    return dict(normalizer=dict(type="Sequence", normalizers=[
                    dict(type="Prepend", prepend="\u2581"),
                    dict(type="Replace", pattern=dict(String=" "), content="\u2581")]),
                pre_tokenizer=None,
                model=dict(type="BPE", byte_fallback=True, unk_token="<unk>", vocab=vocab, merges=["\u2581 a"]))


def documents(*docs):
    return b"\x1e".join(json.dumps(d, separators=(",", ":")).encode() for d in docs)


def main():
    for name in ("safetensors", "convert"):
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
    put = lambda name, data: (CORPUS / name).write_bytes(data)
    two = {"a": entry("F32", [2], 0, 8), "b": entry("BF16", [2, 3], 8, 20)}
    put("safetensors/two", safetensors(two, bytes(20), {"format": "pt"}))
    put("safetensors/gap", safetensors({"a": entry("F16", [2], 4, 8)}, bytes(8)))
    put("safetensors/overlap", safetensors({"a": entry("U8", [5], 0, 5), "b": entry("U8", [4], 4, 8)}, bytes(8)))
    put("safetensors/empty", safetensors({}, b""))
    special = dict(bos_token="<s>", eos_token=dict(content="</s>"), chat_template=[
        dict(name="default", template="{{ messages }}")])
    put("convert/llama", documents(config("LlamaForCausalLM"), pieces(), special, dict(eos_token_id=[2, 1])))
    scaling = dict(rope_type="llama3", factor=8, low_freq_factor=1, high_freq_factor=4,
                   original_max_position_embeddings=32)
    put("convert/llama3", documents(config("LlamaForCausalLM", rope_scaling=scaling), byte_level(), {}, {}))
    put("convert/qwen2", documents(config("Qwen2ForCausalLM", rope_theta=1e6), byte_level(),
                                   dict(eos_token="<e>", add_bos_token=True), {}))
    yarn = dict(rope_type="yarn", factor=4.0, rope_theta=1e6, attention_factor=1.2)
    put("convert/qwen3", documents(config("Qwen3ForCausalLM", head_dim=8, rope_parameters=yarn), byte_level(), {}, {}))
    put("convert/nfc", documents(config("Qwen2ForCausalLM"), byte_level(dict(type="NFC")), {}, {}))
    put("convert/ignore_merges", documents(config("Qwen2ForCausalLM"), byte_level(ignore_merges=True), {}, {}))


if __name__ == "__main__":
    main()
