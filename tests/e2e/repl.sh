# Interactive mode, through a terminal (repl.py).
. "$(dirname "$0")/lib.sh" "$@"
python3 -c 'import pty' 2>/dev/null || skip "no pty module"
TERM=xterm python3 "$(dirname "$0")/repl.py" "$hl" || fail "repl.py"
finish
