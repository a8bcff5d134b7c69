#!/bin/sh
# The tiny model as a directory that published tools write, for convert_test.c:
#   published_directory.sh TOOL VENV DIRECTORY
# Exit code 77: Python's packages are not here and cannot be installed into VENV.
tool=$1 venv=$2 directory=$3
has_packages() { "$1" -c 'import numpy, gguf, safetensors.numpy' >/dev/null 2>&1; }

python=python3
has_packages "$python" || python=$venv/bin/python3
if ! has_packages "$python"; then
    python3 -m venv "$venv" >/dev/null 2>&1 &&
        timeout 100 "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 \
            --timeout 10 numpy==2.4.6 gguf==0.19.0 safetensors==0.8.0 >/dev/null 2>&1 || exit 77
fi
"$python" "$tool" "$directory" || exit 1
