#!/bin/sh
# Prosodys of the Luas that Debian's is not for: target/prosody-lua51/, …-lua52/, …-lua53/ and …-luajit/, each with the
# versions that run on that Lua. All of Prosody is Lua but for a dozen small modules in C: those are compiled here from
# Debian's source package, and put into copies of the trees that prosody.sh unpacks.
set -eu
cd "$(dirname "$0")/../.."

tests/setup/system.sh luas
tests/setup/prosody.sh

stamp=$PWD/target/.stamp-luas
recipe="$PWD $(cat tests/setup/luas.sh tests/setup/prosody.sh tests/setup/apt.sh tests/setup/lua51.h | cksum)"
[ "$(cat "$stamp" 2>/dev/null)" != "$recipe" ] || exit 0

# shellcheck source=tests/setup/apt.sh
. tests/setup/apt.sh
mirror=$(debian_mirror)
[ -n "$mirror" ] || { echo "no Debian mirror among apt's sources" >&2; exit 1; }

work=$PWD/target/luas
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in bookworm bookworm-backports; do
	echo "deb-src [signed-by=$keyring] $mirror $suite main"
done >"$work/sources.list"

private() { # program arguments...
	program=$1
	shift
	"$program" -q -o APT::Sandbox::User=root \
		-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$work/lists" -o Dir::Cache="$work" -o Acquire::Languages=none "$@"
}

# The tarball alone, by the checksum in the signed list: the rest of a source package is packaging, and patches to files
# that are Lua. A mirror may lack the tarball of an older version.
fetch() { # version suite
	private apt-get source --print-uris "prosody/$2" 2>/dev/null |
		sed -n "s/^'\([^']*\)' [^ ]*\.orig\.tar\.[a-z]* [0-9]* \(SHA256:[0-9a-f]*\)$/\1 \2/p" >"$work/$1.uri"
	read -r uri checksum <"$work/$1.uri" || return 1
	private /usr/lib/apt/apt-helper download-file "$uri" "$work/$1.tar" "$checksum" >"$work/$1.log" 2>&1 || return 1
	mkdir "$work/$1"
	tar -xf "$work/$1.tar" -C "$work/$1" --strip-components=1
}

# Compiles the modules that a tree has, for one Lua. Prosody looks at the version of one of them, which may be another's.
compile() { # sources tree headers
	pposix=$(sed -n 's/^\tlocal want_pposix_version = "\(.*\)";/\1/p' "$2/usr/lib/prosody/util/startup.lua")
	for so in "$2"/usr/lib/prosody/util/*.so; do
		name=$(basename "$so" .so)
		case $name in
		encodings) libraries='-licui18n -licuuc' ;;
		crypto | hashes) libraries=-lcrypto ;;
		*) libraries= ;;
		esac
		rm "$so"
		[ "$name" != pposix ] || sed -i "s/\(#define MODULE_VERSION\) .*/\1 \"$pposix\"/" "$1/util-src/pposix.c"
		# shellcheck disable=SC2086
		gcc -shared -fPIC -O2 -std=c99 -Werror=implicit-function-declaration -D_GNU_SOURCE -DUSE_STRINGPREP_ICU -I"$3" -include tests/setup/lua51.h \
			-o "$so" "$1/util-src/$name.c" $libraries
	done
}

# One of the trees of prosody.sh, for another Lua.
build() { # feature interpreter headers version
	tree=$PWD/target/prosody-$1/$4
	sources=$work/$4
	[ -d "$sources" ] || sources=$work/13.0
	mkdir -p "${tree%/*}"
	rm -rf "$tree"
	cp -a "$PWD/target/prosody/$4" "$tree"
	sed -i -e "1s#lua5.4#$2#" -e "s#^\(CFG_[A-Z]*='\).*/target/prosody/#\1$PWD/target/prosody-$1/#" \
		"$tree/usr/bin/prosody" "$tree/usr/bin/prosodyctl"
	compile "$sources" "$tree" "$3"
	echo "prosody $4 for $2, its C modules from the source of ${sources##*/}"
}

private apt-get update >/dev/null
fetch 0.12 bookworm || echo "the mirror has no source of Prosody 0.12: taking the C modules of 13.0 for it"
fetch 13.0 bookworm-backports || { cat "$work/13.0.log" >&2; exit 1; }

# Prosody 13.0 runs on Lua 5.2 and later.
for version in 0.12 13.0; do
	build lua52 lua5.2 /usr/include/lua5.2 "$version"
	build lua53 lua5.3 /usr/include/lua5.3 "$version"
done
build lua51 lua5.1 /usr/include/lua5.1 0.12
build luajit luajit /usr/include/luajit-2.1 0.12

rm -r "$work"
echo "$recipe" >"$stamp"
