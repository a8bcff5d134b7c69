# Bad input: a one-line message that says what and where, a documented exit code, no crash.
. "$(dirname "$0")/lib.sh" "$@"

# bad CODE PART COMMAND…: the exit code, and what the message must say
bad() {
    local want=$1 part=$2
    shift 2
    run "$@"
    expect_code "$want"
    expect_no_out
    expect_one_line_error
    expect_err "Error: "
    expect_err "$part"
}

path=$("$hl" show --json tiny | python3 -c 'import json,sys; print(json.load(sys.stdin)["path"])')
[ -f "$path" ] || skip "no model to break"
echo "just a text, certainly no model" >"$tmp/text.gguf"
head -c 1000000 "$path" >"$tmp/truncated.gguf"
head -c 100 "$path" >"$tmp/stub.gguf"
: >"$tmp/empty.gguf"
python3 - "$path" "$tmp" <<'PY'
import sys
data = open(sys.argv[1], "rb").read()
key = b"general.architecture"
at = data.index(key) + len(key) + 4 + 8
assert data[at:at + 5] == b"llama"
open(sys.argv[2] + "/family.gguf", "wb").write(data[:at] + b"lemma" + data[at + 5:])
open(sys.argv[2] + "/counts.gguf", "wb").write(data[:8] + b"\xff" * 16 + data[24:])
PY

# -- flags and arguments: 1 for Ollama's commands, 64 for ours
bad 1 "unknown flag: --nope" "$hl" run tiny --nope hi
bad 64 "unknown flag: --nope" "$hl" generate tiny --nope hi
bad 64 "did you mean --temperature?" "$hl" generate tiny --temperatur 1 hi
bad 64 "top_p" "$hl" generate tiny --top-p 7 hi
bad 64 "num_predict" "$hl" generate tiny -n many hi
bad 64 "wants a number from 0 to 100" "$hl" generate tiny hi --temperature "$(printf '9%.0s' {1..2000})"
bad 64 "needs an argument: -n" "$hl" generate tiny hi -n
bad 64 "unknown flag: 'x' in -x" "$hl" info -x
bad 64 "accepts 0 arg(s), received 1" "$hl" info now
bad 64 "requires at least 1 arg(s)" "$hl" generate
bad 1 "requires at least 1 arg(s)" "$hl" run
bad 1 "accepts 1 arg(s), received 2" "$hl" show tiny tiny
bad 1 "only one of" "$hl" show --license --system tiny
bad 64 "unknown command \"frobnicate\"" "$hl" frobnicate
bad 64 "did you mean generate?" "$hl" genrate tiny
bad 64 "did you mean run tiny?" "$hl" tiny
bad 64 "did you mean show?" "$hl" help shwo
bad 64 "unknown flag: --nope" "$hl" --nope
bad 1 "signin is not supported yet" "$hl" signin
bad 1 "invalid value for --think: \"x\"" "$hl" run --think=x tiny hi
bad 1 "invalid duration \"soon\"" "$hl" run --keepalive soon tiny hi
bad 1 'invalid format: "xml"; expected "json" or a valid JSON Schema object' \
    "$hl" run --format xml tiny hi
bad 1 'the keyword "not" is not supported at #/properties/a' \
    "$hl" run --format '{"type":"object","properties":{"a":{"not":{}}}}' tiny hi
bad 64 "HYPERLLAMA_CPU" env HYPERLLAMA_CPU=mmx "$hl" generate tiny hi

# -- models
run "$hl" run 127.0.0.1:9/library/nope hi # is to be pulled
expect_code 1
expect_no_out
expect_err "pulling manifest"
expect_err "is not a public one"
bad 1 "model 'nope:latest' not found" "$hl" show nope
bad 66 "model 'nope:1b' not found" "$hl" generate nope:1b hi
bad 64 "invalid model name" "$hl" tokenize "no pe" hi
bad 66 "$tmp/missing.gguf" "$hl" generate "$tmp/missing.gguf" hi
bad 64 "is a directory" "$hl" generate "$tmp/" hi
for file in text truncated stub empty counts; do
    bad 65 "$tmp/$file.gguf" "$hl" generate "$tmp/$file.gguf" hi
    bad 1 "$tmp/$file.gguf" "$hl" run "$tmp/$file.gguf" hi
    bad 1 "$tmp/$file.gguf" "$hl" show "$tmp/$file.gguf"
    bad 65 "$tmp/$file.gguf" "$hl" tokenize "$tmp/$file.gguf" hi
done
bad 69 "lemma" "$hl" generate "$tmp/family.gguf" hi
run "$hl" show "$tmp/family.gguf" # what cannot be computed can be looked at
expect_code 0
expect_out "lemma"

# -- prompts
long=$(printf 'word %.0s' {1..300})
bad 65 "exceeds the available context size" "$hl" generate tiny --num-ctx 64 "$long"
bad 1 "exceeds the available context size" "$hl" run tiny --num-ctx 64 "$long"

# -- templates and their input
bad 66 "$tmp/none.jinja" "$hl" render --template "$tmp/none.jinja"
bad 64 "name a model or a --template" "$hl" render
template() { printf '%s' "$1" >"$tmp/t.jinja"; }
template '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}'
bad 65 "" "$hl" render --template "$tmp/t.jinja" <<<'{}'
template '{% for i in range(100000) %}{{ "0123456789" * 100000 }}{% endfor %}'
bad 65 "" "$hl" render --template "$tmp/t.jinja" <<<'{}'
template '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}'
bad 65 "" "$hl" render --template "$tmp/t.jinja" <<<'{}'
template 'line one
{% if %}'
bad 65 "$tmp/t.jinja:2:" "$hl" render --template "$tmp/t.jinja" <<<'{}'
template '{{ raise_exception("no such role") }}'
bad 64 "no such role" "$hl" render --template "$tmp/t.jinja" <<<'{}'
template '{{ messages[0].content.upper() }}'
bad 65 "standard input" "$hl" render --template "$tmp/t.jinja" <<<'{"messages": ['
bad 65 "standard input" "$hl" render --template "$tmp/t.jinja" <<<'[1]'
bad 65 "now" "$hl" render --template "$tmp/t.jinja" <<<'{"now": "yesterday"}'
bad 65 "now" "$hl" render --template "$tmp/t.jinja" <<<'{"now": "2026-13-09T14:05:06"}'
bad 65 "standard input" "$hl" tokenize --json tiny <<<'{"a": 1}'
bad 65 "element 1" "$hl" tokenize --json tiny <<<'["a", 1]'

# -- standard output
bad 74 "standard output" bash -c '"$0" --version >&-' "$hl"
bad 74 "No space left" bash -c '"$0" info >/dev/full' "$hl"
run bash -c '"$0" info | true; exit ${PIPESTATUS[0]}' "$hl"
expect_no_err
[[ $code == 0 || $code == 74 ]] || fail "ended with $code"

finish
