"""The store by the Python package `ollama`.

    tests/e2e/store_client.py PROGRAM MODEL.gguf
"""
import pathlib
import sys
import tempfile

import ollama

from serving import Server

PROGRAM, MODEL = sys.argv[1], pathlib.Path(sys.argv[2])


def main():
    with tempfile.TemporaryDirectory(prefix="hyperllama-store-") as directory:
        s = Server(PROGRAM, OLLAMA_MODELS=f"{directory}/models", HOME=directory,
                   HYPERLLAMA_MODELS_DIR=f"{directory}/none")
        client = ollama.Client(host=f"http://127.0.0.1:{s.port}")
        assert client.list().models == []
        digest = client.create_blob(str(MODEL))
        steps = [p.status for p in client.create("own", files={"m.gguf": digest}, stream=True)]
        assert steps[-1] == "success", steps
        made = client.create("child", from_="own", system="You are nice.", license="MIT",
                             parameters={"temperature": 0, "num_ctx": 512},
                             messages=[ollama.Message(role="user", content="hi")])
        assert made.status == "success", made
        shown = client.show("child")
        assert shown.license == "MIT" and "num_ctx" in shown.parameters, shown
        assert shown.details.parent_model == "own:latest", shown.details
        assert client.copy("child", "me/copy:1").status == "success"
        assert {m.model for m in client.list().models} == {"own:latest", "child:latest",
                                                           "me/copy:1"}
        answer = client.chat("me/copy:1", [{"role": "user", "content": "hi"}], think=False,
                             options={"num_predict": 4})
        assert answer.done, answer
        assert [m.model for m in client.ps().models] == ["me/copy:1"]
        assert client.delete("child").status == "success"
        try:
            client.show("child")
            raise AssertionError("it is still there")
        except ollama.ResponseError as e:
            assert e.status_code == 404, e
        assert client.pull("own").status == "success"
        s.stop()
    print("the package ollama works on the store")


main()
