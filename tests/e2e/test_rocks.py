"""What luarocks and prosodyctl install, upgrade and remove, each in a tree of its own; nothing comes from the network.

Built here are the rocks of this version, a core for Lua 5.1, and, without optimisation, one of a higher version.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from mep import MOOD, ROOM, come_in, ids_in, items, mood, must, notify, publish
from testbed import Client, Prosody
from testbed.prosody import PLUGINS, ROOT

ALICE, HOST = f"{ROOM}/alice", "rooms.localhost"
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
ROCK = f"mod_mep-{VERSION}-1"
NEXT = "99.0.0"


def run(*command, env=(), **options):
    """Runs a command as if it were called from a shell, whatever `make` has in the environment of the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = inherited | dict(env)
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=600, env=environment, **options)


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def alone():
    """What builds in this tree does so one after the other: the tests run side by side."""
    with (ROOT / "target" / "rocks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def luarocks(tree, *arguments, lua="5.4", **options):
    return run("luarocks", "--lua-version", lua, "--tree", tree, *arguments, **options)


def to_build():
    """An environment in which prosodyctl builds: with another HOME. Quickly, and next to what was compiled before."""
    homes = {f"{name.upper()}_HOME": Path.home() / f".{name}" for name in ("rustup", "cargo")}
    homes |= {name: os.environ[name] for name in homes if name in os.environ}
    fast = {"CARGO_PROFILE_RELEASE_OPT_LEVEL": "0", "CARGO_PROFILE_RELEASE_LTO": "off"}
    return homes | fast | {"MAKEFLAGS": f"BUILD={ROOT}/target/rocks"}


@pytest.fixture(scope="session")
def dist(tmp_path_factory):
    """What `make rock` makes of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    with alone():
        succeed("make", "rock", f"DIST={folder}", cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def rock(dist):
    (rock,) = (dist / "lua5.4").glob("*.rock")
    return rock


@pytest.fixture(scope="session")
def upgrade(dist, tmp_path_factory):
    """A rocks server with the source of a higher version."""
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(dist / f"mod_mep-{VERSION}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    for name in ("Cargo.toml", "Cargo.lock"):
        text = (source / name).read_text()
        changed = re.sub(rf'(name = "mod_mep"\nversion = )"{re.escape(VERSION)}"', rf'\1"{NEXT}"', text)
        assert changed != text
        (source / name).write_text(changed)
    server = folder / "server"
    succeed(source / "packaging/rock.sh", server)
    succeed("luarocks-admin", "--lua-version", "5.4", "make-manifest", server)
    return server


@pytest.fixture
def without_compilers(tmp_path):
    """An environment in which whoever calls a compiler fails."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cargo", "rustc", "make", "cc", "gcc"):
        (folder / name).write_text(f"#!/bin/sh\necho {name} was called >&2\nexit 1\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def with_rocks(version, tree, **settings):
    """A server whose `prosodyctl install` puts modules into `tree`, and that has mod_mep from nowhere else."""
    return Prosody(
        version, module=False, plugins=PLUGINS[1:], global_options=f'installer_plugin_path = "{tree}"', **settings
    )  # fmt: skip


def prosodyctl(server, *arguments, env=()):
    done = server.prosodyctl(*arguments, env=os.environ | dict(env), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


async def load(server):
    await asyncio.to_thread(server.shell, f'module:load("mep", "{HOST}")')


async def reload(server):
    with contextlib.suppress(RuntimeError):  # the shell says that it is refused, from 13.0 on
        await asyncio.to_thread(server.reload)


async def two_in_a_room(server):
    alice, bob = await Client.connect(server, "alice"), await Client.connect(server, "bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    return alice, bob


async def served(alice, bob, id):
    await must(alice, "set", ALICE, publish(MOOD, mood(), id))
    assert (await bob.expect_event(MOOD, from_=ALICE)).item_ids == [id]
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == [id]


async def test_prosodyctl_installs_upgrades_and_removes_while_the_server_runs(
    version, tmp_path, rock, upgrade, without_compilers
):
    tree = tmp_path / "installed"
    async with with_rocks(version, tree) as server:
        prosodyctl(server, "install", f"--server={rock.parent}", "mod_mep", env=without_compilers)
        await load(server)
        alice, bob = await two_in_a_room(server)
        await served(alice, bob, "installed")

        prosodyctl(server, "install", f"--server={upgrade}", "mod_mep", env=to_build())
        assert f"{NEXT}-1" in server.prosodyctl("list").stdout
        await served(alice, bob, "upgraded")
        await reload(server)
        assert server.has_logged(f"mod_mep {NEXT} (build "), "it is refused, and the log says why"
        await served(alice, bob, "not reloaded")

        server.restart()
        await load(server)
        alice, bob = await two_in_a_room(server)
        await served(alice, bob, "restarted")

        prosodyctl(server, "remove", "mod_mep")
        assert not list(tree.rglob("*.so")) and not list(tree.rglob("*.lib.lua"))
        await served(alice, bob, "removed")
        await reload(server)
        await served(alice, bob, "still there")


async def test_a_tree_of_luarocks_is_a_plugin_path(version, tmp_path, rock, without_compilers):
    """prosody.paths.installer is another folder here: the core is found in the tree that the module was loaded from."""
    tree = tmp_path / "tree"
    done = luarocks(tree, "install", rock, env=without_compilers)
    assert done.returncode == 0, done.stderr
    assert (tree / "lib/lua/5.4/mep_core.so").is_file()
    async with Prosody(version, plugins=(tree, *PLUGINS[1:])) as server:
        alice, bob = await two_in_a_room(server)
        await served(alice, bob, "from the tree")
    assert server.problems() == []


def test_a_binary_rock_is_for_the_lua_that_it_was_built_for(tmp_path, rock):
    for source in ([rock], ["--only-server", rock.parent, "mod_mep"]):
        done = luarocks(tmp_path, "install", *source, lua="5.1")
        assert done.returncode != 0
        assert "lua ~> 5.4" in done.stderr
    assert not list(tmp_path.rglob("*.so"))


@pytest.mark.parametrize("lua", ["5.4", "5.1"])
def test_luarocks_make_builds_for_the_lua_that_luarocks_runs_for(tmp_path, lua):
    # That for 5.4 is built already. The other's place is apart from what `make test-luas` builds, which is for production.
    env = {} if lua == "5.4" else {**to_build(), "MAKEFLAGS": f"BUILD={ROOT}/target/rocks/lua51"}
    with alone():
        done = luarocks(tmp_path, "make", lua=lua, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "share/lua" / lua / "mod_mep/mod_mep.lua").is_file()
    core = tmp_path / "lib/lua" / lua / "mep_core.so"
    marker = f"mep_core version={VERSION} lua={lua} ".encode()
    assert marker in core.read_bytes()
    succeed(f"lua{lua}", "-e", f"assert(package.loadlib('{core}', 'luaopen_mep_core'))('mep_core')")
    assert ("for Lua 5.1, which luarocks runs for" in done.stdout) == (lua == "5.1")

    packed = luarocks(tmp_path, "pack", "mod_mep", lua=lua, cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    (rock,) = tmp_path.glob("*.rock")
    assert rock.name.startswith("mod_mep-scm-1.linux-"), "one that is not for every machine"


def test_the_version_is_that_of_cargo_toml(dist):
    spec = (dist / f"{ROCK}.rockspec").read_text()
    assert f'version = "{VERSION}-1"' in spec
    assert f'url = "mod_mep-{VERSION}.tar.gz"' in spec
    with zipfile.ZipFile(dist / f"{ROCK}.src.rock") as packed:
        assert set(packed.namelist()) == {f"{ROCK}.rockspec", f"mod_mep-{VERSION}.tar.gz"}


def test_the_front_matter_of_the_readme_has_the_build_of_the_rockspec():
    spec = (ROOT / "mod_mep-scm-1.rockspec").read_text()
    (front,) = re.findall(r"\A---\n(.*?)\n---\n", (ROOT / "README.md").read_text(), re.DOTALL)
    _, build = front.split("\nrockspec:\n  build:\n")
    shown = dict(re.findall(r"^    (\w+): '?(.*?)'?$", build, re.MULTILINE))
    told = re.findall(r"^\t(type|\w+_command) = (?:\[\[|\")(.*?)(?:\]\]|\");$", spec, re.MULTILINE)
    assert shown == dict(told) and len(told) == 3


def test_the_source_has_what_is_tracked_and_nothing_else(dist, tmp_path):
    archive = dist / f"mod_mep-{VERSION}.tar.gz"
    with tarfile.open(archive) as source:
        members = source.getmembers()
    folders = {member.name.split("/")[1] for member in members}
    assert {"src", "lua", "packaging", "Cargo.lock", "LICENSE", "mod_mep-scm-1.rockspec"} <= folders
    assert not {".git", "target", "dist"} & folders
    assert {member.uid for member in members} == {0}
    succeed(ROOT / "packaging/source.sh", tmp_path / archive.name)
    assert (tmp_path / archive.name).read_bytes() == archive.read_bytes()


def test_luarocks_packs_the_source_from_where_the_rockspec_says(dist, tmp_path):
    url = f"file://{dist}/mod_mep-{VERSION}.tar.gz"
    succeed(ROOT / "packaging/rock.sh", tmp_path, env={"ROCK_URL": url})
    (tmp_path / f"{ROCK}.src.rock").unlink()
    assert luarocks(tmp_path, "pack", f"{ROCK}.rockspec", cwd=tmp_path).returncode == 0
    with zipfile.ZipFile(tmp_path / f"{ROCK}.src.rock") as packed:
        assert set(packed.namelist()) == {f"{ROCK}.rockspec", f"mod_mep-{VERSION}.tar.gz"}


@pytest.mark.parametrize("lacks, sentence", [
    ({"CARGO": "/nowhere/cargo"}, "cargo, with Rust"),
    ({"CARGO": shutil.which("false")}, "does not run for user"),
    ({"CARGO_HOME": "/dev/null/cargo"}, "which user {user} can't write; CARGO_HOME names another folder"),
])  # fmt: skip
def test_what_a_build_lacks_is_said_in_a_sentence(tmp_path, dist, lacks, sentence):
    done = luarocks(tmp_path, "install", dist / f"{ROCK}.src.rock", env=lacks)
    assert done.returncode != 0
    user = Path.owner(tmp_path)
    assert sentence.format(user=user) in done.stderr
    assert "a binary rock" in done.stderr and "prosodyctl install" in done.stderr
    assert not list(tmp_path.rglob("*.so"))
