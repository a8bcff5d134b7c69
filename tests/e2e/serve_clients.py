#!/usr/bin/env python3
"""The server by the Python packages `ollama` and `openai`.

    tests/e2e/serve_clients.py PROGRAM
"""
import sys

import ollama
import openai

from serving import Server

QUESTION = [{"role": "user", "content": "What is 2+2?"}]
GREEDY = {"temperature": 0, "num_predict": 48}


def same(have, want):
    assert have == want, f"have {have!r}, want {want!r}"


def check_ollama(s):
    c = ollama.Client(host=f"http://127.0.0.1:{s.port}")
    assert any(m.model == "tiny:latest" for m in c.list().models)
    shown = c.show("tiny")
    assert "completion" in shown.capabilities and shown.modelinfo["general.architecture"] == "llama"
    whole = c.chat("tiny", messages=QUESTION, options=GREEDY)
    pieces = list(c.chat("tiny", messages=QUESTION, options=GREEDY, stream=True))
    same("".join(p.message.content for p in pieces), whole.message.content)
    assert whole.message.thinking and pieces[-1].done and pieces[-1].eval_count > 0
    text = c.generate("tiny", "What is 2+2?", options=GREEDY, think=False)
    same("".join(p.response for p in c.generate("tiny", "What is 2+2?", options=GREEDY,
                                                think=False, stream=True)), text.response)
    assert [m.model for m in c.ps().models] == ["tiny:latest"]
    try:
        c.chat("nope", messages=QUESTION)
        raise AssertionError("a missing model is no error")
    except ollama.ResponseError as e:
        same((e.status_code, e.error), (404, "model 'nope' not found"))


def check_openai(s):
    c = openai.OpenAI(base_url=f"http://127.0.0.1:{s.port}/v1", api_key="none", max_retries=0)
    assert any(m.id == "tiny:latest" for m in c.models.list())
    same(c.models.retrieve("tiny").id, "tiny")
    settings = {"model": "tiny", "messages": QUESTION, "temperature": 0, "max_tokens": 48,
                "extra_body": {"reasoning_effort": "none"}}
    whole = c.chat.completions.create(**settings)
    pieces = list(c.chat.completions.create(**settings, stream=True,
                                            stream_options={"include_usage": True}))
    same("".join(p.choices[0].delta.content or "" for p in pieces if p.choices),
         whole.choices[0].message.content)
    same(pieces[-1].usage.total_tokens, whole.usage.total_tokens)
    try:
        c.chat.completions.create(model="nope", messages=QUESTION)
        raise AssertionError("a missing model is no error")
    except openai.NotFoundError as e:
        assert "model 'nope' not found" in str(e)


def main():
    s = Server(sys.argv[1])
    check_ollama(s)
    print(f"ollama: ok")
    check_openai(s)
    print(f"openai {openai.__version__}: ok")
    same(s.stop(), 0)


if __name__ == "__main__":
    main()
