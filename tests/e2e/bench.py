"""A scripted server for `hyperllama bench`: what it counts is known."""
import http.server
import json
import subprocess
import sys
import threading

program = sys.argv[1]
PIECES = 5


def chunk(delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests, mode = [], "whole"

    def log_message(self, *_):
        pass

    def event(self, data):
        text = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).requests.append((self.path, body, self.headers.get("Authorization")))
        if self.mode == "refuse" and len(self.requests) % 2:
            self.send_response(503)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"busy")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event(json.dumps(chunk({"role": "assistant", "content": ""})))
        for i in range(PIECES):
            self.event(json.dumps(chunk({"content": f"w{i} "})))
        if self.mode == "cut":
            self.close_connection = True
            return
        self.event(json.dumps({"choices": [], "usage": {
            "prompt_tokens": 100, "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 40}}}))
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


def bench(port, *flags, key=None):
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    if key:
        env["HYPERLLAMA_API_KEY"] = key
    return subprocess.run([program, "bench", "m", "--url", f"http://127.0.0.1:{port}", *flags],
                          capture_output=True, text=True, env=env, timeout=60)


def expect(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]

r = bench(port, "-c", "3", "--requests", "8", "-n", "16", "--json", key="secret")
expect(r.returncode == 0, r.stderr)
got = json.loads(r.stdout)
expect((got["done"], got["failed"]) == (8, 0), got)
expect((got["tokens"], got["prompt_tokens"], got["cached_tokens"]) == (56, 800, 320), got)
expect(len(Handler.requests) == 8, len(Handler.requests))
expect({p for p, _, _ in Handler.requests} == {"/v1/chat/completions"}, "the path")
expect({k for _, _, k in Handler.requests} == {"Bearer secret"}, "the key")
bodies = [b for _, b, _ in Handler.requests]
expect(len({b["messages"][0]["content"] for b in bodies}) == 1, "one system text")
expect(len({b["messages"][1]["content"] for b in bodies}) == 8, "eight questions")
expect(all(b["stream"] and b["max_tokens"] == 16 for b in bodies), bodies[0])

Handler.requests.clear()
r = bench(port, "-c", "2", "--requests", "6", "--rate", "200")
expect(r.returncode == 0 and "6 answers, 0 failed" in r.stdout, r.stdout + r.stderr)

Handler.requests.clear()
Handler.mode = "refuse"
r = bench(port, "-c", "1", "--requests", "4")
expect(r.returncode == 0 and "2 answers, 2 failed" in r.stdout, r.stdout)
expect("first failure: HTTP 503: busy" in r.stdout, r.stdout)

Handler.mode = "cut"
r = bench(port, "-c", "2", "--requests", "2")
expect(r.returncode != 0 and r.stderr.count("\n") == 1, r.stderr)

for flags in (["-c", "-1"], ["-c", "5000"], ["--rate", "-1"], ["--rate", "x"], ["-n", "-3"]):
    r = bench(port, *flags)
    expect(r.returncode == 64 and r.stderr.count("\n") == 1, (flags, r.returncode, r.stderr))
print("bench: ok")
