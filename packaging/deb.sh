#!/bin/sh
# Builds the Debian package for this machine's Debian: FOLDER/prosody-mod-mep_VERSION_ARCH.deb. The version is
# Cargo.toml's.
# Usage: deb.sh FOLDER. The maintainer is DEBFULLNAME and DEBEMAIL, or else git's user; REVISION is Debian's part of the
# version (1). What dpkg-buildpackage writes besides is in target/deb.
set -eu

mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

missing=
command -v dpkg-buildpackage >/dev/null || missing="$missing dpkg-dev"
command -v dh >/dev/null || missing="$missing debhelper"
[ -z "$missing" ] || {
	printf 'To build the Debian package, this machine lacks:%s\nDebian: apt install%s\n' "$missing" "$missing" >&2
	exit 1
}
packaging/need.sh lua54

version=$(packaging/version.sh)
# A hyphen would begin Debian's own part, and a tilde sorts before the end: 1.0.0-rc.1 is older than 1.0.0.
debian=$(printf %s "$version" | sed 's/-/~/; s/-/./g')-${REVISION:-1}
name=${DEBFULLNAME:-$(git config user.name || echo "mod_mep packager")}
mail=${DEBEMAIL:-$(git config user.email || echo packager@mod-mep.example)} # which does not exist
SOURCE_DATE_EPOCH=$(packaging/epoch.sh)
export SOURCE_DATE_EPOCH

# The sources are taken anew; target/deb/target, what cargo built, stays for the next time.
work=$PWD/target/deb/prosody-mod-mep-$version
rm -rf target/deb/prosody-mod-mep[-_]*
packaging/source.sh "$work.tar.gz"
# Not with the archive's times: cargo takes files that are older than what it has built for those that it has built.
tar -xzmf "$work.tar.gz" -C target/deb
cp -R packaging/debian "$work/debian"
sed -i "s/@MAINTAINER@/$name <$mail>/" "$work/debian/control"
cat >"$work/debian/changelog" <<END
prosody-mod-mep ($debian) unstable; urgency=medium

  * Version $version: changelog.gz says what is new.

 -- $name <$mail>  $(LC_ALL=C date -uRd "@$SOURCE_DATE_EPOCH")
END

# need.sh has looked for cargo, a compiler and Lua's headers: rustup's cargo is no package.
build="dpkg-buildpackage --build=binary --no-check-builddeps --unsigned-source --unsigned-changes"
# make's variables are none of the inner make's business.
(cd "$work" && unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES && MEP_BUILD=${work%/*}/target $build)
rm -rf "$work" "$work.tar.gz"

deb=prosody-mod-mep_${debian}_$(dpkg --print-architecture).deb
cp "target/deb/$deb" "$folder"
if command -v lintian >/dev/null; then
	lintian --fail-on error "target/deb/$deb"
else
	echo "lintian is not installed, and did not look at the package (Debian: apt install lintian)"
fi
echo "$folder/$deb"
