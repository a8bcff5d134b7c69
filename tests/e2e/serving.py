"""Starts the program as a server on a free port, for the scripts beside this file."""
import atexit
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

# A "format" that keeps an answer going, whatever the sampler draws: no end of text before as many items.
ENDLESS = {"type": "array", "items": {"type": "integer"}, "minItems": 10000}


class Server:
    def __init__(self, program, *flags, **env):
        settings = {"OLLAMA_HOST": "127.0.0.1:0", "HYPERLLAMA_LOG": "info", **env}
        self.process = subprocess.Popen([program, "serve", *flags], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **settings})
        atexit.register(self.process.kill)  # whatever goes wrong in a script
        self.log = []
        line = self.process.stderr.readline()
        self.log.append(line)
        found = re.search(r"port=(\d+)", line)
        assert found, f"the server did not start: {line}"
        self.port = int(found.group(1))
        threading.Thread(target=self._read_log, daemon=True).start()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def logged(self, text, seconds=20):
        """Waits until the log has a line with this text."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if any(text in line for line in list(self.log)):
                return True
            time.sleep(0.02)
        return False

    def open(self, method, path, body=None, headers=None):
        """An http.client connection with its response's head read."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=100)
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        c.request(method, path, body=body, headers=headers or {})
        return c, c.getresponse()

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, text)"""
        c, r = self.open(method, path, body, headers)
        text = r.read().decode()
        c.close()
        return r.status, r.headers, text

    def json(self, method, path, body=None, headers=None):
        status, _, text = self.ask(method, path, body, headers)
        return status, json.loads(text)

    def lines(self, path, body):
        """The objects of a stream."""
        status, headers, text = self.ask("POST", path, body)
        assert status == 200, (status, text)
        assert headers["Content-Type"] == "application/x-ndjson", headers
        return [json.loads(line) for line in text.splitlines()]

    def stop(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.process.wait(60)
