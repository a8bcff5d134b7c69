"""What the scripts about registries share: a server with an empty store, and looks into it."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import tempfile

from serving import Server

MB = 1 << 20


def check(what, got, want):
    assert got == want, f"{what}: {got!r}, want {want!r}"


def noise(size, seed):
    rng = random.Random(seed)
    return b"".join(rng.randbytes(min(16 * MB, size - at)) for at in range(0, size, 16 * MB))


class World:
    """A home directory of its own."""
    def __init__(self, program):
        self.program = program
        self.dir = tempfile.mkdtemp(prefix="hyperllama-pull-")
        self.store = pathlib.Path(self.dir, "models")
        self.server = None

    def start(self, **env):
        self.server = Server(self.program, OLLAMA_MODELS=str(self.store), HOME=self.dir,
                             HYPERLLAMA_MODELS_DIR=f"{self.dir}/none",
                             **{"HYPERLLAMA_PULL_BACKOFF_MS": "10", **env})
        return self.server

    def empty(self):
        shutil.rmtree(self.store, ignore_errors=True)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def pull(self, model, stream=False, **more):
        """(None or the error, the lines)"""
        status, _, text = self.server.ask("POST", "/api/pull", {
            "model": model, "insecure": True, "stream": stream, **more})
        lines = [json.loads(line) for line in text.splitlines()]
        if status == 200 and lines[-1].get("status") == "success":
            return None, lines
        return lines[-1]["error"], lines

    def partials(self):
        return sorted(p.name for p in self.store.glob("blobs/*partial*"))

    def blob(self, digest):
        return self.store / "blobs" / digest.replace(":", "-")

    def check_store(self):
        """Every listed model has all its blobs, whole; what has a blob's name is one."""
        n = 0
        for manifest in self.store.glob("manifests/*/*/*/*"):
            if manifest.name.startswith("."):
                continue
            n += 1
            m = json.loads(manifest.read_bytes())
            for layer in [m["config"], *m["layers"]]:
                check(manifest, self.blob(layer["digest"]).stat().st_size, layer["size"])
        for blob in self.store.glob("blobs/sha256-*"):
            if "partial" not in blob.name:
                check("a blob", hashlib.sha256(blob.read_bytes()).hexdigest(), blob.name[7:])
        return n

    def manifest_of(self, host, repository, tag="latest"):
        return (self.store / "manifests" / host / repository / tag).read_bytes()
