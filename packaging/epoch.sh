#!/bin/sh
# Prints the time that goes into what is built: SOURCE_DATE_EPOCH, or else when the sources were last committed.
set -eu
cd "$(dirname "$0")/.."
echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.toml)}"
