#!/bin/sh
# cargo-fuzz, which runs the targets of fuzz/ under libFuzzer: target/tools/bin/cargo-fuzz.
set -eu
cd "$(dirname "$0")/../.."

version=0.13.2
case $(target/tools/bin/cargo-fuzz fuzz --version 2>/dev/null || target/tools/bin/cargo-fuzz --version 2>/dev/null || true) in *" $version"*) exit 0 ;; esac

echo "cargo-fuzz $version → target/tools (built from source: minutes)"
cargo install --quiet --locked --root target/tools --target-dir target/tools/build --version "$version" cargo-fuzz
rm -rf target/tools/build
