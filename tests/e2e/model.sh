# show, tokenize, render and generate on the model that comes with the program.
. "$(dirname "$0")/lib.sh" "$@"

# -- show: Ollama's layout, two columns padded to their widest cell and four more
run "$hl" show tiny
expect_code 0
expect_no_err
expect_out "  Model
    architecture        llama     
    parameters          23.08M    
    context length      4096      
    embedding length    512       
    quantization        "
expect_out "  Capabilities
    tools         
    thinking      
    completion    "
run "$hl" show -v tiny
expect_out "tokenizer.ggml.pre "
expect_out "    token_embd.weight "
run "$hl" show --template tiny
expect_out "<|im_start|>"
run "$hl" show --modelfile tiny
expect_out "FROM /"
[ "$(tail -c 2 "$tmp/out" | od -An -tx1 | tr -d ' \n')" = 0a0a ] || fail "no empty line at the end"
run "$hl" show --parameters tiny
[ "$(wc -c <"$tmp/out")" -eq 1 ] || fail "not just a newline"
run "$hl" show --json tiny
python3 - "$tmp/out" <<'PY' || fail "show --json"
import json, sys
d = json.load(open(sys.argv[1]))
assert d["details"]["family"] == "llama" and d["details"]["parameter_size"] == "23.08M"
assert d["model_info"]["llama.context_length"] == 4096
assert {"completion", "tools", "thinking"} <= set(d["capabilities"])
assert d["model_info"]["tokenizer.ggml.tokens"] is None and "tensors" not in d
assert d["model_info"]["general.parameter_count"] == 23077376
PY
run "$hl" show --json -v tiny
python3 - "$tmp/out" <<'PY' || fail "show --json -v"
import json, sys
d = json.load(open(sys.argv[1]))
assert len(d["model_info"]["tokenizer.ggml.tokens"]) == 4096
assert {"name": "token_embd.weight", "type": "Q6_K", "shape": [512, 4096]} in d["tensors"]
PY

# -- tokenize
run "$hl" tokenize tiny "Hello <|im_end|> world"
expect_code 0
parsed=$out
[[ $out == *" 4086 "* ]] || fail "the control token is not one token"
run "$hl" tokenize tiny --no-parse-special "Hello <|im_end|> world"
[[ $out == *4086* ]] && fail "the control token is a token"
run "$hl" tokenize --json tiny <<<'["Hello <|im_end|> world", "", "\u00e9\ud83d\ude00"]'
expect_code 0
python3 - "$tmp/out" "$parsed" <<'PY' || fail "tokenize --json"
import json, sys
ids = json.load(open(sys.argv[1]))
assert len(ids) == 3 and ids[0] == [int(x) for x in sys.argv[2].split()]
assert ids[1] == [] and len(ids[2]) >= 2
PY
run "$hl" tokenize tiny <<<"piped"
expect_code 0
[[ $out =~ ^[0-9\ ]+$ ]] || fail "not just ids"

# -- render
request='{"messages": [{"role": "user", "content": "Hi"}]}'
run "$hl" render tiny <<<"$request"
expect_code 0
expect_same "$out" $'<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant'
run "$hl" render tiny <<<'{"messages": [{"role": "user", "content": "Hi"}],
    "enable_thinking": true, "add_generation_prompt": true}'
expect_same "$out" $'<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>'
printf '%s' '{{ messages[0].content }}|{{ tools is none }}|{{ strftime_now("%d %b %Y %H:%M:%S") }}|{{ more.x }}|{{ now is defined }}' >"$tmp/t.jinja"
run "$hl" render --template "$tmp/t.jinja" <<<'{"messages": [{"role": "user", "content": "a\tb "}],
    "tools": null, "now": "2026-03-09T14:05:06", "more": {"x": 7}}'
expect_code 0
expect_same "$out" $'a\tb |True|09 Mar 2026 14:05:06|7|False'
run "$hl" render --template "$tmp/t.jinja" <<<'{"messages": [{"content": ""}], "tools": null,
    "now": "2024-02-29T00:00:00", "more": {"x": 7}}'
expect_out "29 Feb 2024 00:00:00"

# -- generate: the text as it is, deterministic when greedy
run "$hl" generate tiny "Once upon" -n 8 --temperature 0
expect_code 0
expect_no_err
greedy=$out
[ -n "$out" ] || fail "nothing was generated"
run "$hl" generate tiny -n 8 --temperature=0 --json "Once upon"
expect_code 0
python3 - "$tmp/out" "$greedy" <<'PY' || fail "generate --json"
import json, sys
d = json.load(open(sys.argv[1]))
want = ["model", "created_at", "response", "done", "done_reason", "total_duration",
        "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count",
        "eval_duration"]
assert list(d) == want, list(d)
assert d["model"] == "tiny" and d["done"] is True and d["done_reason"] == "length"
assert d["response"] == sys.argv[2], (d["response"], sys.argv[2])
assert d["eval_count"] == 8 and d["total_duration"] >= d["eval_duration"] > 0
PY
run "$hl" generate tiny -n 8 --temperature 0 < <(printf 'Once upon')
expect_same "$out" "$greedy"
run "$hl" generate tiny --num-predict 8 --temperature 0 --stop "${greedy:3:4}" "Once upon"
expect_same "$out" "${greedy:0:3}"
run "$hl" generate tiny "Once upon" -n 20 --seed 7 --top_k 20 --top-p 0.95
seeded=$out
run "$hl" generate tiny "Once upon" -n 20 --seed 7 --top-k 20 --top_p 0.95
expect_same "$out" "$seeded"
run env OLLAMA_DEBUG=1 "$hl" generate tiny -n 8 --temperature 0 "Once upon"
expect_same "$out" "$greedy"
expect_err 'req=r1 msg="request finished"'
expect_err ' prompt_tokens=2 cached_tokens=0 tokens=8 '
run "$hl" generate tiny "" -n 3
expect_code 0
run "$hl" generate tiny "<|im_start|>user
What is 2+2?<|im_end|>
<|im_start|>assistant
" --temperature 0
expect_same "$out" "2 + 2 = 4."

finish
