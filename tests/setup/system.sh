#!/bin/sh
# Installs the Debian packages that a target needs; only those that are missing.
# Usage: system.sh demo|test|luas. `demo` builds the module and shows it, `test` is all of it, `luas` adds other Luas.
set -eu

demo="
	lua5.4 liblua5.4-dev lua-bitop lua-expat lua-filesystem lua-sec lua-socket lua-unbound
	gcc libc6-dev make pkg-config
"
test="
	lua-dbi-sqlite3 lua-dbi-postgresql postgresql
	lua-busted lua-check luarocks zip curl lua5.1 liblua5.1-0-dev shellcheck
	chromium fonts-dejavu-core
	gajim python3-protobuf python3-qrcode xvfb dbus-daemon imagemagick unzip
"
luas="
	lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3 liblua5.3-dev luajit libluajit-5.1-dev
	libicu-dev libssl-dev
"

case ${1:-} in
demo) packages=$demo ;;
test) packages="$demo $test" ;;
luas) packages="$demo $test $luas" ;;
*)
	echo "usage: system.sh demo|test|luas" >&2
	exit 2
	;;
esac

# shellcheck disable=SC2086 # one word per package, here and below
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null | sed -n 's/^installed //p')
# shellcheck disable=SC2086
missing=$(printf '%s\n' $packages | grep -vxF "$installed" | tr '\n' ' ') || true
command -v node >/dev/null && command -v npm >/dev/null || missing="${missing}nodejs npm "
python3 -c 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11)' 2>/dev/null ||
	missing="${missing}python3 python3-venv"

[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	as_root=sudo
	command -v sudo >/dev/null || {
		echo "These Debian packages are missing, and there is no sudo to install them with: $missing" >&2
		exit 1
	}
fi

echo "installing: $missing"
$as_root apt-get update -q
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
