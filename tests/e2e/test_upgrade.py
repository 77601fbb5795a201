"""A new version is installed while the old one runs: it waits for a restart, and the two are never mixed."""

import asyncio
import re
import shutil

import pytest
from mep import MOOD, ROOM, come_in, ids_in, items, mood, must, notify, publish, refused
from testbed import Client, Prosody
from testbed.prosody import PLUGINS

ALICE, HOST = f"{ROOM}/alice", "rooms.localhost"
STAMP = (PLUGINS[0] / "mod_mep/build.lib.lua").read_text()
VERSION, BUILD = (re.search(rf'{field} = "(.*)"', STAMP)[1] for field in ("version", "build"))
OTHER = "0123456789abcdef"
REFUSED = ("Error saving module", "Aborting reload", "Error initializing module", "Error auto-reloading", "reload")


@pytest.fixture
async def server(version, tmp_path):
    shutil.copytree(PLUGINS[0], tmp_path, dirs_exist_ok=True)
    server = Prosody(version, plugins=(tmp_path, *PLUGINS[1:]))
    async with server:
        yield server
    assert server.problems(REFUSED) == []


@pytest.fixture
def upgrade(tmp_path):
    """Lets the installed files be those of another version and build."""

    def upgrade(version, build):
        path = tmp_path / "mod_mep" / "build.lib.lua"
        path.write_text(STAMP.replace(f'"{VERSION}"', f'"{version}"').replace(f'"{BUILD}"', f'"{build}"'))

    return upgrade


async def reload_is_refused(server, module="mep"):
    try:
        await asyncio.to_thread(server.reload, module)
    except RuntimeError as error:  # the shell says so as well, from 13.0 on
        assert "save-state-failed" in str(error)


async def two_in_a_room(server):
    alice, bob = await Client.connect(server, "alice"), await Client.connect(server, "bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "before"))
    await bob.expect_event(MOOD)
    return alice, bob


@pytest.mark.parametrize("module", ["mep", "muc"])
async def test_a_reload_after_an_upgrade_is_refused_and_the_old_one_goes_on(server, upgrade, module):
    alice, bob = await two_in_a_room(server)
    upgrade("9.9.9", OTHER)
    await reload_is_refused(server, module)
    line = f"mod_mep 9.9.9 (build {OTHER}) is installed, but {VERSION} (build {BUILD}) is running, and a reload "
    assert server.has_logged(line) and server.log.count(line) == 1
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["before"]
    await must(alice, "set", ALICE, publish(MOOD, mood(), "after"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "of the room"))
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["before"], ["after"], ["of the room"]]
    await alice.leave(ROOM)
    assert (await refused(bob, "get", ALICE, items(MOOD)))[1] == "item-not-found"

    upgrade(VERSION, BUILD)
    await asyncio.to_thread(server.reload)
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood(), "reloaded"))
    assert (await bob.expect_event(MOOD, from_=f"{ROOM}/bob")).item_ids == ["reloaded"]
    for client in (alice, bob):
        await client.close()


async def test_loading_a_new_version_over_an_old_core_is_refused(server, upgrade):
    alice, bob = await two_in_a_room(server)
    await asyncio.to_thread(server.shell, f'module:unload("mep", "{HOST}")')
    upgrade(VERSION, OTHER)  # between two releases, only the build differs
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(server.shell, f'module:load("mep", "{HOST}")')
    assert server.has_logged(f"the core of another build ({VERSION}) is in memory; restart Prosody")
    unavailable = ("cancel", "service-unavailable", None)
    assert await refused(alice, "set", ROOM, publish(MOOD, mood())) == unavailable, "none of it is there"
    alice.message(ROOM, "<body>Hello</body>")
    await bob.expect(lambda s: s.findtext("{jabber:client}body") == "Hello")

    upgrade(VERSION, BUILD)
    await asyncio.to_thread(server.shell, f'module:load("mep", "{HOST}")')
    await must(alice, "set", ROOM, publish(MOOD, mood(), "back"))
    for client in (alice, bob):
        await client.close()


@pytest.mark.parametrize("name", ["effects.lib.lua", "mep_core.so"])
@pytest.mark.parametrize("harm", ["missing", "half"])
async def test_a_reload_is_refused_while_a_file_is_not_whole(server, tmp_path, name, harm):
    alice, bob = await two_in_a_room(server)
    path = tmp_path / "mod_mep" / name
    whole = path.read_bytes()
    path.unlink()  # the running server has it mapped: what is written there must be another file
    if harm == "half":
        path.write_bytes(whole[: len(whole) // 2])
    await reload_is_refused(server)
    said = "is missing" if harm == "missing" else "does not match this build: it was copied only partly"
    assert server.has_logged(f"{name} {said}")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "after"))
    assert (await bob.expect_event(MOOD)).item_ids == ["after"]

    path.unlink(missing_ok=True)
    path.write_bytes(whole)
    await asyncio.to_thread(server.reload)
    await must(alice, "set", ALICE, publish(MOOD, mood(), "reloaded"))
    assert (await bob.expect_event(MOOD)).item_ids == ["reloaded"]
    for client in (alice, bob):
        await client.close()
