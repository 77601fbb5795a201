#!/bin/sh
# Installs the LLVM tools that read the coverage of the rustc at hand, and prints their version.
set -eu

version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if ! command -v "llvm-cov-$version" >/dev/null; then
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	$as_root apt-get update -q >&2
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "llvm-$version" >&2
fi
echo "$version"
