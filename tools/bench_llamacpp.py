#!/usr/bin/env python3
"""Puts the native CPU backend beside llama.cpp on one model, in turns (A B A B …).

  bench_llamacpp.py [--llama-bench PATH] [--model GGUF] [--rounds 3] [--threads 2] [--write]

A is llama.cpp's llama-bench (-fa 1), B is hyperllama-bench-native.  Each round runs every test once with A and
then once with B; the table has the medians and their ratio.  The exit status is 1 when a median ratio is
below 1.0, and 77 when something needed is missing.  --write puts the table into
docs/benchmarks/llamacpp-cpu.md.

Without --model a model of random weights in the shape of a 1B Llama is made once under build/bench/, by
../shared/tools/random_gguf.py; speed does not depend on the weights' values.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPE, QUANT = "llama-1b", "q4_k_m"
TESTS = (("prefill 512", 512, 0), ("prefill 2048", 2048, 0), ("decode 128", 0, 128))
REPORT = ROOT / "docs/benchmarks/llamacpp-cpu.md"
MISSING = 77


def missing(text):
    print(f"bench_llamacpp: {text}", file=sys.stderr)
    sys.exit(MISSING)


def find_model(given):
    if given:
        return given if given.exists() else missing(f"{given} is not there")
    model = ROOT / f"build/bench/{SHAPE}-{QUANT}.gguf"
    if model.exists():
        return model
    maker = ROOT.parent / "shared/tools/random_gguf.py"
    if not maker.exists():
        missing("give a model with --model: the maker of random ones is not here")
    model.parent.mkdir(parents=True, exist_ok=True)
    part = model.with_suffix(".part")
    subprocess.run([sys.executable, maker, SHAPE, QUANT, part], check=True)
    part.rename(model)
    return model


def find_programs(options):
    if not options.llama_bench.exists():
        missing(f"{options.llama_bench} is not there.  Install llama.cpp (Debian: llama.cpp-tools; or build it from "
                "source with cmake) and name its llama-bench with --llama-bench")
    ours = options.build / "hyperllama-bench-native"
    subprocess.run(["ninja", "-C", options.build, "hyperllama-bench-native"], check=True, stdout=subprocess.DEVNULL)
    return options.llama_bench, ours


def output_of(command):
    command = [str(word) for word in command]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(f"bench_llamacpp: {command[0]} failed: {run.stderr.strip()[-300:]}")
    return json.loads(run.stdout)


def run_theirs(program, model, threads, n_prompt, n_gen):
    result = output_of([program, "-m", model, "-fa", "1", "-t", threads, "-p", n_prompt, "-n", n_gen, "-r", 1, "-o", "json"])
    return result[0]["avg_ts"], result[0]


def run_ours(program, model, threads, n_prompt, n_gen):
    result = output_of([program, model, "-t", threads, "-p", n_prompt, "-n", n_gen, "-r", 1])
    return result["prefill_tokens_per_second" if n_prompt else "decode_tokens_per_second"][0], result


def measure(options, model):
    theirs, ours = find_programs(options)
    rates = {name: ([], []) for name, _, _ in TESTS}
    about = {}
    for round_number in range(1, options.rounds + 1):
        for name, n_prompt, n_gen in TESTS:
            a, about["a"] = run_theirs(theirs, model, options.threads, n_prompt, n_gen)
            b, about["b"] = run_ours(ours, model, options.threads, n_prompt, n_gen)
            rates[name][0].append(a)
            rates[name][1].append(b)
            print(f"round {round_number}: {name}: llama.cpp {a:.1f}, HyperLlama {b:.1f} tokens/s", file=sys.stderr)
    return rates, about


def numbers(values):
    return ", ".join(f"{v:.1f}" for v in values)


def table(rates):
    lines = ["| test | llama.cpp, tokens/s (median; rounds) | HyperLlama (median; rounds) | ratio |", "|---|---|---|---|"]
    worst = float("inf")
    for name, (a, b) in rates.items():
        ratio = statistics.median(b) / statistics.median(a)
        worst = min(worst, ratio)
        lines.append(f"| {name} | {statistics.median(a):.1f} ({numbers(a)}) | {statistics.median(b):.1f} ({numbers(b)}) | {ratio:.2f} |")
    return "\n".join(lines), worst


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def write_report(options, model, text, about):
    a, b = about["a"], about["b"]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(f"""# Beside llama.cpp on the CPU

Written by `make bench-llamacpp` (`tools/bench_llamacpp.py --write`); run it on your machine, since the figures are one machine's.

- Model: {model.name}, random weights in the shape of Llama 3.2 1B
- Processor: {cpu_name()}, {options.threads} threads
- llama.cpp: build {a["build_number"]} ({a["build_commit"]}), `llama-bench -fa 1`
- HyperLlama: {b["backend"]}, `hyperllama-bench-native`
- {options.rounds} rounds in turns, one repetition each

{text}
""", encoding="utf-8")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--llama-bench", type=pathlib.Path, default=pathlib.Path("/opt/llama.cpp/bin/llama-bench"))
    ap.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    ap.add_argument("--model", type=pathlib.Path)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--write", action="store_true")
    options = ap.parse_args()
    model = find_model(options.model)
    rates, about = measure(options, model)
    text, worst = table(rates)
    print(text)
    if options.write:
        write_report(options, model, text, about)
    return 0 if worst >= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
