#!/bin/sh
# Puts the module's files into a folder, each by rename: a server that starts meanwhile finds every file whole, and one
# that has the core mapped keeps its own; written into, that file would take it down.
# Usage: put.sh FOLDER FILE... Files are named as they are to be called; libmep_core.so becomes mep_core.so.
set -eu

folder=$1
shift
umask 022
mkdir -p "$folder"
for file in "$@"; do
	name=${file##*/}
	name=${name#lib}
	cp "$file" "$folder/.new.$$"
	chmod 644 "$folder/.new.$$"
	mv "$folder/.new.$$" "$folder/$name"
done
