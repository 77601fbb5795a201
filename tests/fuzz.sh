#!/bin/sh
# Runs fuzz targets under libFuzzer, each for so many seconds: tests/fuzz.sh SECONDS TARGET…
#
# New inputs go to target/fuzz/corpus, those that fail to target/fuzz/found. The kept corpus, fuzz/corpus, stays as it is:
# what is worth keeping is copied there by hand.
set -eu
cd "$(dirname "$0")/.."

seconds=$1
shift
# The flags of cargo-fuzz are known to nightly compilers only, but for this variable.
(cd fuzz && RUSTC_BOOTSTRAP=1 ../target/tools/bin/cargo-fuzz fuzz build --fuzz-dir . --sanitizer none --target-dir ../target/fuzz)
mkdir -p target/fuzz/found
for target in "$@"; do
	mkdir -p "target/fuzz/corpus/$target"
	echo "$target, $seconds s"
	find target/fuzz -path "*/release/$target" -type f -exec {} "target/fuzz/corpus/$target" "fuzz/corpus/$target" \
		-len_control=0 -max_len=4096 -max_total_time="$seconds" -artifact_prefix="target/fuzz/found/$target-" \
		-verbosity=0 -print_final_stats=1 \;
done
[ -z "$(ls target/fuzz/found)" ] || {
	echo "inputs that fail are in target/fuzz/found: $(ls target/fuzz/found)" >&2
	exit 1
}
