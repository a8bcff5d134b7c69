#!/bin/bash
# Runs one fuzz target over its corpus and then for HL_FUZZ_SECONDS (default 10) with new inputs.
# The corpus in the tree is only read.  A crash leaves its input beside the target, named crash-*;
# add it to the corpus with the fix.
set -euo pipefail
target=$1 corpus=$2
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
folders=("$fresh")
[ -d "$corpus" ] && folders+=("$corpus")
"$target" -max_total_time="${HL_FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
    -artifact_prefix="$(dirname "$target")/" "${folders[@]}"
