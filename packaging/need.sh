#!/bin/sh
# Says what a build of the core needs and this machine lacks, all of it at once and before anything is done.
# Usage: need.sh FEATURE, where FEATURE is the Lua that the core is for: lua51 to lua54, luajit.
set -eu
cd "$(dirname "$0")/.."

feature=$1
case $feature in
luajit)
	called=LuaJIT package=libluajit-5.1-dev
	names="luajit luajit-2.1 luajit-2.0"
	;;
*)
	digits=${feature#lua}
	dotted=${digits%?}.${digits#?}
	called="Lua $dotted" package=liblua$dotted-dev
	names="lua$dotted lua-$dotted lua$digits"
	[ "$feature" != lua54 ] || names="$names lua"
	;;
esac

missing=
lacks() { # what it is, how to get it
	missing="$missing$(printf '  %-38s %s' "$1" "$2")
"
}

has_headers() {
	[ -z "${LUA_INCDIR:-}" ] || { [ -f "$LUA_INCDIR/lua.h" ] && return; }
	for name in $names; do
		found=$(pkg-config --variable=includedir "$name" 2>/dev/null) || found=
		for dir in "$found/$name" "$found" "/usr/include/$name" "/usr/local/include/$name"; do
			[ ! -f "$dir/lua.h" ] || return 0
		done
	done
	[ -f /usr/local/include/lua.h ] || [ -f /usr/include/lua.h ]
}

rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
command -v "${CARGO:-cargo}" >/dev/null ||
	lacks "cargo, with Rust $rust or newer" "rustup (www.rust-lang.org), or Debian 13: apt install cargo"
command -v "${CC:-cc}" >/dev/null || lacks "a C compiler" "Debian: apt install gcc libc6-dev"
has_headers || lacks "the headers of $called" "Debian: apt install $package; elsewhere set LUA_INCDIR"

[ -n "$missing" ] || exit 0
printf 'To build mod_mep for %s, this machine lacks:\n%s' "$called" "$missing" >&2
exit 1
