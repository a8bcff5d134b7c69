# One question and its answer.
. "$(dirname "$0")/lib.sh" "$@"

run "$hl" run tiny "What is 2+2?" --temperature 0
expect_code 0
expect_no_err
expect_out "4"
answer=$out
# Reasoning is on by default, and never in a piped answer.
[[ $out == *think* || $out == *Thinking* || $out == *$'\e'* ]] && fail "more than the answer"
# As Ollama's: the answer, its newline, a blank line.
[ "$(tail -c 2 "$tmp/out" | od -An -tx1 | tr -d ' \n')" = 0a0a ] || fail "no blank line at the end"

for flags in "--hidethinking" "--think" "--think=true" "--think=high" "--nowordwrap" \
    "--keepalive 5m" "--keepalive=-1" "--insecure" "--truncate" "--dimensions 3" "--verbose"; do
    run "$hl" run $flags tiny "What is 2+2?" --temperature 0
    expect_code 0
    expect_same "$out" "$answer"
done
run "$hl" run --think=false tiny What is 2+2? --temperature 0
expect_code 0
expect_out 4

# --verbose: labels of 22 columns, on standard error
run "$hl" run --verbose --think=false tiny "What is 2+2?" --temperature 0
for label in "total duration:       " "load duration:        " "prompt eval count:    19 token(s)" \
    "prompt eval duration: " "prompt eval rate:     " "eval count:           " \
    "eval duration:        " "eval rate:            "; do
    expect_err "$label"
done
[ "$(wc -l <"$tmp/err")" -eq 8 ] || fail "not eight lines"

# What is piped in stands before the words; the tokens tell that both arrived, in this order.
run "$hl" run --verbose --think=false --temperature 0 tiny "2+2?" <<<"What is"
expect_code 0
expect_err "prompt eval count:    20 token(s)" # with the newline of the pipe
run "$hl" run --think=false --temperature 0 tiny < <(printf 'What is 2+2?')
expect_code 0
expect_out 4
run "$hl" run tiny
expect_code 0
expect_no_out # nothing to answer: the model is only loaded

# A path does as well as a name.
path=$("$hl" show --json tiny | python3 -c 'import json,sys; print(json.load(sys.stdin)["path"])')
run "$hl" run --temperature 0 "$path" "What is 2+2?"
expect_same "$out" "$answer"
run env HYPERLLAMA_MODELS_DIR="$tmp" "$hl" show own
expect_code 1
mkdir "$tmp/own" && ln -s "$path" "$tmp/own/own.gguf"
run env HYPERLLAMA_MODELS_DIR="$tmp" "$hl" run --temperature 0 own "What is 2+2?"
expect_same "$out" "$answer"

# Where the answer goes can go away, and there need be no input.
run bash -c '"$0" run tiny "What is 2+2?" --temperature 0 <&-' "$hl"
expect_code 0
expect_same "$out" "$answer"
run bash -c '"$0" run tiny "Tell me a story" >&-' "$hl"
expect_code 1
expect_one_line_error
run bash -c '"$0" run tiny "Tell me a story" >/dev/full' "$hl"
expect_code 1
expect_err "No space left"
run bash -c '"$0" run tiny "Tell me a long story" | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}' "$hl"
expect_no_err
[[ $out == 0 || $out == 1 ]] || fail "ended with $out"

finish
