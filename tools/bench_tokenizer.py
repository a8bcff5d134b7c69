#!/usr/bin/env python3
"""Tokenizer throughput beside other tokenizers, in one run:   make bench-tokenizer

One thread, 1 MB of mixed text (prose in ten languages, code, numbers), of 'a' and of spaces;
processor time, the best of a few rounds, loading not counted.  Vocabularies come as in
tests/conformance/real_vocabularies.py and stay below build/.

Exit: 0; 1 when mixed text is slower than tiktoken, or one character takes more than twice
tiktoken's time for it (where tiktoken can do it at all: its expression fails on long runs of
spaces); 77 what is needed is not there.
"""
import os
import random
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
WORK = os.path.join(BUILD, "vocabularies")
sys.path.insert(0, os.path.join(ROOT, "tests", "conformance"))
import real_vocabularies as real  # noqa: E402

BYTES = 1_000_000
ROUNDS = 3
PROSE = [
    "It had rained all week, and the road to the mill was nothing but mud and puddles. ",
    "Die Bürgermeisterin erklärte, daß die Straße über den Fluß im Frühjahr wieder öffnet. ",
    "Les élèves n'étaient pas prêts à répondre aux questions que l'inspecteur leur posait. ",
    "El niño preguntó por qué el cielo cambia de color cuando se pone el sol. ",
    "Река медленно текла между холмами, и туман уже поднимался над лугами. ",
    "今天早上我们沿着河边走了很久，谁也没有说话，只听见风吹过树叶的声音。",
    "朝の電車はいつもより混んでいたので、彼女は窓の外を見ながら音楽を聞いていた。",
    "오늘 아침에는 비가 와서 우리는 집에서 책을 읽으며 시간을 보냈습니다. ",
    "كان الرجل العجوز يجلس كل صباح أمام البحر وينتظر عودة المراكب. ",
    "सुबह की धूप में बच्चे मैदान में खेल रहे थे और उनकी माँएँ बातें कर रही थीं। "]
CODE = [
    "static int find(const char *s, size_t n) {\n    for (size_t i = 0; i < n; i++) {\n"
    "        if (s[i] == '\\n') return (int)i;\n    }\n    return -1;\n}\n",
    "def mean(xs):\n    \"\"\"Arithmetic mean.\"\"\"\n    return sum(xs) / len(xs) if xs else 0.0\n\n",
    "{\"id\": 48213, \"name\": \"Ada\", \"tags\": [\"x\", \"y\"], \"score\": 97.25}\n",
    "SELECT a.id, COUNT(*) FROM orders AS a WHERE a.total > 100.50 GROUP BY a.id;\n"]
WORDS = ("time year people way day man thing woman life child world school state family student "
         "group country problem hand part place case week company system program question work "
         "government number night point home water room mother area money story fact").split()


def mixed():
    r, out, n = random.Random(1), [], 0
    while n < BYTES:
        kind = r.random()
        if kind < 0.35:
            s = " ".join(r.choices(WORDS, k=r.randint(5, 20))).capitalize() + ". "
        elif kind < 0.7:
            s = r.choice(PROSE)
        elif kind < 0.9:
            s = r.choice(CODE)
        else:
            s = " ".join(str(r.randint(0, 10 ** r.randint(1, 9))) for _ in range(6)) + "\n"
        out.append(s)
        n += len(s.encode())
    return "".join(out).encode()[:BYTES].decode(errors="ignore")


TEXTS = {"mixed": mixed(), "'a'": "a" * BYTES, "spaces": " " * BYTES}


def build():
    done = subprocess.run(["ninja", "-C", BUILD, "tokenizer-bench"], capture_output=True, text=True)
    if done.returncode:
        real.skip("ninja tokenizer-bench: " + done.stdout.strip()[-300:])
    return os.path.join(BUILD, "tokenizer-bench")


def time_ours(bench, model):
    files = []
    for i, text in enumerate(TEXTS.values()):
        files.append(os.path.join(WORK, f"bench-{i}.txt"))
        with open(files[-1], "w", newline="") as f:
            f.write(text)
    done = subprocess.run([bench, model, str(ROUNDS), *files], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return [float(x) for x in done.stdout.split()]


def time_other(encode, text):
    best = None
    for _ in range(ROUNDS):
        start = time.thread_time()
        if real.safely(encode, text) is None:
            return None
        spent = time.thread_time() - start
        best = spent if best is None else min(best, spent)
    return best


def other_of(v):
    """tiktoken where the ranks are the ids, else sentencepiece or Hugging Face's tokenizers."""
    if v.model != "gpt2":
        return "sentencepiece", real.sentencepiece_of(v, False)
    if v.pre == "qwen2":
        return "tokenizers", real.hugging_face_of(v, False, None)
    import tiktoken
    ranks = {bytes(real.SYMBOL[c] for c in t): i
             for i, (t, k) in enumerate(zip(v.tokens, v.types)) if k == real.NORMAL}
    enc = tiktoken.Encoding("x", pat_str=real.PATTERNS[v.pre], mergeable_ranks=ranks,
                            special_tokens={})
    return "tiktoken", enc.encode_ordinary


def main():
    if not os.path.exists(real.MAKER):
        real.skip("../shared/tools/vocab_gguf.mjs is not there")
    python = real.install(WORK)
    if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(WORK, "venv")):
        os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])
    good, bench = True, build()
    print(f"{'vocabulary':10} {'text':7} {'ours MB/s':>10} {'other MB/s':>11}  ratio")
    for name in real.VOCABULARIES:
        model = real.make_model(name, WORK)
        who, encode = other_of(real.Vocabulary(model))
        for (what, text), ours in zip(TEXTS.items(), time_ours(bench, model)):
            other = time_other(encode, text)
            ratio = other / ours if other else None
            if who == "tiktoken" and ratio is not None:
                good = good and ratio >= (1 if what == "mixed" else 0.5)
            print(f"{name:10} {what:7} {1 / ours:10.2f} {1 / other if other else 0:11.2f}  "
                  + (f"{ratio:.1f}x {who}" if ratio else f"- {who} fails"), flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
