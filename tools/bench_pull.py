#!/usr/bin/env python3
"""Puts `hyperllama pull` beside curl: one large file over loopback, in turns (A B A B …).

  bench_pull.py [--megabytes 1024] [--rounds 3] [--place DIR]

A is `curl -o`, one connection; B is a pull of a model with one such layer: manifest, parts over several connections,
SHA-256 while they come, sync, rename.  Both write to PLACE (/dev/shm, so that no disk is measured).  The server sends
with sendfile and speaks as much of a registry's protocol as a pull needs.  The exit status is 1 when B's median takes
more than 1.1 times as long as A's.
"""
import argparse
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOAL = 1.1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        blob = self.server.blobs.get(self.path.split("/")[-1])
        if "/manifests/" in self.path:
            return self.whole(self.server.manifest)
        return self.send_error(404) if blob is None else self.part(*blob)

    def whole(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def part(self, path, size):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        begin, end = (int(found[1]), int(found[2]) + 1) if found else (0, size)
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        self.wfile.flush()
        with open(path, "rb") as f:
            while begin < end:
                begin += os.sendfile(self.connection.fileno(), f.fileno(), begin, end - begin)


def serve(place, megabytes):
    """(host, path of the large blob)"""
    blobs, layers = {}, []
    for kind, name, data in (("model", "big", None), ("config", "config", b"{}")):
        path = place / name
        hashed = hashlib.sha256()
        with open(path, "wb") as f:
            for piece in [data] if data else (os.urandom(1 << 20) for _ in range(megabytes)):
                f.write(piece)
                hashed.update(piece)
        digest = "sha256:" + hashed.hexdigest()
        blobs[digest] = (path, path.stat().st_size)
        media = "application/vnd.docker.container.image.v1+json" if data else "application/vnd.ollama.image.model"
        layers.append({"mediaType": media, "digest": digest, "size": path.stat().st_size})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.blobs = blobs
    server.manifest = json.dumps({"schemaVersion": 2, "config": layers[1], "layers": layers[:1]}).encode()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}", f"/v2/library/big/blobs/{layers[0]['digest']}"


def timed(command, **more):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    return time.monotonic() - began


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--megabytes", type=int, default=1024)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    ap.add_argument("--place", default="/dev/shm")
    options = ap.parse_args()
    if not shutil.which("curl"):
        print("bench_pull: there is no curl", file=sys.stderr)
        return 77
    curl, ours = [], []
    with tempfile.TemporaryDirectory(dir=options.place) as directory:
        place = pathlib.Path(directory)
        host, path = serve(place, options.megabytes)
        env = {**os.environ, "HOME": directory, "OLLAMA_MODELS": f"{directory}/store", "OLLAMA_HOST": "127.0.0.1:1"}
        for i in range(options.rounds):
            curl.append(timed(["curl", "-s", "-o", place / "out", f"http://{host}{path}"]))
            (place / "out").unlink()
            ours.append(timed([options.build / "hyperllama", "pull", "--insecure", f"{host}/library/big"], env=env))
            shutil.rmtree(place / "store")
            print(f"round {i + 1}: curl {options.megabytes / curl[-1]:.0f} MB/s, pull {options.megabytes / ours[-1]:.0f} MB/s",
                  file=sys.stderr)
    ratio = statistics.median(ours) / statistics.median(curl)
    print(f"{options.megabytes} MB: curl {options.megabytes / statistics.median(curl):.0f} MB/s, "
          f"pull {options.megabytes / statistics.median(ours):.0f} MB/s, {ratio:.2f} times as long (wanted {GOAL})")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
