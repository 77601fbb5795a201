#!/bin/sh
# Writes what luarocks installs from into a folder:
#   mod_mep-X.Y.Z-1.rockspec, its source archive, and mod_mep-X.Y.Z-1.src.rock, which holds both
#   luaA.B/mod_mep-X.Y.Z-1.linux-ARCH.rock, built for one Lua, with the manifests that make this folder a rocks server
# Usage: rock.sh FOLDER [LUA], where LUA is an interpreter; without it no binary rock is made. ROCK_URL is the address that
# the source archive will have.
set -eu

mkdir -p "$1"
dist=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
for tool in luarocks luarocks-admin zip; do
	command -v "$tool" >/dev/null || { echo "$tool is missing (Debian: apt install luarocks zip)" >&2; exit 1; }
done
lua=
[ "$#" -eq 1 ] || lua=$(command -v "$2") || { echo "LUA=$2: no such interpreter" >&2; exit 1; }

version=$(packaging/version.sh)
# A hyphen would begin the rockspec's own number: 1.0.0-rc.1 is 1.0.0rc1-1.
rock=$(printf %s "$version" | sed 's/-\([a-z]*\)\./\1/; s/-//')-1
archive=mod_mep-$version.tar.gz

rockspec() { # file, dependencies
	sed -e "s#^version = .*#version = \"$rock\"#" -e "s#^\(	url = \).*#\1\"${ROCK_URL:-$archive}\";#" \
		-e "s#^dependencies = .*#dependencies = { \"$2\" }#" -e '/^--/d' mod_mep-scm-1.rockspec >"$1"
}
any=$(sed -n 's/^dependencies = { "\(.*\)" }/\1/p' mod_mep-scm-1.rockspec)

packaging/source.sh "$dist/$archive"
rockspec "$dist/mod_mep-$rock.rockspec" "$any"
rm -f "$dist/mod_mep-$rock.src.rock"
touch -d "@$(packaging/epoch.sh)" "$dist/mod_mep-$rock.rockspec" "$dist/$archive"
(cd "$dist" && TZ=UTC zip -qX "mod_mep-$rock.src.rock" "mod_mep-$rock.rockspec" "$archive")

[ -n "$lua" ] || exit 0
number=$("$lua" -e 'print((_VERSION:match("%d+%.%d+")))')
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# A binary rock's name does not tell its Lua, nor does luarocks ask its core: the rockspec in it must.
rockspec "$temporary/mod_mep-$rock.rockspec" "lua ~> $number"
# make's variables are none of the inner make's business.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES
luarocks() { command luarocks --lua-version "$number" --tree "$temporary/tree" "$@"; }
luarocks make "$temporary/mod_mep-$rock.rockspec" LUA="$lua" ${LUA_INCDIR:+LUA_INCDIR="$LUA_INCDIR"}
server=$dist/lua$number
mkdir -p "$server"
rm -f "$server"/mod_mep-"$rock".*.rock
(cd "$server" && luarocks pack mod_mep "$rock")
luarocks-admin --lua-version "$number" make-manifest "$server"
