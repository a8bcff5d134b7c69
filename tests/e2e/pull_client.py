"""Pull and push by the packages `ollama` for Python and for Node.

    tests/e2e/pull_client.py PROGRAM [MODEL.gguf NODE_SCRIPT]
"""
import subprocess
import sys

try:
    import ollama
except ImportError:
    ollama = None

from pulling import MB, World, check, noise
from registry import Registry, digest_of

PROGRAM = sys.argv[1]


def by_node(model, script):
    w, r = World(PROGRAM), Registry()
    data = open(model, "rb").read()
    try:
        r.add("library/x", "latest", ("model", data), ("system", b"Be kind."))
        r.auth = r.redirect = True
        r.rate = 8 * MB
        run = subprocess.run(["node", script, f"http://127.0.0.1:{w.start().port}", f"{r.host}/library/x",
                              digest_of(data), str(len(data))], capture_output=True, text=True, timeout=120)
        check("node", (run.returncode, run.stderr), (0, ""))
        check("pushed", "me/z" in str(r.manifests), True)
        w.server.stop()
    finally:
        w.close()
    print(run.stdout.strip())


def by_python():
    w, r = World(PROGRAM), Registry()
    data = noise(40 * MB, 21)
    try:
        r.add("library/x", "latest", ("model", data), ("system", b"Be kind."))
        r.auth = r.redirect = True
        r.rate = 80 * MB
        client = ollama.Client(host=f"http://127.0.0.1:{w.start().port}")
        name = f"{r.host}/library/x"
        steps = list(client.pull(name, insecure=True, stream=True))
        amounts = [(s.completed, s.total) for s in steps if s.digest == digest_of(data)]
        check("the last step", steps[-1].status, "success")
        check("the amount", amounts[-1], (len(data), len(data)))
        assert len(amounts) > 3, amounts
        check("whole", client.pull(name, insecure=True).status, "success")
        check("copy", client.copy(name, f"{r.host}/me/y").status, "success")
        check("push", [s.status for s in client.push(f"{r.host}/me/y", insecure=True,
                                                     stream=True)][-1], "success")
        check("pushed", r.manifests["me/y", "latest"], r.manifests["library/x", "latest"])
        try:
            client.pull(f"{r.host}/library/none", insecure=True)
            raise AssertionError("there is no such model")
        except ollama.ResponseError as e:
            assert "file does not exist" in e.error, e
        w.server.stop()
    finally:
        w.close()
    print("the package ollama pulls and pushes")


if len(sys.argv) > 2:
    by_node(*sys.argv[2:])
else:
    by_python()
