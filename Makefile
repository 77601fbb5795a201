# `make module` and `make install` build the module for production, and install nothing else: packaging/need.sh says what
# is missing. The targets below them set up what they need: the scripts in tests/setup/ return at once when there is
# nothing to do.

# The Lua that Prosody runs on: its name, or the path of its interpreter.
LUA ?= lua5.4
PREFIX ?= /usr/local
MODULEDIR ?= $(PREFIX)/lib/prosody/modules

CARGO ?= cargo
CARGO_TEST = $(CARGO) $(if $(shell $(CARGO) nextest --version 2>/dev/null),nextest run --no-tests pass,test --all-targets)
LUA_DIRS = mod_mep.lua $(wildcard lua spec examples)

FEATURE := $(shell packaging/lua-feature.sh $(LUA))
# Each Lua has a folder of its own; the usual one has the shortest path.
BUILD = target$(patsubst %,/%,$(filter-out lua54,$(FEATURE)))
MODULE = $(BUILD)/module/mod_mep
DIST = dist

.DEFAULT_GOAL := help
.PHONY: help cargo need core module install setup system demo-system prosody python node libraries gajim programs run \
	bench bench-tuning bench-boundary test lint test-rust test-lua test-e2e test-luas test-one-lua test-browser test-clean \
	clean notice deb archive dist clients release newest rock rock-build rock-install \
	coverage mutants histories fuzz soak

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

# Looked for first of all: everything else is either installed by the target, or cheap to say no to.
cargo:
	@command -v $(CARGO) >/dev/null || packaging/need.sh $(FEATURE)

need:
	@[ -n "$(FEATURE)" ] && CARGO="$(CARGO)" packaging/need.sh $(FEATURE)

core: need ## the Rust core, for LUA (lua5.4)
	$(CARGO) build --release --lib --locked --target-dir $(BUILD) --no-default-features --features $(FEATURE)

module: core ## the module as a folder: target/module/mod_mep
	@packaging/put.sh $(MODULE) lua/*.lua $(BUILD)/release/libmep_core.so
	@for file in $(MODULE)/*.lua; do [ -e lua/$${file##*/} ] || [ $${file##*/} = build.lib.lua ] || rm $$file; done
	@packaging/stamp.sh $(MODULE)

# Builds only what was not built: so `sudo make install` after `make module` needs no cargo for root.
install: ## puts the module where Prosody finds it: DESTDIR, PREFIX, MODULEDIR, LUA
	@[ -f $(MODULE)/build.lib.lua ] || $(MAKE) module
	@packaging/install.sh $(MODULE) "$(DESTDIR)$(MODULEDIR)/mod_mep"

rock: ## what luarocks and prosodyctl install: source, rockspec, source rock, and a binary rock for LUA, in dist/
	@packaging/rock.sh $(DIST) $(LUA)

# What luarocks runs: see mod_mep-scm-1.rockspec.
rock-build:
	@CARGO="$(CARGO)" packaging/rock-build.sh $(FEATURE) LUA="$(LUA)" BUILD="$(BUILD)"

rock-install:
	@packaging/put.sh "$(LUADIR)/mod_mep" $(MODULE)/*.lua
	@packaging/put.sh "$(LIBDIR)" $(MODULE)/mep_core.so
	@packaging/put.sh "$(DOCDIR)" NOTICE LICENSES/*

notice: cargo ## NOTICE and Debian's copyright file, after a change of Cargo.lock
	@for file in NOTICE packaging/debian/copyright; do \
		packaging/crates.py $$(echo $${file##*/} | tr A-Z a-z) >$$file.new && mv $$file.new $$file || exit; \
	done

deb: ## the Debian package: dist/prosody-mod-mep_VERSION_ARCH.deb
	@packaging/deb.sh $(DIST)

archive: module ## the module's folder for LUA as an archive: dist/mod_mep-VERSION-lua54-linux-MACHINE.tar.gz
	@packaging/archive.sh $(DIST) $(MODULE) $(FEATURE)

dist: cargo ## all that a release consists of, in dist/: sources, modules for every Lua, rocks, Debian package, checksums
	@packaging/dist.sh $(DIST)

clients: python ## the packages for client libraries, as they are published: slixmpp-mep, converse-mep, mep_occupants, in dist/
	@packaging/clients.sh $(DIST)

release: cargo ## writes the number VERSION and the changelog, commits, tags, and makes dist/
	@packaging/release.sh "$(VERSION)"
	@packaging/dist.sh $(DIST)

setup: system newest python node libraries gajim ## everything that the targets below need

system: cargo
	@tests/setup/system.sh test

demo-system: cargo
	@tests/setup/system.sh demo

prosody: demo-system
	@tests/setup/prosody.sh

newest: prosody
	@tests/setup/prosody.sh newest

python: demo-system
	@tests/setup/python.sh

node: demo-system
	@tests/setup/node.sh

libraries: demo-system
	@tests/setup/libraries.sh

gajim: demo-system
	@tests/setup/gajim.sh

programs: system
	@$(CARGO) build --quiet --locked --manifest-path tests/libraries/xmpp-rs/Cargo.toml --target-dir target/libraries

run: prosody python node module ## a Prosody with rooms to try, and occupants in them
	target/venv/bin/python examples/demo/demo.py

bench: prosody python module ## how fast it is, on both versions: tables and charts for docs/performance.md
	@tests/setup/bench.sh
	target/venv/bin/python tests/bench/run.py

bench-tuning: prosody python module ## what the collector's and the network's settings change, and rooms in a process of their own
	@tests/setup/bench.sh
	target/venv/bin/python tests/bench/run.py --tuning

bench-boundary: prosody module ## what calls from Lua into the core cost; CORES="old.so new.so" compares builds
	@lua5.4 tests/bench/boundary.lua $(CORES)

test: lint test-rust test-lua test-e2e test-browser ## everything that CI runs

lint: system python ## formatting, and the linters of each language
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --all-targets --no-default-features -- -D warnings
	@# Let-chains need a newer Rust than Cargo.toml promises. clippy does not say so; the parser of edition 2021 does.
	rustfmt --check --edition 2021 --config style_edition=2024 src/lib.rs build.rs tests/*.rs benches/*.rs \
		fuzz/fuzz_targets/*.rs
	rustfmt --check tests/libraries/xmpp-rs/src/main.rs --edition 2024
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --offline check licenses bans sources; else echo "cargo-deny is not installed: deny.toml is not checked"; fi
	luacheck --quiet $(LUA_DIRS)
	luacheck --quiet --config tests/lint/prosody-modules.luacheckrc mod_mep.lua lua
	shellcheck packaging/*.sh tests/*.sh tests/setup/*.sh .ci/run
	target/venv/bin/ruff check --quiet
	target/venv/bin/mypy --no-error-summary --config-file clients/slixmpp/pyproject.toml clients/slixmpp/slixmpp_mep

test-rust: system ## the core without Lua, and what binds it to Lua
	$(CARGO_TEST) --no-default-features
	$(CARGO_TEST:--all-targets=) --lib
	$(CARGO) test --doc --no-default-features --quiet

test-lua: system newest module ## busted: the boundary and the glue
	RUST_BACKTRACE=0 busted

# Two for each core: a test waits for its server and its clients about as long as it computes.
WORKERS ?= $(shell expr 2 '*' $$(nproc))

test-e2e: system newest python libraries programs gajim module ## pytest: real Prosodys of three versions, real clients
	target/venv/bin/pytest -q -n $(WORKERS) -c tests/e2e/pytest.ini tests/e2e clients/slixmpp/tests

# The tests play some thousands of random histories; this plays so many times more, for hours if that is wanted.
TIMES ?= 200

histories: system ## the property tests of the core, with TIMES (200) as many histories
	MEP_HISTORIES=$(TIMES) $(CARGO) test --release --no-default-features \
		--test access_histories --test histories --test last_items --test operations --test room_nodes

# Seconds for each target, and the targets.
T ?= 60
TARGETS ?= calls payload capabilities

fuzz: system ## libFuzzer on the core, T (60) seconds for each of TARGETS; `make test` runs the kept corpus
	@tests/setup/fuzz.sh
	@nice tests/fuzz.sh $(T) $(TARGETS)

# Seconds for each of FLOODS (all), octets a second, and hours for all in turn in place of one by one.
SECONDS ?= 15
RATE ?= 32000

soak: prosody python module ## floods beside an honest user, and storage that fails: SECONDS=15, FLOODS="items", HOURS=1
	@tests/setup/bench.sh
	target/venv/bin/python tests/soak/run.py --seconds $(SECONDS) --rate $(RATE) \
		$(if $(FLOODS),--floods $(FLOODS)) $(if $(HOURS),--hours $(HOURS))

# The Luas that Debian's Prosody is not built for. What runs on each is a part: docs/compatibility.md.
LUAS = lua5.1 lua5.2 lua5.3 luajit

test-luas: system python ## Lua 5.1, 5.2, 5.3 and LuaJIT: clippy, busted, and the end-to-end tests marked "luas"
	@tests/setup/luas.sh
	@for lua in $(LUAS); do $(MAKE) --no-print-directory test-one-lua LUA=$$lua || exit; done

test-one-lua: module
	$(CARGO) clippy --locked --target-dir $(BUILD) --all-targets --no-default-features --features $(FEATURE) -- -D warnings
	RUST_BACKTRACE=0 busted --run=$(FEATURE)
	MEP_LUA=$(FEATURE) target/venv/bin/pytest -q -n $(WORKERS) -c tests/e2e/pytest.ini -m luas tests/e2e

test-browser: system prosody python node module ## Converse.js in a headless Chromium
	cd clients/converse && node --test
	cd tests/browser && node --test

# Takes root: debootstrap, namespaces and mounts. QUICK=1 is what CI runs.
test-clean: ## the ways in, walked in bare Debian 12 and 13: SUITE=bookworm SCENARIO=readme QUICK=1
	python3 tests/clean --suite "$(SUITE)" --scenario "$(SCENARIO)" $(if $(QUICK),--quick)

coverage: cargo ## which lines of the core its tests run, without Lua; FILE=src/… shows the others of one file
	@tests/coverage.sh $(FILE)

# What is mutated: files, or with SINCE=main only the lines that changed since. All of src/ takes hours.
FILES ?= src/usecase/*.rs src/usecase/owner/*.rs src/room/rights.rs

mutants: cargo ## which small changes of the core no test notices; FILES=src/room/*.rs or SINCE=main
	@tests/setup/mutants.sh
	@mkdir -p target/mutants
	$(if $(SINCE),git diff $(SINCE) -- src >target/mutants/since.diff)
	CARGO_PROFILE_DEV_DEBUG=0 target/tools/bin/cargo-mutants mutants --no-default-features --output target/mutants \
		$(if $(SINCE),--in-diff target/mutants/since.diff,$(FILES:%=--file '%'))

clean: ## removes all that was built or fetched
	rm -rf target $(DIST) tests/browser/node_modules tests/libraries/node_modules examples/converse/node_modules
