# The server by its real clients: tests/e2e/serve.py asks with nothing but Python's own library,
# tests/e2e/serve_clients.py with the packages `ollama` and `openai` (left out where pip cannot
# install them).
. "$(dirname "$0")/lib.sh" "$@"

here=$(dirname "$0")
export PYTHONDONTWRITEBYTECODE=1
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"

run python3 "$here/serve.py" "$hl"
expect_code 0
echo "$out"

venv=$(dirname "$(realpath "$hl")")/venv-clients
if [ ! -e "$venv/ready" ]; then
    python3 -m venv "$venv" >/dev/null 2>&1 &&
        timeout 100 "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 \
            --timeout 10 ollama==0.6.3 openai==3.57.0 >/dev/null 2>&1 &&
        touch "$venv/ready"
fi
if [ -e "$venv/ready" ]; then
    run "$venv/bin/python3" "$here/serve_clients.py" "$hl"
    expect_code 0
    echo "$out"
elif [ "$failures" -eq 0 ]; then
    skip "the packages ollama and openai cannot be installed; the rest passed"
fi

# -- what does not start
run env OLLAMA_HOST=0.0.0.0 "$hl" serve
expect_code 1
expect_one_line_error
expect_err "listening beyond this machine needs a key"
run env OLLAMA_HOST=127.0.0.1:99999 "$hl" serve
expect_code 1
expect_err "invalid port"
run env OLLAMA_HOST=127.0.0.1:0 OLLAMA_KEEP_ALIVE=soon "$hl" serve
expect_code 1
expect_err "OLLAMA_KEEP_ALIVE: keep_alive is \"soon\", wants a time"
finish
