# The server by the real clients for Node: tests/e2e/node_clients.mjs.
. "$(dirname "$0")/lib.sh" "$@"

here=$(realpath "$(dirname "$0")")
hl=$(realpath "$hl")
command -v node >/dev/null && command -v npm >/dev/null || skip "no node and npm"
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"

packages=$(dirname "$hl")/node-clients
if [ ! -e "$packages/ready" ]; then
    mkdir -p "$packages"
    timeout 100 npm install --prefix "$packages" --no-audit --no-fund --silent \
        ollama@0.6.4 openai@6.49.0 @anthropic-ai/sdk@1.13.0 >/dev/null 2>&1 &&
        touch "$packages/ready"
fi
[ -e "$packages/ready" ] || skip "the packages cannot be installed"
cp "$here/node_clients.mjs" "$packages/"

OLLAMA_HOST=127.0.0.1:0 OLLAMA_MODELS=$tmp/store "$hl" serve 2>"$tmp/log" &
server=$!
trap 'kill "$server"; wait "$server"; rm -rf "$tmp"' EXIT
for _ in $(seq 100); do
    port=$(grep -o 'port=[0-9]*' "$tmp/log" | cut -d= -f2)
    [ -n "$port" ] && break
    sleep 0.1
done
run timeout 300 node "$packages/node_clients.mjs" "http://127.0.0.1:$port"
expect_code 0
echo "$out"
[ "$code" -eq 0 ] || echo "$err"
finish
