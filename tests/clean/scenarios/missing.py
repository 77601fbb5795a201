"""The commands say what is missing before they fetch anything: Rust, and Lua's headers."""

QUICK = ("bookworm",)


def walk(root):
    folder = root.clone()
    root.rust = False
    for target in ("run", "test", "module"):
        said = root.run(f"make {target}", cwd=folder, fails=True, timeout=10)
        root.expect(said, "lacks:(.|\n)* cargo, with Rust 1[.]")

    root.rust = True
    said = root.run("make module", cwd=folder, fails=True, timeout=10)
    root.expect(said, "lacks:(.|\n)* apt install liblua5.4-dev")
