"""Clients that leave: whatever their request was doing, nothing of it stays.

    tests/e2e/leave.py PROGRAM [REQUESTS]
"""
import json
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

from serving import ENDLESS, Server

PROGRAM = sys.argv[1]
REQUESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 60
SECONDS = 20  # for what should take moments
WORDS = "all the words of a long prompt that takes its time to be read ".split()


def expect(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


# -- the server's own figures ------------------------------------------------------------------------

def figures(server):
    _, _, text = server.ask("GET", "/metrics")
    sums = {}
    for line in text.splitlines():
        found = re.match(r"([a-z_:]+)(?:\{[^}]*\})? (\S+)$", line)
        if found:
            sums[found[1]] = sums.get(found[1], 0) + float(found[2])
    return sums


def wait_for(server, what, condition):
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        now = figures(server)
        if condition(now):
            return now
        time.sleep(0.01)
    sys.exit(f"FAILED: {what}: {now}")


def is_idle(f):
    return not (f.get("hyperllama_requests_running") or f.get("hyperllama_requests_waiting") or
                f.get("hyperllama_kv_pages_used"))


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def resident_kb(server):
    """Without the pages of the prefix cache, which fill up to the pool's end by and by."""
    with open(f"/proc/{server.process.pid}/status") as f:
        resident = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
    loaded = [re.search(r"kv_mb=(\d+) kv_pages=(\d+)", line) for line in server.log if "model loaded" in line][-1]
    return resident - figures(server)["hyperllama_kv_pages_cached"] * int(loaded[1]) * 1024 / int(loaded[2])


# -- clients ----------------------------------------------------------------------------------------

def request_bytes(path, body):
    text = json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode() + text


def send(server, path, body, tls):
    s = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        s = context.wrap_socket(s)
    s.sendall(request_bytes(path, body))
    return s


def leave(s, abruptly):
    """By FIN, or by RST."""
    if abruptly:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def chat(text, stream, **more):
    return {"model": "tiny", "messages": [{"role": "user", "content": text}], "stream": stream,
            "think": False, "options": {"num_predict": 100000, **more.pop("options", {})}, **more}


def long_prompt(rng):
    return " ".join(rng.choice(WORDS) for _ in range(3600))


def schema(rng):
    """One that nobody has asked for yet, with some hundred properties."""
    names = [f"p{rng.randrange(10**9)}" for _ in range(150)]
    return {"type": "object", "required": names, "additionalProperties": False,
            "properties": {n: {"type": "string", "pattern": "^[a-z]{1,8}(-[0-9]{1,4})?$"} for n in names}}


# -- one of each -------------------------------------------------------------------------------------

def while_decoding(server, s):
    wait_for(server, "an answer begins", lambda f: f.get("hyperllama_requests_running"))
    before = figures(server)["hyperllama_generated_tokens_total"]
    wait_for(server, "it goes on", lambda f: f["hyperllama_steps_total"] > 0)
    return before


def at_once(server, s):
    return None


def when_running(server, s):
    wait_for(server, "it is taken up", lambda f: f.get("hyperllama_requests_running") or
             f.get("hyperllama_requests_waiting"))


STATES = {
    "decoding": (lambda rng, stream: chat("Count up.", stream, format=ENDLESS), while_decoding),
    "reading a long prompt": (lambda rng, stream: chat(long_prompt(rng), stream, options={"num_ctx": 8192}), when_running),
    "compiling a schema": (lambda rng, stream: chat("Fill it in.", stream, format=schema(rng)), at_once),
    "as it comes": (lambda rng, stream: chat("Hi!", stream), at_once),
}


def check_states(server, tls, rng):
    for name, (body, reached) in STATES.items():
        for stream in (True, False):
            for abruptly in (True, False):
                s = send(server, "/api/chat", body(rng, stream), tls)
                reached(server, s)
                leave(s, abruptly)
                what = f"{name}, {'TLS' if tls else 'TCP'}, stream {stream}, {'RST' if abruptly else 'FIN'}"
                wait_for(server, f"idle after leaving: {what}", is_idle)


def check_queue(server, tls, rng):
    """One that waits behind those that run, and one that waits for its model to load."""
    server.json("POST", "/api/generate", {"model": "tiny", "keep_alive": 0})
    s = send(server, "/api/chat", chat("Hi!", True), tls)  # loads
    leave(s, True)
    wait_for(server, "idle after leaving while the model loads", is_idle)
    others = [send(server, "/api/chat", chat(f"Count up. {i}", True, format=ENDLESS), tls) for i in range(6)]
    wait_for(server, "they run", lambda f: f.get("hyperllama_requests_running", 0) >= 1)
    for i, s in enumerate(others):
        leave(s, i % 2 == 0)
    wait_for(server, "idle after all of a queue left", is_idle)


# -- many at random ----------------------------------------------------------------------------------

ROUTES = [
    ("/api/chat", lambda rng: chat("Hello there.", rng.random() < .5, options={"num_predict": rng.choice((1, 5, 200))})),
    ("/api/generate", lambda rng: {"model": "tiny", "prompt": "1, 2, 3,", "raw": True, "stream": rng.random() < .5,
                                   "options": {"num_predict": rng.choice((2, 60))}}),
    ("/v1/chat/completions", lambda rng: {"model": "tiny", "stream": rng.random() < .5, "max_tokens": 30, "n": rng.choice((1, 2)),
                                          "messages": [{"role": "user", "content": "Say something."}]}),
    ("/v1/messages", lambda rng: {"model": "tiny", "stream": rng.random() < .5, "max_tokens": 30,
                                  "messages": [{"role": "user", "content": "Say something."}]}),
    ("/v1/responses", lambda rng: {"model": "tiny", "stream": rng.random() < .5, "max_output_tokens": 30, "input": "Say something."}),
    ("/api/embed", lambda rng: {"model": "tiny", "input": ["a", "b " * rng.randrange(1, 400)]}),
    ("/api/chat", lambda rng: chat("Fill it in.", True, format=schema(rng), options={"num_predict": 20})),
    ("/api/chat", lambda rng: {"model": "nope", "messages": []}),
    ("/api/generate", lambda rng: {"model": "tiny", "options": {"num_ctx": "many"}}),
]


def some_request(server, rng):
    path, body = rng.choice(ROUTES)
    s = send(server, path, body(rng), False)
    if rng.random() < .4:  # reads to the end
        s.settimeout(120)
        while s.recv(65536):
            if rng.random() < .02:
                break
    elif rng.random() < .7:
        time.sleep(rng.random() * .05)
    leave(s, rng.random() < .5)


def check_many(server, rng):
    for _ in range(20):
        some_request(server, rng)
    wait_for(server, "idle", is_idle)
    time.sleep(1)
    fds, kb = descriptors(server), resident_kb(server)
    for _ in range(REQUESTS):
        some_request(server, rng)
    wait_for(server, "idle after all", is_idle)
    until = time.monotonic() + SECONDS
    while descriptors(server) > fds and time.monotonic() < until:
        time.sleep(.1)
    expect(descriptors(server) <= fds, f"{descriptors(server)} descriptors, {fds} before")
    grown = resident_kb(server) - kb
    expect(grown < 16 * 1024, f"memory grew by {grown:.0f} KB")
    print(f"{REQUESTS} requests: memory {grown:+.0f} KB, {fds} descriptors as before")


def make_certificate(directory):
    pair = [os.path.join(directory, name) for name in ("cert.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
    return pair


class TlsServer(Server):
    def open(self, method, path, body=None, headers=None):
        import http.client
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=100, context=context)
        c.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers or {})
        return c, c.getresponse()


def main():
    rng = random.Random(7)
    server = Server(PROGRAM, OLLAMA_NUM_PARALLEL="4")
    check_states(server, False, rng)
    check_queue(server, False, rng)
    check_many(server, rng)
    expect(server.stop() == 0, "a clean end")
    with tempfile.TemporaryDirectory() as directory:
        cert, key = make_certificate(directory)
        server = TlsServer(PROGRAM, OLLAMA_NUM_PARALLEL="4", HYPERLLAMA_TLS_CERT=cert, HYPERLLAMA_TLS_KEY=key)
        check_states(server, True, rng)
        check_queue(server, True, rng)
        expect(server.stop() == 0, "a clean end with TLS")
    print("leave: ok")


if __name__ == "__main__":
    main()
