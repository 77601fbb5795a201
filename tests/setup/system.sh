#!/bin/sh
# Installs the Debian packages that the build and the tests need; only those that are missing.
set -eu

packages="
	lua5.4 liblua5.4-dev lua-bitop lua-expat lua-filesystem lua-sec lua-socket lua-unbound
	lua-dbi-sqlite3 lua-dbi-postgresql postgresql
	lua-busted lua-check luarocks
	gcc make pkg-config
	libicu72 libssl3
	chromium fonts-dejavu-core
"

# shellcheck disable=SC2086 # one word per package, here and below
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null | sed -n 's/^installed //p')
missing=$(printf '%s\n' $packages | grep -vxF "$installed" | tr '\n' ' ') || true
command -v node >/dev/null && command -v npm >/dev/null || missing="${missing}nodejs npm "
python3 -c 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11)' 2>/dev/null ||
	missing="${missing}python3 python3-venv"

[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo

echo "installing: $missing"
$as_root apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
