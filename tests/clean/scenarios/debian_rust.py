"""With Debian 13's own Rust, the oldest that is supported: `make module`, `make run`, and the core's tests."""

import demo

SUITES = ("trixie",)


def walk(root):
    root.rust = False
    root.install("cargo liblua5.4-dev")
    root.say(root.run("rustc --version", cwd="/").strip())
    folder = root.clone()
    root.run("make module", cwd=folder)
    demo.walk(root, folder)
    root.run("cargo test --no-default-features", cwd=folder)
