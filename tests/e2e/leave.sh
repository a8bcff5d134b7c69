# Clients that leave at all kinds of moments, and many at random ones: tests/e2e/leave.py.
. "$(dirname "$0")/lib.sh" "$@"

export PYTHONDONTWRITEBYTECODE=1
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"
requests=60
[ "${HL_TEST_SLOW:-0}" = 1 ] && requests=500
run python3 "$(dirname "$0")/leave.py" "$hl" "$requests"
expect_code 0
echo "$out"
[ "$code" -eq 0 ] || echo "$err"
finish
