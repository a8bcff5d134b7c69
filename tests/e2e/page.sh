# The chat and status page in headless Chromium: tests/e2e/page.mjs.
. "$(dirname "$0")/lib.sh" "$@"

here=$(realpath "$(dirname "$0")")
hl=$(realpath "$hl")
browser=$(command -v chromium || command -v chromium-browser) || skip "no Chromium"
command -v node >/dev/null && command -v npm >/dev/null || skip "no node and npm"
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"

# Packages for node lie beside the program, not in the tree: modules are looked for from the script.
packages=$(dirname "$hl")/node-page
if [ ! -e "$packages/ready" ]; then
    mkdir -p "$packages"
    timeout 100 npm install --prefix "$packages" --no-audit --no-fund --silent \
        playwright-core@1.64.1 >/dev/null 2>&1 && touch "$packages/ready"
fi
[ -e "$packages/ready" ] || skip "playwright-core cannot be installed"
cp "$here/page.mjs" "$packages/"

run node "$packages/page.mjs" "$hl" "$browser"
expect_code 0
echo "$out"
finish
