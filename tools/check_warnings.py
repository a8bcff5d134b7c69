#!/usr/bin/env python3
"""Compiles every file of a compile_commands.json with warnings as errors, syntax only.

    tools/check_warnings.py build/check/compile_commands.json cc clang

Each named compiler reads each file with the options of the build; the ones that are not
installed are left out.  Prints what they say and exits with 1 when there is anything.
"""
import concurrent.futures
import json
import os
import shlex
import shutil
import subprocess
import sys

EXTRA = ["-fsyntax-only", "-Werror"]
# As in CMakeLists.txt; the database may be that of another compiler.
EXTRA_CLANG = ["-Wno-enum-float-conversion"]


def command(entry, compiler):
    words = shlex.split(entry["command"])[1:]
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word == "-o":
            skip = True
        elif word != "-c":
            kept.append(word)
    return [compiler, *kept, *EXTRA, *(EXTRA_CLANG if "clang" in compiler else [])]


def compile_one(entry, compiler):
    done = subprocess.run(command(entry, compiler), cwd=entry["directory"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def main():
    database, *compilers = sys.argv[1:]
    with open(database, encoding="utf-8") as file:
        entries = json.load(file)
    compilers = [c for c in compilers if shutil.which(c)]
    jobs = [(entry, compiler) for entry in entries for compiler in compilers]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for code, output in pool.map(lambda job: compile_one(*job), jobs):
            failed += code != 0
            if output:
                print(output, end="")
    if failed:
        print(f"check_warnings: {failed} of {len(jobs)} compilations failed")
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
