#!/bin/sh
# Writes build.lib.lua into a module's folder: which build its files are of, so that the module can tell a file that is
# missing, damaged or of another build before it does harm.
# Usage: stamp.sh FOLDER [CORE], where CORE is the core's file if it is not FOLDER/mep_core.so.
set -eu

folder=$1
core=${2:-$folder/mep_core.so}

marker=$(grep -aoE 'mep_core version=[^ ;]+ lua=[^ ;]+ build=[0-9a-f]+;' "$core" | head -n 1)
[ -n "$marker" ] || { echo "$core is not a core of mod_mep" >&2; exit 1; }
field() { printf %s "$marker" | sed -n "s/.* $1=\([^ ;]*\).*/\1/p"; }

{
	echo "-- Made by packaging/stamp.sh: the build that these files are of, with their SHA-256."
	echo
	echo "return {"
	printf '\tversion = "%s";\n\tlua = "%s";\n\tbuild = "%s";\n' "$(field version)" "$(field lua)" "$(field build)"
	printf '\tfiles = {\n'
	for file in "$core" "$folder"/*.lua; do
		[ "${file##*/}" = build.lib.lua ] ||
			printf '\t\t["%s"] = "%s";\n' "${file##*/}" "$(sha256sum <"$file" | cut -d ' ' -f 1)"
	done
	printf '\t};\n};\n'
} >"$folder/.new.build.$$"
chmod 644 "$folder/.new.build.$$"
mv "$folder/.new.build.$$" "$folder/build.lib.lua"
