#!/bin/sh
# The npm packages of the browser tests and of the Converse.js example, as their lock files name them.
# One of this repository is linked to. Each other is unpacked as it is: both are bundled whole, and the npm of Debian 12
# cannot install converse.js, which has a dependency within itself.
set -eu
cd "$(dirname "$0")/../.."

# shellcheck disable=SC2016 # JavaScript's
named='
	const { packages } = require("./package-lock.json");
	const { dependencies, devDependencies } = packages[""];
	for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
		const { version, integrity, link, resolved } = packages[`node_modules/${name}`];
		console.log(name, link ? "link" : version, link ? resolved : integrity);
	}
'

for folder in tests/browser examples/converse; do
	stamp=$folder/node_modules/.stamp
	recipe=$(cksum "$folder/package-lock.json" tests/setup/node.sh)
	[ "$(cat "$stamp" 2>/dev/null)" != "$recipe" ] || continue
	rm -rf "$folder/node_modules"
	(cd "$folder" && node -e "$named") | while read -r name version integrity; do
		into=$folder/node_modules/$name
		if [ "$version" = link ]; then
			mkdir -p "$folder/node_modules"
			ln -s "../$integrity" "$into"
			continue
		fi
		echo "npm package $name $version → $into"
		mkdir -p "$into"
		archive=$into/$(npm pack --silent --pack-destination "$into" "$name@$version")
		if [ "sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w0)" != "$integrity" ]; then
			echo "$name $version is not what $folder/package-lock.json knows" >&2
			exit 1
		fi
		tar -xzf "$archive" -C "$into" --strip-components=1
		rm "$archive"
	done
	echo "$recipe" >"$stamp"
done
