#!/bin/sh
# The JavaScript libraries of tests/e2e/test_client_libraries.py, as their lock file names them.
set -eu
cd "$(dirname "$0")/../libraries"

recipe=$(cksum package-lock.json)
[ "$(cat node_modules/.stamp 2>/dev/null)" != "$recipe" ] || exit 0

echo "npm packages of tests/libraries: strophe.js, xmpp.js, stanza.js"
npm ci --ignore-scripts --no-audit --no-fund --silent
echo "$recipe" >node_modules/.stamp
