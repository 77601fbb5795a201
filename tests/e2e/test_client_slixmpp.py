"""clients/slixmpp: the plugin against real rooms, its README, its example, and what would be published of it."""

import asyncio
import inspect
import re
import runpy
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest
import slixmpp
import slixmpp_mep
from mep import MOOD, ROOM, TUNE, come_in, item, mood, must, notify, publish, pubsub, retract
from slixmpp import JID
from slixmpp.exceptions import IqError
from testbed.prosody import ROOT
from testbed.slix import Slix, plain_client

PACKAGE = ROOT / "clients" / "slixmpp"
README = (PACKAGE / "README.md").read_text()
HAND = "urn:mod_mep:hand:0"
EVENTS = ("publish", "retract", "purge", "delete", "config", "leave", "nick")


class Member(Slix):
    """A slixmpp client with the plugin; `await bob.expect("publish")` is the next such event that was not yet taken."""

    def __init__(self, server, user):
        super().__init__(server, user, plugins=["xep_0316"])
        self.mep = self.plugin["xep_0316"]
        self.told = {name: asyncio.Queue() for name in EVENTS}
        for name, queue in self.told.items():
            self.add_event_handler(f"mep_{name}", queue.put_nowait)

    async def expect(self, name):
        return await asyncio.wait_for(self.told[name].get(), 10)

    def moods(self, nick):
        return [item["mood"]["value"] for item in self.mep.state(ROOM, nick, MOOD)]

    def mood(self, value):
        stanza = self.plugin["xep_0107"].stanza.UserMood()
        stanza["value"] = value
        return stanza


@pytest.fixture
async def alice_and_bob(server):
    """Alice, who owns the room, and Bob, both with the plugin."""
    async with Member(server, "alice") as alice, Member(server, "bob") as bob:
        await alice.join(ROOM, "alice")
        await bob.join(ROOM, "bob")
        yield alice, bob


async def test_an_occupant_publishes_and_takes_back(alice_and_bob):
    alice, bob = alice_and_bob
    await alice.mep.publish(ROOM, alice.mood("happy"))
    event = await bob.expect("publish")
    assert (event.room, event.nick, event.node) == (JID(ROOM), "alice", MOOD)
    assert [(item.id, item["mood"]["value"]) for item in event.items] == [("current", "happy")]
    assert event.occupant_id
    assert bob.moods("alice") == ["happy"] and bob.moods("bob") == bob.moods(None) == []
    assert bob.mep.occupant_of(event.message) == (JID(ROOM), "alice")

    reply = await bob.mep.items(ROOM, "alice", MOOD)
    assert [item["mood"] is not None for item in reply["pubsub"]["items"]] == [True]
    await alice.mep.retract(ROOM, MOOD)
    assert (await bob.expect("retract")).retracted == ["current"]
    assert bob.moods("alice") == []

    for end in (alice.mep.purge, alice.mep.delete):
        await alice.mep.publish(ROOM, alice.mood("sad"))
        await bob.expect("publish")
        await end(ROOM, MOOD)
        await bob.expect(end.__name__)
        assert bob.moods("alice") == []


async def test_the_room_publishes_by_those_whom_it_lets(alice_and_bob):
    alice, bob = alice_and_bob
    await alice.mep.publish(ROOM, alice.mood("happy"), as_room=True, id=None)
    event = await bob.expect("publish")
    assert event.nick is None and event.occupant_id is None
    assert bob.moods(None) == ["happy"] and set(bob.mep.states(ROOM, MOOD)) == {None}
    with pytest.raises(IqError) as refused:
        await bob.mep.publish(ROOM, bob.mood("sad"), as_room=True)
    assert refused.value.condition == "forbidden"
    await alice.mep.delete(ROOM, MOOD, as_room=True)
    await bob.expect("delete")
    assert bob.moods(None) == []


async def test_state_follows_nicks_and_ends_with_leaving(alice_and_bob):
    alice, bob = alice_and_bob
    await alice.mep.publish(ROOM, alice.mood("happy"))
    await bob.expect("publish")
    await alice.plugin["xep_0045"].set_self_nick(JID(ROOM), "alicia")
    assert await bob.expect("nick") == slixmpp_mep.MEPNick(JID(ROOM), "alice", "alicia")
    assert (bob.moods("alice"), bob.moods("alicia")) == ([], ["happy"])
    assert alice.moods("alicia") == ["happy"]
    await alice.mep.publish(ROOM, alice.mood("sad"))
    assert (await bob.expect("publish")).nick == "alicia"

    alice.plugin["xep_0045"].leave_muc(JID(ROOM), "alicia")
    assert await bob.expect("leave") == slixmpp_mep.MEPLeave(JID(ROOM), "alicia", [MOOD])
    assert bob.mep.states(ROOM, MOOD) == {}
    assert (await alice.expect("leave")).nick is None


async def test_who_comes_back_is_told_again(alice_and_bob):
    alice, bob = alice_and_bob
    await alice.mep.publish(ROOM, alice.mood("happy"))
    first = await bob.expect("publish")
    # Bob joins once more without having left.
    await bob.plugin["xep_0045"].join_muc_wait(JID(ROOM), "bob", maxstanzas=0, timeout=10)
    assert await bob.expect("leave") == slixmpp_mep.MEPLeave(JID(ROOM), None, [MOOD])
    again = await bob.expect("publish")
    assert abs((again.items[0].published - first.items[0].published).total_seconds()) < 5
    assert bob.moods("alice") == ["happy"]


async def test_a_kick_ends_the_state_of_the_room(alice_and_bob):
    alice, bob = alice_and_bob
    await alice.mep.publish(ROOM, alice.mood("happy"))
    await bob.expect("publish")
    await alice.plugin["xep_0045"].set_role(JID(ROOM), "bob", "none")
    assert (await bob.expect("leave")).nick is None
    assert bob.mep.states(ROOM, MOOD) == {}


async def test_interest_that_grows_in_the_room(alice_and_bob, connect):
    alice, bob = alice_and_bob
    payload = slixmpp.xmlstream.ET.Element(f"{{{HAND}}}hand")
    await alice.mep.publish(ROOM, payload)
    away = asyncio.create_task(bob.wait_until(f"muc::{ROOM}::self-presence", 10))
    await asyncio.sleep(0)  # lets the task register its handler
    bob.send_presence(pto=f"{ROOM}/bob", pshow="away", pstatus="lunch")
    await away
    await bob.mep.add_interest(HAND)
    event = await bob.expect("publish")
    assert (event.node, event.items[0].payload.tag) == (HAND, f"{{{HAND}}}hand")
    carol = await connect("carol")
    await carol.join(ROOM, "carol")
    await carol.expect(lambda s: s.get("from") == f"{ROOM}/bob" and s.findtext("{jabber:client}show") == "away")

    await bob.mep.remove_interest(HAND)
    assert bob.mep.states(ROOM, HAND) == {}
    told = HAND
    while told == HAND:  # until the room has asked what the new hash means
        await alice.mep.publish(ROOM, payload)
        await alice.mep.publish(ROOM, alice.mood("happy"))
        told = (await bob.expect("publish")).node
        if told == HAND:
            assert (await bob.expect("publish")).node == MOOD
    assert told == MOOD


async def test_subscriptions_to_a_node_and_to_all_nodes(alice_and_bob):
    alice, bob = alice_and_bob
    payload = slixmpp.xmlstream.ET.Element("{urn:example:other}other")
    for node in ("urn:example:other", None):
        await alice.mep.publish(ROOM, payload)
        await bob.mep.subscribe(ROOM, "alice", node)
        assert (await bob.expect("publish")).node == "urn:example:other"
        await bob.mep.unsubscribe(ROOM, "alice", node)
    await alice.mep.publish(ROOM, payload)
    await alice.mep.publish(ROOM, alice.mood("happy"))
    assert (await bob.expect("publish")).node == MOOD


async def test_pep_of_an_account_is_something_else(server):
    """The same mood, once of Alice's account and once of the occupant."""
    async with Member(server, "alice") as alice:
        await alice.join(ROOM, "alice")
        seen = asyncio.Queue()
        alice.add_event_handler("user_mood_publish", lambda m: seen.put_nowait(alice.mep.occupant_of(m)))
        await alice.plugin["xep_0107"].publish_mood("sad")
        assert await asyncio.wait_for(seen.get(), 10) is None
        await alice.mep.publish(ROOM, alice.mood("happy"))
        assert await asyncio.wait_for(seen.get(), 10) == (JID(ROOM), "alice")
        event = await alice.expect("publish")
        assert event.items[0]["mood"]["value"] == "happy" and alice.told["publish"].empty()


async def test_many_items_of_one_occupant(alice_and_bob):
    alice, bob = alice_and_bob
    await bob.mep.add_interest("urn:example:talk", max_items=3)
    options = alice.plugin["xep_0004"].make_form("submit")
    options.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    options.add_field(var="pubsub#max_items", value="10")
    for number in range(5):
        payload = slixmpp.xmlstream.ET.Element("{urn:example:talk}talk")
        await alice.mep.publish(ROOM, payload, id=str(number), options=options)
        await bob.expect("publish")
    assert [item.id for item in bob.mep.state(ROOM, "alice", "urn:example:talk")] == ["2", "3", "4"]
    reply = await bob.mep.items(ROOM, "alice", "urn:example:talk")
    assert {item["id"] for item in reply["pubsub"]["items"]} == set("01234")


async def test_an_occupant_that_publishes_nonsense_raises_no_exception(alice_and_bob, connect, caplog):
    alice, bob = alice_and_bob
    carol = await connect("carol")
    await carol.join(ROOM, "carol")
    nonsense = ["<x xmlns='x'/>", f"<mood xmlns='{MOOD}'><a/><happy/><happy/></mood>", f"<mood xmlns='{MOOD}'/>",
                f"<tune xmlns='{TUNE}'><length>long</length></tune>", "<a xmlns='a'>" + "<a>" * 50 + "</a>" * 50 + "</a>"]
    for node in (MOOD, TUNE):
        for payload in nonsense:
            await must(carol, "set", f"{ROOM}/carol", publish(node, payload, "\u202e\u0660"))
            assert (await bob.expect("publish")).nick == "carol"
        await must(carol, "set", f"{ROOM}/carol", retract(node, "\u202e\u0660"))
        await bob.expect("retract")
    await alice.mep.publish(ROOM, alice.mood("happy"))
    await bob.expect("publish")
    assert bob.moods("alice") == ["happy"]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


# The README and the example




@pytest.mark.mep(rooms="rooms.example.org", host="example.org")
async def test_the_readmes_example(server, connect, monkeypatch, capsys):
    room = "den@rooms.example.org"
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice", room)
    await must(alice, "set", f"{room}/alice", publish(MOOD, mood("excited")))
    monkeypatch.setattr(slixmpp, "ClientXMPP", plain_client(server))
    (example,) = re.findall(r"```python\n(import .*?)```", README, re.S)
    space = {"__name__": "example"}
    exec(compile(example.replace("sleep(10)", "sleep(1)"), "README.md", "exec"), space)
    await space["main"]("bob@example.org", "secret", room, "bob")
    assert (await alice.expect_event(MOOD, from_=f"{room}/bob")).item_ids == ["current"]
    printed = capsys.readouterr().out.splitlines()
    assert set(printed) == {"alice is excited", "bob is curious", "alice was last excited", "bob was last curious"}


def test_the_readme_lists_every_method_and_event_with_its_arguments():
    plugin = slixmpp_mep.XEP_0316
    listed = dict(re.findall(r"^\| `(?:await )?(\w+)\((.*?)\)`", README, re.M))
    public = {name for name, value in vars(plugin).items() if inspect.isfunction(value) and name[0] != "_"}
    assert set(listed) == public - {"plugin_init", "plugin_end"}
    for name, arguments in listed.items():
        signature = inspect.signature(getattr(plugin, name))
        given = [p for p in signature.parameters.values() if p.name not in ("self", "pubsubkwargs")]
        bare = signature.replace(parameters=[p.replace(annotation=p.empty) for p in given], return_annotation=str)
        assert arguments == str(bare).partition(" -> ")[0][1:-1].replace("'", '"'), name
    events = set(re.findall(r"`(mep_\w+)`", README))
    assert events == {f"mep_{name}" for name in EVENTS}
    assert all(f"``{event}``" in plugin.__doc__ for event in events)


async def test_the_bot_that_keeps_the_queue_of_raised_hands(server, connect, monkeypatch):
    people = {}
    for nick in ("alice", "bob", "carol"):
        people[nick] = await connect(nick)
        await people[nick].join(ROOM, nick)

    async def raise_hand(nick):
        await must(people[nick], "set", f"{ROOM}/{nick}", publish(HAND, f"<hand xmlns='{HAND}'/>", "current"))

    async def announced():
        message = await people["alice"].expect(lambda s: s.get("from") == f"{ROOM}/chair" and "Next" in (
            s.findtext("{jabber:client}body") or ""))
        return message.findtext("{jabber:client}body")

    # One hand is up before the bot comes.
    await raise_hand("bob")
    monkeypatch.setattr(slixmpp, "ClientXMPP", plain_client(server))
    bot = runpy.run_path(str(PACKAGE / "examples" / "raised_hands.py"))["RaisedHands"]
    bot.pause = 0.3
    chair = bot("chair@localhost", "chair", ROOM)
    chair.connect()
    task = asyncio.create_task(chair.announce())
    try:
        assert await announced() == "Next: bob"
        await raise_hand("carol")
        await raise_hand("alice")
        await raise_hand("bob")  # again: nothing changes
        await must(people["bob"], "set", f"{ROOM}/bob", pubsub(f"<retract node='{HAND}' notify='1'>{item('', 'current')}</retract>"))
        assert await announced() == "Next: carol, then alice"
        await people["carol"].change_nick(ROOM, "caroline")
        assert await announced() == "Next: caroline, then alice"
        await people["carol"].leave(ROOM)
        assert await announced() == "Next: alice"
        assert chair.queue == ["alice"]
    finally:
        task.cancel()
        await chair.disconnect()


# What would be published


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with sdist and wheel."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([ROOT / "packaging" / "clients.sh", folder], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_has_what_it_should(built):
    (wheel,) = built.glob("*.whl")
    assert wheel.name == "slixmpp_mep-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read("slixmpp_mep-0.1.0.dist-info/METADATA").decode()
    modules = {f"slixmpp_mep/{path.name}" for path in (PACKAGE / "slixmpp_mep").glob("*.py")}
    info = {f"slixmpp_mep-0.1.0.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE", "top_level.txt")}
    assert names == modules | {"slixmpp_mep/py.typed"} | info
    for line in ("Name: slixmpp-mep", "Version: 0.1.0", "License-Expression: MIT", "Requires-Dist: slixmpp>=1.10"):
        assert line in metadata.splitlines()
    assert README in metadata


def test_the_sdist_has_the_sources_and_the_tests(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "slixmpp_mep/mep.py", "tests/test_plugin.py", "examples/raised_hands.py"} <= names


def test_the_wheel_works_where_it_is_installed(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import slixmpp, slixmpp_mep; c = slixmpp.ClientXMPP('a@b', 'c'); c.register_plugin('xep_0316'); print(slixmpp_mep.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "slixmpp_mep" / "__init__.py")


def test_the_licence_is_the_projects():
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT"
    assert (PACKAGE / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
