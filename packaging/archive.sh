#!/bin/sh
# Packs a module's folder for one Lua: FOLDER/mod_mep-VERSION-FEATURE-linux-MACHINE.tar.gz, which holds the folder
# mod_mep. The same module gives the same archive.
# Usage: archive.sh FOLDER MODULE FEATURE. SOURCE_DATE_EPOCH is the time that its files get.
set -eu

mkdir -p "$1"
folder=$(cd "$1" && pwd)
module=$(cd "$2" && pwd)
feature=$3
cd "$(dirname "$0")/.."

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
mkdir -p "$temporary/mod_mep/LICENSES"
cp "$module"/* LICENSE NOTICE README.md "$temporary/mod_mep"
cp LICENSES/* "$temporary/mod_mep/LICENSES"

archive=$folder/mod_mep-$(packaging/version.sh)-$feature-linux-$(uname -m).tar.gz
tar --create --directory="$temporary" --sort=name --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner \
	--mtime="@$(packaging/epoch.sh)" mod_mep >"$temporary/module.tar"
gzip -9nc "$temporary/module.tar" >"$archive.new"
mv "$archive.new" "$archive"
echo "$archive"
