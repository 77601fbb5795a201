#!/bin/sh
# Prints the Cargo feature for a Lua, which is named (lua5.4, luajit) or given as the path of its interpreter.
set -eu

lua=${1:?usage: lua-feature.sh LUA}

# An interpreter knows best: luarocks' is called "lua", whatever its version.
number=$("$lua" -e 'print(jit and "jit" or (_VERSION:gsub("%D", "")))' 2>/dev/null) || number=
if [ -z "$number" ]; then
	case ${lua##*/} in
	luajit*) number=jit ;;
	lua5.[1-4] | lua5[1-4] | lua-5.[1-4]) number=$(printf %s "${lua##*/}" | tr -dc 0-9) ;;
	esac
fi

case $number in
51 | 52 | 53 | 54 | jit) echo "lua$number" ;;
*)
	echo "LUA=$lua: no such Lua; name one of lua5.1, lua5.2, lua5.3, lua5.4 and luajit, or an interpreter of these" >&2
	exit 1
	;;
esac
