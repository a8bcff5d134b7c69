# The store over HTTP: tests/e2e/store.py asks with Python's own library and kills the server with
# -9 at random moments; tests/e2e/store_client.py is the package `ollama` (left out where pip cannot
# install it).
. "$(dirname "$0")/lib.sh" "$@"

here=$(dirname "$0")
export PYTHONDONTWRITEBYTECODE=1
model=$(ls "$here"/../../models/tiny/*.gguf 2>/dev/null | head -1)
[ -n "$model" ] || skip "no model to store"

run timeout 600 python3 "$here/store.py" "$hl" "$model"
expect_code 0
echo "$out"

venv=$(dirname "$(realpath "$hl")")/venv-clients
if [ -e "$venv/ready" ]; then
    run "$venv/bin/python3" "$here/store_client.py" "$hl" "$model"
    expect_code 0
    echo "$out"
else
    echo "the package ollama is not installed (tests/e2e/serve.sh does it)"
fi
finish
