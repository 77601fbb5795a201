#!/bin/sh
# Builds what is published of clients/: sdist and wheel of slixmpp-mep, the npm package converse-mep, and Gajim's
# mep_occupants.
# Usage: clients.sh FOLDER
set -eu

mkdir -p "$1"
dist=$(realpath "$1")
cd "$(dirname "$0")/.."

# Of a copy, as building leaves files among the sources.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r clients/slixmpp "$copy"
find "$copy" -name __pycache__ -prune -exec rm -r {} +
target/venv/bin/python -m build --no-isolation --outdir "$dist" "$copy/slixmpp" >"$copy/log" 2>&1 || {
	cat "$copy/log" >&2
	exit 1
}
(cd clients/converse && npm pack --silent --pack-destination "$dist") >/dev/null
packaging/gajim.sh "$dist" >/dev/null
ls "$dist"/slixmpp_mep-* "$dist"/converse-mep-* "$dist"/mep_occupants_*
