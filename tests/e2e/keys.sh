# Keys, and who may reach a server at all: tests/e2e/keys.py.
. "$(dirname "$0")/lib.sh" "$@"

export PYTHONDONTWRITEBYTECODE=1
run python3 "$(dirname "$0")/keys.py" "$hl"
expect_code 0
echo "$out"
[ "$code" -eq 0 ] || echo "$err"
finish
