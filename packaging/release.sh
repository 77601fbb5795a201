#!/bin/sh
# Makes a release: writes its number, which stands in Cargo.toml (Cargo.lock repeats it), gives CHANGELOG.md's
# unreleased entries to it, commits and tags. Nothing is pushed.
# Usage: release.sh X.Y.Z
set -eu
cd "$(dirname "$0")/.."

version=${1:-}
refuse() {
	echo "no release: $*" >&2
	exit 1
}

printf %s "$version" | grep -Eqx '(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-(alpha|beta|rc)\.[1-9][0-9]*)?' ||
	refuse "VERSION=$version is no version: it is to be like 1.2.3 or 1.2.3-rc.1"
[ -z "$(git status --porcelain)" ] || refuse "there are changes that are not committed (git status)"
now=$(packaging/version.sh)
released=$(git tag --list "v$now")
newest=$(printf '%s\n' "$now" "$version" | sed 's/-/~/' | sort -V | tail -n 1 | sed 's/~/-/')
[ -z "$(git tag --list "v$version")" ] || refuse "there is a tag v$version"
[ "$newest" = "$version" ] || refuse "$version is older than $now, which Cargo.toml has"
[ "$version" != "$now" ] || [ -z "$released" ] || refuse "$version is released"
[ "$(grep -c '^## Unreleased$' CHANGELOG.md)" -eq 1 ] || refuse "CHANGELOG.md has no section \"Unreleased\""
awk '/^## / { on = $2 == "Unreleased"; next } on && /^- / { found = 1 } END { exit !found }' CHANGELOG.md ||
	refuse "CHANGELOG.md says nothing of what is unreleased"

# Whatever fails from here on, the files are as they were.
trap 'git checkout -q HEAD -- Cargo.toml Cargo.lock CHANGELOG.md' EXIT
sed -i "/^\[package\]/,/^\[[^p]/ s/^version = .*/version = \"$version\"/" Cargo.toml
sed -i "/^name = \"mod_mep\"\$/ { n; s/.*/version = \"$version\"/ }" Cargo.lock
sed -i "s/^## Unreleased\$/## $version ($(date -u +%F))/" CHANGELOG.md
[ "$(packaging/version.sh)" = "$version" ] || refuse "Cargo.toml did not take the number"
git add Cargo.toml Cargo.lock CHANGELOG.md
git commit -q -m "Release $version"
trap - EXIT
git tag -a -m "mod_mep $version" "v$version"
echo "$version is committed and tagged as v$version; to publish it: git push --follow-tags"
