"""The commands `mep:…` of Prosody's shell: docs/operations.md."""

import asyncio
import re

import pytest
from mep import MOOD, ROOM, TUNE, come_in, mood, must, notify, publish, subscribe
from testbed.prosody import ROOT


@pytest.fixture
def shell(server):
    async def run(command):
        return await asyncio.to_thread(server.shell, command)

    return run


@pytest.fixture
async def room(connect):
    alice = await connect("alice")
    bob = await connect("bob", features=notify(MOOD))
    carol = await connect("carol", features=notify(TUNE))
    for client, nick in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        await come_in(client, nick)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "now"))
    return bob


async def test_what_rooms_have_is_shown(room, shell):
    shown = await shell("mep:rooms()")
    assert re.search(rf"^room +occupants +nodes +items +octets\n{ROOM} +3 +1 +1 +\d+$", shown, re.M)
    shown = await shell(f'mep:nodes("{ROOM}")')
    assert re.search(rf"^{MOOD} +1 +presence$", shown, re.M)
    shown = await shell(f'mep:items("{ROOM}", "{MOOD}")')
    assert re.search(r"^now +<mood ", shown, re.M)


async def test_who_is_told_and_why_others_are_not(room, shell):
    shown = await shell(f'mep:audience("{ROOM}", "{MOOD}")')
    assert re.search(rf"^{ROOM}/alice +\S+ +no: not interested \(no \+notify\)$", shown, re.M)
    assert re.search(rf"^{ROOM}/bob +\S+ +yes$", shown, re.M)
    assert "1 of 3 sessions told" in shown
    assert "@localhost" not in shown.replace("@rooms.localhost", "")


async def test_subscriptions_are_listed(room, shell):
    await must(room, "set", ROOM, subscribe(room.jid, MOOD))
    shown = await shell(f'mep:subscriptions("{ROOM}", "{MOOD}")')
    assert re.search(r"^(\S+) +subscribed$", shown, re.M)
    assert "1 subscription" in shown


async def test_items_are_published_and_taken_away(room, shell):
    assert "published x" in await shell(f"""mep:publish("{ROOM}", "{MOOD}", "<mood xmlns='{MOOD}'><sad/></mood>", "x")""")
    await shell(f"""mep:publish("{ROOM}/alice", "{MOOD}", '{{"a": 1}}')""")
    await shell(f'mep:retract("{ROOM}", "{MOOD}", "x")')
    await shell(f'mep:delete("{ROOM}", "{MOOD}")')
    kinds = [(event.kind, event.from_) for event in [await room.expect_event(MOOD) for _ in range(5)]]
    assert kinds == [("items", ROOM), ("items", ROOM), ("items", f"{ROOM}/alice"), ("retract", ROOM), ("delete", ROOM)]


@pytest.mark.parametrize(
    "command, problem",
    [
        ('mep:nodes("nowhere@rooms.localhost")', "item-not-found: no such room or occupant"),
        ('mep:items("den@rooms.localhost", "urn:none")', "item-not-found"),
        ('mep:items("den@rooms.localhost")', "mep:items needs the node as a text"),
        ('mep:nodes("den@localhost")', "mod_mep is not loaded on the host of den@localhost"),
        ('mep:rooms("localhost")', "mod_mep is not loaded on localhost"),
        ('mep:publish("den@rooms.localhost", "urn:n", "{")', "the payload is neither XML nor JSON"),
        ('mep:retract("den@rooms.localhost", "http://jabber.org/protocol/mood", "none")', "item-not-found"),
    ],
)
async def test_errors_help(room, shell, command, problem):
    with pytest.raises(RuntimeError, match=re.escape(problem)):
        await shell(command)


async def test_the_commands_of_the_page(room, shell):
    page = (ROOT / "docs/operations.md").read_text()
    commands = [found for found in re.findall(r"^prosodyctl shell '(mep:.*)'$", page, re.M) if "den@" in found]
    assert len(commands) == 8
    for command in commands:
        await shell(command.replace("rooms.example.com", "rooms.localhost"))
