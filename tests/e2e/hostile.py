"""What broken and hostile clients may not do to the server: stop it, slow it for others, or leave
descriptors behind.  Used by hostile.sh."""
import os
import random
import socket
import sys
import time

from serving import Server


def connect(s, data=b"", timeout=60):
    c = socket.create_connection(("127.0.0.1", s.port), timeout=timeout)
    if data:
        c.sendall(data)
    return c


def read_all(c):
    got = b""
    try:
        while True:
            piece = c.recv(65536)
            if not piece:
                break
            got += piece
    except OSError:
        pass
    c.close()
    return got


def answers(s):
    status, answer = s.json("GET", "/api/version")
    assert status == 200 and answer["version"], (status, answer)


def descriptors(s):
    return len(os.listdir(f"/proc/{s.process.pid}/fd"))


def wait_descriptors(s, want, seconds=40):
    until = time.monotonic() + seconds
    while descriptors(s) > want and time.monotonic() < until:
        time.sleep(0.05)
    assert descriptors(s) <= want, (descriptors(s), want)


def garbage(s):
    rng = random.Random(7)
    shapes = [
        b"", b"\r\n" * 1000, b"\0" * 5000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"GET /%ff%00%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + b"/a" * 60000 + b" HTTP/1.1\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"ffffffffffffffff\r\nabc",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"x" * 100000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" +
        b"[" * 100000,
    ]
    shapes += [rng.randbytes(rng.randrange(1, 3000)) for _ in range(50)]
    cs = []
    for data in shapes:
        cs.append(connect(s))
        try:
            cs[-1].sendall(data)
            cs[-1].shutdown(socket.SHUT_WR)
        except OSError:
            pass
    for c in cs:
        read_all(c)
    answers(s)


def half_closed(s):
    """As with Go's server, whoever closes its sending half before the answer has left."""
    for path in (b"/", b"/api/tags"):
        c = connect(s, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        c.shutdown(socket.SHUT_WR)
        read_all(c)
    answers(s)


def pipelined(s):
    one = b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    got = read_all(connect(s, one * 50 + last))
    assert got.count(b"HTTP/1.1 200") == 51, got.count(b"HTTP/1.1 200")


def chunked(s):
    body = b'{"model":"nope","prompt":"x"}'
    chunks = b"".join(b"1\r\n%c\r\n" % b for b in body) + b"0\r\n\r\n"
    head = (b"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")
    got = read_all(connect(s, head + chunks))
    assert b"HTTP/1.1 404" in got and b"not found" in got, got


def vanishing(s):
    """In the middle of heads, bodies and answers, by FIN and by RST."""
    import struct
    pieces = [b"GET / HT",
              b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{",
              b'POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 58\r\n\r\n'
              b'{"model":"tiny","prompt":"hello","options":{"seed": 12345}}'[:-1]]
    for k in range(60):
        c = connect(s, pieces[k % 3])
        if k % 2:
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
    answers(s)


def crowd(s):
    """2,000 connections that do nothing, half of them in the middle of a head."""
    cs = []
    for k in range(2000):
        cs.append(connect(s, b"GET / HTTP/1.1\r\nHo" if k % 2 else b""))
    answers(s)
    assert descriptors(s) > 1500, descriptors(s)
    for c in cs:
        c.close()


def slow_heads(s):
    """A byte now and then does not keep a connection: its head has 30 seconds in all."""
    cs = [connect(s, b"GET / HTTP/1.1\r\n") for _ in range(20)]
    started = time.monotonic()
    ended = 0
    while ended < len(cs) and time.monotonic() - started < 60:
        time.sleep(0.5)
        for i, c in enumerate(cs):
            if c is None:
                continue
            try:
                c.sendall(b"a: b\r\n")
            except OSError:
                cs[i] = None
                ended += 1
    assert ended == len(cs), ended
    answers(s)


def main():
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    s = Server(sys.argv[1])
    answers(s)
    wait_descriptors(s, 1000)
    time.sleep(0.2)
    before = descriptors(s)
    for check in (garbage, half_closed, pipelined, chunked, vanishing, crowd, slow_heads):
        check(s)
        wait_descriptors(s, before + 1)  # the model that `vanishing` may have loaded
        print(f"{check.__name__}: ok", flush=True)
    assert s.process.poll() is None
    assert s.stop() == 0


main()
