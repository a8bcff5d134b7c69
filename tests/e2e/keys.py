"""Keys: who comes in with which, and how often.

    tests/e2e/keys.py PROGRAM
"""
import json
import os
import subprocess
import sys
import tempfile

from serving import ENDLESS, Server

PROGRAM = sys.argv[1]
_DIRECTORY = tempfile.TemporaryDirectory(prefix="hl-keys-")
HOME = _DIRECTORY.name
AUTH = os.path.join(HOME, ".hyperllama", "auth.db")


def expect(have, want, what):
    if have != want:
        sys.exit(f"FAILED: {what}: {have!r}, not {want!r}")


def command(*words, **env):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HOME": HOME, **env})


def create(*words):
    r = command("key", "create", *words)
    expect(r.returncode, 0, r.stderr)
    expect(r.stdout.startswith("hl-") and len(r.stdout.strip()) == 46, True, r.stdout)
    return r.stdout.strip()


def server(**env):
    return Server(PROGRAM, HOME=HOME, **env)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def status(s, path="/api/tags", headers=None, method="GET", body=None):
    return s.ask(method, path, body, headers)[0]


def check_first_key():
    s = server()
    expect(status(s), 200, "without keys all may")
    expect(status(s, headers=bearer("anything")), 200, "also with what is no key")
    laptop = create("laptop")
    expect(os.stat(AUTH).st_mode & 0o777, 0o600, "auth.db is its owner's")
    for path, want in (("/", 200), ("/health", 200), ("/ui", 200), ("/ui/app.js", 200),
                       ("/api/tags", 401), ("/api/version", 401), ("/metrics", 401), ("/nope", 401)):
        expect(status(s, path), want, f"without a key, {path}")
    expect(status(s, headers=bearer(laptop)), 200, "the key as Bearer")
    expect(status(s, headers={"authorization": f"bearer {laptop}"}), 200, "in small letters")
    expect(status(s, headers={"x-api-key": laptop}), 200, "the key as x-api-key")
    expect(status(s, headers=bearer(laptop[:-1] + "!")), 401, "another key")
    expect(status(s, headers={"Authorization": f"Basic {laptop}"}), 401, "another scheme")
    return s, laptop


def check_words(s):
    code, headers, text = s.ask("POST", "/api/chat", {"model": "tiny"})
    expect(code, 401, "chat without a key")
    expect(headers["WWW-Authenticate"], "Bearer", "what is wanted")
    expect(json.loads(text), {"error": "unauthorized: this server wants an API key"}, "Ollama's words")
    error = s.json("POST", "/v1/chat/completions", {})[1]["error"]
    expect(error["message"], "unauthorized: this server wants an API key", "OpenAI's envelope")
    error = s.json("POST", "/v1/messages", {})[1]
    expect((error["type"], error["error"]["type"]), ("error", "authentication_error"), "Anthropic's")


def check_preflight(s):
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "authorization"}
    expect(status(s, "/api/chat", headers, "OPTIONS"), 204, "a preflight brings no key")


def check_revoking(s, laptop):
    phone = create("phone")
    expect(status(s, headers=bearer(phone)), 200, "a second key")
    expect(command("key", "revoke", "phone").returncode, 0, "revoke")
    expect(status(s, headers=bearer(phone)), 401, "a revoked key, at once")
    expect(status(s, headers=bearer(laptop)), 200, "the other one is good")
    expect(command("key", "revoke", "phone").returncode, 66, "a second time")
    listed = json.loads(command("key", "list", "--json").stdout)
    expect([(k["name"], k["revoked"] > 0) for k in listed], [("laptop", False), ("phone", True)], "list")
    expect(laptop in command("key", "list").stdout, False, "no list shows a key")


def check_limits(s):
    often = create("often", "--requests-per-minute", "3")
    codes = [status(s, headers=bearer(often)) for _ in range(4)]
    expect(codes, [200, 200, 200, 429], "three a minute")
    _, headers, _ = s.ask("GET", "/api/tags", None, bearer(often))
    expect(1 <= int(headers["Retry-After"]) <= 21, True, "when to come again")
    one = create("one", "--requests-at-once", "1")
    body = {"model": "tiny", "prompt": "1, 2, 3,", "raw": True, "format": ENDLESS, "options": {"num_predict": 100000}}
    c, r = s.open("POST", "/api/generate", body, bearer(one))
    r.readline()
    expect(status(s, headers=bearer(one)), 429, "one at once")
    c.close()
    for _ in range(200):
        if status(s, headers=bearer(one)) == 200:
            return
    sys.exit("FAILED: the place of one who left stays taken")


def check_client(s, laptop):
    host = f"127.0.0.1:{s.port}"
    r = command("list", OLLAMA_HOST=host)
    expect(r.returncode, 1, "list without a key")
    expect(r.stderr.count("\n"), 1, r.stderr)
    expect(command("list", OLLAMA_HOST=host, HYPERLLAMA_API_KEY=laptop).returncode, 0, "list with the key")
    path = os.path.join(HOME, ".hyperllama", "key")
    with open(path, "w") as f:
        f.write(laptop + "\n")
    os.chmod(path, 0o600)
    expect(command("list", OLLAMA_HOST=host).returncode, 0, "list with the key in a file")
    os.chmod(path, 0o644)
    expect(command("list", OLLAMA_HOST=host).returncode, 1, "not with a file that others may read")
    os.remove(path)


def check_damage():
    os.chmod(AUTH, 0o644)
    r = command("serve", OLLAMA_HOST="127.0.0.1:0")
    expect(r.returncode != 0 and "open to other users" in r.stderr, True, r.stderr)
    os.chmod(AUTH, 0o600)
    with open(AUTH, "r+b") as f:
        f.write(b"no database any more")
    r = command("serve", OLLAMA_HOST="127.0.0.1:0")
    expect(r.returncode != 0, True, "a damaged file: no start")
    os.remove(AUTH)


def check_beyond():
    r = command("serve", OLLAMA_HOST="0.0.0.0:0")
    expect(r.returncode != 0, True, "beyond this machine without a key: no start")
    expect("key create" in r.stderr and "--no-auth" in r.stderr, True, r.stderr)
    key = create("far")
    s = server(OLLAMA_HOST="0.0.0.0:0", HYPERLLAMA_ALLOWED_HOSTS="models.example")
    stranger, friend = {"Host": "evil.example"}, {"Host": "models.example:443"}
    expect(status(s), 401, "beyond this machine a key is wanted")
    expect(status(s, headers=bearer(key)), 200, "with the key")
    expect(status(s, headers=stranger), 403, "a stranger's name")
    expect(status(s, headers={**stranger, **bearer(key)}), 200, "a stranger's name with a key")
    expect(status(s, headers=friend), 401, "a name of the list")
    expect(status(s, headers={**friend, **bearer(key)}), 200, "a name of the list with a key")
    command("key", "revoke", "far")
    expect(status(s), 401, "the last key revoked: still one is wanted")
    expect(s.stop(), 0, "a clean end")
    s = server(OLLAMA_HOST="0.0.0.0:0", HYPERLLAMA_NO_AUTH="1")
    expect(status(s), 200, "told so, it wants none")
    expect(status(s, headers=stranger), 403, "a stranger's name without keys")
    expect(s.stop(), 0, "a clean end")


def main():
    s, laptop = check_first_key()
    check_words(s)
    check_preflight(s)
    check_revoking(s, laptop)
    check_limits(s)
    check_client(s, laptop)
    expect(s.stop(), 0, "a clean end")
    check_damage()
    check_beyond()
    print("keys: ok")


if __name__ == "__main__":
    main()
