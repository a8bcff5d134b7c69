# `hyperllama bench` against a server whose answers are known: what it sends and what it counts.
. "$(dirname "$0")/lib.sh" "$@"

export PYTHONDONTWRITEBYTECODE=1
run python3 "$(dirname "$0")/bench.py" "$hl"
expect_code 0
echo "$out"
finish
