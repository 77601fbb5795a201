"""A new version is installed while the old one runs: it waits for a restart, and nothing is half of either."""

import asyncio
import re
import shutil

import pytest
from mep import MOOD, ROOM, come_in, ids_in, items, mood, must, notify, publish, refused
from testbed import Client, Prosody
from testbed.prosody import PLUGINS, ROOT

ALICE, HOST = f"{ROOM}/alice", "rooms.localhost"
VERSION = re.search(r'return "(.*)"', (ROOT / "lua/version.lib.lua").read_text())[1]
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
    def upgrade(version):
        path = tmp_path / "mod_mep" / "version.lib.lua"
        path.write_text(f'return "{version}";')

    return upgrade


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
    upgrade("9.9.9")
    try:
        await asyncio.to_thread(server.reload, module)
    except RuntimeError as error:  # the shell says so as well, from 13.0 on
        assert "save-state-failed" in str(error)
    line = f"mod_mep 9.9.9 is installed, and {VERSION} is running, with its core, which a reload can't replace; restart"
    assert server.has_logged(line) and server.log.count(line) == 1
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["before"]
    await must(alice, "set", ALICE, publish(MOOD, mood(), "after"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "of the room"))
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["before"], ["after"], ["of the room"]]
    await alice.leave(ROOM)
    assert (await refused(bob, "get", ALICE, items(MOOD)))[1] == "item-not-found"

    upgrade(VERSION)
    await asyncio.to_thread(server.reload)
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood(), "reloaded"))
    assert (await bob.expect_event(MOOD, from_=f"{ROOM}/bob")).item_ids == ["reloaded"]
    for client in (alice, bob):
        await client.close()


async def test_loading_a_new_version_over_an_old_core_is_refused(server, upgrade):
    alice, bob = await two_in_a_room(server)
    await asyncio.to_thread(server.shell, f'module:unload("mep", "{HOST}")')
    upgrade("9.9.9")
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(server.shell, f'module:load("mep", "{HOST}")')
    line = f"this is mod_mep 9.9.9, and the core that was found is {VERSION}; if that is an older one"
    assert server.has_logged(line)
    unavailable = ("cancel", "service-unavailable", None)
    assert await refused(alice, "set", ROOM, publish(MOOD, mood())) == unavailable, "none of it is there"
    alice.message(ROOM, "<body>Hello</body>")
    await bob.expect(lambda s: s.findtext("{jabber:client}body") == "Hello")

    upgrade(VERSION)
    await asyncio.to_thread(server.shell, f'module:load("mep", "{HOST}")')
    await must(alice, "set", ROOM, publish(MOOD, mood(), "back"))
    for client in (alice, bob):
        await client.close()
