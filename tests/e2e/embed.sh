# Embeddings and tokens: tests/e2e/embed.py asks with Python's own library.
. "$(dirname "$0")/lib.sh" "$@"

export PYTHONDONTWRITEBYTECODE=1
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"

run python3 "$(dirname "$0")/embed.py" "$hl"
expect_code 0
echo "$out"
finish
