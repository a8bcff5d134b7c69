#!/usr/bin/env python3
"""Asks a server of ours what tests/conformance/data/api/*.jsonl says, and compares.

    tests/e2e/api_table.py PROGRAM [NAME …]

A line is one case: "name", "path", "body" (JSON) or "text" (as it is), and what the answer must be:

    "status"   200 where it is not given
    "error"    the error's whole text, wherever the route puts it
    "want"     {"place": value}: the places' exact values
    "like"     {"place": regular expression}: of the places' texts
    "absent"   [places]

A place is a path with dots into the answer: "choices.0.message.content", "-1.done" (the last event
of a stream).  An answer in events is a list of them; "[DONE]" stays a text.
"""
import json
import pathlib
import re
import sys

from serving import Server

DATA = pathlib.Path(__file__).resolve().parent.parent / "conformance" / "data" / "api"
MISSING = object()


def read_answer(content_type, text):
    if content_type == "application/x-ndjson":
        return [json.loads(line) for line in text.splitlines()]
    if content_type == "text/event-stream":
        data = [b.removeprefix("data: ") for b in text.strip().split("\n\n")]
        return [d if d == "[DONE]" else json.loads(d) for d in data]
    return json.loads(text)


def at(answer, place):
    for step in place.split("."):
        try:
            answer = answer[int(step) if isinstance(answer, list) else step]
        except (KeyError, IndexError, TypeError, ValueError):
            return MISSING
    return answer


def error_of(answer):
    """The text of an error, alone or as the last event."""
    last = answer[-1] if isinstance(answer, list) and answer else answer
    error = at(last, "error")
    return error["message"] if isinstance(error, dict) else error


def problems(case, status, answer):
    want_status = case.get("status", 200)
    if status != want_status:
        yield f"status {status} for {want_status}: {json.dumps(answer)[:300]}"
    if "error" in case and error_of(answer) != case["error"]:
        yield f"error {error_of(answer)!r} for {case['error']!r}"
    for place, value in case.get("want", {}).items():
        if at(answer, place) != value:
            yield f"{place}: {at(answer, place)!r} for {value!r}"
    for place, pattern in case.get("like", {}).items():
        have = at(answer, place)
        if not isinstance(have, str) or not re.search(pattern, have):
            yield f"{place}: {have!r} is not like {pattern!r}"
    for place in case.get("absent", []):
        if at(answer, place) is not MISSING:
            yield f"{place} is there: {at(answer, place)!r}"


def run(server, case):
    body = case["text"] if "text" in case else case["body"]
    status, headers, text = server.ask("POST", case["path"], body)
    try:
        answer = read_answer(headers["Content-Type"].partition(";")[0], text)
    except ValueError:
        return [f"no JSON: {text[:300]!r}"]
    return list(problems(case, status, answer))


def main():
    names = sys.argv[2:]
    server = Server(sys.argv[1])
    n = n_bad = 0
    try:
        for file in sorted(DATA.glob("*.jsonl")):
            for line in file.read_text().splitlines():
                case = json.loads(line)
                if names and case["name"] not in names:
                    continue
                n += 1
                found = run(server, case)
                n_bad += bool(found)
                for p in found:
                    print(f"{file.name}: {case['name']}: {p}")
    finally:
        server.stop()
    print(f"{n} cases, {n_bad} differ")
    return 1 if n_bad or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
