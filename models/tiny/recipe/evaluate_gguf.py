#!/usr/bin/env python3
"""Scores GGUF files through the program itself: greedy answers to held-out prompts, per category.

    evaluate_gguf.py HYPERLLAMA N MODEL.gguf [MODEL.gguf ...]

Prints one column a file; this is what the choice of the quantisation in ../README.md rests on.
"""
import json
import subprocess
import sys

import corpus
from score import score, tokens_max


def answer(binary, model, item):
    argv = [binary, "generate", model, item["prompt"], "-n", str(tokens_max(item)), "--temperature", "0", "--json"]
    out = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return json.loads(out.stdout)["response"]


def main():
    binary, n, models = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    items = corpus.eval_items(n)
    right = {m: {} for m in models}
    for m in models:
        for it in items:
            row = right[m].setdefault(it["cat"], [0, 0])
            row[0] += bool(score(it, answer(binary, m, it)))
            row[1] += 1
    width = max(len(c) for c in right[models[0]])
    for cat in right[models[0]]:
        print(f"{cat:{width}}", *(f"{right[m][cat][0]:4d}/{right[m][cat][1]}" for m in models))
    print(f"{'all':{width}}", *(f"{sum(r[0] for r in right[m].values()):4d}/{sum(r[1] for r in right[m].values())}" for m in models))


if __name__ == "__main__":
    main()
