"""What an admin runs to get the module in place: make module, make install, and a checkout as the module's folder."""

import os
import re
import shutil
import subprocess

import pytest
from mep import DISCO_INFO, ROOM, come_in, disco, identities_in, must
from testbed import Client, Prosody
from testbed.prosody import PLUGINS, ROOT

MODULE = PLUGINS[0] / "mod_mep"
FILES = sorted(path.name for path in MODULE.iterdir())


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, **options)


def install(folder, *variables, umask=0o077):
    done = run("make", "install", f"DESTDIR={folder}", *variables, umask=umask)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ((), "usr/local/lib/prosody/modules"),
        (("PREFIX=/opt/prosody",), "opt/prosody/lib/prosody/modules"),
        (("MODULEDIR=/usr/lib/prosody/modules",), "usr/lib/prosody/modules"),
    ],
)
def test_make_install_puts_the_module_where_it_is_told(tmp_path, variables, place):
    said = install(tmp_path, *variables)
    folder = tmp_path / place / "mod_mep"
    assert str(folder) in said
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_make_install_sets_modes_whatever_the_umask(tmp_path):
    install(tmp_path / "root")
    for path in (tmp_path / "root").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_make_install_replaces_files_and_writes_into_none(tmp_path):
    """A running server keeps what it has mapped; what an earlier version had goes."""
    install(tmp_path)
    folder = tmp_path / "usr/local/lib/prosody/modules/mod_mep"
    (folder / "earlier.lib.lua").write_text("")
    mapped = os.open(folder / "mep_core.so", os.O_RDONLY)
    try:
        before = os.fstat(mapped).st_ino
        install(tmp_path)
        assert (folder / "mep_core.so").stat().st_ino != before
        assert os.fstat(mapped).st_nlink == 0
    finally:
        os.close(mapped)
    assert sorted(path.name for path in folder.iterdir()) == FILES


@pytest.mark.parametrize("target", ["module", "run", "test", "setup"])
def test_without_rust_each_target_says_so_before_anything_else(tmp_path, target):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("make", "sh", "sed", "tr", "dirname", "cc"):
        (tools / name).symlink_to(shutil.which(name))
    done = run("make", target, env={"PATH": str(tools)})
    assert done.returncode != 0
    assert "this machine lacks:\n  cargo, with Rust" in done.stderr
    assert "install" not in done.stdout, "nothing was started"


def test_all_that_is_missing_is_named_at_once(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "sed", "dirname"):
        (tools / name).symlink_to(shutil.which(name))
    done = run("packaging/need.sh", "lua51", env={"PATH": str(tools)})
    assert done.returncode == 1
    lacks = [line.split("   ")[0].strip() for line in done.stderr.splitlines()[1:]]
    assert lacks[:2] == [f"cargo, with Rust {rust_version()} or newer", "a C compiler"]
    assert "To build mod_mep for Lua 5.1," in done.stderr


def rust_version():
    return re.search(r'rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text())[1]


@pytest.mark.parametrize(
    ("lua", "feature"),
    [("lua5.4", "lua54"), ("/usr/bin/lua5.4", "lua54"), ("lua5.1", "lua51"), ("lua-5.3", "lua53"), ("luajit", "luajit")],
)
def test_a_lua_is_known_by_its_name_or_its_interpreter(lua, feature):
    assert run("packaging/lua-feature.sh", lua).stdout == f"{feature}\n"


def test_an_unknown_lua_is_named():
    done = run("make", "module", "LUA=lua6.0")
    assert done.returncode != 0
    assert "LUA=lua6.0: no such Lua; name one of lua5.1," in done.stderr


async def test_a_checkout_is_the_modules_folder(version, tmp_path):
    (tmp_path / "mod_mep").symlink_to(ROOT)
    async with Prosody(version, plugins=(tmp_path, *PLUGINS[1:])) as server:
        alice = await Client.connect(server, "alice")
        await come_in(alice, "alice")
        assert "pubsub/mep" in identities_in(await must(alice, "get", ROOM, disco(DISCO_INFO)))
        await alice.close()
        assert server.problems() == []


async def test_a_checkout_that_is_not_built_says_what_to_do(version, tmp_path):
    folder = tmp_path / "mod_mep"
    folder.mkdir()
    shutil.copy(ROOT / "mod_mep.lua", folder)
    async with Prosody(version, plugins=(tmp_path, *PLUGINS[1:])) as server:
        assert server.has_logged(f"mod_mep is not built: run `make module LUA=lua5.4` in {folder}")
