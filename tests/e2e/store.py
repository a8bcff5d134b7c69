"""The routes that change models, and a store that survives kill -9 at any moment.

    tests/e2e/store.py PROGRAM MODEL.gguf
"""
import hashlib
import http.client
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

from serving import Server

PROGRAM, MODEL = sys.argv[1], pathlib.Path(sys.argv[2])
KILLS = int(os.environ.get("HL_STORE_KILLS", "20"))
BYTES = MODEL.read_bytes()
DIGEST = "sha256:" + hashlib.sha256(BYTES).hexdigest()


def start(directory):
    return Server(PROGRAM, OLLAMA_MODELS=f"{directory}/models", HOME=directory,
                  HYPERLLAMA_MODELS_DIR=f"{directory}/none")


def check(what, got, want):
    assert got == want, f"{what}: {got!r}, want {want!r}"


def tags(s):
    return [m["name"] for m in s.json("GET", "/api/tags")[1]["models"]]


def create(s, **body):
    return s.json("POST", "/api/create", {"stream": False, **body})


def upload(s, data=BYTES, digest=DIGEST):
    return s.ask("POST", f"/api/blobs/{digest}", data)


def show(s, model, **body):
    return s.json("POST", "/api/show", {"model": model, **body})[1]


# -- the routes ------------------------------------------------------------------------------------

def blobs(s):
    check("an empty store", tags(s), [])
    check("no blob yet", s.ask("HEAD", f"/api/blobs/{DIGEST}")[0], 404)
    check("wrong bytes", upload(s, b"nonsense")[0], 400)
    check("a digest that is none", upload(s, b"x", "sha256:xyz")[0], 400)
    check("still no blob", s.ask("HEAD", f"/api/blobs/{DIGEST}")[0], 404)
    check("upload", upload(s)[0], 201)
    check("again", upload(s)[0], 200)
    check("the blob", s.ask("HEAD", f"/api/blobs/{DIGEST}")[0], 200)
    check("by its other name", s.ask("HEAD", f"/api/blobs/{DIGEST.replace(':', '-')}")[0], 200)


def chunked_upload(s):
    """A body without a length, in pieces."""
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=60)
    data = b"x" * 1_000_000
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    pieces = (data[i:i + 65536] for i in range(0, len(data), 65536))
    c.request("POST", f"/api/blobs/{digest}", body=pieces, encode_chunked=True,
              headers={"Transfer-Encoding": "chunked"})
    check("chunked", c.getresponse().status, 201)
    c.close()


def models(s, directory):
    lines = s.lines("/api/create", {"model": "a", "files": {"a.gguf": DIGEST}})
    check("create", [line["status"] for line in lines],
          ["parsing GGUF", "verifying conversion", f"creating new layer {DIGEST}",
           "writing manifest", "success"])
    stored = pathlib.Path(directory, "models", "blobs", DIGEST.replace(":", "-"))
    check("the uploaded bytes", stored.read_bytes() == BYTES, True)
    check("a child", create(s, model="me/Child:1", **{
        "from": "A", "system": "You are a pirate.", "parameters": {"temperature": 0, "stop": ["X"]},
        "license": ["MIT"], "messages": [{"role": "user", "content": "hi"}]})[0], 200)
    shown = show(s, "me/child:1")
    check("its system text", shown["system"], "You are a pirate.")
    check("its parent", shown["details"]["parent_model"], "a:latest")
    check("its parameters", shown["parameters"],
          'stop                           "X"\ntemperature                    0')
    assert "SYSTEM You are a pirate." in shown["modelfile"], shown["modelfile"]
    check("copy", s.ask("POST", "/api/copy", {"source": "a", "destination": "b"})[0], 200)
    check("names", sorted(tags(s)), ["a:latest", "b:latest", "me/Child:1"])
    listed = {m["name"]: m for m in s.json("GET", "/api/tags")[1]["models"]}
    check("copies have one id", listed["a:latest"]["digest"], listed["b:latest"]["digest"])
    check("tags know what show knows", listed["a:latest"]["capabilities"],
          show(s, "a")["capabilities"])
    check("delete", s.ask("DELETE", "/api/delete", {"model": "A"})[0], 200)
    check("deleted", s.ask("DELETE", "/api/delete", {"model": "a"})[0], 404)
    status, answer = s.json("POST", "/api/generate", {
        "model": "me/child:1", "prompt": "hi", "stream": False, "think": False,
        "options": {"num_predict": 4}})
    check("the child answers", (status, answer.get("done")), (200, True))


def refusals(s):
    for body, status, part in [
            ({}, 400, "invalid model name"),
            ({"model": "x"}, 400, "neither 'from' or 'files' was specified"),
            ({"model": "../x", "from": "b"}, 400, "invalid model name"),
            ({"model": "x", "from": "../b"}, 400, "invalid model name"),
            ({"model": "x", "from": "nope"}, 500, "pull model manifest"),
            ({"model": "x", "files": {"/etc/passwd": DIGEST}}, 400, "must be relative"),
            ({"model": "x", "files": {"a/../../b": DIGEST}}, 400, "must be relative"),
            ({"model": "x", "files": {"b": "sha256:1"}}, 400, "invalid digest format"),
            ({"model": "x", "files": {"b": "sha256:" + "0" * 64}}, 500, "no such file"),
            ({"model": "x", "from": "b", "parameters": {"wrong": 1}}, 400, "'wrong'"),
            ({"model": "x", "from": "b", "messages": [{"role": "boss"}]}, 400, "boss"),
            ({"model": "x", "from": "b", "template": "{{ if"}, 400, "template error"),
            ({"model": "x", "from": "b", "quantize": "q9"}, 500, "Q9"),
            ({"model": "x", "from": "b", "adapters": {"y": DIGEST}}, 400, "is no adapter"),
            ({"model": "x", "from": "b", "remote_host": "z"}, 400, "remote_host")]:
        got = create(s, **body)
        check(body, got[0], status)
        assert part in got[1]["error"], got
    check("nothing was made", "x:latest" in tags(s), False)
    check("a model of the cloud", s.ask("POST", "/api/show", {"model": "x:cloud"})[0], 403)
    check("a model that is none", s.ask("POST", "/api/show", {"model": "x:y"})[0], 404)
    lines = s.lines("/api/pull", {"model": "b"})
    check("pull of what is here", lines[-1]["status"], "success")
    lines = s.lines("/api/pull", {"model": "nope"})
    assert "error" in lines[-1], lines


# -- kill -9 ---------------------------------------------------------------------------------------

def check_store(directory):
    """Every listed model has all its blobs, whole; nothing else has a blob's name."""
    store = pathlib.Path(directory, "models")
    for manifest in (store / "manifests").glob("*/*/*/*"):
        if manifest.name.startswith("."):
            continue
        m = json.loads(manifest.read_bytes())
        for layer in [m["config"], *m["layers"]]:
            blob = store / "blobs" / layer["digest"].replace(":", "-")
            check(manifest, blob.stat().st_size, layer["size"])
    for blob in (store / "blobs").glob("sha256-*"):
        check("a blob", hashlib.sha256(blob.read_bytes()).hexdigest(), blob.name[7:])


def work(s, number):
    """Uploads a new model and makes one of it, until the server is gone."""
    data = BYTES + b"%d" % number  # bytes behind the tensors do no harm
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    try:
        upload(s, data, digest)
        create(s, model=f"new-{number}", files={"n.gguf": digest}, system=f"number {number}")
        s.ask("POST", "/api/copy", {"source": "keep", "destination": "copy"})
        s.ask("DELETE", "/api/delete", {"model": "copy"})
    except (OSError, http.client.HTTPException, ValueError):
        pass


def kills(directory):
    seed = int(os.environ.get("HL_SEED", random.randrange(1 << 30)))
    rng = random.Random(seed)
    s = start(directory)
    check("upload", upload(s)[0], 201)
    check("create", create(s, model="keep", files={"k.gguf": DIGEST}, system="kept")[0], 200)
    began = time.monotonic()
    work(s, 0)
    length = time.monotonic() - began
    for number in range(1, KILLS + 1):
        worker = threading.Thread(target=work, args=(s, number))
        worker.start()
        time.sleep(rng.random() * length)
        s.process.kill()
        s.process.wait()
        worker.join()
        check_store(directory)
        s = start(directory)
        listed = tags(s)
        assert "keep:latest" in listed and "new-0:latest" in listed, (seed, number, listed)
        check(f"seed {seed}", show(s, "keep")["system"], "kept")
    work(s, KILLS + 1)
    assert f"new-{KILLS + 1}:latest" in tags(s)
    s.stop()
    check_store(directory)


def main():
    directory = tempfile.mkdtemp(prefix="hyperllama-store-")
    try:
        s = start(directory)
        blobs(s)
        chunked_upload(s)
        models(s, directory)
        refusals(s)
        s.stop()
        check_store(directory)
        shutil.rmtree(directory)
        os.mkdir(directory)
        kills(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"the store survived {KILLS} kills")


main()
