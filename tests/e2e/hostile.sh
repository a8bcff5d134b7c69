# Clients that mean no good, or are broken: tests/e2e/hostile.py.  And TLS, Unix sockets, settings.
. "$(dirname "$0")/lib.sh" "$@"

here=$(dirname "$0")
export PYTHONDONTWRITEBYTECODE=1 TMPDIR=$tmp
"$hl" show tiny >/dev/null 2>&1 || skip "no model to serve"

run timeout 100 python3 "$here/hostile.py" "$hl" "$tmp"
expect_code 0
echo "$out"
run timeout 100 python3 "$here/secure.py" "$hl" "$tmp"
expect_code 0
echo "$out"

# -- settings: flags over environment over config.yaml
mkdir -p "$HOME/.hyperllama"
echo 'hots: 127.0.0.1:0' >"$HOME/.hyperllama/config.yaml"
run "$hl" serve
expect_code 1
expect_one_line_error
expect_err "config.yaml line 1: hots is no setting"
echo 'keep_alive: soon' >"$HOME/.hyperllama/config.yaml"
run "$hl" serve
expect_code 1
expect_err "config.yaml line 1: keep_alive is \"soon\", wants a time"
rm "$HOME/.hyperllama/config.yaml"
run "$hl" serve --config "$tmp/nowhere.yaml"
expect_code 1
expect_err "nowhere.yaml"
run "$hl" serve --num-parallel many
expect_code 1
expect_err "num_parallel is \"many\", wants a whole number from 0 to 1024"
run "$hl" serve --log-format xml
expect_code 1
expect_err "log_format is \"xml\", wants one of text, json"
run "$hl" serve --tls-cert x.pem
expect_code 1
expect_err "tls_key is missing"
run "$hl" serve --host 127.0.0.1:0 --tls-cert "$tmp/no.pem" --tls-key "$tmp/no.pem"
expect_code 1
expect_one_line_error
expect_err "no.pem"

# -- nobody is let in by accident
run "$hl" serve --host 0.0.0.0:0
expect_code 1
expect_one_line_error
expect_err "hyperllama key create"
expect_err "--no-auth"
finish
