#!/bin/sh
# Which lines of the core its own tests run, without Lua: a table of files, the least covered last.
# Usage: coverage.sh [FILE]: of one file, the lines that no test runs.
set -eu
cd "$(dirname "$0")/.."

llvm=$(tests/setup/llvm.sh)
work=$PWD/target/coverage
rm -rf "$work/raw"
export CARGO_TARGET_DIR="$work" CARGO_INCREMENTAL=0 RUSTFLAGS="-C instrument-coverage"
export LLVM_PROFILE_FILE="$work/raw/%p-%m.profraw"
cargo test --quiet --no-default-features --lib --tests >"$work.log" 2>&1 || { cat "$work.log"; exit 1; }
"llvm-profdata-$llvm" merge -sparse "$work"/raw/*.profraw -o "$work/profile"
binaries=$(cargo test --no-default-features --lib --tests --no-run --message-format=json 2>/dev/null |
	sed -n 's/.*"executable":"\([^"]*\)".*/-object \1/p')
# shellcheck disable=SC2086 # one word per file
if [ $# -eq 0 ]; then
	"llvm-cov-$llvm" export $binaries -instr-profile="$work/profile" -summary-only \
		--ignore-filename-regex='/\.cargo/|/rustc/|/tests/|/tests[.]rs$' 2>/dev/null |
		python3 -c '
import json, os, sys
files = json.load(sys.stdin)["data"][0]["files"]
rows = [(f["summary"]["lines"], os.path.relpath(f["filename"])) for f in files]
for lines, name in sorted(rows, key=lambda row: -row[0]["percent"]):
    print("%6.1f %%  %s (%d of %d lines)" % (lines["percent"], name, lines["covered"], lines["count"]))
print("%6.1f %%  all" % (100 * sum(l["covered"] for l, _ in rows) / sum(l["count"] for l, _ in rows)))
'
else
	"llvm-cov-$llvm" show ${binaries#-object } -instr-profile="$work/profile" "$PWD/$1" 2>/dev/null |
		grep -E '^ *[0-9]+\| +0\|'
fi
