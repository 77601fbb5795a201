# Debian packages of other releases than the system's, downloaded but not installed: the system's apt lists stay as they are.
# Read by other scripts, with $apt: a folder for the lists and the packages.
# shellcheck shell=sh

# Where apt has Debian's packages from; apt itself reads whatever format the sources are in.
debian_mirror() {
	# shellcheck disable=SC2016 # these are apt's variables
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
		awk '$1 ~ /\/debian\/$/ && $2 == "main" { print $1; exit }'
}

read_lists() { # suites
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || { echo "E: no Debian mirror among apt's sources" >&2; return 1; }
	rm -rf "${apt:?}"
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	for suite in "$@"; do
		echo "deb [signed-by=$keyring] $mirror $suite main"
	done >"$apt/sources.list"
	private_apt update
}

private_apt() {
	apt-get -q -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any \
		-o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

fetch() { # package suite
	rm -f "$apt/archives"/*.deb
	(cd "$apt/archives" && private_apt download "$1/$2")
}
