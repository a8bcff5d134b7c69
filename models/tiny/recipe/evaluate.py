#!/usr/bin/env python3
"""Greedy answers to held-out prompts, per category, and to some demo prompts.
   evaluate.py CKPT TOKENIZER.json OUT.json [N per category]"""
import json
import os
import sys
import time

import torch

import corpus
import hf
from reference import WEATHER_TOOL, user
from gen.chatml import render
from score import score, tokens_max


def generate(m, tok, prompts, n, device):
    """greedy, in batches of similar length"""
    ids = [tok.encode(p, add_special_tokens=False).ids for p in prompts]
    end = {tok.token_to_id("<|im_end|>"), tok.token_to_id("<|endoftext|>")}
    out = [None] * len(ids)
    order = sorted(range(len(ids)), key=lambda i: (n[i], len(ids[i])))
    for s in range(0, len(order), 128):
        sel = order[s:s + 128]
        L = max(len(ids[i]) for i in sel)
        x = torch.zeros(len(sel), L, dtype=torch.long, device=device)
        att = torch.zeros(len(sel), L, dtype=torch.long, device=device)
        for k, i in enumerate(sel):
            x[k, L - len(ids[i]):] = torch.tensor(ids[i], device=device)
            att[k, L - len(ids[i]):] = 1
        pos = (att.cumsum(1) - 1).clamp(min=0)
        past, gen, done = None, [], torch.zeros(len(sel), dtype=torch.bool, device=device)
        p = pos
        with torch.no_grad():
            for step in range(max(n[i] for i in sel)):
                o = m(x, attention_mask=att, position_ids=p, past_key_values=past, use_cache=True)
                past = o.past_key_values
                t = o.logits[:, -1].argmax(-1)
                gen.append(t)
                for e in end:
                    done |= t == e
                if step % 8 == 7 and bool(done.all()):
                    break
                x = t[:, None]
                att = torch.cat([att, torch.ones_like(att[:, :1])], 1)
                p = p[:, -1:] + 1
        g = torch.stack(gen, 1).tolist()
        for k, i in enumerate(sel):
            row = g[k]
            for j, t in enumerate(row):
                if t in end:
                    row = row[:j]
                    break
            out[i] = tok.decode(row, skip_special_tokens=False)
    return out


def wait_for(path, seconds=120):
    """for runs that start while the training still goes on"""
    import transformers.models.llama.modeling_llama  # noqa: F401
    for _ in range(seconds * 4):
        if os.path.exists(path):
            break
        time.sleep(0.25)


DEMO = [("sum", user("What is 2+2?")), ("sum-2", user("What is 47 + 38?")), ("product-think", user("What is 23 * 17?", True)), ("capital", user("What is the capital of France?")), ("capital-typo", user("whats the capitol of japan")), ("who", user("Who are you?")), ("hello", user("Hello!")), ("story", user("Tell me a story about a fox and a lantern.")),
        ("story-2", user("Write a story about a dragon and a toaster.")), ("plain-story", "Once upon a time"), ("plain-fact", "The capital of Italy is"), ("spell", user("How do you spell rabbit?")), ("count", user("How many r's are in strawberry?")), ("sort", user("Sort these words alphabetically: pear, apple, fig, cherry")), ("translate", user("How do you say cat in French?")), ("opposite", user("What is the opposite of hot?")),
        ("tool", render([{"role": "user", "content": "What is the weather in Berlin?"}], [WEATHER_TOOL], generation=True)), ("tool-answer", render([{"role": "user", "content": "What is the weather in Berlin?"}, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Berlin"}}}]}, {"role": "tool", "content": '{"temperature": 4, "condition": "cloudy"}'}], [WEATHER_TOOL], generation=True)),
        ("tool-unneeded", render([{"role": "user", "content": "What is the capital of Spain?"}], [WEATHER_TOOL], generation=True)), ("json", user("Give me a JSON object with the keys name and age.")), ("json-extract", user("Anna is 7 years old and lives in Rome. Answer as JSON with the keys name, age and city.")), ("help", user("How do I see which models are installed?")), ("help-2", user("What does hyperllama pull do?")), ("python", user("Write a Python function that checks if a number is even.")),
        ("c", user("Write a C function that returns the sum of an array.")), ("memory", "<|im_start|>user\nMy name is Tom and my favourite colour is green.<|im_end|>\n<|im_start|>assistant\nNice to meet you, Tom!<|im_end|>\n<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n<|im_start|>assistant\n3 + 4 = 7.<|im_end|>\n<|im_start|>user\nWhat is my favourite colour?<|im_end|>\n<|im_start|>assistant\n"),
        ("one-word", user("What is the capital of Egypt?", system="Answer in one word.")), ("end-with", user("Why is the sky blue?", system="Always end with: Quack!")), ("unknown", user("Who won the game last night?")), ("unknown-2", user("What is the capital of Blorvania?")), ("poem", user("Write a poem about the moon.")), ("howto", user("How do I make tea?")), ("summary", user("Summarise this in one sentence: Mia went to the market on Monday. She met Tom there. She bought a red kite for 12 euros. Then they ate soup together.")),
        ("passage", user("Tom has a dog called Rex. He lives in Oslo and works as a baker.\n\nWhat is the name of Tom's dog?")), ("why", user("Why do we have seasons?")), ("fim", "<|fim_prefix|>def is_even(n):\n    <|fim_suffix|>\n<|fim_middle|>")]


def main():
    ck, tokpath, out = sys.argv[1:4]
    n = int(sys.argv[4]) if len(sys.argv) > 4 else 60
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(tokpath)
    wait_for(ck)
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    m, c, info = hf.load(ck, dev)
    t0 = time.time()
    items = corpus.eval_items(n)
    ans = generate(m, tok, [it["prompt"] for it in items], [tokens_max(it) for it in items], dev)
    table, wrong = {}, {}
    for it, a in zip(items, ans):
        ok = score(it, a)
        k = table.setdefault(it["cat"], [0, 0])
        k[0] += ok
        k[1] += 1
        if not ok and len(wrong.setdefault(it["cat"], [])) < 12:
            wrong[it["cat"]].append(dict(prompt=it["prompt"][-600:], answer=a[:400], expected=it.get("expect") or it.get("calls") or it.get("exact")))
    for k, (a, b) in table.items():
        print(f"{k:10s} {a:4d} / {b}  {100*a/b:5.1f} %", flush=True)
    demo = generate(m, tok, [p for _, p in DEMO], [450 if "story" in k else 160 for k, _ in DEMO], dev)
    json.dump(dict(table=table, wrong=wrong, demo=[dict(name=k, prompt=p, answer=a) for (k, p), a in zip(DEMO, demo)], steps=info["step"], tokens=info["tokens"]), open(out, "w"), ensure_ascii=False, indent=1)
    for (k, p), a in zip(DEMO, demo):
        print(f"[{k}] {a[:300]!r}", flush=True)
    print(f"evaluation took {time.time()-t0:.0f} s", flush=True)


if __name__ == "__main__":
    main()
