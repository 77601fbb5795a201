"""Rocks, as docs/install.md says: made, then installed by prosodyctl into Debian's own Prosody, where no checkout is."""

import prosody
from root import Failed

TREE = "/var/lib/prosody/custom_plugins"
FILES = f"{TREE}/share/lua/5.4/mod_mep/mod_mep.lua {TREE}/lib/lua/5.4/mep_core.so"
SOURCE = "prosodyctl install /srv/rocks/mod_mep-*.src.rock"
REFUSED = f"{SOURCE} || true"  # 13.0's prosodyctl ends with 0 even where luarocks failed


def walk(root):
    make_rocks(root)
    root.home = "/srv"  # user prosody can enter it, unlike root's
    root.rust = False
    root.run("apt-get purge -q -y --autoremove gcc liblua5.4-dev")
    root.install("luarocks")
    prosody.install(root)
    prosody.configure(root)

    root.run("prosodyctl install /srv/rocks/lua5.4/mod_mep-*.rock")
    check(root, "binary rock, without Rust and a compiler")
    remove(root)
    root.run("prosodyctl install --server=/srv/rocks/lua5.4 mod_mep")
    check(root, "rocks server")
    remove(root)
    build(root)
    check(root, "source rock, built by user prosody")


def make_rocks(root):
    """In a checkout, of which nothing but /srv/rocks is left."""
    root.install("lua5.4 liblua5.4-dev luarocks zip")
    folder = root.clone()
    root.run("make rock", cwd=folder)
    root.run(f"mv {folder}/dist /srv/rocks && rm -r {folder}")


def build(root):
    said = root.run(REFUSED)
    root.expect(said, "Failed finding Lua header files")  # luarocks' own words
    root.install("gcc libc6-dev make liblua5.4-dev")
    said = root.run(REFUSED)
    root.expect(said, r"To build mod_mep for Lua 5.4, this machine lacks:\s+cargo")
    root.expect(said, "To build this one as user prosody")
    if root.suite == "trixie":  # its Rust is new enough, and needs no variables
        root.install("cargo")
    else:
        root.rust = True
        said = root.run(REFUSED, env={"CARGO_HOME": "/root/.cargo"})
        root.expect(said, "which user prosody can't write")
    root.run(SOURCE)


def check(root, what):
    prosody.restart(root)
    prosody.check(root, "rock")
    owners = set(root.run(f"stat -c %U {FILES}").split())
    if owners != {"prosody"}:
        raise Failed(f"{what}: the files belong to {owners}")
    root.say(f"{what}: rooms have MEP")


def remove(root):
    root.run(f"prosodyctl remove mod_mep && ! ls {FILES}")
