#!/bin/sh
# Puts a module's folder where Prosody finds it, and removes what an earlier version had there and this one lacks.
# Usage: install.sh MODULE FOLDER
set -eu

module=$1
folder=$2
"$(dirname "$0")/put.sh" "$folder" "$module"/*
for file in "$folder"/*.lua; do
	[ -e "$module/${file##*/}" ] || rm "$file"
done
echo "mod_mep is in $folder. A running Prosody keeps what it has loaded until it is restarted."
