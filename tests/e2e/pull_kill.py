"""A server that is killed with -9 in the middle of a pull, and the next one that goes on.

    tests/e2e/pull_kill.py PROGRAM
"""
import http.client
import json
import os
import random
import re
import sys
import threading
import time

from pulling import MB, World, check, noise
from registry import Registry, digest_of

PROGRAM = sys.argv[1]
SLOW = os.environ.get("HL_TEST_SLOW") == "1"
KILLS, SIZE, RATE = (200, 256 * MB, 256 * MB) if SLOW else (24, 72 * MB, 120 * MB)
LOST = 4 * MB
PART, PIECE = 32 * MB, 16 << 10
KEPT = noise(100_000, 3)


def start_pull(server, name):
    """Until the server is gone."""
    def run():
        try:
            c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            c.request("POST", "/api/pull", body=json.dumps({"model": name, "insecure": True}))
            c.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass
    t = threading.Thread(target=run)
    t.start()
    return t


def kill_at(w, r, name, point, delay):
    """-9 when the registry has sent so many bytes, or some time after its last one."""
    t = start_pull(w.server, name)
    until = time.monotonic() + 120
    while r.sent < point and t.is_alive():
        assert time.monotonic() < until, (point, r.sent)
        time.sleep(0.0005)
    time.sleep(delay)
    w.server.process.kill()
    w.server.process.wait()
    t.join()


def written(w, data):
    """Bytes that the killed server had fetched: of each part what is there from its beginning.
    (What lay in the system's buffers for its sockets it never had.)"""
    place = w.blob(digest_of(data))
    if place.exists():
        return len(data)
    partial = place.with_name(place.name + "-partial")
    if not partial.exists():
        return 0
    there = partial.read_bytes()
    n = 0
    for begin in range(0, len(data), PART):
        end = min(begin + PART, len(data))
        at = begin
        while at < end and there[at:at + PIECE] == data[at:min(at + PIECE, end)][:PIECE]:
            at = min(at + PIECE, end)
        n += at - begin
    return n


def asked_for(r, data):
    """Bytes that the registry was asked for."""
    n = 0
    for q in r.requests:
        if q.kind == "blob" and q.digest == digest_of(data):
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", q.range or "")
            n += int(found[2]) - int(found[1]) + 1 if found else len(data)
    return n


def one(w, r, i, rng):
    data = noise(SIZE - i * 4096, 100 + i % 8)  # another blob each time
    name = f"{r.host}/library/x"
    r.reset()
    r.rate = RATE
    r.add("library/x", "latest", ("model", data), ("template", b"%d" % i))
    at_end = i % 6 == 5
    point = len(data) if at_end else (i + rng.random()) / KILLS * len(data)
    kill_at(w, r, name, point, rng.random() * 0.15 if at_end else 0)
    listed = w.check_store()
    had = written(w, data)
    r.rate = 0
    r.requests.clear()
    w.start()
    check("then it works", w.pull(name)[0], None)
    again = had - (len(data) - asked_for(r, data))
    assert again <= LOST, f"kill {i} at {point:.0f} of {len(data)}: {again} of {had} bytes again"
    assert listed in (1, 2), listed
    check("both models", (w.check_store(), w.partials()), (2, []))
    check("the earlier one", w.blob(digest_of(KEPT)).read_bytes() == KEPT, True)
    w.server.ask("DELETE", "/api/delete", {"model": name})
    w.blob(digest_of(data)).unlink(missing_ok=True)  # too young to be pruned
    r.blobs.pop(digest_of(data))
    return again


def main():
    seed = int(os.environ.get("HL_SEED", random.randrange(1 << 30)))
    rng = random.Random(seed)
    w, r = World(PROGRAM), Registry()
    try:
        r.add("library/kept", "latest", ("model", KEPT))
        w.start()
        check("the earlier model", w.pull(f"{r.host}/library/kept")[0], None)
        again = []
        for i in range(KILLS):
            try:
                again.append(one(w, r, i, rng))
            except AssertionError as e:
                raise AssertionError(f"HL_SEED={seed}, kill {i}: {e}") from e
        w.server.stop()
    finally:
        w.close()
    print(f"{KILLS} kills of a pull of {SIZE // MB} MB: at most {max(again)} bytes fetched again, "
          f"{sum(again) // len(again)} on the average")


main()
