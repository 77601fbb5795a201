#!/bin/sh
# The npm packages of the browser tests and of the Converse.js example, as their lock files name them.
set -eu
cd "$(dirname "$0")/../.."

for folder in tests/browser examples/converse; do
	[ -f "$folder/package-lock.json" ] || continue
	stamp=$folder/node_modules/.stamp
	recipe=$(cksum <"$folder/package-lock.json")
	[ "$(cat "$stamp" 2>/dev/null)" != "$recipe" ] || continue
	echo "npm packages of $folder/package.json → $folder/node_modules"
	(cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
	mkdir -p "$folder/node_modules"
	echo "$recipe" >"$stamp"
done
