#!/usr/bin/env python3
"""Puts the server beside llama.cpp's llama-server under many streaming clients, in turns (A B C A B C …).

  bench_server.py [--llama-server PATH] [--model GGUF] [--rounds 2] [--threads 2] [--write]

A is llama-server as Ollama starts it (-np 1), B the same tuned for many (-np 8), C is `hyperllama serve`.  Each is
started anew for every turn and measured by `hyperllama bench`: a system text of about 450 tokens that all share, a
question each, 128 tokens out; 1, 4, 8 and 32 clients that ask again when they are answered, then requests that come
at random times.  Last, C alone: one client beside a command without a server, then how far a prompt of 4,000 tokens
disturbs four streams, and how far they delay it.

The exit status is 1 when a goal below is missed, 77 when something needed is missing.  --write puts the report into
docs/benchmarks/server-load.md.  Without --model the model of tools/bench_llamacpp.py is used.
"""
import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from bench_llamacpp import ROOT, cpu_name, find_model, missing

REPORT = ROOT / "docs/benchmarks/server-load.md"
# Of the stand-in model's tokens, about three to a word: 450 and 4,000.
SHARED, LONG = ["--system-words", "140"], ["--system-words", "1250"]
LOADS = tuple((f"{n} client{'s' if n > 1 else ''}", n, [*SHARED, "-c", str(n), "--requests", str(min(32, max(4, 2 * n)))])
              for n in (1, 4, 8, 32)) + (("Poisson, 0.5 a second", 8, [*SHARED, "-c", "32", "--requests", "16", "--rate", "0.5"]),)
KINDS = ("one", "eight", "ours")
NAMES = {"one": "llama-server -np 1", "eight": "llama-server -np 8", "ours": "HyperLlama"}


# -- servers -----------------------------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_ready(url, process, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"bench_server: the server ended: {process.args}")
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.1)
    sys.exit(f"bench_server: no server at {url}")


def command_of(kind, options, model, port):
    if kind == "ours":
        return [options.build / "hyperllama", "serve"], "/api/version"
    streams = 1 if kind == "one" else 8
    return [options.llama_server, "--model", model, "--port", port, "--host", "127.0.0.1", "-c", 4096 * streams,
            "-np", streams, "-t", options.threads, "--flash-attn", "auto", "-b", 512, "-ub", 512,
            "--offline"], "/health"


@contextlib.contextmanager
def home(model, port):
    """The environment of our program: the model under the name `bench`, and a server's port."""
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory, "models", "bench")
        place.mkdir(parents=True)
        (place / "model.gguf").symlink_to(model.resolve())
        yield {**os.environ, "HOME": directory, "OLLAMA_HOST": f"127.0.0.1:{port}",
               "OLLAMA_MODELS": f"{directory}/store", "HYPERLLAMA_MODELS_DIR": str(place.parent)}


@contextlib.contextmanager
def serving(kind, options, model):
    """The address of a server that has the model loaded under the name `bench`."""
    port = free_port()
    with home(model, port) as env:
        command, ready = command_of(kind, options, model, port)
        process = subprocess.Popen([str(word) for word in command], env=env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            wait_ready(f"http://127.0.0.1:{port}{ready}", process)
            bench(options, port, ["-c", "1", "--requests", "1", "-n", "2", "--system-words", "1"])
            yield port
        finally:
            process.terminate()
            process.wait(30)


def bench(options, port, flags):
    run = subprocess.run([options.build / "hyperllama", "bench", "bench", "--url", f"http://127.0.0.1:{port}", "--json",
                          *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(f"bench_server: {run.stderr.strip()[-300:]}")
    result = json.loads(run.stdout)
    if result["failed"]:
        sys.exit(f"bench_server: {result['failed']} requests failed: {result['failure']}")
    return result


# -- beside each other -------------------------------------------------------------------------------------------------

def measure(options, model):
    results = {name: {kind: [] for kind in KINDS} for name, _, _ in LOADS}
    for round_number in range(options.rounds):
        for kind in KINDS:
            with serving(kind, options, model) as port:
                for i, (name, clients, flags) in enumerate(LOADS):
                    if clients not in options.clients:
                        continue
                    r = bench(options, port, [*flags, "--seed", str(1000 * round_number + i)])
                    results[name][kind].append(r)
                    print(f"round {round_number + 1}: {NAMES[kind]}, {name}: {r['tokens_per_second']:.1f} tokens/s, "
                          f"first token p50 {r['ttft_ms']['p50']:.0f} ms", file=sys.stderr, flush=True)
    return {name: kinds for name, kinds in results.items() if kinds["ours"]}


def median(results, *path):
    values = []
    for r in results:
        for key in path:
            r = r[key]
        values.append(r)
    return statistics.median(values)


def table(results):
    lines = ["| load | server | tokens/s | first token p50, p95, p99 (ms) | between tokens p50, p99 (ms) | prompt tokens "
             "from the cache |", "|---|---|---|---|---|---|"]
    for name, kinds in results.items():
        for kind in KINDS:
            r = kinds[kind]
            ttft = ", ".join(f"{median(r, 'ttft_ms', q):.0f}" for q in ("p50", "p95", "p99"))
            gaps = ", ".join(f"{median(r, 'inter_token_ms', q):.1f}" for q in ("p50", "p99"))
            cached = median(r, "cached_tokens") / max(1, median(r, "prompt_tokens"))
            lines.append(f"| {name} | {NAMES[kind]} | {median(r, 'tokens_per_second'):.1f} | {ttft} | {gaps} | {cached:.0%} |")
    return "\n".join(lines)


def goals(results):
    """(what, measured, at least) where the load was measured."""
    found = []
    for name, kinds in results.items():
        if name != "8 clients":
            continue
        rate = {kind: median(kinds[kind], "tokens_per_second") for kind in KINDS}
        first = {kind: median(kinds[kind], "ttft_ms", "p50") for kind in KINDS}
        found += [("8 clients, tokens/s over -np 1", rate["ours"] / rate["one"], 2.5),
                  ("8 clients, tokens/s over -np 8", rate["ours"] / rate["eight"], 1.3),
                  ("8 clients, first token p50 of -np 1 over ours", first["one"] / first["ours"], 10)]
    return found


# -- one client --------------------------------------------------------------------------------------------------------

def one_client(options, model):
    """One client's tokens a second, once they come, over those of a command that has the machine for itself."""
    alone, served = [], []
    prompt = " ".join(f"word{i}" for i in range(150))
    for _ in range(options.rounds):
        with home(model, free_port()) as env:
            run = subprocess.run([options.build / "hyperllama", "generate", "bench", prompt, "-n", "128", "--json"],
                                 env=env, capture_output=True, text=True, check=True)
            answer = json.loads(run.stdout)
            alone.append(answer["eval_count"] / answer["eval_duration"] * 1e9)
        with serving("ours", options, model) as port:
            served.append(1000 / bench(options, port, [*SHARED, "-c", "1", "--requests", "3"])["inter_token_ms"]["mean"])
    return statistics.median(served) / statistics.median(alone)


# -- a long prompt among streams ---------------------------------------------------------------------------------------

def long_prompt(options, model):
    """(the gaps of four streams over their usual step, the prompt's first token among them over alone)

    Of the gaps the 99th percentile: the largest are two steps, where a random token was half a character.
    """
    alone, among, ratios = [], [], []
    prompt = [*LONG, "-c", "1", "--requests", "1", "-n", "4"]
    for i in range(options.rounds):
        with serving("ours", options, model) as port:
            usual = bench(options, port, [*SHARED, "-c", "4", "--requests", "4", "-n", "700"])["inter_token_ms"]["p50"]
            alone.append(bench(options, port, [*prompt, "--seed", str(50 + 2 * i)])["ttft_ms"]["p50"])
            streams = []
            others = threading.Thread(target=lambda: streams.append(
                bench(options, port, [*SHARED, "-c", "4", "--requests", "4", "-n", "700", "--seed", "2"])))
            others.start()
            time.sleep(6)  # all four have begun
            among.append(bench(options, port, [*prompt, "--seed", str(51 + 2 * i)])["ttft_ms"]["p50"])
            others.join()
            ratios.append(streams[0]["inter_token_ms"]["p99"] / usual)
    return statistics.median(ratios), statistics.median(among) / statistics.median(alone)


def write_report(options, model, text, checks):
    checked = "\n".join(f"| {what} | {value:.2f} | {goal} |" for what, value, goal in checks)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([options.llama_server, "--version"], capture_output=True, text=True).stderr.split("\n")[0]
    REPORT.write_text(f"""# The server under load, beside llama-server

Written by `make bench-server` (`tools/bench_server.py --write`); run it on your machine, since the figures are one machine's.

- Model: {model.name}, random weights in the shape of Llama 3.2 1B
- Processor: {cpu_name()}, {options.threads} threads; the clients run on the same processor
- llama-server: {version}; `-np 1` as Ollama starts it, `-np 8` tuned, `-c 4096` a stream
- {options.rounds} rounds in turns, medians; each server is started anew for a round, so the first load finds an empty cache

{text}

| goal | measured | wanted |
|---|---|---|
{checked}
""", encoding="utf-8")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--llama-server", type=pathlib.Path, default=pathlib.Path("/opt/llama.cpp/bin/llama-server"))
    ap.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    ap.add_argument("--model", type=pathlib.Path)
    ap.add_argument("--rounds", type=int, default=2)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--clients", type=int, nargs="*", default=[1, 4, 8, 32])
    ap.add_argument("--no-long-prompt", action="store_true")
    ap.add_argument("--write", action="store_true")
    options = ap.parse_args()
    model = find_model(options.model)
    if not options.llama_server.exists():
        missing(f"{options.llama_server} is not there: name a llama-server with --llama-server")
    results = measure(options, model)
    checks = goals(results)
    at_least = [value >= goal for _, value, goal in checks]
    ratio = one_client(options, model)
    at_least.append(ratio >= 0.97)
    checks.append(("one client, tokens/s over `generate` without a server", ratio, "at least 0.97: no slower, but for noise"))
    if not options.no_long_prompt:
        gap, delay = long_prompt(options, model)
        at_least += [gap <= 3, delay <= 1.5]
        checks += [("a 4,000-token prompt: gaps (p99) of four streams over their usual step", gap, "at most 3"),
                   ("the same: its own first token over alone", delay, "at most 1.5")]
    text = table(results)
    print(text)
    for what, value, goal in checks:
        print(f"{what}: {value:.2f} (wanted {goal})")
    if options.write:
        write_report(options, model, text, checks)
    return 0 if all(at_least) else 1


if __name__ == "__main__":
    sys.exit(main())
