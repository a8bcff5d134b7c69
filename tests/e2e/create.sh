# Models made from Modelfiles, taken from other programs, checked and pruned; with the server in the
# command and with one beside it.
. "$(dirname "$0")/lib.sh" "$@"

repo=$(cd "$(dirname "$0")/../.." && pwd)
shipped=$(ls "$repo"/models/tiny/*.gguf 2>/dev/null | head -1)
[ -n "$shipped" ] || skip "no model to build upon"
export HYPERLLAMA_MODELS_DIR=/nonexistent
unset HF_HOME HF_HUB_CACHE XDG_CACHE_HOME
store=$HOME/.hyperllama/models
work=$tmp/work
mkdir -p "$work/sub dir"
cd "$work" || exit 1
cp "$shipped" "sub dir/tiny.gguf"
chmod 644 "sub dir/tiny.gguf"

manifest() { cat "$store/manifests/registry.ollama.ai/library/$1/latest"; }
create() { run "$hl" create "$@"; }

# -- a Modelfile with everything in it --------------------------------------------------------------
cat >"sub dir/Modelfile" <<'EOF'
# a comment
from ./tiny.gguf
PARAMETER temperature 0.7
PARAMETER num_ctx 512
PARAMETER stop "<|x|>"
PARAMETER stop "two words"
SYSTEM """You are "Mario",
a plumber."""
MESSAGE user hi there
MESSAGE assistant """It's-a me,
Mario"""
LICENSE "MIT
and more"
LICENSE second
REQUIRES 0.14.0
EOF
create mario -f "sub dir/Modelfile"
expect_code 0
expect_no_out
expect_err "gathering model components"
expect_err "linked file sha256:"
expect_err "parsing GGUF"
expect_err "writing manifest"
[ "$(tail -1 "$tmp/err")" = success ] || fail "the last line is not success"

digest=$(sha256sum <"$shipped" | cut -d' ' -f1)
cmp "$shipped" "$store/blobs/sha256-$digest" || fail "the weights are not kept byte for byte"

run "$hl" show --system mario
expect_same "$out" $'You are "Mario",\na plumber.'
run "$hl" show --parameters mario
expect_out 'stop                           "two words"'
expect_out "temperature                    0.7"
run "$hl" show --license mario
expect_out $'MIT\nand more'

# in the Modelfile's own directory, without -f
run bash -c 'cd "sub dir" && exec "$0" create other' "$hl"
expect_code 0
expect_same "$(manifest other)" "$(manifest mario)"

# what `show` prints makes the same model
"$hl" show --modelfile mario >shown
create again -f shown
expect_code 0
expect_same "$(manifest again)" "$(manifest mario)"
[[ $err != *"creating new layer"* ]] || fail "a layer was made anew"

# from standard input; lines of JSON
run "$hl" create --json piped -f - <<<"FROM $work/sub dir/tiny.gguf"
expect_code 0
expect_no_err
[ "$(tail -1 "$tmp/out")" = '{"status":"success"}' ] || fail "the last line is not success"

# upon another model: its layers stay, parameters win one by one, licenses are added
printf 'FROM mario\nSYSTEM You are Luigi\nPARAMETER temperature 0\nLICENSE third\n' >Child
create luigi -f Child
expect_code 0
run "$hl" show --modelfile luigi
expect_out "SYSTEM You are Luigi"
expect_out "PARAMETER temperature 0"
expect_out "PARAMETER num_ctx 512"
expect_out "LICENSE third"
expect_out "LICENSE second"
expect_out "MESSAGE user hi there"
run "$hl" run luigi --think=false --seed 1 "What is 2+2?"
expect_code 0
expect_out 4

# -- what is wrong is named, with its line, and makes nothing ---------------------------------------
reject() {
    printf '%b' "$1" >Bad
    create bad -f Bad
    expect_code 1
    expect_one_line_error
    expect_err "$2"
    [ ! -e "$store/manifests/registry.ollama.ai/library/bad" ] || fail "a model was made"
}
reject '' 'Bad: no FROM line'
reject 'SYSTEM x' 'Bad: no FROM line'
reject 'FROM mario\nFRO x' 'Bad: (line 2): command must be one of'
reject 'FROM mario\nPARAMETER temperatur 1' "Bad: (line 2): unknown parameter 'temperatur'"
reject 'FROM mario\n\nPARAMETER num_ctx many' 'Bad: (line 3): option "num_ctx" must be of type integer'
reject 'FROM mario\nMESSAGE robot hi' 'Bad: (line 2): message role must be one of'
reject 'FROM mario\nTEMPLATE {{ if }}' 'Bad: (line 2): template error'
reject 'FROM mario\nSYSTEM """x' 'unexpected EOF'
reject 'FROM ./nope.gguf' 'Bad: (line 1): ./nope.gguf: no such file or directory'
reject 'FROM ~/nope.gguf' "Bad: (line 1): $HOME/nope.gguf: no such file or directory"
reject 'FROM mario\nADAPTER ./nope' 'Bad: (line 2): ./nope: no such file or directory'
reject 'FROM not a name' 'Bad: (line 1): invalid model name'
printf PK >pytorch_model.bin
reject 'FROM ./pytorch_model.bin' 'Bad: (line 1): pytorch_model.bin is a PyTorch file'
mkdir torch && cp pytorch_model.bin torch
reject 'FROM ./torch' 'Bad: (line 1): pytorch_model.bin is a PyTorch file'
create x -f Nowhere
expect_code 1
expect_err "Nowhere"
create x
expect_code 1
expect_err "no Modelfile in this directory"
create 'no name!' -f Child
expect_code 1
expect_err "invalid model name"
create x -q Q9 -f "sub dir/Modelfile"
expect_code 1
expect_err "unsupported quantization type Q9"

# -- other types, other forms -----------------------------------------------------------------------
f16=$repo/../shared/tiny-model/tiny-f16.gguf
if [ -e "$f16" ]; then
    cp "$f16" f16.gguf
    create q4 -q q4_K_M -f - <<<"FROM ./f16.gguf"
    expect_code 0
    expect_err "quantizing F16 model to Q4_K_M"
    run "$hl" show q4
    expect_out "quantization        Q4_K_M"
    run "$hl" run q4 --think=false --seed 1 "What is 2+2?"
    expect_out 4
    rm f16.gguf
else
    echo "no F16 model: quantising is not tried"
fi
mkdir both && cp "$shipped" both/a.gguf && "$hl" cp mario copied >"$tmp/out"
create dir -f - <<<"FROM ./both"
expect_code 0
cp "$shipped" both/b.gguf
reject 'FROM ./both' 'holds several models (a.gguf, b.gguf)'

# -- a directory with safetensors -------------------------------------------------------------------
# of two layers, which says nothing of sense
cat >make_model.py <<'EOF'
import json, os, struct, sys
out, embd, heads, ff, vocab = sys.argv[1], 256, 4, 256, 272
os.makedirs(out, exist_ok=True)
def put(name, value):
    with open(os.path.join(out, name), "w") as f: json.dump(value, f)
put("config.json", {"architectures": ["LlamaForCausalLM"], "_name_or_path": "org/Tiny-Thing",
    "hidden_size": embd, "intermediate_size": ff, "num_hidden_layers": 2,
    "num_attention_heads": heads, "num_key_value_heads": heads, "vocab_size": vocab,
    "max_position_embeddings": 256, "tie_word_embeddings": True, "eos_token_id": 256})
keeps = [*range(33, 127), *range(161, 173), *range(174, 256)]
others = [b for b in range(256) if b not in keeps]
put("tokenizer.json", {"model": {"type": "BPE", "merges": [],
        "vocab": {chr(b if b in keeps else 256 + others.index(b)): b for b in range(256)}},
    "added_tokens": [{"id": 256, "content": "<|end|>", "special": True}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False}})
put("tokenizer_config.json", {"eos_token": "<|end|>", "chat_template": "{{ messages[0].content }}"})
shapes = {"model.embed_tokens.weight": [vocab, embd], "model.norm.weight": [embd]}
for i in range(2):
    layer = f"model.layers.{i}."
    for name in "q", "k", "v", "o": shapes[f"{layer}self_attn.{name}_proj.weight"] = [embd, embd]
    for name in "gate", "up", "down": shapes[f"{layer}mlp.{name}_proj.weight"] = [ff, embd]
    for name in "input", "post_attention": shapes[f"{layer}{name}_layernorm.weight"] = [embd]
header, at, data = {}, 0, b""
for name, shape in shapes.items():
    n = shape[0] * (shape[1] if len(shape) > 1 else 1)
    header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + 2 * n]}
    at += 2 * n # 1/128 and -1/128 in turn; norms are 1
    data += struct.pack("<H", 0x3F80) * n if len(shape) == 1 else bytes.fromhex("003c00bc") * (n // 2)
text = json.dumps(header).encode()
with open(os.path.join(out, "model.safetensors"), "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
EOF
python3 make_model.py made
printf 'FROM ./made\nPARAMETER num_predict 2\n' >Made
create made -f Made
expect_code 0
expect_err "converting model"
expect_err "creating new layer"
run "$hl" show made
expect_out "architecture        llama"
expect_out "quantization        BF16"
run "$hl" run made hi
expect_code 0
create made-again -f Made # nothing of it depends on a name
expect_code 0
expect_same "$(manifest made-again)" "$(manifest made)"
[[ $err != *"creating new layer"* ]] || fail "a layer was made anew"
cp made/model.safetensors made/consolidated.safetensors # the same in another form is left alone
create made-again -f Made
expect_code 0
expect_same "$(manifest made-again)" "$(manifest made)"
for type in Q8_0 Q4_K_M; do
    create "made-$type" -q "$type" -f Made
    expect_code 0
    expect_err "quantizing BF16 model to $type"
    run "$hl" show "made-$type"
    expect_out "quantization        $type"
done
rm made/tokenizer.json
create bad -f - <<<"FROM ./made"
expect_code 1
expect_err "Error: there is no tokenizer.json"
[[ $err != *.made.* ]] || fail "a hidden directory is named"
rm -r made
ls -A "$store/blobs" | grep -q '^\.made' && fail "something is left of a conversion"

# -- other programs' models -------------------------------------------------------------------------
# of a size of their own, so that their bytes are new: a GGUF file may have something behind its end
lm=$tmp/lm hf=$tmp/hf ollama=$tmp/ollama
mkdir -p "$lm/models/pub/Some-GGUF"
{ cat "$shipped"; printf 1; } >"$lm/models/pub/Some-GGUF/Some-Q4_K_M.gguf"
run "$hl" import "$lm"
expect_code 0
expect_out "linked    hf.co/pub/Some-GGUF:Q4_K_M  14 MB  $lm/models/pub/Some-GGUF/Some-Q4_K_M.gguf"
run "$hl" import "$lm"
expect_out "existing  hf.co/pub/Some-GGUF:Q4_K_M"

snapshot=$hf/hub/models--org--Repo/snapshots/0123
mkdir -p "$snapshot" "$hf/hub/models--org--Repo/blobs"
{ cat "$shipped"; printf 2; } >"$hf/hub/models--org--Repo/blobs/feed"
ln -s ../../blobs/feed "$snapshot/repo-q4_k_m.gguf"
HF_HOME=$hf run "$hl" import --json
expect_code 0
expect_out '"name":"hf.co/org/Repo:Q4_K_M"'
expect_out '"how":"linked"'

{ cat "$shipped"; printf 3; } >theirs.gguf
OLLAMA_MODELS=$ollama/models run "$hl" create theirs -f - <<<"FROM ./theirs.gguf"
expect_code 0
run "$hl" import "$ollama"
expect_code 0
expect_out "linked    theirs:latest"
expect_same "$(manifest theirs)" "$(cat "$ollama/models/manifests/registry.ollama.ai/library/theirs/latest")"
run "$hl" list
expect_out "theirs:latest"
expect_out "hf.co/pub/Some-GGUF:Q4_K_M"
run "$hl" import "$HOME/.hyperllama"
expect_code 1
expect_err "where the models are already"
run "$hl" import /no/such/place
expect_code 1

# -- verify -----------------------------------------------------------------------------------------
run "$hl" verify
expect_code 0
expect_out "are good"
weights=$store/blobs/sha256-$(sha256sum <theirs.gguf | cut -d' ' -f1)
chmod u+w "$weights"
printf '\x55' | dd of="$weights" bs=1 seek=5000000 conv=notrunc status=none
run "$hl" verify
expect_code 1
expect_out "theirs:latest: damaged $weights"
expect_err "1 of "
rm "$weights"
run "$hl" verify --json
expect_code 1
expect_out '"problem":"missing"'
run "$hl" rm theirs
run "$hl" verify
expect_code 0

# -- prune ------------------------------------------------------------------------------------------
stray=$store/blobs/sha256-$(printf stray | sha256sum | cut -d' ' -f1)
printf stray >"$stray"
before=$(ls "$store/blobs" | wc -l)
run "$hl" prune
expect_code 0
[ -e "$stray" ] || fail "a young blob went"
touch -d '2 hours ago' "$store"/blobs/*
run "$hl" prune --dry-run
expect_out "${stray##*/}"
[ -e "$stray" ] || fail "a dry run has removed something"
run "$hl" prune --json
expect_code 0
expect_out "${stray##*/}"
[ ! -e "$stray" ] || fail "it is still there"
run "$hl" verify
expect_code 0
OLLAMA_NOPRUNE=1 run "$hl" prune
expect_code 1

# -- the same with a server beside ------------------------------------------------------------------
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export OLLAMA_HOST=127.0.0.1:$port
"$hl" serve >"$tmp/serve" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$tmp"' EXIT
for _ in $(seq 100); do "$hl" ps >/dev/null 2>&1 && break; sleep 0.1; done

{ cat "$shipped"; printf 4; } >new.gguf
create beside -f - <<<"FROM ./new.gguf"
expect_code 0
expect_err "linked file sha256:"
rm new.gguf # written into, it would change the model that shares its bytes
{ cat "$shipped"; printf 5; } >new.gguf
OLLAMA_MODELS=$tmp/elsewhere create far -f - <<<"FROM ./new.gguf"
expect_code 0
expect_err "copying file sha256:$(sha256sum <new.gguf | cut -d' ' -f1) 100%"
[ ! -e "$tmp/elsewhere" ] || fail "a directory was made that nobody needs"
run "$hl" show --modelfile far
expect_out "FROM $store/blobs/sha256-"
run "$hl" run far --think=false "What is 2+2?"
expect_code 0
run "$hl" ps --wide
expect_out "native-cpu"
expect_out " pages"
run "$hl" ps
[[ $out != *native-cpu* ]] || fail "ps is not Ollama's"
run "$hl" list --wide
expect_out "ENGINE"
run "$hl" cp --json far near
expect_same "$out" '{"source":"far","destination":"near"}'
run "$hl" rm --json near
expect_same "$out" '{"deleted":"near"}'

# a directory with safetensors over HTTP, file by file, as other clients do
post() { # PATH FILE
    python3 -c 'import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], open(sys.argv[2], "rb").read(), timeout=60)
except urllib.error.HTTPError as e:
    answer = e
print(answer.read().decode())' "http://$OLLAMA_HOST/api/$1" "$2"
}
upload() { # FILE: "NAME":"sha256:…"
    local d
    d=sha256:$(sha256sum <"$1" | cut -d' ' -f1)
    post "blobs/$d" "$1" >/dev/null
    printf '"%s":"%s"' "${1##*/}" "$d"
}
send() { # NAME FILES
    printf '{"model":"%s","files":{%s}}' "$1" "$2" >request
    post create request >"$tmp/out"
    out=$(<"$tmp/out")
}
python3 make_model.py sent
files=
for f in sent/*; do files+=${files:+,}$(upload "$f"); done
send sent "$files"
expect_out '"status":"converting model"'
expect_out '{"status":"success"}'
expect_out "using existing layer" # the one that the command has made
grep -q Tiny-Thing "$store"/blobs/sha256-* || fail "the model has another name"
send bad "$(upload sent/config.json),$(upload pytorch_model.bin)"
expect_out "pytorch_model.bin is a PyTorch file"
send bad "$(upload sent/config.json),$(upload sent/model.safetensors)"
expect_out "there is no tokenizer.json"
[[ $out != *.made.* ]] || fail "a hidden directory is named"

kill "$server"
wait "$server"
finish
