# What the API accepts and refuses, case by case: tests/conformance/data/api.
. "$(dirname "$0")/lib.sh" "$@"

export PYTHONDONTWRITEBYTECODE=1
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"
run python3 "$(dirname "$0")/api_table.py" "$hl"
echo "$out"
expect_code 0
finish
