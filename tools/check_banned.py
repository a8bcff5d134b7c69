#!/usr/bin/env python3
"""Checks src/ and tests/ for banned functions, open ends, long functions and long files.

    tools/check_banned.py [--root DIR]

Errors are printed one a line and make it exit with 1; files that are merely long are
printed as warnings.
"""
import argparse
import pathlib
import re
import sys

FUNCTION_LINES_MAX = 120
FILE_LINES_WARN = 1000

HEAP = "hl_alloc, hl_calloc, hl_realloc, hl_free, hl_strdup (base/mem.h) or an arena"
# name -> (what to write instead, where the name is allowed: prefixes of paths)
BANNED = {
    "strcpy": ("hl_buf_append_cstr (base/buf.h) or memcpy with a checked length", ()),
    "strncpy": ("hl_buf_append or memcpy with a checked length", ()),
    "strcat": ("hl_buf_append_cstr (base/buf.h)", ()),
    "strncat": ("hl_buf_append (base/buf.h)", ()),
    "sprintf": ("snprintf or hl_buf_printf", ()),
    "vsprintf": ("vsnprintf or hl_buf_printf", ()),
    "gets": ("hl_fd_read_all (base/fs.h)", ()),
    "strtok": ("hl_str_find and hl_str_slice (base/str.h)", ()),
    "atoi": ("strtoll with its end pointer and errno checked", ()),
    "atol": ("strtoll with its end pointer and errno checked", ()),
    "atoll": ("strtoll with its end pointer and errno checked", ()),
    "atof": ("strtod with its end pointer checked", ()),
    "strtol": ("strtoll: the same range on every machine", ()),
    "alloca": ("an arena or a fixed array", ()),
    "rand": ("hl_rng_u64 (base/rng.h)", ()),
    "srand": ("hl_rng_init (base/rng.h)", ()),
    "random": ("hl_rng_u64 (base/rng.h)", ()),
    "time": ("hl_clock_wall_ns (base/clock.h), or better an argument now_ns", ()),
    "exit": ("return a status up to main", ("tests/",)),
    "_exit": ("return a status up to main", ("tests/",)),
    "abort": ("HL_ASSERT or a status", ("src/base/status.c", "tests/")),
    "assert": ("HL_ASSERT or HL_DASSERT (base/status.h)", ()),
    "malloc": (HEAP, ("src/base/", "tests/")),
    "calloc": (HEAP, ("src/base/", "tests/")),
    "realloc": (HEAP, ("src/base/", "tests/")),
    "free": (HEAP, ("src/base/", "tests/")),
    "strdup": (HEAP, ("tests/",)),
    "strndup": (HEAP, ("tests/",)),
    "asprintf": ("hl_buf_printf (base/buf.h)", ("tests/",)),
    "aligned_alloc": ("hl_alloc_aligned (base/mem.h)", ("src/base/", "tests/")),
    "posix_memalign": ("hl_alloc_aligned (base/mem.h)", ("src/base/", "tests/")),
}
CALL = re.compile(r"(?<![\w.])(?<!->)(%s)\s*\(" % "|".join(BANNED))
INCLUDES_SOURCE = re.compile(r'^\s*#\s*include\s*[<"][^">]*\.c[">]')
OPEN_END = re.compile(r"\b(TODO|FIXME|XXX)\b")
GENERATED = re.compile(r"do not edit|not to be edited")
HAS_ISSUE = re.compile(r"\bTODO\(#\d+\)")
BLANKED = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(text):
    """The text without comments and literals, every line still at its number."""
    return BLANKED.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def functions(code):
    """(first line, last line) of each function in blanked code, counted from 1."""
    depth, line, start = 0, 1, None
    before = ""          # what stands between the last ; or } of the file's level and here
    began = 1            # the line where that begins
    for c in code:
        if c == "\n":
            line += 1
        if c == "{":
            if depth == 0 and before.rstrip().endswith(")"):
                start = began
            depth += 1
        elif c == "}":
            depth -= 1
            if depth == 0 and start is not None:
                yield start, line
                start = None
        if depth == 0 and c in ";}":
            before = ""
        elif depth == 0:
            if not before.strip() and not c.isspace():
                began = line
            before += c


def strip_directives(code):
    """Blanks preprocessor lines: their braces need not balance."""
    return re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda m: re.sub(r"[^\n]", " ", m.group()), code)


def check_text(path, text):
    """(errors, warnings) for one file; path is relative to the root."""
    errors, warnings = [], []
    raw, code = text.splitlines(), blank(text)
    for number, line in enumerate(code.splitlines(), 1):
        for match in CALL.finditer(line):
            instead, allowed = BANNED[match.group(1)]
            if not path.startswith(allowed or ("//",)):
                errors.append(f"{path}:{number}: {match.group(1)} is banned; use {instead}")
    for number, line in enumerate(raw, 1):
        if INCLUDES_SOURCE.match(line):
            errors.append(f"{path}:{number}: includes a .c file; link it, test the public header")
        if OPEN_END.search(line) and not HAS_ISSUE.search(line):
            errors.append(f"{path}:{number}: an open end without an issue; "
                          "write TODO(#number), or NEEDSWORK: with the ADR")
    for first, last in functions(strip_directives(code)):
        length = last - first + 1
        near = "\n".join(raw[max(0, first - 6):last])
        if length > FUNCTION_LINES_MAX and "/* LONG:" not in near:
            errors.append(f"{path}:{first}: a function of {length} lines; split it, "
                          "or say why not with /* LONG: why */")
    generated = raw and GENERATED.search(raw[0])
    if len(raw) > FILE_LINES_WARN and not generated:
        warnings.append(f"{path}: warning: {len(raw)} lines; are there rooms to split it into?")
    return errors, warnings


def check(root):
    root = pathlib.Path(root)
    errors, warnings = [], []
    for top in ("src", "tests"):
        for file in sorted(p for p in (root / top).rglob("*") if p.suffix in {".c", ".h", ".cu"}):
            e, w = check_text(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8"))
            errors += e
            warnings += w
    return errors, warnings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    errors, warnings = check(parser.parse_args().root)
    for line in warnings + errors:
        print(line)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
