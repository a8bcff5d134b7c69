# /health and /metrics, as those who watch servers read them.
. "$(dirname "$0")/lib.sh" "$@"

export PYTHONDONTWRITEBYTECODE=1
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"

run python3 "$(dirname "$0")/metrics.py" "$hl"
expect_code 0
echo "$out"
finish
