#!/bin/sh
# cargo-mutants, which changes the core in small ways and sees whether a test fails: target/tools/bin/cargo-mutants.
set -eu
cd "$(dirname "$0")/../.."

version=27.1.0
case $(target/tools/bin/cargo-mutants mutants --version 2>/dev/null || true) in *" $version"*) exit 0 ;; esac

echo "cargo-mutants $version → target/tools (built from source: minutes)"
cargo install --quiet --locked --root target/tools --target-dir target/tools/build --version "$version" cargo-mutants
rm -rf target/tools/build
