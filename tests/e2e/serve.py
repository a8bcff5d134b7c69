#!/usr/bin/env python3
"""The server's routes, errors, batching, cancelling and ending, asked over loopback.

    tests/e2e/serve.py PROGRAM
"""
import json
import signal
import socket
import sys
import threading
import time

from serving import ENDLESS, Server

GREEDY = {"temperature": 0, "num_predict": 40}
DURATIONS = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"]


def chat_body(text, **more):
    return {"model": "tiny", "messages": [{"role": "user", "content": text}],
            "options": GREEDY, **more}


def same(have, want):
    assert have == want, f"have {have!r}, want {want!r}"


def check_fixed(s):
    status, headers, text = s.ask("GET", "/")
    same((status, text, headers["Content-Type"]),
         (200, "Ollama is running", "text/plain; charset=utf-8"))
    status, headers, text = s.ask("HEAD", "/")
    same((status, text, headers["Content-Length"]), (200, "", "17"))
    status, version = s.json("GET", "/api/version")
    same((status, sorted(version)), (200, ["hyperllama", "version"]))
    status, tags = s.json("GET", "/api/tags")
    tiny = next(m for m in tags["models"] if m["name"] == "tiny:latest")
    same((tiny["model"], tiny["details"]["family"]), ("tiny:latest", "llama"))
    same(tiny["capabilities"], ["tools", "thinking", "completion"])
    for name in "tiny", "TINY", "tiny:latest", "registry.ollama.ai/library/tiny:latest":
        status, shown = s.json("POST", "/api/show", {"model": name})
        same((status, shown["capabilities"]), (200, tiny["capabilities"]))
    same(shown["model_info"]["general.architecture"], "llama")
    same(shown["model_info"]["tokenizer.ggml.tokens"], None)
    status, shown = s.json("POST", "/api/show", {"name": "tiny", "verbose": True})
    assert len(shown["model_info"]["tokenizer.ggml.tokens"]) > 1000
    status, models = s.json("GET", "/v1/models")
    assert any(m["id"] == "tiny:latest" for m in models["data"])
    status, model = s.json("GET", "/v1/models/tiny")
    same((status, model["id"], model["object"]), (200, "tiny", "model"))


def check_generate(s):
    body = {"model": "tiny", "prompt": "What is 2+2?", "think": False, "options": GREEDY}
    status, whole = s.json("POST", "/api/generate", {**body, "stream": False})
    same((status, whole["done"], whole["done_reason"]), (200, True, "stop"))
    assert whole["response"] and "thinking" not in whole
    assert all(whole[d] > 0 for d in DURATIONS), whole
    lines = s.lines("/api/generate", body)
    same("".join(x["response"] for x in lines), whole["response"])
    same([x["done"] for x in lines], [False] * (len(lines) - 1) + [True])
    same(lines[-1]["context"], whole["context"])
    same(len(whole["context"]),
         whole["prompt_eval_count"] + whole["eval_count"] - 1)  # the end token is none of it

    status, again = s.json("POST", "/api/generate", {
        **body, "prompt": "And 3+3?", "context": whole["context"], "stream": False})
    same((status, again["context"][:len(whole["context"])]), (200, whole["context"]))
    status, thinking = s.json("POST", "/api/generate", {**body, "think": True, "stream": False})
    assert thinking["thinking"] and "</think>" not in thinking["response"], thinking
    status, raw = s.json("POST", "/api/generate", {
        **body, "raw": True, "stream": False,
        "prompt": "<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n"})
    assert status == 200 and "context" not in raw and raw["response"]
    status, keys = s.json("POST", "/api/generate", {
        "MODEL": "tiny", "Prompt": "What is 2+2?", "THINK": False, "Stream": False,
        "options": GREEDY, "unknown": 1})
    same(keys["response"], whole["response"])
    status, own = s.json("POST", "/api/generate", {
        **body, "template": "<|im_start|>user\n{{ messages[0].content }}<|im_end|>\n"
                            "<|im_start|>assistant{{ '\n' }}", "stream": False})
    same((status, own["prompt_eval_count"]), (200, 15))


def check_chat(s):
    status, whole = s.json("POST", "/api/chat", chat_body("What is 2+2?", stream=False))
    same((status, whole["message"]["role"], whole["done_reason"]), (200, "assistant", "stop"))
    lines = s.lines("/api/chat", chat_body("What is 2+2?"))
    same("".join(x["message"]["content"] for x in lines), whole["message"]["content"])
    same("".join(x["message"].get("thinking", "") for x in lines).strip(),
         whole["message"]["thinking"].strip())
    body = chat_body("Count from 1 to 9.", think=False, stream=False)
    body["options"] = {**GREEDY, "stop": ["5"]}
    status, stopped = s.json("POST", "/api/chat", body)
    assert "4" in stopped["message"]["content"] and "5" not in stopped["message"]["content"]
    body["options"] = {**GREEDY, "num_predict": 3}
    check_logprobs(s, body)
    status, cut = s.json("POST", "/api/chat", body)
    same((cut["done_reason"], cut["eval_count"]), ("length", 3))


def check_logprobs(s, body):
    """One element a token, the same in a stream; top_logprobs only where asked."""
    status, whole = s.json("POST", "/api/chat", {**body, "logprobs": True, "top_logprobs": 2})
    same((status, len(whole["logprobs"])), (200, 3))
    for p in whole["logprobs"]:
        same((bytes(p["bytes"]).decode(), len(p["top_logprobs"])), (p["token"], 2))
        same(p["top_logprobs"][0]["token"], p["token"])  # greedy
        assert p["logprob"] <= 0
    same("".join(p["token"] for p in whole["logprobs"]), whole["message"]["content"])
    lines = s.lines("/api/chat", {**body, "logprobs": True, "stream": True})
    tokens = [p for x in lines for p in x.get("logprobs", [])]
    same([p["token"] for p in tokens], [p["token"] for p in whole["logprobs"]])
    assert all("top_logprobs" not in p for p in tokens)
    status, openai = s.json("POST", "/v1/chat/completions", {
        "model": "tiny", "messages": body["messages"], "temperature": 0, "max_tokens": 3,
        "reasoning_effort": "none", "logprobs": True, "top_logprobs": 2})
    same(openai["choices"][0]["logprobs"]["content"], whole["logprobs"])


def check_loading(s):
    status, loaded = s.json("POST", "/api/generate", {"model": "tiny", "keep_alive": "10m"})
    same((status, loaded["response"], loaded["done_reason"]), (200, "", "load"))
    status, ps = s.json("GET", "/api/ps")
    same([m["name"] for m in ps["models"]], ["tiny:latest"])
    status, loaded = s.json("POST", "/api/chat", {"model": "tiny", "messages": []})
    same((loaded["message"], loaded["done_reason"]),
         ({"role": "assistant", "content": ""}, "load"))
    status, gone = s.json("POST", "/api/generate", {"model": "tiny", "keep_alive": 0})
    same((status, gone["done_reason"]), (200, "unload"))
    same(s.json("GET", "/api/ps")[1], {"models": []})
    status, after = s.json("POST", "/api/chat", chat_body("Hi", stream=False, keep_alive=0))
    same(status, 200)
    assert wait_gone(s)  # the answer is out before its model is


def check_openai(s):
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What is 2+2?"}],
            "temperature": 0, "max_tokens": 40, "reasoning_effort": "none"}
    status, headers, text = s.ask("POST", "/v1/chat/completions", body)
    same((status, headers["Content-Type"]), (200, "application/json"))
    whole = json.loads(text)
    same((whole["object"], whole["choices"][0]["finish_reason"]), ("chat.completion", "stop"))
    usage = whole["usage"]
    same(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])
    status, headers, text = s.ask("POST", "/v1/chat/completions", {
        **body, "stream": True, "stream_options": {"include_usage": True}})
    same(headers["Content-Type"], "text/event-stream")
    events = text.strip().split("\n\n")
    same(events[-1], "data: [DONE]")
    chunks = [json.loads(e.removeprefix("data: ")) for e in events[:-1]]
    same(chunks[-1]["usage"]["total_tokens"], usage["total_tokens"])
    same("".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1]),
         whole["choices"][0]["message"]["content"])
    same(chunks[0]["choices"][0]["delta"]["role"], "assistant")
    parts = [{"type": "text", "text": "What is 2+2?"}]
    status, again = s.json("POST", "/v1/chat/completions",
                           {**body, "messages": [{"role": "user", "content": parts}]})
    same(again["choices"][0]["message"], whole["choices"][0]["message"])


BAD = [
    ("POST", "/api/generate", "", 400, "missing request body"),
    ("POST", "/api/generate", "{", 400, None),
    ("POST", "/api/generate", "[]", 400, None),
    ("POST", "/api/generate", "\xff\xfe", 400, None),
    ("POST", "/api/generate", {"prompt": "x"}, 404, "model '' not found"),
    ("POST", "/api/generate", {"model": "nope", "prompt": "x"}, 404, "model 'nope' not found"),
    ("POST", "/api/generate", {"model": "a b"}, 400, "invalid model name"),
    ("POST", "/api/generate", {"model": "/etc/passwd"}, 400, "invalid model name"),
    ("POST", "/api/generate", {"model": "../x.gguf"}, 400, "invalid model name"),
    ("POST", "/api/generate", {"model": "x.gguf"}, 404, "model 'x.gguf' not found"),
    ("POST", "/api/generate", {"model": "tiny", "stream": "yes"}, 400,
     "json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool"),
    ("POST", "/api/generate", {"model": "tiny", "keep_alive": "abc"}, 400,
     'time: invalid duration "abc"'),
    ("POST", "/api/generate", {"model": "tiny", "keep_alive": [1]}, 400,
     "Unsupported type: '[]interface {}'"),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "think": "bogus"}, 400,
     'invalid think value: "bogus" (must be "high", "medium", "low", "max", true, or false)'),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "raw": True, "system": "y"}, 400,
     "raw mode does not support template, system, or context"),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "suffix": "y"}, 400,
     "registry.ollama.ai/library/tiny:latest does not support insert"),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "top_logprobs": 21}, 400,
     "top_logprobs must be between 0 and 20"),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "format": "xml"}, 400,
     'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "options": {"num_ctx": "a"}}, 400,
     'option "num_ctx" must be of type integer'),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "options": {"stop": 5}}, 400,
     'option "stop" must be of an array of strings'),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "word " * 5000, "truncate": False}, 400,
     None),
    ("POST", "/api/generate", {"model": "tiny", "prompt": "x", "context": [99999999]}, 400, None),
    ("POST", "/api/chat", {"messages": []}, 400, "model is required"),
    ("POST", "/api/chat", chat_body([{"type": "text", "text": "x"}]), 400,
     "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type "
     "string"),
    ("POST", "/api/chat", {"model": "tiny", "messages": "x"}, 400, None),
    ("POST", "/api/chat", {"model": "tiny", "messages": [5]}, 400, None),
    ("POST", "/api/chat", {"model": "tiny", "tools": "x", "messages": []}, 400,
     "json: cannot unmarshal string into Go struct field ChatRequest.tools of type api.Tools"),
    ("POST", "/api/chat", {"model": "tiny", "messages": [
        {"role": "user", "content": "x", "images": ["AAAA"]}]}, 400, None),
    ("POST", "/api/show", {}, 400, "model is required"),
    ("POST", "/api/show", {"model": "nope"}, 404, "model 'nope:latest' not found"),
    ("POST", "/api/embed", {"model": "tiny", "input": 5}, 400, "invalid input type"),
    ("POST", "/api/pull", {"model": "x", "stream": False}, 500, None),
]
BAD_OPENAI = [
    ("", 400, "EOF"),
    ({"model": "tiny"}, 400, "[] is too short - 'messages'"),
    ({"model": "nope", "messages": [{"role": "user", "content": "x"}]}, 404,
     "model 'nope' not found"),
    ({"model": "tiny", "messages": [{"role": "user", "content": 5}]}, 400,
     "invalid message content type: float64"),
    ({"model": "tiny", "messages": [{"role": "user", "content": "x"}], "n": 0}, 400,
     "n must be a whole number between 1 and 128"),
]


def check_bad(s):
    for method, path, body, want, text in BAD:
        if isinstance(body, str):
            body = body.encode("latin-1")
        status, answer = s.json(method, path, body)
        same((path, body, status), (path, body, want))
        same(sorted(answer), ["error"])
        assert text is None or answer["error"] == text, (answer, text)
    for body, want, text in BAD_OPENAI:
        status, answer = s.json("POST", "/v1/chat/completions", body)
        same((status, answer["error"]["message"]), (want, text))
        assert answer["error"]["type"].endswith("_error")


def check_routing(s):
    status, headers, text = s.ask("GET", "/nope")
    same((status, text, headers["Content-Type"]), (404, "404 page not found", "text/plain"))
    status, headers, text = s.ask("GET", "/api/generate")
    same((status, text, headers["Allow"]), (405, "405 method not allowed", "POST"))
    same(s.ask("OPTIONS", "/api/chat")[0], 405)
    status, headers, _ = s.ask("POST", "/api/generate/", "{}")
    same((status, headers["Location"]), (307, "/api/generate"))
    for host, want in [("evil.example.com", 403), ("8.8.8.8", 403), ("localhost", 200),
                       ("box.local:1234", 200), ("192.168.1.5", 200)]:
        same((host, s.ask("GET", "/api/version", headers={"Host": host})[0]), (host, want))
    status, headers, text = s.ask("GET", "/api/version", headers={"Origin": "app://obsidian.md"})
    same((status, headers["Access-Control-Allow-Origin"]), (200, "app://obsidian.md"))
    status, _, text = s.ask("GET", "/api/version", headers={"Origin": "https://evil.example.com"})
    same((status, text), (403, ""))
    status, headers, _ = s.ask("OPTIONS", "/api/chat", headers={
        "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"})
    same((status, headers["Access-Control-Max-Age"]), (204, "43200"))
    status, _, text = s.ask("POST", "/api/show", b"x" * (2 << 20))
    same(status, 413)


def check_together(s):
    """32 at once, greedy and sampled: each gets the text that its seed gives it alone."""
    bodies = [{**chat_body(f"What is {i}+{i}?"), "options": {"num_predict": 40, "seed": i, "temperature": t}}
              for i, t in enumerate([0] * 8 + [1.2] * 24)]
    alone = [text_of(s.lines("/api/chat", body)) for body in bodies]
    together = [None] * len(bodies)

    def ask(i):
        together[i] = text_of(s.lines("/api/chat", bodies[i]))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(bodies))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    same(together, alone)
    assert len(set(alone[8:])) > 12, "the sampled ones are hardly different"


def text_of(lines):
    return "".join(x["message"].get("thinking", "") + x["message"]["content"] for x in lines)


def wait_idle(s):
    """Until the model has nothing to do: a keep-alive of 0 then takes it away."""
    s.json("POST", "/api/generate", {"model": "tiny", "keep_alive": 0})
    return wait_gone(s)


def wait_gone(s):
    """Until no model is loaded."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if s.json("GET", "/api/ps")[1] == {"models": []}:
            return True
        time.sleep(0.05)
    return False


LONG = {"model": "tiny", "prompt": "1, 2, 3, 4,", "raw": True, "format": ENDLESS,
        "options": {"temperature": 0, "num_predict": 100000}}


def check_leaving(s):
    """A client that goes away frees its place, in a stream and while it waits for a whole answer."""
    c, r = s.open("POST", "/api/generate", LONG)
    r.readline()
    r.close()
    c.close()
    assert s.logged('msg="request cancelled"'), "".join(s.log[-5:])
    n = sum("request cancelled" in line for line in s.log)
    sock = socket.create_connection(("127.0.0.1", s.port))
    body = json.dumps({**LONG, "stream": False}).encode()
    sock.sendall(b"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
                 % len(body) + body)
    sock.close()
    until = time.monotonic() + 20
    while sum("request cancelled" in line for line in s.log) == n and time.monotonic() < until:
        time.sleep(0.02)
    assert sum("request cancelled" in line for line in s.log) == n + 1, "".join(s.log[-5:])
    assert wait_idle(s), "the model still works for somebody who left"


def check_end(s):
    """A stream that runs when SIGTERM comes is finished, and nothing new is taken."""
    c, r = s.open("POST", "/api/generate", {
        **LONG, "options": {"temperature": 0, "num_predict": 60}})
    r.readline()
    s.process.send_signal(signal.SIGTERM)
    rest = r.read().decode().splitlines()
    same(json.loads(rest[-1])["done"], True)
    same(s.process.wait(60), 0)


def check_second_signal(program):
    s = Server(program)
    c, r = s.open("POST", "/api/generate", LONG)
    r.readline()
    s.process.send_signal(signal.SIGINT)
    assert s.logged("shutting down")
    same(s.stop(signal.SIGINT), -signal.SIGINT)


def main():
    program = sys.argv[1]
    s = Server(program)
    for check in (check_fixed, check_generate, check_chat, check_loading, check_openai, check_bad,
                  check_routing, check_together, check_leaving, check_end):
        check(s)
        print(f"{check.__name__[6:]}: ok", flush=True)
    check_second_signal(program)
    print("second_signal: ok")


if __name__ == "__main__":
    main()
