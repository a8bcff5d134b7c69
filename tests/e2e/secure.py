"""TLS and Unix sockets: answers, leaving by FIN and RST on each, and the log as JSON.  Used by
hostile.sh."""
import json
import os
import re
import socket
import ssl
import stat
import struct
import subprocess
import sys
import time

from serving import ENDLESS, Server

LONG = {"model": "tiny", "prompt": "Count up.", "raw": True, "format": ENDLESS,
        "options": {"num_predict": 100000, "num_ctx": 8192}}


def make_certificate(place):
    cert, key = f"{place}/cert.pem", f"{place}/key.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                           "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                           "-keyout", key, "-out", cert], capture_output=True)
    return (cert, key) if made.returncode == 0 else None


def request(path, body=None):
    data = b"" if body is None else json.dumps(body).encode()
    return (f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode() + data


def read_until(c, text):
    got = b""
    while text not in got:
        piece = c.recv(65536)
        assert piece, got[-500:]
        got += piece
    return got


def leave(open_connection, s, how, stream):
    """A client that goes away in the middle of an answer; the server sees it."""
    c = open_connection()
    before = len([1 for line in s.log if "cancelled" in line])
    c.sendall(request("/api/generate", {**LONG, "stream": stream}))
    if stream:
        read_until(c, b'"response"')
    else:
        time.sleep(0.5)
    if how == "RST":
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if len([1 for line in s.log if "cancelled" in line]) > before:
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody noticed: {how}, stream {stream}\n" + "".join(s.log[-5:]))


def check_tls(program, place):
    files = make_certificate(place)
    if not files:
        print("tls: skipped, there is no openssl")
        return
    s = Server(program, "--tls-cert", files[0], "--tls-key", files[1], "--log", "debug")
    context = ssl.create_default_context(cafile=files[0])

    def connect():
        raw = socket.create_connection(("127.0.0.1", s.port), timeout=60)
        return context.wrap_socket(raw, server_hostname="127.0.0.1")

    c = connect()
    c.sendall(request("/api/version"))
    assert b"HTTP/1.1 200" in read_until(c, b"}")
    c.unwrap()
    c.close()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        raw = socket.create_connection(("127.0.0.1", s.port), timeout=60)
        old.wrap_socket(raw)
        raise AssertionError("TLS 1.1 is taken")
    except (ssl.SSLError, OSError):
        pass
    plain = socket.create_connection(("127.0.0.1", s.port), timeout=60)
    plain.sendall(request("/api/version"))
    assert b"HTTP/1.1 200" not in plain.recv(1000)
    for how in ("FIN", "RST"):
        for stream in (True, False):
            leave(connect, s, how, stream)

    c = connect()  # close_notify and then FIN
    before = len([1 for line in s.log if "cancelled" in line])
    c.sendall(request("/api/generate", LONG))
    read_until(c, b'"response"')
    c.setblocking(False)
    try:
        c.unwrap()
    except OSError:
        pass
    c.close()
    until = time.monotonic() + 20
    while len([1 for line in s.log if "cancelled" in line]) == before:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert s.stop() == 0
    print("tls: ok")


def check_unix(program, place):
    path = f"{place}/hl.sock"
    s = Server(program, "--socket", path, "--log", "debug")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600

    def connect():
        c = socket.socket(socket.AF_UNIX)
        c.settimeout(60)
        c.connect(path)
        return c

    c = connect()
    c.sendall(request("/api/version"))
    assert b"HTTP/1.1 200" in read_until(c, b"}")
    c.close()
    leave(connect, s, "FIN", True)
    leave(connect, s, "FIN", False)
    s.process.kill()
    s.process.wait()
    assert os.path.exists(path)  # left behind, and taken over
    s = Server(program, "--socket", path)
    c = connect()
    c.sendall(request("/api/version"))
    assert b"HTTP/1.1 200" in read_until(c, b"}")
    assert s.stop() == 0
    assert not os.path.exists(path)
    print("unix: ok")


def check_tcp(program):
    s = Server(program, "--log", "debug")

    def connect():
        return socket.create_connection(("127.0.0.1", s.port), timeout=60)

    for how in ("FIN", "RST"):
        for stream in (True, False):
            leave(connect, s, how, stream)
    assert s.stop() == 0
    print("tcp: ok")


def check_json_log(program):
    p = subprocess.Popen([program, "serve", "--host", "127.0.0.1:0", "--log-format", "json",
                          "--log", "debug"], stderr=subprocess.PIPE, text=True)
    first = json.loads(p.stderr.readline())
    assert first["msg"] == "listening" and first["level"] == "info" and first["port"] > 0, first
    assert first["tls"] is False and re.match(r"\d{4}-", first["time"]), first
    p.terminate()
    for line in p.stderr:
        json.loads(line)
    assert p.wait(60) == 0
    print("json log: ok")


def check_notify(program, place):
    n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    n.bind(f"{place}/notify")
    n.settimeout(60)
    s = Server(program, NOTIFY_SOCKET=f"{place}/notify")
    assert n.recv(100) == b"READY=1"
    assert s.stop() == 0
    assert n.recv(100) == b"STOPPING=1"
    n.close()
    n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f"hyperllama-test-{os.getpid()}"
    n.bind("\0" + name)
    n.settimeout(60)
    s = Server(program, NOTIFY_SOCKET="@" + name)
    assert n.recv(100) == b"READY=1"
    assert s.stop() == 0
    print("notify: ok")


def main():
    program, place = sys.argv[1:3]
    check_json_log(program)
    check_notify(program, place)
    check_tcp(program)
    check_unix(program, place)
    check_tls(program, place)


main()
