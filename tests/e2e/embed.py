#!/usr/bin/env python3
"""Embeddings and tokens over the server's routes.

    tests/e2e/embed.py PROGRAM
"""
import base64
import json
import math
import socket
import struct
import sys
import threading
import time

from serving import Server


def same(have, want):
    assert have == want, f"have {have!r}, want {want!r}"


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def embed(s, text, **more):
    status, answer = s.json("POST", "/api/embed", {"model": "tiny", "input": text, **more})
    same(status, 200)
    return answer


def check_embed(s):
    one = embed(s, "Hello world")
    same(list(one), ["model", "embeddings", "total_duration", "load_duration",
                     "prompt_eval_count"])
    same((one["model"], len(one["embeddings"])), ("tiny", 1))
    vector = one["embeddings"][0]
    assert abs(dot(vector, vector) - 1) < 1e-5
    three = embed(s, ["Hello", "World", "Hello world"])
    same(three["embeddings"][2], vector)  # the same bits alone and beside others
    assert dot(three["embeddings"][0], three["embeddings"][1]) < 0.999
    same(three["prompt_eval_count"] > one["prompt_eval_count"], True)

    few = embed(s, "Hello world", dimensions=5)["embeddings"][0]
    length = math.sqrt(dot(vector[:5], vector[:5]))
    assert len(few) == 5 and all(abs(a - b / length) < 1e-5 for a, b in zip(few, vector))
    same(embed(s, "Hello world", dimensions=99999)["embeddings"][0], vector)

    many = embed(s, [f"text number {i % 50}" for i in range(300)])["embeddings"]
    same((len(many), many[49], many[7] == many[8]), (300, many[299], False))
    status, old = s.json("POST", "/api/embeddings", {"model": "tiny", "prompt": "Hello world"})
    same((status, list(old)), (200, ["embedding"]))
    same([struct.pack("f", x) for x in old["embedding"]], [struct.pack("f", x) for x in vector])


def check_nothing_to_embed(s):
    same(s.json("POST", "/api/embed", {"model": "tiny"}), (200, {"model": "tiny",
                                                                 "embeddings": []}))
    same(s.json("POST", "/api/embed", {"model": "tiny", "input": ""})[1]["embeddings"], [])
    same(s.json("POST", "/api/embed", {"model": "tiny", "input": []})[1]["embeddings"], [])
    same(s.json("POST", "/api/embeddings", {"model": "tiny"}), (200, {"embedding": []}))
    _, ps = s.json("GET", "/api/ps")
    same([m["name"] for m in ps["models"]], ["tiny:latest"])  # loaded nevertheless


def check_refusals(s):
    missing = 'model "nope" not found, try pulling it first'
    for path, body, status, text in (
            ("/api/embed", {"model": "nope", "input": "x"}, 404, missing),
            ("/api/embed", {"input": "x"}, 404, "model '' not found"),
            ("/api/embed", {"model": "tiny", "input": 7}, 400, "invalid input type"),
            ("/api/embed", {"model": "tiny", "input": ["a", 7]}, 400, "invalid input type"),
            ("/api/embeddings", {"model": "nope", "prompt": "x"}, 404, missing),
            ("/api/embeddings", {"prompt": "x"}, 400, "model is required"),
            ("/api/tokenize", {"text": "x"}, 400, "model is required"),
            ("/api/tokenize", {"model": "tiny"}, 400, "text is required"),
            ("/api/tokenize", {"model": "nope", "text": "x"}, 404, missing),
            ("/api/detokenize", {"model": "tiny"}, 400, "tokens is required"),
            ("/api/detokenize", {"model": "tiny", "tokens": [-1]}, 400,
             "tokens: element 0 is no token")):
        same(s.json("POST", path, body), (status, {"error": text}))
    long = "one two three " * 200
    status, error = s.json("POST", "/api/embed", {"model": "tiny", "input": long, "truncate": False,
                                                  "options": {"num_ctx": 128}})
    same((status, error), (400, {"error": "the input length exceeds the context length"}))
    cut = embed(s, long, options={"num_ctx": 128})
    assert 120 < cut["prompt_eval_count"] <= 128, cut
    status, error = s.json("POST", "/v1/embeddings", {"model": "nope", "input": "x"})
    same((status, error["error"]["message"]), (404, missing))
    status, error = s.json("POST", "/v1/embeddings", {"model": "tiny", "input": []})
    same((status, error["error"]["message"]), (400, "invalid input"))
    status, error = s.json("POST", "/v1/embeddings", {"model": "tiny", "input": ""})
    same((status, error["error"]["message"]),
         (400, "input exceeds maximum context length and cannot be truncated further"))


def check_openai(s):
    status, answer = s.json("POST", "/v1/embeddings", {"model": "tiny", "input": "Hello world"})
    same((status, list(answer)), (200, ["object", "data", "model", "usage"]))
    vector = answer["data"][0]["embedding"]
    same(vector, embed(s, "Hello world")["embeddings"][0])
    same(answer["usage"]["prompt_tokens"], answer["usage"]["total_tokens"])
    _, packed = s.json("POST", "/v1/embeddings", {"model": "tiny", "input": ["x", "Hello world"],
                                                  "encoding_format": "base64"})
    raw = base64.b64decode(packed["data"][1]["embedding"])
    same(list(raw), list(struct.pack(f"<{len(vector)}f", *vector)))
    same([d["index"] for d in packed["data"]], [0, 1])
    _, tokens = s.json("POST", "/api/tokenize", {"model": "tiny", "text": "Hello world",
                                                 "add_special": True})
    for ids in tokens["tokens"], [tokens["tokens"]]:
        _, answer = s.json("POST", "/v1/embeddings", {"model": "tiny", "input": ids})
        same(answer["data"][0]["embedding"], vector)
    status, error = s.json("POST", "/v1/embeddings", {"model": "tiny", "input": [4294967294]})
    same(status, 400)


def check_tokens(s):
    text = "Hello <|im_start|> w\u00f6rld \U0001f600\n"
    for key in "text", "content", "prompt":
        status, answer = s.json("POST", "/api/tokenize", {"model": "tiny", key: text})
        same((status, list(answer)), (200, ["tokens"]))
    ids = answer["tokens"]
    same(s.json("POST", "/api/detokenize", {"model": "tiny", "tokens": ids}),
         (200, {"content": text}))
    same(s.json("POST", "/api/tokenize", {"model": "tiny", "text": ""}), (200, {"tokens": []}))
    same(s.json("POST", "/api/detokenize", {"model": "tiny", "tokens": []}),
         (200, {"content": ""}))
    long = "word " * 20000  # no context limits it
    _, answer = s.json("POST", "/api/tokenize", {"model": "tiny", "text": long})
    assert len(answer["tokens"]) >= 20000
    status, error = s.json("POST", "/api/detokenize", {"model": "tiny", "tokens": [9999999]})
    same((status, error["error"].startswith("token 0 is 9999999, the model has")), (400, True))


def check_beside_an_answer(s):
    """Embeddings and an answer at once: each as alone."""
    alone = embed(s, "beside")["embeddings"]
    body = {"model": "tiny", "prompt": "Tell me a story.", "stream": False,
            "options": {"temperature": 0, "num_predict": 60}}
    want = s.json("POST", "/api/generate", body)[1]["response"]
    have = []
    t = threading.Thread(target=lambda: have.append(s.json("POST", "/api/generate", body)[1]))
    t.start()
    for _ in range(5):
        same(embed(s, ["beside"] * 8)["embeddings"], alone * 8)
    t.join()
    same(have[0]["response"], want)


def check_leaving(s):
    """A client that leaves ends all its inputs; others are served."""
    body = json.dumps({"model": "tiny", "input": ["once upon a time " * 400] * 500})
    for _ in range(3):
        c = socket.create_connection(("127.0.0.1", s.port))
        c.sendall(f"POST /api/embed HTTP/1.1\r\nHost: 127.0.0.1:{s.port}\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.05)
        c.close()
    same(len(embed(s, "still here")["embeddings"]), 1)


def main():
    s = Server(sys.argv[1])
    for check in (check_embed, check_nothing_to_embed, check_refusals, check_openai, check_tokens,
                  check_beside_an_answer, check_leaving):
        check(s)
        print(f"ok {check.__name__}")
    same(s.stop(), 0)


main()
