#!/bin/sh
# What the charts of `make bench` are drawn with, beside the packages of the tests in target/venv.
set -eu
cd "$(dirname "$0")/../.."

stamp=target/venv/.stamp-bench
recipe=$(cksum <tests/bench/requirements.txt)
[ "$(cat "$stamp" 2>/dev/null)" != "$recipe" ] || exit 0

echo "Python packages for the benchmarks: $(tr '\n' ' ' <tests/bench/requirements.txt)→ target/venv"
target/venv/bin/pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt
echo "$recipe" >"$stamp"
