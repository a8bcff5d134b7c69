# Answers held to a format: "json", a schema, with and without reasoning, from run and generate.
. "$(dirname "$0")/lib.sh" "$@"

question="Give a person as JSON with name and age."
schema='{"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer","minimum":18,"maximum":30},"tags":{"type":"array","items":{"enum":["a","b"]},"minItems":1,"maxItems":2}},"required":["name","age","tags"]}'

# The answer (standard output) is JSON for which the expression in v holds.
expect_json() {
    python3 -c 'import json, sys
v = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$tmp/out" "$1" 2>/dev/null || fail "not so: $1"
}

for think in true false; do
    run "$hl" run --temperature 0 --think=$think --hidethinking --format json tiny "$question"
    expect_code 0
    expect_json 'isinstance(v, dict)'
    run "$hl" run --temperature 0 --think=$think --hidethinking --format "$schema" tiny "$question"
    expect_code 0
    expect_json 'list(v) == ["name", "age", "tags"] and 18 <= v["age"] <= 30 and len(v["name"]) <= 12'
done
run "$hl" run --temperature 0 -n 20 --think=false --format json tiny "What is 2+2?"
expect_code 0
expect_out "{"
run "$hl" generate --temperature 0 --format "$schema" tiny "Once upon a time"
expect_code 0
expect_json '1 <= len(v["tags"]) <= 2 and set(v["tags"]) <= {"a", "b"}'
# Ends by itself: nothing but the end can follow.
run "$hl" generate --json --format '{"const":[1,2]}' tiny "x"
expect_json 'v["response"].replace(" ", "").replace("\n", "") == "[1,2]" and v["done_reason"] == "stop"'
finish
