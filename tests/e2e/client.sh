# Commands and the server that they talk to: a running one, their own, somebody else's.
. "$(dirname "$0")/lib.sh" "$@"

export PYTHONDONTWRITEBYTECODE=1
"$hl" show tiny >/dev/null 2>&1 || skip "no model to ask"
run python3 "$(dirname "$0")/client.py" "$hl" "$tmp"
expect_code 0
echo "$out"
finish
