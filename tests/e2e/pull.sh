# Pulls and pushes against a registry on loopback (tests/e2e/registry.py) that misbehaves as told;
# kill -9 in the middle of a pull: at 24 moments, with HL_TEST_SLOW at 200 of a 256 MB one.
. "$(dirname "$0")/lib.sh" "$@"

here=$(dirname "$0")
export PYTHONDONTWRITEBYTECODE=1
model=$(ls "$here"/../../models/tiny/*.gguf 2>/dev/null | head -1)
for part in pull push pull_kill; do
    if [ "${HL_TEST_SLOW-}" = 1 ] && [ "$part" != pull_kill ]; then continue; fi
    timeout 3600 python3 "$here/$part.py" "$hl" $model >"$tmp/out" 2>"$tmp/err"
    code=$?
    out=$(<"$tmp/out") err=$(<"$tmp/err")
    expect_code 0
    echo "$out"
done

venv=$(dirname "$(realpath "$hl")")/venv-clients
if [ -e "$venv/ready" ]; then
    run "$venv/bin/python3" "$here/pull_client.py" "$hl"
    expect_code 0
    echo "$out"
else
    echo "the package ollama is not installed (tests/e2e/serve.sh does it)"
fi
packages=$(dirname "$(realpath "$hl")")/node-clients
if [ -e "$packages/ready" ] && [ -n "$model" ]; then
    cp "$here/pull_client.mjs" "$packages/"
    run python3 "$here/pull_client.py" "$hl" "$model" "$packages/pull_client.mjs"
    expect_code 0
    echo "$out"
else
    echo "the package ollama for Node is not installed (tests/e2e/node_clients.sh does it)"
fi
finish
