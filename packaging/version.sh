#!/bin/sh
# Prints the version, which stands in Cargo.toml and nowhere else.
set -eu
sed -n '/^\[package\]/,/^\[[^p]/ s/^version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml"
