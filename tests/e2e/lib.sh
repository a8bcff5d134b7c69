# Helpers for the scripts beside this file; source it first:
#     . "$(dirname "$0")/lib.sh" "$@"
# Gives $hl (the program), $tmp (a directory that goes at the end), and HOME inside it, so
# that no script sees or touches the user's own settings.  A script ends with `finish`.
set -uo pipefail
exec </dev/null
hl=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export HOME="$tmp/home" LC_ALL=C.UTF-8 TERM=dumb
mkdir "$HOME"
unset HYPERLLAMA_CPU HYPERLLAMA_LOG HYPERLLAMA_API_KEY OLLAMA_API_KEY HYPERLLAMA_HOST OLLAMA_MODELS
unset HYPERLLAMA_MODELS XDG_RUNTIME_DIR
export OLLAMA_HOST=127.0.0.1:0 # commands do not find a server that happens to run here
failures=0

skip() { echo "skipped: $*"; exit 77; }

# run COMMAND…: standard output to $out, standard error to $err, the exit code to $code.
# Input comes from a redirection (run … <<<"text"); without one there is none.  Not in a pipe:
# there the results would be lost with the subshell.
run() {
    timeout 120 "$@" >"$tmp/out" 2>"$tmp/err"
    code=$?
    out=$(<"$tmp/out") err=$(<"$tmp/err")
}

fail() {
    failures=$((failures + 1))
    echo "FAIL line ${BASH_LINENO[1]}: $*"
    echo "  exit code: ${code-}"
    echo "  stdout: $(head -c 500 "$tmp/out" 2>/dev/null)"
    echo "  stderr: $(head -c 500 "$tmp/err" 2>/dev/null)"
}

expect_code() { [ "$code" -eq "$1" ] || fail "exit code $code, want $1"; }
expect_out() { [[ $out == *"$1"* ]] || fail "standard output lacks: $1"; }
expect_no_out() { [ -z "$out" ] || fail "standard output is not empty"; }
expect_err() { [[ $err == *"$1"* ]] || fail "standard error lacks: $1"; }
expect_no_err() { [ -z "$err" ] || fail "standard error is not empty"; }
expect_same() { [ "$1" = "$2" ] || fail "these differ: [$1] [$2]"; }
# One line that says what is wrong, as every error of ours.
expect_one_line_error() { [ "$(wc -l <"$tmp/err")" -eq 1 ] || fail "the message is not one line"; }

finish() {
    [ "$failures" -eq 0 ] || { echo "$failures expectations failed"; exit 1; }
    echo "all is well"
}
