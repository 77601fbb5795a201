#!/bin/sh
# Unpacks Gajim 1.8, which Debian 12 has as a backport, into target/gajim/1.8, with the libraries that it wants newer than
# Debian 12's. Gajim 1.7 is the system's own: system.sh. On another Debian there is no 1.8, and its tests are skipped.
set -eu
cd "$(dirname "$0")/../.."

[ "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" = bookworm ] || exit 0
root=$PWD/target/gajim
apt=$root/apt
recipe=$(cat tests/setup/gajim.sh tests/setup/apt.sh | cksum)
[ "$(cat "$root/.stamp" 2>/dev/null)" != "$recipe" ] || exit 0

# shellcheck source=tests/setup/apt.sh
. tests/setup/apt.sh

rm -rf "$root"
mkdir -p "$root/1.8"
read_lists bookworm-backports
for package in gajim python3-nbxmpp python3-omemo-dr; do
	fetch "$package" bookworm-backports
	dpkg -x "$apt/archives/$package"_*.deb "$root/1.8"
done
rm -rf "$apt"
echo "$recipe" >"$root/.stamp"
echo "gajim: 1.8 beside the system's"
