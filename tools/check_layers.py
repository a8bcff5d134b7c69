#!/usr/bin/env python3
"""Checks that every file of src/ includes only its own directory and lower layers.

    tools/check_layers.py [--root DIR]

Prints one line a violation and exits with 1 when there is any.  The numbers are those of
docs/adr/0001-layout-and-layers.md.
"""
import argparse
import pathlib
import re
import sys

LAYERS = {
    "base": 0,
    "config": 1, "gguf": 1, "http": 1,
    "text": 2, "model": 2, "store": 3,
    "compute": 3, "engine": 4, "serve": 5,
    "api": 6, "bench": 6, "cli": 7,
}

# Commands reach models by HTTP through cli/client.h: what they may include besides their own.
CLI_DIRS = {"base", "config", "gguf", "text", "serve", "cli"}
CLI_FILES = {"engine/request.h"}
# The files of cli/ that are the server in the process, its client, or the load generator's command;
# and those that read Modelfiles, send files, or work upon the store's own files.
CLI_ALSO = {
    "cli/serve.c": {"api", "http"}, "cli/server.c": {"api", "http", "store"},
    "cli/client.c": {"http"}, "cli/ask.c": {"http"}, "cli/access.c": {"http"},
    "cli/bench.c": {"bench"},
    "cli/create.c": {"store"}, "cli/recipe.c": {"store"}, "cli/recipe.h": {"store"},
    "cli/send.h": {"store"}, "cli/local.h": {"store"}, "cli/import.c": {"store"},
    "cli/verify.c": {"store"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def complaint(path, included):
    """What is wrong with `path` including `included` (both relative to src/), or None."""
    home, target = path.split("/")[0], included.split("/")[0]
    if "/" not in included:
        return f'write the path from src/, as in "{home}/{included}"'
    if home not in LAYERS:
        return f"{home}/ has no layer; give it one in tools/check_layers.py and ADR 0001"
    if target not in LAYERS:
        return f"{target}/ is no directory of src/ with a layer"
    if target == home:
        return None
    if target in CLI_ALSO.get(path, ()):
        return None
    if home == "cli" and target not in CLI_DIRS and included not in CLI_FILES:
        return "commands reach models through cli/client.h only"
    if LAYERS[target] >= LAYERS[home]:
        return (f"{home}/ is layer {LAYERS[home]} and may not include {target}/, "
                f"layer {LAYERS[target]}")
    return None


def check(root):
    src = pathlib.Path(root) / "src"
    found = []
    for file in sorted(p for p in src.rglob("*") if p.suffix in {".c", ".h", ".def", ".cu"}):
        path = file.relative_to(src).as_posix()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            problem = match and complaint(path, match.group(1))
            if problem:
                found.append(f'src/{path}:{number}: includes "{match.group(1)}": {problem}')
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    found = check(parser.parse_args().root)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
