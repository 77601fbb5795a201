#!/bin/sh
# Unpacks the Prosody versions that the tests run against into target/prosody/, beside each other: 0.12 as Debian 12 has
# it, and 13.0 as Debian has it for this system. With `newest`, also the newest that Debian has at all, so that what breaks
# with it shows here first. The system's apt lists, and a Prosody that may be installed, stay as they are.
# Usage: prosody.sh [newest]
set -eu
cd "$(dirname "$0")/../.."

root=$PWD/target/prosody
apt=$root/apt
recipe="$root $(cat tests/setup/prosody.sh tests/setup/apt.sh | cksum)"
# shellcheck source=tests/setup/apt.sh
. tests/setup/apt.sh

main() {
	if [ "$(cat "$root/.stamp" 2>/dev/null)" != "$recipe" ]; then
		rm -rf "$root"
		# Debian 13 has a 13.0 of its own, which also goes with what is neither.
		case $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release) in
		bookworm) suite=bookworm-backports ;;
		*) suite=trixie ;;
		esac
		read_lists bookworm "$suite"
		for version in 0.12/bookworm "13.0/$suite"; do
			fetch prosody "${version#*/}"
			unpack "${version%/*}"
			add_icu "${version%/*}" "${version#*/}"
			echo "prosody ${version%/*}: $(cat "$root/${version%/*}/version")"
		done
		echo "$recipe" >"$root/.stamp"
	fi
	newest=$root/newest
	[ "${1:-}" != newest ] || looked_today || look_for_newest
	rm -rf "$apt" "$root/log"
}

# Once a day is enough: Prosody is released every few weeks.
looked_today() {
	{ [ -e "$newest" ] || [ -e "$newest.problem" ]; } && [ -n "$(find "$root/.newest" -mtime -1 2>/dev/null)" ]
}

# The tests go on without it, and show why: nothing that happens to Debian's sid, or to the way there, fails them.
# What was fetched before and runs stays until a newer one runs, too.
look_for_newest() {
	rm -f "$newest.problem"
	if ! (read_lists sid && fetch prosody sid) >"$root/log" 2>&1; then
		# Not marked as done: it is tried again next time.
		problem "Debian's sid can't be read" "$(grep -m1 '^E:' "$root/log" || tail -n1 "$root/log")"
		return
	fi
	rm -rf "$newest.before"
	[ ! -d "$newest" ] || mv "$newest" "$newest.before"
	if (unpack newest && find_c_modules && run_once) >"$root/log" 2>&1; then
		echo "prosody newest: $(cat "$newest/version")"
		rm -rf "$newest.before"
	else
		problem "$(cat "$newest/version") does not run here" "$(grep . "$root/log" | tail -n1)"
		rm -rf "$newest"
		[ ! -d "$newest.before" ] || mv "$newest.before" "$newest"
	fi
	touch "$root/.newest"
}

# They were built for sid's libc and ICU: where the system's are older, those of 13.0 take their place.
find_c_modules() {
	echo 'for _, path in ipairs(arg) do assert(package.loadlib(path, "*")) end' |
		find "$newest" -name '*.so' -exec lua5.4 - {} + && return
	(cd "$root/13.0/usr/lib/prosody" && find . -name '*.so' -exec cp --parents -t "$newest/usr/lib/prosody" {} +) &&
		echo "$(cat "$newest/version") with the C modules of $(cat "$root/13.0/version")" >"$newest/version.new" &&
		mv "$newest/version.new" "$newest/version"
}

# A client joins a room, without mod_mep: what fails with this Prosody from here on is a finding.
run_once() {
	PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 timeout 60 python3 -c '
import asyncio
from testbed import Client, Prosody

async def main():
    async with Prosody("newest", module=False) as server, await Client.connect(server, "alice") as alice:
        await alice.join(f"room@{server.rooms}", "alice")

asyncio.run(main())'
}

problem() { # what output
	echo "$1: ${2:-without a word}" >"$newest.problem"
	echo "prosody newest: $(cat "$newest.problem")" >&2
}

unpack() { # folder
	rm -rf "${root:?}/$1" &&
		mkdir -p "$root/$1" &&
		dpkg-deb -f "$apt/archives"/prosody_*.deb Version >"$root/$1/version" &&
		dpkg -x "$apt/archives"/prosody_*.deb "$root/$1" &&
		# The programs know their tree by absolute paths.
		sed -i "s#^CFG_[A-Z]*='#&$root/$1#" "$root/$1/usr/bin/prosody" "$root/$1/usr/bin/prosodyctl"
}

# Each release of Debian has an ICU of its own. Where the system's is another, the right one is put beside Prosody, and
# the library that wants it is told where: by RPATH, which also holds for what ICU's own libraries want.
add_icu() { # version suite
	library=$root/$1/usr/lib/prosody/util/encodings.so
	icu=$(ldd "$library" | sed -n 's/.*libicuuc\.so\.\([0-9]*\) => not found/\1/p')
	[ -n "$icu" ] || return 0
	fetch "libicu$icu" "$2"
	dpkg -x "$apt/archives/libicu$icu"_*.deb "$root/$1"
	fetch patchelf bookworm
	dpkg -x "$apt/archives"/patchelf_*.deb "$apt/tools"
	folder=$(dirname "$root/$1"/usr/lib/*/libicuuc.so."$icu")
	"$apt/tools/usr/bin/patchelf" --force-rpath --set-rpath "$folder" "$library"
}

main "$@"
