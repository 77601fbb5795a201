#!/bin/sh
# Writes the source archive: the files that git tracks, as they are now, in a folder named like the archive.
# The same files give the same archive. Without git (in an unpacked archive), everything but what was built is taken.
# Usage: source.sh ARCHIVE.tar.gz
set -eu

mkdir -p "$(dirname "$1")"
archive=$(realpath "$(dirname "$1")")/$(basename "$1")
folder=$(basename "$1" .tar.gz)
cd "$(dirname "$0")/.."

time=@$(packaging/epoch.sh)
list=$archive.list
trap 'rm -f "$list" "$archive.tar"' EXIT
if [ -e .git ]; then
	git ls-files -z >"$list"
	# What was removed without telling git is named twice here, and left out below.
	git ls-files -z --deleted >>"$list"
else
	find . \( -name target -o -name dist -o -name node_modules -o -name __pycache__ \) -prune -o -type f -printf '%P\0' >"$list"
fi

sort -z "$list" | uniq -zu |
	tar --create --file="$archive.tar" --null --files-from=- --transform="s#^#$folder/#" --mode=u=rwX,go=rX \
		--owner=0 --group=0 --numeric-owner --mtime="$time"
gzip -9nc "$archive.tar" >"$archive.tar.gz"
mv "$archive.tar.gz" "$archive"
