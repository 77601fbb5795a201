#!/bin/sh
# Makes what a release consists of, as far as this machine can, and says what it leaves out:
#   mod_mep-VERSION.tar.gz                         the sources
#   mod_mep-VERSION-FEATURE-linux-MACHINE.tar.gz   the module's folder, for each Lua whose headers are here
#   mod_mep-VERSION-1.rockspec, .src.rock, lua5.4/ what luarocks and prosodyctl install
#   prosody-mod-mep_VERSION-1_ARCH.deb             the Debian package
#   mod_mep-VERSION.cdx.json                       the bill of materials (CycloneDX): the crates in the core
#   SHA256SUMS                                     of all of them
# Usage: dist.sh FOLDER
set -eu

mkdir -p "$1"
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

version=$(packaging/version.sh)
SOURCE_DATE_EPOCH=$(packaging/epoch.sh)
# No path of this machine's is in the core.
RUSTFLAGS=${RUSTFLAGS:---remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo}
export SOURCE_DATE_EPOCH RUSTFLAGS
# Each Lua has its own build; make's variables that name another are none of the inner make's business.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES

left_out=
leave_out() { # what, why
	left_out="$left_out$(printf '  %s: %s' "$1" "$2")
"
}
lacks() { # tool...
	for tool in "$@"; do
		command -v "$tool" >/dev/null || { echo "$tool is missing"; return; }
	done
	return 1
}

rm -rf "$dist"/mod_mep-* "$dist"/prosody-mod-mep_* "$dist"/lua5.* "$dist/SHA256SUMS"
packaging/source.sh "$dist/mod_mep-$version.tar.gz"

for lua in lua5.1 lua5.2 lua5.3 lua5.4 luajit; do
	feature=$(packaging/lua-feature.sh "$lua")
	if why=$(packaging/need.sh "$feature" 2>&1); then
		make --no-print-directory archive LUA="$lua" DIST="$dist"
	else
		leave_out "module for $lua" "$(printf %s "$why" | sed '1d; s/^ *//; s/  */ /g' | paste -sd ';')"
	fi
done

if why=$(lacks luarocks luarocks-admin zip lua5.4); then
	leave_out rocks "$why"
else
	make --no-print-directory rock LUA=lua5.4 DIST="$dist"
fi
if why=$(lacks dpkg-buildpackage dh); then
	leave_out "Debian package" "$why"
else
	make --no-print-directory deb DIST="$dist"
fi
if why=$(lacks python3); then
	leave_out "bill of materials" "$why"
else
	packaging/crates.py sbom >"$dist/mod_mep-$version.cdx.json"
fi

released=$(git describe --exact-match --dirty --match "v$version" 2>/dev/null) || true
cd "$dist"
files=$(find . -type f -printf '%P\n' | LC_ALL=C sort)
printf '%s\n' "$files" | tr '\n' '\0' | xargs -0 sha256sum >SHA256SUMS
printf '\nIn %s:\n%s\n' "$dist" "$(printf '%s\n' "$files" SHA256SUMS | sed 's/^/  /')"
[ -z "$left_out" ] || printf 'Left out:\n%s' "$left_out"
[ "$released" = "v$version" ] ||
	echo "This is no release: what is here is not what the tag v$version has. \`make release\` makes one."
