#!/bin/sh
# Unpacks the two Prosody versions that the tests run against into target/prosody/, beside each other.
# The system's apt lists, and a Prosody that may be installed, stay as they are.
set -eu
cd "$(dirname "$0")/../.."

root=$PWD/target/prosody
stamp=$root/.stamp
recipe="$root $(cksum <tests/setup/prosody.sh)"
[ "$(cat "$stamp" 2>/dev/null)" != "$recipe" ] || exit 0

# apt itself reads whatever format the sources are in.
# shellcheck disable=SC2016 # apt's own variables
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
	awk '$1 ~ /\/debian\/$/ && $2 == "main" { print $1; exit }')
[ -n "$mirror" ] || { echo "no Debian mirror among apt's sources" >&2; exit 1; }

apt=$root/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in bookworm bookworm-backports; do
	echo "deb [signed-by=$keyring] $mirror $suite main"
done >"$apt/sources.list"

private_apt() {
	apt-get -q -o APT::Sandbox::User=root \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

unpack() { # version suite
	rm -rf "${root:?}/$1" "$apt/archives"/*.deb
	(cd "$apt/archives" && private_apt download "prosody/$2")
	dpkg -x "$apt/archives"/prosody_*.deb "$root/$1"
	# The programs know their tree by absolute paths.
	sed -i "s#^CFG_[A-Z]*='#&$root/$1#" "$root/$1/usr/bin/prosody" "$root/$1/usr/bin/prosodyctl"
	echo "prosody $1: $(dpkg-deb -f "$apt/archives"/prosody_*.deb Version)"
}

private_apt update
unpack 0.12 bookworm
unpack 13.0 bookworm-backports
rm -r "$apt"
echo "$recipe" >"$stamp"
