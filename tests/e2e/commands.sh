# What every command says of itself, and what the program says without a model.
. "$(dirname "$0")/lib.sh" "$@"

version=$(<VERSION)
for flag in --version -v; do
    run "$hl" $flag
    expect_code 0
    expect_same "$out" "hyperllama version is $version"
done

for words in "" --help -h help "help help"; do
    run "$hl" $words
    expect_code 0
    expect_out "Usage:"
    expect_out "Available Commands:"
    for command in run generate tokenize render show info help; do expect_out "  $command "; done
done

for command in run generate tokenize render show info; do
    run "$hl" "$command" --help
    expect_code 0
    expect_no_err
    expect_out "Usage:"
    expect_out "hyperllama $command"
    expect_out "  -h, --help"
    by_flag=$out
    run "$hl" help "$command"
    expect_same "$out" "$by_flag"
    run "$hl" "$command" -h
    expect_same "$out" "$by_flag"
done

# Flags that Ollama's run has, and every generation option by both spellings.
run "$hl" run --help
for flag in --verbose --format --keepalive --think --hidethinking --nowordwrap --insecure \
    --truncate --dimensions --temperature --top-k --repeat-penalty --num-ctx; do
    expect_out " $flag"
done

run "$hl" info
expect_code 0
expect_no_err
for part in Processor kernels Memory cgroup GPUs Engines native-cpu native-cuda; do
    expect_out "$part"
done
run env HYPERLLAMA_LOG=loud "$hl" --version
expect_code 0
expect_err "no such log level"
expect_one_line_error

run env HYPERLLAMA_CPU=ref "$hl" info
expect_out "ref kernels"

run "$hl" info --json
expect_code 0
python3 - "$tmp/out" <<'PY' || fail "info --json"
import json, sys
info = json.load(open(sys.argv[1]))
assert info["cpu"]["cores"] >= 1 and info["cpu"]["level"] in ("ref", "avx2", "avx512vnni")
assert info["memory"]["total_bytes"] > 0
engines = {e["name"]: e for e in info["engines"]}
assert engines["native-cpu"]["usable"] and "qwen3" in engines["native-cpu"]["why"]
assert not engines["vllm"]["usable"] and engines["vllm"]["why"]
assert isinstance(info["gpus"], list)
PY

finish
