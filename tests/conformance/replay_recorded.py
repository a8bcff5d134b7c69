#!/usr/bin/env python3
"""Replays requests that a real Ollama answered, and compares the answers.

    tests/conformance/replay_recorded.py PROGRAM [--records FILE] [--models DIR] [--only N …] [-v]

The records are sent in their order to a server of ours over an empty store.  What cannot be equal
is left out of the comparison: times, durations, ids, digests and sizes.  Numbers that a kernel
computed (log-probabilities, embeddings) may differ by NUMBER_TOLERANCE, or by a third of it of their size; tokens
less likely than LOGPROB_NOISE are not looked at.

A record may differ otherwise only if docs/compatibility.md lists its number, under the heading
DIFFERENCES; a number that is listed there and is equal here is an error, too, so that the list
stays true.  "90?" is listed and may be equal: it depends on records that not everybody has.

Exits with 77 where the records are not at hand.
"""
import argparse
import base64
import hashlib
import json
import pathlib
import re
import shutil
import struct
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from serving import Server  # noqa: E402

DIFFERENCES = "## Recorded answers that differ"
NUMBER_TOLERANCE = 0.03
LOGPROB_NOISE = -15
CUT = re.compile(r"^\.\.\. (\d+) in all$")

VOLATILE = {
    "created_at", "created", "completed_at", "modified_at", "expires_at", "total_duration",
    "load_duration", "prompt_eval_duration", "eval_duration", "id", "item_id", "call_id",
    "request_id", "digest", "size", "size_vram",
    "hyperllama",  # our own version beside Ollama's
    # Counts that Ollama does not make: it leaves them out, or says 0.
    "cached_tokens", "reasoning_tokens", "prompt_tokens_details", "completion_tokens_details",
}
COMPUTED = {"logprob", "embedding", "embeddings", "token_logprobs"}
HEADERS_IGNORED = {"date", "content-length"}


# -- the files that were uploaded ------------------------------------------------------------------

def without_template(model):
    return model.replace(b"tokenizer.chat_template", b"tokenizer.chat_xemplate", 1)


GGUF_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def skip_text(b, at):
    return at + 8 + struct.unpack_from("<Q", b, at)[0]


def skip_value(b, at, kind):
    if kind in GGUF_SIZES:
        return at + GGUF_SIZES[kind]
    if kind == 8:
        return skip_text(b, at)
    element, n = struct.unpack_from("<IQ", b, at)
    at += 12
    if element in GGUF_SIZES:
        return at + n * GGUF_SIZES[element]
    for _ in range(n):
        at = skip_value(b, at, element)
    return at


def as_embedder(model, alignment=32):
    """The same with llama.pooling_type = 1 behind its other keys."""
    n_tensors, n_keys = struct.unpack_from("<QQ", model, 8)
    at = 24
    for _ in range(n_keys):
        at = skip_text(model, at)
        kind, = struct.unpack_from("<I", model, at)
        at = skip_value(model, at + 4, kind)
    keys_end = at
    for _ in range(n_tensors):
        at = skip_text(model, at)
        at += 4 + 8 * struct.unpack_from("<I", model, at)[0] + 4 + 8
    key = b"llama.pooling_type"
    added = struct.pack("<Q", len(key)) + key + struct.pack("<II", 4, 1)
    head = model[:16] + struct.pack("<Q", n_keys + 1) + model[24:keys_end] + added + \
        model[keys_end:at]
    head += b"\0" * (-len(head) % alignment)
    return head + model[-(-at // alignment) * alignment:]


def upload(record, models):
    """The bytes of a record's file: one of the models, or a variant that has the digest asked."""
    wanted = record["path"].rpartition(":")[2]
    for name in ("tiny-q8_0.gguf", "tiny-f16.gguf"):
        model = (models / name).read_bytes()
        for variant in (model, without_template(model), as_embedder(model)):
            if hashlib.sha256(variant).hexdigest() == wanted:
                return variant
    raise SystemExit(f"record {record['n']}: no file has the digest {wanted}")


# -- asking ----------------------------------------------------------------------------------------

def body_of(record, models):
    if "body_file" in record:
        return upload(record, models)
    if record.get("body") is not None:
        return json.dumps(record["body"]).encode()
    return record["body_text"].encode() if record.get("body_text") is not None else None


def read_sse(text):
    events = []
    for block in text.strip().split("\n\n"):
        event = {}
        for line in block.splitlines():
            key, _, value = line.partition(": ")
            event[key] = value
        try:
            event["data"] = json.loads(event["data"])
        except (KeyError, ValueError):
            pass
        events.append(event)
    return events


def read_events(content_type, text):
    kind = (content_type or "").partition(";")[0]
    if not text:
        return []
    try:
        if kind == "application/x-ndjson":
            return [json.loads(line) for line in text.splitlines()]
        if kind == "text/event-stream":
            return read_sse(text)
        if kind == "application/json":
            return [json.loads(text)]
    except ValueError as e:
        return [f"unreadable: {e}: {text[:200]}"]
    return [text]


def ask(server, record, models):
    connection, response = server.open(record["method"], record["path"], body_of(record, models),
                                       record.get("headers"))
    text = response.read().decode()
    connection.close()
    return {"status": response.status, "headers": dict(response.headers),
            "events": read_events(response.headers.get("Content-Type"), text)}


# -- comparing -------------------------------------------------------------------------------------

def plain_text(s):
    s = re.sub(r"sha256[:-][0-9a-f]{64}", "sha256:*", s)
    return re.sub(r"\S*/(blobs|manifests)/", r"*/\1/", s)


def differ(ours, theirs, at=""):
    """What is different, as texts; paths name the places."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return differ_objects(ours, theirs, at)
    if isinstance(theirs, list) and isinstance(ours, list):
        return differ_lists(ours, theirs, at)
    computed = any(part in COMPUTED for part in re.split(r"[.\[]", at))
    if computed and isinstance(theirs, str) and isinstance(ours, str):
        return differ_lists(unpack(ours), unpack(theirs), at)
    if computed and isinstance(theirs, (int, float)) and isinstance(ours, (int, float)):
        close = abs(ours - theirs) <= max(NUMBER_TOLERANCE, NUMBER_TOLERANCE / 3 * abs(theirs))
        return [] if close else [f"{at}: {ours} for {theirs}"]
    if isinstance(theirs, str) and isinstance(ours, str):
        if plain_text(ours) == plain_text(theirs):
            return []
    elif ours == theirs and type(ours) is type(theirs):
        return []
    return [f"{at}: {json.dumps(ours)[:300]} for {json.dumps(theirs)[:300]}"]


def unpack(text):
    """An embedding in base64."""
    b = base64.b64decode(text)
    return list(struct.unpack(f"<{len(b) // 4}f", b))


def differ_objects(ours, theirs, at):
    found = []
    if theirs.get("logprob", 0) < LOGPROB_NOISE and ours.get("logprob", 0) < LOGPROB_NOISE:
        return []  # which of the hopeless tokens is the least so
    for key in theirs.keys() | ours.keys():
        if key in VOLATILE:
            continue
        if key not in ours:
            found.append(f"{at}.{key}: missing, {json.dumps(theirs[key])[:200]}")
        elif key not in theirs:
            found.append(f"{at}.{key}: added, {json.dumps(ours[key])[:200]}")
        else:
            found += differ(ours[key], theirs[key], f"{at}.{key}")
    kept = [k for k in theirs if k in ours and k not in VOLATILE]
    # Ollama itself sorts some: those of model_info, of tools that it repeats, of some events.
    ordered = not any(part in at for part in ("model_info", ".data", ".tools"))
    if ordered and not found and [k for k in ours if k in kept] != kept:
        found.append(f"{at}: order of keys {list(ours)} for {list(theirs)}")
    return sorted(found)


def differ_lists(ours, theirs, at):
    cut = CUT.match(theirs[-1]) if theirs and isinstance(theirs[-1], str) else None
    if cut:
        theirs, n, ours_shown = theirs[:-1], int(cut.group(1)), ours[:len(theirs) - 1]
    else:
        n, ours_shown = len(theirs), ours
    found = [f"{at}: {len(ours)} elements for {n}"] if len(ours) != n else []
    for i, (a, b) in enumerate(zip(ours_shown, theirs)):
        found += differ(a, b, f"{at}[{i}]")
    return found


def differ_headers(ours, theirs):
    found = []
    lower = {k.lower(): v for k, v in ours.items()}
    for name, value in theirs.items():
        if name.lower() in HEADERS_IGNORED:
            continue
        ours_value = lower.get(name.lower())
        words = [sorted(v.replace(" ", "").lower().split(",")) for v in (value, ours_value or "")]
        if words[0] != words[1]:
            found.append(f"header {name}: {ours_value} for {value}")
    return found


def compare(ours, theirs):
    found = []
    if ours["status"] != theirs["status"]:
        found.append(f"status {ours['status']} for {theirs['status']}")
    found += differ_headers(ours["headers"], theirs["headers"])
    return found + differ(ours["events"], theirs["events"], "events")


# -- the list of what is meant to differ -----------------------------------------------------------

def listed():
    text = (ROOT / "docs" / "compatibility.md").read_text()
    _, found, section = text.partition(DIFFERENCES)
    sure, perhaps = set(), set()
    for line in section.partition("\n## ")[0].splitlines() if found else []:
        cells = line.split("|")
        for number, doubt in re.findall(r"\b(\d+)(\?)?", cells[1]) if len(cells) > 2 else []:
            (perhaps if doubt else sure).add(int(number))
    return sure, perhaps


def start(program, directory):
    return Server(program, OLLAMA_MODELS=f"{directory}/models", HOME=directory,
                  HYPERLLAMA_MODELS_DIR=f"{directory}/none")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--records", type=pathlib.Path,
                        default=ROOT.parent / "shared/reference/ollama-recorded.jsonl")
    parser.add_argument("--models", type=pathlib.Path, default=ROOT.parent / "shared/tiny-model")
    parser.add_argument("--only", type=int, nargs="*", help="print these records alone")
    parser.add_argument("-v", action="store_true", help="print the differences that are listed, too")
    a = parser.parse_args()
    if not a.records.exists():
        print(f"skipped: {a.records} is not there")
        return 77
    records = [json.loads(line) for line in a.records.read_text().splitlines()]
    sure, perhaps = listed()
    directory = tempfile.mkdtemp(prefix="replay-")
    server = start(a.program, directory)
    counts = {"equal": 0, "listed": 0, "differ": 0}
    stale = []
    try:
        for record in records:
            found = compare(ask(server, record, a.models), record["answer"])
            is_listed = record["n"] in sure | perhaps
            what = "equal" if not found else "listed" if is_listed else "differ"
            counts[what] += 1
            if record["n"] in sure and not found:
                stale.append(record["n"])
            shown = record["n"] in a.only if a.only else what == "differ" or (a.v and found)
            if shown:
                print(f"{record['n']} {record['name']}: {what}")
                print("".join(f"    {f}\n" for f in found[:8]), end="")
    finally:
        server.stop()
        shutil.rmtree(directory)
    print(f"{len(records)} records: {counts['equal']} equal, {counts['listed']} differ as listed, "
          f"{counts['differ']} differ")
    if stale:
        print(f"listed in docs/compatibility.md, but equal: {stale}")
    return 1 if counts["differ"] or stale else 0


if __name__ == "__main__":
    sys.exit(main())
