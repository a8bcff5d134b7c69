#!/bin/bash
# Installs what is missing to build (`run`), to test (`test`) or to check (`check`)
# HyperLlama on Debian 12 and 13 and Ubuntu 24.04.
#
#   tools/setup.sh [run|test|check]
#
# Every need is tested by using it, not by asking for a package, so that nothing is done
# (and no network used) on a machine of any kind where all is there.  Asks no questions;
# uses sudo when it does not run as root.
set -euo pipefail

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

has() { command -v "$1" >/dev/null 2>&1; }
has_library() { has pkg-config && pkg-config --exists "$1"; }

# A C compiler that finds the C library's headers and links.
compiles() {
    local dir ok=1
    dir=$(mktemp -d)
    echo '#include <stdio.h>
int main(void) { return puts("") < 0; }' >"$dir/x.c"
    "$@" "$dir/x.c" -o "$dir/x" >/dev/null 2>&1 && ok=0
    rm -rf "$dir"
    return $ok
}
fuzzer_links() { has clang && compiles clang -fsanitize=address,undefined,fuzzer-no-link; }
python_has_venv() { has python3 && python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

# The page is tested in a browser where Node can drive one: Debian's package (Ubuntu's is a snap).
wants_browser() {
    has node && has npm && ! has chromium && grep -q '^ID=debian' /etc/os-release
}

# The names of the packages that are missing for $1, one a line.
missing() {
    compiles cc || printf '%s\n' gcc libc6-dev
    has make || echo make
    has cmake || echo cmake
    has ninja || echo ninja-build
    has pkg-config || echo pkg-config
    has_library json-c || echo libjson-c-dev
    has_library hwloc || echo libhwloc-dev
    has_library libedit || echo libedit-dev
    has_library libmicrohttpd || echo libmicrohttpd-dev
    has_library yaml-0.1 || echo libyaml-dev
    has_library libcurl || echo libcurl4-openssl-dev
    has_library sqlite3 || echo libsqlite3-dev
    has_library libcrypto || echo libssl-dev
    [ "$1" = run ] && return
    has_library cmocka || echo libcmocka-dev
    has_library libpcre2-8 || echo libpcre2-dev
    compiles clang || echo clang
    python_has_venv || printf '%s\n' python3 python3-venv
    has openssl || echo openssl
    wants_browser && echo chromium
    return 0
}

# clang's own runtime is a package named after clang's version, known once clang is there.
missing_runtime() {
    [ "$1" = run ] || fuzzer_links || echo "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env "$@"
    elif has sudo; then
        sudo env "$@"
    else
        die "not root and there is no sudo; run as root: apt-get install ${wanted[*]}"
    fi
}

apt_get() {
    as_root DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -q -y \
        -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

updated=no
install() {
    wanted=("$@")
    has apt-get || die "missing: ${wanted[*]} (Debian's names); no apt-get here, install them yourself"
    say "installing with apt-get: ${wanted[*]}"
    if [ $updated = no ]; then
        apt_get update || say "apt-get update failed; trying with the lists that are there"
        updated=yes
    fi
    apt_get install --no-install-recommends "${wanted[@]}" ||
        die "apt-get could not install (no network, or not allowed to?): ${wanted[*]}"
}

set_name=${1:-run}
case $set_name in
run | test | check) ;;
*) die "usage: tools/setup.sh [run|test|check]" ;;
esac

mapfile -t packages < <(missing "$set_name")
[ ${#packages[@]} -eq 0 ] || install "${packages[@]}"
mapfile -t packages < <(missing_runtime "$set_name")
[ ${#packages[@]} -eq 0 ] || install "${packages[@]}"

mapfile -t packages < <(missing "$set_name"; missing_runtime "$set_name")
[ ${#packages[@]} -eq 0 ] || die "still missing after installing: ${packages[*]}"
