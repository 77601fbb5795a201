#!/bin/sh
# What luarocks runs to build the module: says for which Lua, and what this user lacks to build it. prosodyctl runs
# luarocks as Prosody's user, with HOME set to Prosody's data: a cargo that works for root may well not work there.
# Usage: rock-build.sh FEATURE [VARIABLE=VALUE]..., where the variables are `make module`'s. LUA_INCDIR is in the environment.
set -eu
cd "$(dirname "$0")/.."

feature=$1
shift
user=$(id -un 2>/dev/null || id -u)
cargo=${CARGO:-cargo}

refuse() {
	[ "$#" -eq 0 ] || printf 'mod_mep: %s\n' "$*" >&2
	cat >&2 <<-END
		mod_mep: a binary rock (mod_mep-*.linux-*.rock) is installed without Rust. To build this one as user $user, put a cargo
		mod_mep: that this user can run on the PATH, and name rustup's folder and one for downloads, for example:
		mod_mep:   PATH=/opt/rust/bin:\$PATH RUSTUP_HOME=/opt/rustup CARGO_HOME=/var/lib/prosody/.cargo prosodyctl install ...
	END
	exit 1
}

case $feature in
lua54) ;;
luajit) echo "mod_mep: for LuaJIT, which luarocks runs for" ;;
*)
	digits=${feature#lua5}
	echo "mod_mep: for Lua 5.$digits, which luarocks runs for; Debian's Prosody runs on 5.4: luarocks --lua-version 5.4"
	;;
esac

packaging/need.sh "$feature" || refuse

said=$("$cargo" --version 2>&1) ||
	refuse "$(command -v "$cargo") does not run for user $user ($(printf %s "$said" | head -n 1));" \
		"rustup's cargo looks for Rust in \$RUSTUP_HOME, or else in ${HOME:-}/.rustup."

home=${CARGO_HOME:-${HOME:-}/.cargo}
# cargo makes the folder itself where it may.
above=$home
until [ -e "$above" ] || [ "$above" = / ] || [ "$above" = . ]; do above=$(dirname "$above"); done
if ! { [ -d "$above" ] && [ -w "$above" ] && [ -x "$above" ]; }; then
	refuse "cargo keeps what it downloads in $home, which user $user can't write; CARGO_HOME names another folder."
fi

# Headers that are found anyway are not named: cargo would build everything anew where they were not named before.
[ "${LUA_INCDIR:-}" != "/usr/include/lua5.${feature#lua5}" ] || unset LUA_INCDIR
unset MAKEFLAGS MFLAGS MAKELEVEL
exec make module "$@"
