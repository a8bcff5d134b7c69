#!/usr/bin/env python3
"""Writes the reference vectors of the shipped model that the project's tests read.

    vectors.py MODEL.gguf OUTDIR

Computed with numpy in float32 on the file's own dequantised weights (sample.py, which shares no code with the
program): logits and greedy continuations for a few prompts, and the negative log-likelihood of held-out text
in windows of 512 tokens.  The formats are those that reference.py writes.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np

import sample
from gen.chatml import render

PROMPTS = [
    ("plain", "Once upon a time"),
    ("sum", render([{"role": "user", "content": "What is 2+2?"}], generation=True)),
    ("capital", render([{"role": "user", "content": "What is the capital of France?"}], generation=True)),
    ("system", render([{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "What is the capital of Egypt?"}], generation=True)),
    ("code", render([{"role": "user", "content": "Write a Python function that checks if a number is even."}], generation=True)),
    ("one token", "a"),
    ("unicode", "Zażółć gęślą jaźń — 你好, 世界 🙂\n"),
    ("long", "The cat sat on the mat and looked at the rain. " * 60),
]
GREEDY = 48
WINDOW, WINDOWS, CHARACTERS = 512, 4, 12000


def logits_case(m, tok, name, prompt):
    ids = tok.encode(prompt)
    m.reset()
    z = m(ids)[-1].astype(np.float64)
    top = np.argsort(-z, kind="stable")[:20]
    case = dict(name=name, prompt=prompt, ids=ids, top_ids=top.tolist(), top_logits=[round(float(z[i]), 5) for i in top],
                logsumexp=round(float(z.max() + np.log(np.exp(z - z.max()).sum())), 5), greedy_ids=[], greedy_margins=[])
    for _ in range(GREEDY):
        best, second = np.argsort(-z, kind="stable")[:2]
        case["greedy_ids"].append(int(best))
        case["greedy_margins"].append(round(float(z[best] - z[second]), 5))
        z = m([int(best)])[-1].astype(np.float64)
    return case


def window_nll(m, ids):
    m.reset()
    z = m(ids, True).astype(np.float64)
    lp = z - z.max(-1, keepdims=True)
    lp -= np.log(np.exp(lp).sum(-1, keepdims=True))
    return float(-lp[np.arange(len(ids) - 1), ids[1:]].mean())


def main():
    model, out = sys.argv[1], pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    g = sample.GGUF(model)
    tok, m = sample.Tok(g.meta), sample.Model(g)
    dump = lambda name, value: (out / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    dump("logits.json", dict(note="float32, numpy, the shipped file's dequantised weights", prompts=[logits_case(m, tok, *p) for p in PROMPTS]))
    heldout = out / "heldout.txt"
    subprocess.run([sys.executable, "corpus.py", "heldout", heldout.resolve(), str(CHARACTERS)], check=True, cwd=pathlib.Path(__file__).parent)
    ids = tok.encode(heldout.read_text(encoding="utf-8"))
    assert len(ids) >= WINDOW * WINDOWS, len(ids)
    nll = [window_nll(m, ids[k * WINDOW:(k + 1) * WINDOW]) for k in range(WINDOWS)]
    dump("perplexity.json", dict(note="every token of a window but its first is scored", file="heldout.txt", tokens=len(ids),
                                 results=[dict(n_ctx=WINDOW, windows=WINDOWS, nll_per_window=nll, nll=float(np.mean(nll)), perplexity=float(np.exp(np.mean(nll))))]))


if __name__ == "__main__":
    main()
