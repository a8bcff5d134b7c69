"""Pulls from a registry that behaves, and from one that does not.

    tests/e2e/pull.py PROGRAM [MODEL.gguf]
"""
import http.client
import json
import os
import pty
import subprocess
import sys
import threading
import time

from gguf_parts import split
from pulling import MB, World, check, noise
from registry import Fault, Registry, digest_of, once

PROGRAM = sys.argv[1]
MODEL = sys.argv[2] if len(sys.argv) > 2 else None  # a .gguf file
BIG = noise(80 * MB + 12345, 1)  # three parts
DIGEST = digest_of(BIG)


def is_big(q):
    return q.kind == "blob" and q.digest == DIGEST and q.method == "GET"


def fresh(w, r):
    w.empty()
    r.reset()
    r.add("library/x", "latest", ("model", BIG), ("template", b"{{ .Prompt }}"),
          ("params", b'{"temperature":0}'))
    return f"{r.host}/library/x"


def succeeds(w, r, what, name, extra=0):
    """Pulls, with at most `extra` bytes more than needed."""
    r.sent = 0
    error, lines = w.pull(name)
    check(what, error, None)
    check(what, w.check_store(), 1)
    check(what, w.partials(), [])
    assert r.sent <= len(BIG) + 2000 + extra, (what, r.sent - len(BIG))
    return lines


def well_behaved(w, r):
    name = fresh(w, r)
    r.rate = 60 * MB
    error, lines = w.pull(name, stream=True)
    check("pull", error, None)
    texts = [line["status"] for line in lines]
    check("the first", lines[0], {"status": "pulling manifest"})
    check("the last", texts[-3:], ["verifying sha256 digest", "writing manifest", "success"])
    steps = [line for line in lines if line.get("digest") == DIGEST]
    assert len(steps) > 5, steps
    for line in steps:
        check("a step", set(line), {"status", "digest", "total", "completed"})
        check("a step", line["status"], "pulling " + DIGEST[7:19])
        check("a step", line["total"], len(BIG))
    amounts = [line["completed"] for line in steps]
    assert amounts == sorted(amounts) and amounts[-1] == len(BIG), amounts
    check("in parts", len({q.range for q in r.requests if is_big(q)}), 3)
    check("the manifest's bytes", w.manifest_of(r.host, "library/x"),
          r.manifests["library/x", "latest"])
    check("the store", w.check_store(), 1)
    r.requests.clear()
    error, lines = w.pull(name, stream=True)
    check("again", error, None)
    check("nothing is fetched twice", [q.kind for q in r.requests], ["manifest"])
    assert any(line.get("completed") == len(BIG) for line in lines), lines


def tokens_and_redirects(w, r):
    name = fresh(w, r)
    r.auth = r.redirect = True
    succeeds(w, r, "with a token, elsewhere", name)
    check("the token stays", r.leaks, [])
    check("signatures", r.bad_signatures, 0)
    assert any(q.host == "cdn" for q in r.requests)
    key = f"{w.dir}/.hyperllama/id_ed25519"
    check("the key's mode", os.stat(key).st_mode & 0o777, 0o600)
    shown = subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, text=True) \
        if any(os.access(f"{p}/ssh-keygen", os.X_OK) for p in os.environ["PATH"].split(":")) else None
    if shown:
        check("the key", shown.stdout.split()[:2], open(key + ".pub").read().split()[:2])

    name = fresh(w, r)
    r.auth = True
    r.faults.append(once(1, Fault(location=f"{r.cdn_url}/v2/library/x/manifests/latest"),
                         lambda q: q.kind == "manifest" and q.authorization))
    error, _ = w.pull(name)
    seen = [q for q in r.requests if q.host == "cdn"]
    assert seen and not any(q.authorization.startswith("Bearer") and q.authorization[7:] in r.tokens[:1]
                            for q in seen), [(q.path, q.authorization) for q in seen]

    name = fresh(w, r)
    r.auth, r.realm = True, f"{r.cdn_url}/token"
    error, _ = w.pull(name)
    assert "another host" in error, error
    check("the other host is not asked", [q for q in r.requests if q.host == "cdn"], [])


def faults(w, r):
    name = fresh(w, r)
    r.faults.append(once(2, Fault(stall=20, after=MB), is_big))
    succeeds(w, r, "stalls", name, extra=MB)

    name = fresh(w, r)
    r.faults.append(once(6, Fault(cut=True, after=5 * MB), is_big))
    succeeds(w, r, "cuts", name, extra=MB)

    name = fresh(w, r)
    r.faults.append(once(1, Fault(corrupt=True), is_big))
    error, _ = w.pull(name)
    assert error.startswith("digest mismatch, file must be downloaded again"), error
    check("nothing of it is left", (w.partials(), w.blob(DIGEST).exists()), ([], False))
    check("no such model", w.check_store(), 0)
    succeeds(w, r, "after a wrong byte", name)

    for claimed in (len(BIG) + 1, len(BIG) - 1, 1):
        name = fresh(w, r)
        r.faults.append(once(99, Fault(total=claimed), is_big))
        error, _ = w.pull(name)
        assert "the registry sends others" in error, error
        check("no such model", w.check_store(), 0)

    name = fresh(w, r)
    r.ranges = False
    succeeds(w, r, "no ranges", name, extra=3 * len(BIG))

    name = fresh(w, r)
    r.etag = "one"
    r.faults.append(once(1, Fault(cut=True, after=3 * MB), is_big))
    r.faults.append(once(1, Fault(etag="two"), lambda q: is_big(q) and "bytes=3" in (q.range or "")))
    succeeds(w, r, "another ETag", name, extra=3 * len(BIG))

    for status in (429, 500, 503):
        name = fresh(w, r)
        r.faults.append(once(3, Fault(status=status), is_big))
        r.faults.append(once(2, Fault(status=status), lambda q: q.kind == "manifest"))
        succeeds(w, r, status, name)
    name = fresh(w, r)
    r.faults.append(once(1, Fault(status=429, headers={"Retry-After": "1"}),
                         lambda q: q.kind == "manifest"))
    began = time.monotonic()
    succeeds(w, r, "Retry-After", name)
    assert time.monotonic() - began >= 1

    name = fresh(w, r)
    r.faults.append(once(10 ** 9, Fault(status=500), is_big))
    error, _ = w.pull(name)
    assert error.startswith("500"), error
    assert len(r.requests) < 60, len(r.requests)
    name = fresh(w, r)
    r.redirect = True
    r.faults.append(once(2, Fault(status=403), lambda q: q.host == "cdn"))
    succeeds(w, r, "a link that has expired", name)
    name = fresh(w, r)
    r.faults.append(once(99, Fault(location="/v2/library/x/manifests/latest"),
                         lambda q: q.kind == "manifest"))
    error, _ = w.pull(name)
    assert "in circles" in error, error
    fresh(w, r)
    error, _ = w.pull(f"{r.host}/library/none")
    check("404", error, "pull model manifest: file does not exist")
    name = fresh(w, r)
    del r.blobs[DIGEST]
    error, _ = w.pull(name)
    assert "file does not exist" in error, error


def manifests(w, r):
    name = fresh(w, r)
    good = json.loads(r.manifests["library/x", "latest"])

    def changed(**layer):
        m = json.loads(json.dumps(good))
        m["layers"][0].update(layer)
        return json.dumps(m).encode()
    many = {**good, "layers": good["layers"][1:2] * 5000}
    for text in (b"", b"{", b"[]", b"null", b'{"layers":[]}', b"x" * 5_000_000, b"\xff\xfe",
                 json.dumps({**good, "layers": []}).encode(), json.dumps(many).encode(),
                 changed(digest="sha256:../../../../etc/passwd"), changed(digest="sha256:12"),
                 changed(size=-1), changed(size="1"), changed(digest=None)):
        r.manifests["library/x", "latest"] = text
        error, _ = w.pull(name)
        assert error.startswith("pull model manifest"), (text[:80], error)
    for size, part in ((10 ** 15, "no space left"), (2 ** 63 - 1, "no space left")):
        r.manifests["library/x", "latest"] = changed(size=size)
        error, _ = w.pull(name)
        assert part in error, error
    check("no model came of it", w.check_store(), 0)


def refusals(w, r):
    name = fresh(w, r)
    for model in (name, f"https://{name}", f"localhost:{r.hosts[0].server_port}/library/x"):
        error, _ = w.pull(model, insecure=False)
        assert "not a public" in error, error
    error, _ = w.pull(f"http://{name}", insecure=False)
    check("http", error, "insecure protocol http")
    check("nobody was asked", r.requests, [])
    for model in ("", "../x", "a/../../b", "x y", "http://", "ftp://a/b/c", "a/b/c/d/e", "-x", "x:"):
        status, answer = w.server.json("POST", "/api/pull", {"model": model, "stream": False})
        check(model, (status, answer) if model[:3] != "ftp" else (400, answer),
              (400, {"error": "invalid model name"}))
    check("nobody was asked", r.requests, [])


def sharing(w, r):
    name = fresh(w, r)
    r.rate = 60 * MB
    results = []
    threads = [threading.Thread(target=lambda: results.append(w.pull(name, stream=True)[0]))
               for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("four at once", results, [None] * 4)
    assert r.sent < len(BIG) + 10_000, r.sent
    check("the store", (w.check_store(), w.partials()), (1, []))


def leaving(w, r):
    name = fresh(w, r)
    r.rate = 20 * MB
    c = http.client.HTTPConnection("127.0.0.1", w.server.port, timeout=60)
    c.request("POST", "/api/pull", body=json.dumps({"model": name, "insecure": True}))
    answer = c.getresponse()
    while r.sent < 20 * MB:
        assert answer.readline()
    answer.close()
    c.close()
    until = time.monotonic() + 20
    before = -1
    while before != r.sent and time.monotonic() < until:
        before = r.sent
        time.sleep(0.5)
    assert r.sent < len(BIG), "it goes on"
    check("what has come stays", len(w.partials()), 2)
    first, r.rate = r.sent, 0
    check("then", w.pull(name)[0], None)
    assert r.sent < len(BIG) + 4 * MB, (first, r.sent)
    check("the store", (w.check_store(), w.partials()), (1, []))


def replaced(w, r):
    name = fresh(w, r)
    shared, old, young = noise(1000, 5), noise(2000, 6), noise(3000, 7)
    r.add("library/x", "latest", ("model", old), ("license", shared), ("system", young))
    r.add("library/y", "latest", ("model", noise(10, 8)), ("license", shared))
    check("x", w.pull(name)[0], None)
    check("y", w.pull(f"{r.host}/library/y")[0], None)
    hours_ago = time.time() - 7200
    for data in (shared, old):
        os.utime(w.blob(digest_of(data)), (hours_ago, hours_ago))
    r.add("library/x", "latest", ("model", noise(20, 9)))
    error, lines = w.pull(name, stream=True)
    check("x again", error, None)
    check("the end", [line["status"] for line in lines[-3:]],
          ["writing manifest", "removing unused layers", "success"])
    check("old, another's, young", [w.blob(digest_of(d)).exists() for d in (old, shared, young)],
          [False, True, True])
    check("the store", w.check_store(), 2)


def files(w, r):
    """A .gguf file that no registry has."""
    if not MODEL:
        print("files: skipped, there is no model")
        return
    fresh(w, r)
    data = open(MODEL, "rb").read()
    digest = r.layer("model", data)["digest"]
    r.files["/some/place/Small-1.gguf"] = digest
    r.files["/elsewhere/none.gguf"] = "sha256:" + "0" * 64
    r.redirect = True
    r.faults.append(once(1, Fault(cut=True, after=MB), lambda q: q.digest == digest))
    error, lines = w.pull(f"{r.url}/some/place/Small-1.gguf", stream=True)
    check("a file's URL", error, None)
    steps = [line for line in lines if line.get("digest")]
    check("its amount", (steps[0]["total"] if steps else None), len(data))
    check("the store", (w.check_store(), w.partials(), w.blob(digest).exists()), (1, [], True))
    status, answer = w.server.json("POST", "/api/generate", {
        "model": "Small-1", "prompt": "hi", "stream": False, "options": {"num_predict": 3}})
    check("it answers", (status, answer.get("done")), (200, True))
    error, _ = w.pull(f"{r.url}/elsewhere/none.gguf")
    assert "file does not exist" in error, error
    error, _ = w.pull(f"{r.url}/some/place/Small-1.gguf", insecure=False)
    check("http", error, "insecure protocol http")
    error, _ = w.pull(f"https://{r.host}/some/place/Small-1.gguf", insecure=False)
    assert "not a public" in error, error
    for url in ("https://a/../x y.gguf", "https://a/.gguf", "ftp://a/b.gguf"):
        status, answer = w.server.json("POST", "/api/pull", {"model": url, "stream": False})
        check(url, status, 400)
    place = f"{w.dir}/my-own.gguf"
    os.link(MODEL, place) if os.stat(MODEL).st_dev == os.stat(w.dir).st_dev else \
        open(place, "wb").write(data)
    env = {**os.environ, "HOME": w.dir, "OLLAMA_MODELS": str(w.store), "OLLAMA_HOST": "127.0.0.1:0"}
    got = subprocess.run([PROGRAM, "pull", place], capture_output=True, text=True, env=env)
    check("a path", (got.returncode, got.stderr.splitlines()[-1]), (0, "success"))
    check("two models", w.check_store(), 2)


def parts(w, r):
    """A repository whose models are in several files, as Hugging Face has them."""
    if not MODEL:
        print("parts: skipped, there is no model")
        return
    fresh(w, r)
    data = open(MODEL, "rb").read()
    pieces = split(data, 3)
    r.add_parts("some/Large-GGUF", "Q8_0/Large Model-Q8_0", pieces)
    r.add_parts("some/Large-GGUF", "Large-Q4_0", split(data, 2)[:1], n=2)
    r.redirect = True
    name = f"{r.host}/some/Large-GGUF:q8_0"
    r.faults.append(once(2, Fault(cut=True, after=MB // 4), lambda q: q.kind == "blob" and q.method == "GET"))
    error, lines = w.pull(name, stream=True)
    check("parts", error, None)
    check("amounts", sum(next(line for line in lines if line.get("digest") == digest_of(p))["total"] for p in pieces),
          sum(map(len, pieces)))
    check("the store", (w.check_store(), w.partials()), (1, []))
    request = {"prompt": "What is 2+2?", "stream": False, "options": {"num_predict": 12, "temperature": 0}}
    whole = {"files": {"x.gguf": r.layer("model", data)["digest"]}}
    w.server.ask("POST", f"/api/blobs/{whole['files']['x.gguf']}", data)
    check("the whole", w.server.json("POST", "/api/create", {"model": "whole", **whole, "stream": False})[0], 200)
    answers = [w.server.json("POST", "/api/generate", {"model": m, **request})[1]["response"] for m in (name, "whole")]
    check("it answers as the whole", answers[0], answers[1])
    r.requests.clear()
    check("again", w.pull(name)[0], None)
    check("nothing is fetched twice", [q.kind for q in r.requests], ["manifest", "tree"])
    for tag, word in (("latest", None), ("Q4_0", "no whole model"), ("Q6_K", "no whole model")):
        error, _ = w.pull(f"{r.host}/some/Large-GGUF:{tag}")
        assert word in error if word else error is None, error
    for listing in ({}, [], [1], [{"path": "a-00001-of-00001.gguf", "size": -1, "lfs": {"oid": "f" * 64}}],
                    [{"path": "a-00001-of-00001.gguf", "size": 5, "lfs": {"oid": "../../x"}}]):
        r.trees["some/Large-GGUF"] = listing
        error, _ = w.pull(name)
        assert error and ("no list" in error or "no whole model" in error), error
    r.trees.clear()


def commands(w, r):
    name = fresh(w, r)
    env = {**os.environ, "HOME": w.dir, "OLLAMA_HOST": f"127.0.0.1:{w.server.port}"}

    def hl(*args):
        return subprocess.run([PROGRAM, *args], capture_output=True, text=True, env=env, timeout=60)
    got = hl("pull", "--insecure", name)
    lines = got.stderr.splitlines()
    check("pull", (got.returncode, got.stdout), (0, ""))
    assert lines[0] == "pulling manifest" and lines[-1] == "success", lines
    assert f"pulling {DIGEST[7:19]}: 100%  83 MB" in lines, lines
    got = hl("pull", "--json", "--insecure", name)
    check("--json", [json.loads(line)["status"] for line in got.stdout.splitlines()][-1], "success")
    got = hl("pull", "--insecure", f"{r.host}/library/none")
    check("an error", (got.returncode, got.stderr.splitlines()[-1]),
          (1, "Error: pull model manifest: file does not exist"))
    got = hl("run", "--insecure", f"{r.host}/library/none", "hi")
    check("run of what is nowhere", (got.returncode, got.stderr.splitlines()[-1]),
          (1, "Error: pull model manifest: file does not exist"))
    if MODEL:
        r.add("library/small", "latest", ("model", open(MODEL, "rb").read()))
        got = hl("run", "--insecure", f"{r.host}/library/small", "--think=false", "hi")
        check("run pulls first", (got.returncode, bool(got.stdout.strip())), (0, True))
    w.empty()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, [PROGRAM, "pull", "--insecure", name], {**env, "TERM": "xterm"})
    screen = b""
    r.rate = 60 * MB
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        screen += piece
    check("on a terminal", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    text = screen.decode()
    assert "▕" in text and "█" in text and "success" in text and "MB/s" in text, text[-2000:]


def over_tls():
    """Private addresses may be allowed, http and unknown certificates stay refused."""
    w, plain = World(PROGRAM), Registry()
    cert, key = f"{w.dir}/cert.pem", f"{w.dir}/key.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                           "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                           "-out", cert], capture_output=True)
    if made.returncode != 0:
        print("over_tls: skipped, there is no openssl")
        return
    try:
        r = Registry((cert, key))
        s = w.start(HYPERLLAMA_ALLOW_PRIVATE="1", SSL_CERT_FILE=cert)
        name = fresh(w, r)
        r.auth = r.redirect = True
        check("pull", w.pull(name, insecure=False)[0], None)
        check("the store", (w.check_store(), w.partials()), (1, []))
        check("the token stays", (r.leaks, r.bad_signatures), ([], 0))
        w.empty()
        check("a parent is pulled first", s.json("POST", "/api/create", {
            "model": "child", "from": name, "system": "S", "stream": False}),
            (200, {"status": "success"}))
        check("parent and child", w.check_store(), 2)
        for what in ("manifest", "blob"):
            name = fresh(w, r)
            plain.reset()
            r.faults.append(lambda q: Fault(location=f"{plain.url}/x") if q.kind == what else None)
            error, _ = w.pull(name, insecure=False)
            assert "insecure protocol http" in error, error
            check("nobody was asked", plain.requests, [])
        s.stop()
        s = w.start(HYPERLLAMA_ALLOW_PRIVATE="1", SSL_CERT_FILE="")
        error, _ = w.pull(fresh(w, r), insecure=False)
        assert "certificate" in error, error
        s.stop()
    finally:
        w.close()


def stopping(w, r):
    """A server that is told to end does not wait for a pull: it goes on the next time."""
    name = fresh(w, r)
    r.rate = 8 * MB
    t = threading.Thread(target=lambda: w.pull(name, stream=True))
    t.start()
    while r.sent < 4 * MB:
        time.sleep(0.01)
    check("the server ends", w.server.stop(), 0)
    t.join()
    check("what has come stays", len(w.partials()), 2)
    w.start(HYPERLLAMA_PULL_STALL_MS="1500")
    r.rate = 0
    check("then", w.pull(name)[0], None)
    check("the store", (w.check_store(), w.partials()), (1, []))


def main():
    w, r = World(PROGRAM), Registry()
    try:
        w.start(HYPERLLAMA_PULL_STALL_MS="1500")
        for part in (well_behaved, tokens_and_redirects, faults, manifests, refusals, sharing,
                     leaving, stopping, replaced, files, parts, commands):
            began = time.monotonic()
            part(w, r)
            print(f"{part.__name__}: ok ({time.monotonic() - began:.1f} s)")
        check("the server ends", w.server.stop(), 0)
    finally:
        w.close()
    over_tls()
    print("over_tls: ok")


main()
