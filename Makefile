# Every target sets up what it needs: the scripts in tests/setup/ return at once when there is nothing to do.

CARGO ?= cargo
CARGO_TEST = $(CARGO) $(if $(shell $(CARGO) nextest --version 2>/dev/null),nextest run --no-tests pass,test --all-targets)
LUA_DIRS = $(wildcard lua spec examples)
MODULE = target/module/mod_mep

.DEFAULT_GOAL := help
.PHONY: help setup system prosody python node core module run bench bench-tuning bench-boundary test lint test-rust \
	test-lua test-e2e test-browser clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: system prosody python node ## everything that the other targets need

system:
	@tests/setup/system.sh

prosody: system
	@tests/setup/prosody.sh

python: system
	@tests/setup/python.sh

node: system
	@tests/setup/node.sh

core: system ## the Rust core, for Lua 5.4
	$(CARGO) build --release --lib

# Each file takes the place of the old one by rename. A server that starts meanwhile finds every file whole, and one that
# has the core mapped keeps its own: written into, that file would take it down.
module: core ## the module as a folder: target/module/mod_mep
	@mkdir -p $(MODULE)
	@for file in lua/*.lua target/release/libmep_core.so; do \
		name=$${file##*/}; name=$${name#lib}; \
		cp $$file $(MODULE)/.new.$$$$ && mv $(MODULE)/.new.$$$$ $(MODULE)/$$name || exit; \
	done
	@for file in $(MODULE)/*.lua; do [ -e lua/$${file##*/} ] || rm $$file; done

run: module prosody python node ## a Prosody with rooms to try, and occupants in them
	target/venv/bin/python examples/demo/demo.py

bench: module prosody python ## how fast it is, on both versions: tables and charts for docs/performance.md
	@tests/setup/bench.sh
	target/venv/bin/python tests/bench/run.py

bench-tuning: module prosody python ## what the collector's and the network's settings change, and rooms in a process of their own
	@tests/setup/bench.sh
	target/venv/bin/python tests/bench/run.py --tuning

bench-boundary: module prosody ## what calls from Lua into the core cost; CORES="old.so new.so" compares builds
	@lua5.4 tests/bench/boundary.lua $(CORES)

test: lint test-rust test-lua test-e2e test-browser ## everything that CI runs

lint: system ## formatting, clippy, luacheck
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --all-targets --no-default-features -- -D warnings
	luacheck --quiet $(LUA_DIRS)

test-rust: system ## the core: with Lua and without
	$(CARGO_TEST)
	$(CARGO_TEST) --no-default-features

test-lua: module prosody ## busted: the boundary and the glue
	RUST_BACKTRACE=0 busted

test-e2e: module prosody python ## pytest: real Prosodys of both versions, real clients
	target/venv/bin/pytest -q -n 2 -c tests/e2e/pytest.ini tests/e2e

test-browser: module prosody python node ## Converse.js in a headless Chromium
	$(if $(wildcard tests/browser/*.test.*),cd tests/browser && node --test,@echo "no browser tests")

clean: ## removes all that was built or fetched
	rm -rf target tests/browser/node_modules examples/converse/node_modules
