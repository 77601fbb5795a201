#!/bin/sh
# The Python of the end-to-end tests: target/venv, made anew when tests/requirements.txt changes.
set -eu
cd "$(dirname "$0")/../.."

venv=$PWD/target/venv
recipe="$venv $(cksum <tests/requirements.txt)"
[ "$(cat "$venv/.stamp" 2>/dev/null)" != "$recipe" ] || exit 0

echo "Python packages for the tests: $(tr '\n' ' ' <tests/requirements.txt)→ target/venv"
python3 -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
echo "$recipe" >"$venv/.stamp"
