"""What modules of the server can do and are told of: docs/room-api.md, and the modules in examples/modules."""

import asyncio
import json
import re

import pytest
from mep import MOOD, ROOM, TUNE, come_in, items, must, notify, publish, refused, retract
from testbed import Client, Prosody, error_of
from testbed.prosody import PLUGINS, ROOT

HANDS, POLLS, VOTE, POLL, HAND = (f"urn:mod_mep:{name}:0" for name in ("hands", "polls", "vote", "poll", "hand"))
EXAMPLES = {"plugins": (*PLUGINS, ROOT / "examples/modules")}
JSON = "{urn:xmpp:json:0}json"


def as_json(value):
    return f"<json xmlns='urn:xmpp:json:0'>{json.dumps(value)}</json>"


def read(payload):
    assert payload.tag == JSON
    return json.loads(payload.text)


@pytest.fixture
def lua(server):
    """Runs Lua code in the server, with the functions of mod_mep as `mep`; returns what the shell shows of its value."""

    async def run(code):
        mep = "prosody.hosts['rooms.localhost'].modules.mep"
        code = " ".join(f"local mep = {mep}; {code}".split())
        shown = await asyncio.to_thread(server.shell, f"> (function () {code} end)()")
        return re.sub(r"^.*?Result: ", "", shown.strip(), flags=re.S)

    return run


async def test_a_module_publishes_as_the_room_and_for_an_occupant(connect, lua):
    alice = await connect("alice", features=notify(MOOD, TUNE))
    await come_in(alice, "alice")
    assert "one" in await lua(f"return mep.publish('{ROOM}', '{TUNE}', {{ title = 'x' }}, {{ id = 'one' }})")
    event = await alice.expect_event(TUNE)
    assert (event.from_, event.item_ids) == (ROOM, ["one"])
    assert read(event.payloads[0]) == {"title": "x"}
    # At an occupant's own address, it is the occupant's event.
    await lua(f"return mep.publish('{ROOM}/alice', '{MOOD}', {{ 1 }})")
    assert (await alice.expect_event(MOOD)).from_ == f"{ROOM}/alice"
    # As an occupant: what it may not do, the module may not do for it.
    bob = await connect("bob")
    await come_in(bob, "bob")
    shown = await lua(f"local ok, err = mep.publish('{ROOM}', '{TUNE}', {{}}, {{ as = 'bob' }}); return tostring(err)")
    assert "forbidden" in shown
    await lua(f"return mep.retract('{ROOM}', '{TUNE}', 'one')")
    event = await alice.expect_event(TUNE)
    assert (event.kind, event.item_ids) == ("retract", ["one"])


async def test_each_function_does_what_it_says(connect, lua):
    alice = await connect("alice", features=notify("urn:n"))
    await come_in(alice, "alice")
    assert "urn:n" in await lua(f"return mep.create('{ROOM}', 'urn:n', {{ max_items = 3, title = 'Notes' }})")
    assert "Notes" in await lua(f"return mep.configure('{ROOM}', 'urn:n').title")
    await lua(f"return mep.configure('{ROOM}', 'urn:n', {{ title = 'More', persist_items = true }})")
    for number in (1, 2):
        await lua(f"return mep.publish('{ROOM}', 'urn:n', {{ n = {number} }}, {{ id = '{number}' }})")
    shown = await lua(
        f"""local list = {{}}; for _, item in ipairs(mep.items('{ROOM}', 'urn:n')) do
            table.insert(list, item.id..'='..item.data.n); end
            local nodes = mep.nodes('{ROOM}');
            return table.concat(list, ' ')..'; '..#nodes..' '..nodes[1].node"""
    )
    assert shown == "1=1 2=2; 1 urn:n"
    assert await lua(f"return #mep.items('{ROOM}', 'urn:n', {{ ids = {{ '2' }} }})") == "1"
    assert await lua(f"return mep.items('{ROOM}', 'urn:n', {{ max = 1 }})[1].id") == "2"
    await lua(f"return mep.purge('{ROOM}', 'urn:n')")
    assert await lua(f"return #mep.items('{ROOM}', 'urn:n')") == "0"
    await lua(f"return mep.delete('{ROOM}', 'urn:n')")
    shown = await lua(f"local _, err = mep.items('{ROOM}', 'urn:n'); return err.type..' '..err.condition")
    assert shown == "cancel item-not-found"
    for address in ("nowhere@rooms.localhost", f"{ROOM}/nobody"):
        shown = await lua(f"local _, err = mep.publish('{address}', 'urn:n', {{}}); return tostring(err)")
        assert "item-not-found" in shown
    kinds = [await alice.expect_event("urn:n") for _ in range(4)]
    assert [event.kind for event in kinds] == ["items", "items", "purge", "delete"]


@pytest.mark.mep(**EXAMPLES, muc_modules=["mep_hands"])
async def test_the_example_of_raised_hands(connect, server):
    alice, bob = await connect("alice", features=notify(HANDS)), await connect("bob")
    await come_in(alice, "alice")
    await come_in(bob, "bob")

    async def queue():
        event = await alice.expect_event(HANDS)
        assert (event.from_, event.item_ids) == (ROOM, ["current"])
        return list(read(event.payloads[0])["queue"])

    for client, nick in ((bob, "bob"), (alice, "alice")):
        await must(client, "set", f"{ROOM}/{nick}", publish(HAND, as_json(True)))
    assert [await queue(), await queue()] == [["bob"], ["bob", "alice"]]
    await must(bob, "set", f"{ROOM}/bob", publish(HAND, as_json(True), id="again"))
    bob.presence(f"{ROOM}/bob", type="unavailable")
    assert await queue() == ["alice"]
    # Modules are loaded anew with the one that they depend on, and hear of changes once.
    await asyncio.to_thread(server.reload)
    await must(alice, "set", f"{ROOM}/alice", publish(HAND, as_json(True)))
    assert await queue() == ["alice"]
    await alice.barrier()
    assert len(alice.events()) == 4


@pytest.mark.mep(**EXAMPLES, muc_modules=["mep_poll"])
async def test_the_example_of_a_poll(connect):
    alice, bob = await connect("alice", features=notify(POLLS)), await connect("bob")
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    asked = {"question": "Tea?", "options": ["yes", "no"]}

    async def votes():
        event = await alice.expect_event(POLLS)
        poll = read(event.payloads[0])
        assert (event.from_, event.item_ids, poll["question"]) == (ROOM, ["bob"], "Tea?")
        return poll["votes"]

    async def problem(node, value):
        return error_of(await bob.iq("set", f"{ROOM}/bob", publish(node, as_json(value)))).text

    # Refused before anything has happened: with the module's own error.
    assert await problem(POLL, {"question": "Tea?"}) == "a poll has a question, and two options or more"
    assert await problem(VOTE, {"poll": "bob", "option": 1}) == "there is no such poll"

    await must(bob, "set", f"{ROOM}/bob", publish(POLL, as_json(asked)))
    assert await votes() == [0, 0]
    for client, nick, option in ((bob, "bob", 1), (alice, "alice", 2), (alice, "alice", 1)):
        await must(client, "set", f"{ROOM}/{nick}", publish(VOTE, as_json({"poll": "bob", "option": option})))
    assert [await votes(), await votes(), await votes()] == [[1, 0], [1, 1], [2, 0]]
    assert await problem(VOTE, {"poll": "bob", "option": 3}) == "the poll has no such option"

    # Another nick is no second vote, and what the room's owner publishes there need not be a poll.
    await alice.change_nick(ROOM, "alicia")
    await must(alice, "set", f"{ROOM}/alicia", publish(VOTE, as_json({"poll": "bob", "option": 2})))
    assert await votes() == [1, 1]
    for odd in (as_json({"question": "Odd?"}), as_json(7), "<odd xmlns='urn:odd'/>"):
        await must(alice, "set", ROOM, publish(POLLS, odd, "odd"))
        await alice.expect_event(POLLS)
        assert await problem(VOTE, {"poll": "odd", "option": 1}) == "there is no such poll"
    await alice.change_nick(ROOM, "alice")

    # Another poll in its place begins with no votes, and ends when it is taken back.
    await must(bob, "set", f"{ROOM}/bob", publish(POLL, as_json({"question": "Tea?", "options": ["a", "b", "c"]})))
    await must(alice, "set", f"{ROOM}/alice", publish(VOTE, as_json({"poll": "bob", "option": 3})))
    assert [await votes(), await votes()] == [[0, 0, 0], [0, 0, 1]]
    await must(bob, "set", f"{ROOM}/bob", publish(POLL, as_json(asked), "tea"))
    assert await votes() == [0, 0]
    await must(bob, "set", f"{ROOM}/bob", retract(POLL, "tea"))
    event = await alice.expect_event(POLLS)
    assert (event.kind, [gone.get("id") for gone in event.element.iterfind(".//{*}retract")]) == ("retract", ["bob"])


@pytest.fixture
def greeter(tmp_path):
    """The module in the page, as a folder of plugins."""
    page = (ROOT / "docs/room-api.md").read_text()
    (code,) = re.findall(r"<!-- the shortest -->\n```lua\n(.*?)```", page, re.S)
    (tmp_path / "mod_greeter.lua").write_text(code)
    return tmp_path


async def test_the_pages_own_example(version, greeter):
    with Prosody(version, plugins=(*PLUGINS, greeter), muc_modules=["greeter"]) as server:
        alice = await Client.connect(server, "alice", features=notify("urn:example:greeting"))
        bob = await Client.connect(server, "bob")
        await come_in(alice, "alice")
        await come_in(bob, "bob")
        told = [await alice.expect_event("urn:example:greeting") for _ in (1, 2)]
        assert {(event.from_, event.payloads[0].text) for event in told} == {(ROOM, "welcome")}
        for client in (alice, bob):
            await client.close()
    assert server.problems() == []


async def test_a_module_is_asked_and_told(connect, lua, server):
    """Each event with what is in it, in order."""
    await lua(
        """local module = require "core.modulemanager".get_module("rooms.localhost", "muc").module;
        prosody.seen = {};
        for _, name in ipairs({ "before-publish", "before-items", "created", "published", "retracted", "interested" }) do
            module:hook("mep-"..name, function (event)
                table.insert(prosody.seen, name..":"..tostring(event.nick)..":"..tostring(event.node)..":"..tostring(event.id)
                    ..":"..tostring(event.actor and event.actor.jid:match("^[^@]*"))
                    ..":"..table.concat(event.gained or event.ids or {}, ","));
                if name == "before-publish" and event.node == "urn:no" then return false; end
                if name == "before-publish" and event.node == "urn:other" then event.payload = { is = "other" }; end
            end);
        end"""
    )
    alice = await connect("alice", features=notify("urn:other"))
    await come_in(alice, "alice")
    await must(alice, "set", f"{ROOM}/alice", publish("urn:other", "<a xmlns='urn:a'/>", id="1"))
    event = await alice.expect_event("urn:other")
    assert read(event.payloads[0]) == {"is": "other"}
    assert (await refused(alice, "set", f"{ROOM}/alice", publish("urn:no", "<a xmlns='urn:a'/>")))[1] == "not-allowed"
    await must(alice, "get", f"{ROOM}/alice", items("urn:other"))
    await must(alice, "set", f"{ROOM}/alice", retract("urn:other", "1"))
    shown = (await lua("return table.concat(prosody.seen, ' ')")).split()
    assert shown == [
        "interested:alice:nil:nil:nil:urn:other",
        "before-publish:alice:urn:other:1:alice:",
        "created:alice:urn:other:nil:alice:",
        "published:alice:urn:other:1:alice:",
        "before-publish:alice:urn:no:nil:alice:",
        "before-items:alice:urn:other:nil:alice:",
        "retracted:alice:urn:other:nil:alice:1",
    ]
