#!/usr/bin/env python3
"""Talks to `hyperllama run tiny` through a pseudo-terminal, as a person would.

    repl.py PROGRAM

Every step waits for what it expects (at most a minute), so that slow machines pass too.
"""
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import fcntl

WAIT_S = 60
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Session:
    def __init__(self, program, *words, command=("run", "tiny")):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execv(program, [program, *command, *words])
            finally:
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        self.raw = ""      # everything since the last mark
        self.ended = False

    def send(self, text):
        self.raw = ""
        data = text.encode()
        while data:
            self.pump(0)   # what comes back must be read, or both sides wait for ever
            data = data[os.write(self.fd, data[:512]):]

    def pump(self, seconds):
        if not self.ended and select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            self.ended = not data
            self.raw += data.decode("utf-8", "replace")

    def text(self):
        return ESCAPES.sub("", self.raw).replace("\r", "")

    def wait_for(self, *parts):
        """Until all parts have come, in this order."""
        until = time.monotonic() + WAIT_S
        while True:
            at = 0
            for part in parts:
                at = self.text().find(part, at)
                if at < 0:
                    break
                at += len(part)
            if at >= 0:
                return self.text()
            if self.ended or time.monotonic() > until:
                raise AssertionError(f"{'ended' if self.ended else 'waited'} without {part!r} "
                                     f"in {self.text()[-2000:]!r}")
            self.pump(0.2)

    def line(self, text, *parts):
        """Types a line; waits for the parts and for the next prompt."""
        self.send(text + "\r")
        return self.wait_for(*parts, "\n>>> ")

    def wait_exit(self):
        until = time.monotonic() + WAIT_S
        while not self.ended and time.monotonic() < until:
            self.pump(0.2)
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        assert os.WIFEXITED(status), f"ended by signal {status}"
        return os.WEXITSTATUS(status)


def greedy(program, *flags):
    s = Session(program, "--temperature", "0", *flags)
    s.wait_for("Send a message", ">>> ")
    return s


def answers_and_commands(program):
    s = greedy(program)
    got = s.line("What is 2+2?", "Thinking...\n", "...done thinking.\n\n", "4")
    assert "<think>" not in got and "</think>" not in got
    assert "\x1b[90m" in s.raw, "thinking is not dim"
    s.line("/set nothink", "Set 'nothink' mode.")
    got = s.line("What is 2+2?", "4")
    assert "Thinking" not in got
    s.line("/set verbose", "Set 'verbose' mode.")
    s.line("What is 2+2?", "4", "total duration:       ", "eval rate:            ")
    s.line("/set quiet", "Set 'quiet' mode.")

    s.line("/?", "Available Commands:", "/bye")
    s.line("/? set", "/set parameter")
    s.line("/help show", "/show info")
    s.line("/? shortcuts", "Ctrl + d")
    s.line("/set", "/set parameter")
    s.line("/set parameter", "num_ctx")
    s.line("/set parameter top_k 7", "Set parameter 'top_k' to '7'")
    s.line("/set parameter top_p 7", "Couldn't set parameter: \"")
    s.line("/set parameter nope 7", "Couldn't set parameter: \"unknown parameter 'nope'\"")
    s.line("/set parameter stop x y", "Set parameter 'stop' to 'x, y'")
    s.line("/show parameters", "Model defined parameters:", "User defined parameters:",
           "top_k", "7", "stop", '"x"')
    s.line("/set format", "Invalid or missing format")
    s.line("/set format json", "Set format to 'json' mode.")
    s.line("/set noformat", "Disabled format.")
    s.line("/set nowordwrap", "Set 'nowordwrap' mode.")
    s.line("/set wordwrap", "Set 'wordwrap' mode.")
    s.line("/set nonsense", "Unknown command '/set nonsense'. Type /? for help")
    s.line("/nonsense", "Unknown command '/nonsense'. Type /? for help")
    s.line("/show info", "architecture", "llama", "Capabilities")
    s.line("/show template", "<|im_start|>")
    s.line("/show modelfile", "FROM /")
    s.line("/show system", "No system message was specified for this model.")
    s.line("/set system You answer in capitals.", "Set system message.")
    s.line("/show system", "You answer in capitals.")
    s.line("/set think high", "Set 'think' mode to 'high'.")
    s.line("/set think", "Set 'think' mode.")
    s.line("/load nope", "Loading model 'nope'", "Couldn't find model 'nope'")
    s.line("/load tiny", "Loading model 'tiny'")
    s.send("/bye\r")
    assert s.wait_exit() == 0


def remembers_until_cleared(program):
    """The second prompt has the first one and its answer in it; after /clear it has not."""
    def count(text):
        return int(re.search(r"prompt eval count: +(\d+)", text).group(1))
    s = greedy(program, "--think=false", "--verbose")
    first = count(s.line("My name is Rosa.", "prompt eval count:", "eval rate:"))
    second = count(s.line("My name is Rosa.", "prompt eval count:", "eval rate:"))
    assert second > first * 1.5, (first, second)
    s.line("/clear", "Cleared session context")
    assert count(s.line("My name is Rosa.", "prompt eval count:", "eval rate:")) == first
    s.send("\x04")
    assert s.wait_exit() == 0


def many_lines(program):
    """Triple quotes and pasted text are one prompt, with their newlines: the same tokens."""
    def count(text):
        return int(re.search(r"prompt eval count: +(\d+)", text).group(1))
    s = greedy(program, "--think=false", "--verbose")
    s.send('"""What is\r')
    s.wait_for("\n... ")
    first = count(s.line('2+2?"""', "eval rate:"))
    s.line("/clear", "Cleared")
    s.send("\x1b[200~What is\r2+2?\x1b[201~")
    s.wait_for("2+2?")
    s.pump(0.3)
    assert "eval" not in s.text(), "a pasted newline was taken for Enter"
    pasted = count(s.line("", "eval rate:"))
    assert pasted == first, (pasted, first)
    s.line("/clear", "Cleared")
    s.send("What is\x1b\r")                      # Alt + Enter
    entered = count(s.line("2+2?", "eval rate:"))
    assert entered == first, (entered, first)
    s.line("/clear", "Cleared")
    s.line('"""What is 2+2?"""', "4", "eval rate:")
    s.send('/set system """one\r')
    s.wait_for("\n... ")
    s.line('two"""', "Set system message.")
    s.line("/show system", "one\ntwo")
    s.line("/clear", "Cleared")

    big = "".join(f"line {i} of a long text\r" for i in range(200))
    s.send('\x1b[200~/set system """' + big + '"""\x1b[201~')
    s.line("", "Set system message.")
    s.line("/show system", "line 0 of", "line 199 of a long text")
    s.send("\x04")
    assert s.wait_exit() == 0


def interrupts(program):
    s = greedy(program, "--think=false")
    s.line("What is 2+2?", "4")
    s.send("\x03")
    s.wait_for("Use Ctrl + d or /bye to exit.", "\n>>> ")
    s.send("half a line\x03")
    s.wait_for("half a line", "\n>>> ")
    # As good as endless: the end token is one of thousands that are equally likely.
    for parameter in ("temperature 100", "top_k 0", "top_p 1", "num_ctx 4096"):
        s.line(f"/set parameter {parameter}", "Set parameter")
    for _ in range(3):
        s.send("Tell me a story\r")
        s.wait_for("Tell me a story\n", " ")
        while len(s.text()) < 80 and "\n>>> " not in s.text():
            s.pump(0.2)
        s.send("\x03")
        s.wait_for(">>> ")
    s.line("/clear", "Cleared")
    for parameter in ("temperature 0", "num_predict 50"):
        s.line(f"/set parameter {parameter}", "Set parameter")
    s.line("What is 2+2?", "4")
    s.send("/exit\r")
    assert s.wait_exit() == 0


def suspends(program):
    """Ctrl-Z gives the terminal back without the marks for pastes, and takes them again.  (There is
    no shell here: a stop that nobody could undo is ignored by the system.)"""
    s = greedy(program, "--think=false")
    s.send("What is\x1a")
    until = time.monotonic() + WAIT_S
    while not re.search(r"\x1b\[\?2004l.*\x1b\[\?2004h", s.raw, re.DOTALL):
        assert time.monotonic() < until, f"no marks in {s.raw!r}"
        s.pump(0.2)
    s.line(" 2+2?", "4")
    s.send("\x04")
    assert s.wait_exit() == 0


def dumb_terminal(program):
    """Nothing but text goes to a terminal that knows nothing else."""
    os.environ["TERM"] = "dumb"
    s = Session(program, "What is 2+2?", "--temperature", "0")
    s.wait_for("Thinking...\n", "...done thinking.\n\n", "4")
    assert "\x1b" not in s.raw, s.raw
    assert s.wait_exit() == 0
    os.environ["TERM"] = "xterm"


def sessions_are_saved_and_listed(program):
    os.environ["OLLAMA_MODELS"] = os.path.join(os.environ["HOME"], "saved-models")
    s = greedy(program, "--think=false")
    s.line("/save", "Usage:\n  /save <modelname>")
    s.line("/set system You are terse.", "Set system message.")
    s.line("/set parameter top_k 7", "Set parameter")
    s.line("What is 2+2?", "4")
    s.line("/save terse", "Created new model 'terse'")
    s.line("/list", "NAME", "terse:latest", "tiny:latest")
    s.line("/save no/such/name/at:all:of", "error: ")
    s.line("/load terse", "Loading model 'terse'")
    s.line("/show system", "You are terse.")
    s.line("/show parameters", "Model defined parameters:", "top_k", "7")
    s.send("/bye\r")
    assert s.wait_exit() == 0
    s = Session(program, command=("run", "terse", "--temperature", "0"))
    s.wait_for(">>> What is 2+2?", "4", "Send a message", ">>> ")   # what was said comes with it
    s.send("/bye\r")
    assert s.wait_exit() == 0
    subprocess.check_output([program, "rm", "terse"])
    del os.environ["OLLAMA_MODELS"]


def strangers_texts_cannot_steer_the_terminal(program):
    path = json.loads(subprocess.check_output([program, "show", "--json", "tiny"]))["path"]
    data = open(path, "rb").read()
    at = data.index(b"<|im_start|>", data.index(b"tokenizer.chat_template"))
    strange = os.path.join(os.environ["HOME"], "strange.gguf")
    with open(strange, "wb") as f:
        f.write(data[:at] + b"\x1b[m" + data[at + 3:])
    for words in (("--template",), ("--json",)):
        s = Session(program, strange, *words, command=("show",))
        assert s.wait_exit() == 0
        assert "[m" in s.raw and "\x1b" not in s.raw, s.raw
    piped = subprocess.check_output([program, "show", "--template", strange])
    assert b"\x1b[m" in piped, piped
    os.remove(strange)


def errors_do_not_end_it(program):
    s = greedy(program, "--think=false", "--num-ctx", "64")
    s.line("word " * 350, "Error: request", "exceeds the available context size")
    s.line("What is 2+2?", "4")
    s.send("\x04")
    assert s.wait_exit() == 0


def history_is_kept(program):
    path = os.path.join(os.environ["HOME"], ".hyperllama", "history")
    s = greedy(program)
    s.line("/show system", "No system message")
    s.send("/bye\r")
    s.wait_exit()
    assert "/show" in open(path).read()
    assert os.stat(path).st_mode & 0o077 == 0, "others can read the history"
    s = greedy(program)
    s.line("\x1b[A\x1b[A", "No system message")   # Up, Up: behind /bye
    s.line("/set nohistory")
    s.line("/show license", "")
    s.send("\x04")
    s.wait_exit()
    assert "license" not in open(path).read()
    os.environ["OLLAMA_NOHISTORY"] = "1"
    s = greedy(program)
    s.line("/show license", "")
    s.send("\x04")
    s.wait_exit()
    del os.environ["OLLAMA_NOHISTORY"]
    assert "license" not in open(path).read()


def one_shot_on_a_terminal(program):
    s = Session(program, "What is 2+2?", "--temperature", "0")
    s.wait_for("Thinking...\n", "...done thinking.\n\n", "4")
    assert s.wait_exit() == 0
    s = Session(program, "Tell me a story", "--temperature", "100", "--top-k", "0", "--top-p", "1",
                "--think=false")
    while len(s.text()) < 40 and not s.ended:
        s.pump(0.2)
    os.kill(s.pid, signal.SIGINT)
    assert s.wait_exit() in (0, 130)             # 0: the answer was already complete


def main():
    program = os.path.abspath(sys.argv[1])
    os.environ["TERM"] = "xterm"
    failed = 0
    for test in (answers_and_commands, remembers_until_cleared, many_lines, interrupts,
                 suspends, dumb_terminal, strangers_texts_cannot_steer_the_terminal,
                 errors_do_not_end_it, sessions_are_saved_and_listed, history_is_kept, one_shot_on_a_terminal):
        try:
            test(program)
            print(f"ok    {test.__name__}")
        except (AssertionError, OSError) as e:
            failed += 1
            print(f"FAIL  {test.__name__}: {e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
