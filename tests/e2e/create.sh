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
kill "$server"
wait "$server"
finish
