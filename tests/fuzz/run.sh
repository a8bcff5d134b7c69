#!/bin/bash
# Runs one fuzz target over its corpus and then for HL_FUZZ_SECONDS (default 10) with new inputs.
# A crash leaves its input beside the working directory, named crash-*; add it to the corpus with the fix.
set -euo pipefail
target=$1 corpus=$2
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir -p "$corpus"
exec_args=(-max_total_time="${HL_FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0)
"$target" "${exec_args[@]}" "$fresh" "$corpus"
