"""Walks `make test`; or, where there is little time, what it installs and a test of each kind."""

import time

SHORT = (
    "make setup module",
    "cargo test --no-default-features --test xep_0316",
    "busted spec/core_spec.lua",
    "target/venv/bin/pytest -q -c tests/e2e/pytest.ini tests/e2e/test_readme.py",
    "cd tests/browser && node --test",
    "make lint CARGO=true",  # what it needs beside Rust: `make test` has compiled and linted the code
)


def walk(root, folder):
    for command in SHORT if root.quick else ("make test",):
        began = time.monotonic()
        root.run(command, cwd=folder, timeout=3600)
        root.say(f"{command}: {time.monotonic() - began:.0f} s")
