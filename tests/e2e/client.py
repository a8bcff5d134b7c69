#!/usr/bin/env python3
"""Which server the commands talk to, and what they print of its answers.

    client.py PROGRAM DIRECTORY

DIRECTORY is empty and private; $HOME is below it.  Every wait has an end.
"""
import glob
import http.server
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time

from serving import Server

PROGRAM, TMP = os.path.abspath(sys.argv[1]), sys.argv[2]
WAIT_S = 60
ENDLESS = ["--temperature", "100", "--top-k", "0", "--top-p", "1", "--think=false"]
# Models that are made here are kept apart.
STORE = {"OLLAMA_MODELS": os.path.join(TMP, "models")}


def hl(*words, stdin="", **env):
    p = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=WAIT_S,
                       input=stdin, env={**os.environ, **STORE, **env})
    return p.returncode, p.stdout, p.stderr


def good(*words, **env):
    code, out, err = hl(*words, **env)
    assert code == 0 and err == "", (words, code, out, err)
    return out


def good_with_notes(*words, **env):
    code, out, err = hl(*words, **env)
    assert code == 0, (words, code, out, err)
    return out


def bad(part, *words, code=1, **env):
    got, out, err = hl(*words, **env)
    assert got == code and out == "", (words, got, out, err)
    assert err.startswith("Error: ") and err.count("\n") == 1 and part in err, (words, err)


def host(server):
    return {"HYPERLLAMA_HOST": f"127.0.0.1:{server.port}"}


def wait_until(condition, what):
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, f"waited for {what}"
        time.sleep(0.02)


def n_requests(server):
    """How many requests for models the server has had."""
    return sum("request finished" in line for line in server.log)


def a_running_server_is_asked():
    s = Server(PROGRAM, **STORE)
    at = host(s)
    own = good("run", "tiny", "What is 2+2?", "--temperature", "0")
    assert good("ps", **at) == "NAME    ID    SIZE    PROCESSOR    CONTEXT    UNTIL \n"
    assert good("run", "tiny", "What is 2+2?", "--temperature", "0", **at) == own
    assert good("run", "tiny", "What is 2+2?", "--temperature", "0",
                OLLAMA_HOST=f"http://localhost:{s.port}") == own
    wait_until(lambda: n_requests(s) == 2, "two requests")
    generated = json.loads(good("generate", "tiny", "Once upon", "-n", "8", "--seed", "7", "--json",
                                **at))
    assert generated["eval_count"] == 8 and generated["done_reason"] == "length"
    assert good("show", "tiny", **at) == good("show", "tiny")

    lines = good("ps", **at).splitlines()
    assert lines[0].split() == ["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"]
    assert re.match(r"tiny:latest {4}[0-9a-f]{12} {4}[\d.]+ [MG]B {4}100% CPU {5}\d+ {2,}"
                    r"4 minutes from now {4}$", lines[1]), lines
    good("run", "tiny", "--keepalive", "-1", **at)
    assert "Forever" in good("ps", "TINY", **at)
    assert good("ps", "other", **at).count("\n") == 1
    assert json.loads(good("ps", "--json", **at))["models"][0]["name"] == "tiny:latest"
    assert json.loads(good("stop", "tiny", "--json", **at))["done_reason"] == "unload"
    wait_until(lambda: good("ps", **at).count("\n") == 1, "the model to go")
    assert good("stop", "tiny", **at) == ""
    bad('couldn\'t find model "nope" to stop', "stop", "nope", **at)
    assert "is not a public one" in hl("run", "127.0.0.1:9/library/nope", "hi", **at)[2]
    bad("model 'nope' not found", "generate", "nope", "hi", code=66, **at)
    assert s.stop() == 0


def models_are_listed_copied_and_removed():
    for at in ({}, None):
        s = Server(PROGRAM, **STORE) if at is None else None
        env = host(s) if s else {}
        assert good("cp", "tiny", "copy-of-tiny", **env) == "copied 'tiny' to 'copy-of-tiny'\n"
        lines = good("ls", **env).splitlines()
        assert lines[0].split() == ["NAME", "ID", "SIZE", "MODIFIED"], lines
        assert re.match(r"copy-of-tiny:latest {4}[0-9a-f]{12} {4}\d+ MB {4}"
                        r"(Less than a second|\d+ seconds?) ago {4}$", lines[1]), lines
        assert len(good("list", "COPY", **env).splitlines()) == 2
        assert [m["name"] for m in json.loads(good("list", "copy", "--json", **env))["models"]] \
            == ["copy-of-tiny:latest"]
        assert "4" in good("run", "copy-of-tiny", "What is 2+2?", "--temperature", "0", **env)
        assert good("rm", "copy-of-tiny", **env) == "deleted 'copy-of-tiny'\n"
        bad("model 'copy-of-tiny' not found", "rm", "copy-of-tiny", **env)
        bad('model "nope" not found', "cp", "nope", "x", **env)
        if s:
            assert s.stop() == 0


def a_path_is_never_sent():
    s = Server(PROGRAM)
    path = json.loads(good("show", "--json", "tiny"))["path"]
    want = good("generate", "tiny", "Once upon", "-n", "8", "--temperature", "0")
    for name in path, os.path.relpath(path):
        assert good("generate", name, "Once upon", "-n", "8", "--temperature", "0",
                    **host(s)) == want
    assert n_requests(s) == 0, s.log
    status, answer = s.json("POST", "/api/generate", {"model": path, "prompt": "hi"})
    assert status in (400, 404), (status, answer)
    assert s.stop() == 0


def start(*words, **env):
    """A program whose answer does not end by itself, once it has begun to answer."""
    p = subprocess.Popen([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env={**os.environ, **env})
    assert p.stdout.read(20), p.stderr.read()
    return p


def a_server_that_dies_is_told():
    for words in (("run", "tiny", "Tell me a story", *ENDLESS),
                  ("generate", "tiny", "Once", *ENDLESS[:-1])):
        s = Server(PROGRAM)
        p = start(*words, **host(s))
        s.process.kill()
        _, err = p.communicate(timeout=WAIT_S)
        assert p.returncode == (1 if words[0] == "run" else 69), p.returncode
        assert re.fullmatch(rb"Error: the server at \S+ ended the connection before its answer was "
                            rb"complete\n", err), err
        s.process.wait()


def an_interrupt_ends_the_answer_everywhere():
    s = Server(PROGRAM)
    p = start("run", "tiny", "Tell me a story", *ENDLESS, **host(s))
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=WAIT_S)
    assert p.returncode == 130, p.returncode
    wait_until(lambda: good("ps", **host(s)).count("\n") == 2, "the model")
    good("stop", "tiny", **host(s))
    wait_until(lambda: good("ps", **host(s)).count("\n") == 1, "the model to be idle and go")
    assert s.stop() == 0
    p = start("run", "tiny", "Tell me a story", *ENDLESS)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=WAIT_S)
    assert p.returncode == 130, p.returncode


def our_own_socket_is_ours_alone():
    private = os.path.join(TMP, "run")
    os.mkdir(private, 0o700)
    for env, pattern in (({}, "/tmp/hyperllama-*/hyperllama-%d.sock"),
                         ({"XDG_RUNTIME_DIR": private}, private + "/hyperllama-%d.sock")):
        p = start("run", "tiny", "Tell me a story", *ENDLESS, **env)
        [socket] = glob.glob(pattern % p.pid)
        assert stat.S_IMODE(os.stat(socket).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(socket)).st_mode) == 0o700
        p.send_signal(signal.SIGTERM if env else signal.SIGINT)
        p.communicate(timeout=WAIT_S)
        assert not os.path.exists(socket)
        assert os.path.exists(os.path.dirname(socket)) == bool(env)
    p = start("run", "tiny", "Tell me a story", *ENDLESS)
    [socket] = glob.glob("/tmp/hyperllama-*/hyperllama-%d.sock" % p.pid)
    p.terminate()
    p.communicate(timeout=WAIT_S)
    assert p.returncode == -signal.SIGTERM, p.returncode
    assert not os.path.exists(os.path.dirname(socket))


class Fake:
    """A server that answers /api/version, and what else it is given answers for, and remembers what
    it is asked."""
    def __init__(self, version, key=None, answers=None):
        fake = self
        self.asked, self.keys, self.bodies = [], [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                fake.keys.append(self.headers.get("Authorization"))
                if self.path != "/api/version":
                    fake.asked.append(self.path)
                known = key is None or self.headers.get("Authorization") == f"Bearer {key}"
                length = int(self.headers.get("Content-Length") or 0)
                fake.bodies.append(json.loads(self.rfile.read(length) or "null"))
                body = version if self.path == "/api/version" else \
                    (answers or {}).get(self.path, {"models": []})
                data = json.dumps(body if known else {"error": "unauthorized"}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_HEAD = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def a_real_ollama_is_left_alone():
    fake = Fake({"version": "0.33.0"})
    code, out, err = hl("run", "tiny", "What is 2+2?", "--temperature", "0", **host(fake))
    assert code == 0 and "4" in out, (code, out, err)
    assert re.fullmatch(r"Note: .* is not HyperLlama; .* its own engine\n", err), err
    bad("run 'hyperllama serve' to start it", "stop", "tiny") # nobody at all
    code, out, err = hl("ps", **host(fake))
    assert code == 1 and out == "" and "could not connect to a HyperLlama server" in err
    assert fake.asked == [], fake.asked


def keys_go_to_those_who_want_one():
    fake = Fake({"version": "0.33.0", "hyperllama": "1"}, key="hl-1234")
    bad("wants an API key", "ps", **host(fake))
    bad("does not take the API key", "ps", OLLAMA_API_KEY="hl-0000", **host(fake))
    good("ps", HYPERLLAMA_API_KEY="hl-1234", **host(fake))
    path = os.path.join(os.environ["HOME"], ".hyperllama", "key")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("hl-1234\n")
    os.chmod(path, 0o644)
    bad("can be read by others", "list", **host(fake))
    os.chmod(path, 0o600)
    assert good("list", **host(fake)) == "NAME    ID    SIZE    MODIFIED \n"
    good("list") # our own server wants none
    open_fake = Fake({"version": "0.33.0", "hyperllama": "1"})
    good("list", **host(open_fake))
    assert open_fake.keys == [None, None], open_fake.keys
    os.remove(path)


def embedding_models_give_a_vector():
    fake = Fake({"version": "0.33.0", "hyperllama": "1"}, answers={
        "/api/show": {"capabilities": ["embedding"]}, "/api/embed": {"embeddings": [[0.5, -1]]}})
    assert good("run", "e", "some text", "--truncate=false", "--dimensions", "2", "--num-ctx", "512",
                **host(fake)) == "[0.5,-1]\n"
    assert fake.bodies[-1] == {"model": "e", "input": "some text", "truncate": False,
                               "dimensions": 2, "options": {"num_ctx": 512}}, fake.bodies
    bad("want a text", "run", "e", **host(fake))


def a_server_with_keys_knows_them():
    home = os.path.join(TMP, "home-with-keys")
    os.mkdir(home)
    key = good_with_notes("key", "create", "test", HOME=home).strip().split()[-1]
    s = Server(PROGRAM, HOME=home, **STORE)
    bad("wants an API key", "run", "tiny", "hi", **host(s))
    assert "4" in good("run", "tiny", "What is 2+2?", "--temperature", "0",
                       HYPERLLAMA_API_KEY=key, **host(s))
    assert "4" in good("run", "tiny", "What is 2+2?", "--temperature", "0", HOME=home)
    assert s.stop() == 0


def addresses_are_read():
    s = Server(PROGRAM)
    config = os.path.join(os.environ["HOME"], ".hyperllama", "config.yaml")
    os.makedirs(os.path.dirname(config), exist_ok=True)
    with open(config, "w") as f:
        f.write(f"host: 127.0.0.1:{s.port}\n")
    environment = {k: v for k, v in os.environ.items() if k != "OLLAMA_HOST"}
    p = subprocess.run([PROGRAM, "ps"], env=environment, capture_output=True, text=True)
    assert p.returncode == 0 and p.stdout.startswith("NAME"), p
    os.remove(config)
    bad("host", "list", HYPERLLAMA_HOST="127.0.0.1:99999")
    bad("could not connect", "run", "tiny", "hi", HYPERLLAMA_HOST="hyperllama.invalid:1")
    good("ps", HYPERLLAMA_HOST=f"0.0.0.0:{s.port}")
    assert s.stop() == 0


def main():
    failed = 0
    for test in (a_running_server_is_asked, models_are_listed_copied_and_removed,
                 a_path_is_never_sent, a_server_that_dies_is_told,
                 an_interrupt_ends_the_answer_everywhere, our_own_socket_is_ours_alone,
                 a_real_ollama_is_left_alone, keys_go_to_those_who_want_one,
                 embedding_models_give_a_vector, a_server_with_keys_knows_them,
                 addresses_are_read):
        try:
            test()
            print(f"ok    {test.__name__}")
        except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as e:
            failed += 1
            print(f"FAIL  {test.__name__}: {e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
