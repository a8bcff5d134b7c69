"""Pushes, and back again by a pull.

    tests/e2e/push.py PROGRAM
"""
import json
import sys

from pulling import MB, World, check, noise
from registry import Fault, Registry, digest_of

PROGRAM = sys.argv[1]
BIG = noise(5 * MB + 7, 11)


def push(w, model, stream=True, **more):
    status, _, text = w.server.ask("POST", "/api/push",
                                   {"model": model, "insecure": True, "stream": stream, **more})
    return status, [json.loads(line) for line in text.splitlines()]


def round_trip(w, r, auth, redirect):
    w.empty()
    r.reset()
    r.manifests.clear()
    r.blobs.clear()
    r.add("library/x", "latest", ("model", BIG), ("template", b"{{ .Prompt }}"), ("system", b""))
    check("pull", w.pull(f"{r.host}/library/x")[0], None)
    before = w.manifest_of(r.host, "library/x")
    check("copy", w.server.ask("POST", "/api/copy", {"source": f"{r.host}/library/x",
                                                     "destination": f"{r.host}/me/y:1"})[0], 200)
    r.blobs.clear()
    r.auth, r.redirect = auth, redirect
    status, lines = push(w, f"{r.host}/me/y:1")
    check("push", (status, lines[0], lines[-2:]),
          (200, {"status": "retrieving manifest"},
           [{"status": "pushing manifest"}, {"status": "success"}]))
    digest = digest_of(BIG)
    steps = [line for line in lines if line.get("digest") == digest]
    check("a step", steps[-1], {"status": "pushing " + digest[7:19], "digest": digest,
                                "total": len(BIG), "completed": len(BIG)})
    check("the manifest", r.manifests["me/y", "1"], before)
    check("the blobs", sorted(r.blobs), sorted({layer["digest"] for layer in [
        json.loads(before)["config"], *json.loads(before)["layers"]]}))
    check("the token stays", r.leaks, [])
    r.requests.clear()
    check("again", push(w, f"{r.host}/me/y:1")[1][-1], {"status": "success"})
    check("nothing is sent twice", [q for q in r.requests if q.kind == "upload"], [])
    w.empty()
    check("and back", w.pull(f"{r.host}/me/y:1")[0], None)
    check("the same", w.manifest_of(r.host, "me/y", "1"), before)
    check("the store", w.check_store(), 1)


def refusals(w, r):
    r.reset()
    check("no name", push(w, "", stream=False), (400, [{"error": "model is required"}]))
    check("a bad name", push(w, "../x", stream=False), (400, [{"error": "invalid model name"}]))
    status, lines = push(w, "nope", stream=False)
    assert status == 500 and lines[0]["error"].endswith("nope/latest: no such file or directory"), lines
    status, lines = push(w, f"{r.host}/me/y:1", stream=False, insecure=False)
    assert status == 500 and "not a public" in lines[0]["error"], lines
    check("nobody was asked", r.requests, [])
    r.faults.append(lambda q: Fault(status=403) if q.kind == "manifest" and q.method == "PUT" else None)
    status, lines = push(w, f"{r.host}/me/y:1", stream=False)
    check("the registry's word", (status, lines), (500, [{"error": "403: told to"}]))


def main():
    w, r = World(PROGRAM), Registry()
    try:
        w.start()
        for auth, redirect in ((False, False), (True, False), (True, True)):
            round_trip(w, r, auth, redirect)
        check("signatures", r.bad_signatures, 0)
        refusals(w, r)
        check("the server ends", w.server.stop(), 0)
    finally:
        w.close()
    print("push and back: ok")


main()
