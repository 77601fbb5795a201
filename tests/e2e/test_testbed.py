"""The testbed itself, on a server without mod_mep."""

import asyncio

import pytest
from testbed import Client, Prosody, caps, error_of
from testbed.client import Refused
from testbed.slix import Slix
from testbed.xml import CAPS, CLIENT, DISCO_INFO

pytestmark = pytest.mark.mep(module=False)

ROOM = "den@rooms.localhost"
DISCO = f"<query xmlns='{DISCO_INFO[1:-1]}'/>"


def body(stanza):
    return stanza.findtext(CLIENT + "body")


async def test_two_clients_talk_in_a_room(connect):
    alice, bob = await connect("alice"), await connect("bob")
    await alice.join(ROOM, "alice")
    await bob.join(ROOM, "bob")
    big = "ä" * 100_000
    alice.message(ROOM, f"<body>{big}</body>")
    for client in (alice, bob):
        message = await client.expect(lambda s: body(s) == big)
        assert message.get("from") == f"{ROOM}/alice"


async def test_a_barrier_proves_absence(connect):
    alice, bob = await connect("alice"), await connect("bob")
    await alice.join(ROOM, "alice")
    await bob.join(ROOM, "bob")
    await bob.leave(ROOM)
    alice.message(ROOM, "<body>gone?</body>")
    await alice.expect(lambda s: body(s) == "gone?")
    await bob.barrier()
    assert not [s for s in bob.received if body(s) == "gone?"]
    assert "gone?" not in "".join(bob.wire)


async def test_clients_answer_for_themselves(connect):
    alice, bob = await connect("alice"), await connect("bob", features=["urn:example:mood+notify"])
    await alice.join(ROOM, "alice")
    await bob.join(ROOM, "bob")
    reply = await alice.iq("get", f"{ROOM}/bob", DISCO)
    assert {f.get("var") for f in reply.iter(DISCO_INFO + "feature")} == set(bob.features)
    assert [(asked.from_, asked.node) for asked in bob.asked] == [(f"{ROOM}/alice", None)]
    refused = error_of(await alice.iq("get", f"{ROOM}/bob", "<query xmlns='jabber:iq:version'/>"))
    assert (refused.type, refused.condition, refused.pubsub) == ("cancel", "service-unavailable", None)


async def test_rooms_refuse_a_taken_nick(connect):
    alice, bob = await connect("alice"), await connect("bob")
    await alice.join(ROOM, "nick")
    with pytest.raises(Refused) as refused:
        await bob.join(ROOM, "nick")
    assert refused.value.error.condition == "conflict"
    await bob.join(ROOM, "bob")
    await bob.change_nick(ROOM, "robert")
    await alice.expect(lambda s: s.tag == CLIENT + "presence" and s.get("from") == f"{ROOM}/robert")


async def test_a_reply_that_does_not_come_and_a_connection_cut(connect, server):
    bob = await connect("bob")
    bob.answers[DISCO_INFO + "query"] = lambda iq: None
    alice = await connect("alice")
    for client in (alice, bob):
        await client.join(ROOM, client.jid.partition("@")[0])
    with pytest.raises(AssertionError, match="no reply"):
        await alice.iq("get", f"{ROOM}/bob", DISCO, timeout=0.2)
    await asyncio.to_thread(server.kill)
    with pytest.raises(ConnectionError):
        await alice.barrier()
    with pytest.raises(ConnectionError):
        await bob.expect(lambda s: False)
    server.start()
    again = await connect("alice")
    await again.barrier()


@pytest.mark.mep(storage="internal", options="muc_room_default_persistent = true")
async def test_a_restart_keeps_the_data(connect, server):
    alice = await connect("alice")
    await alice.join(ROOM, "alice")
    alice.message(ROOM, "<subject>kept</subject>")
    await alice.expect(lambda s: s.findtext(CLIENT + "subject") == "kept")
    await alice.close()
    await asyncio.to_thread(server.restart)
    alice = await connect("alice")
    await alice.join(ROOM, "alice")
    assert any(s.findtext(CLIENT + "subject") == "kept" for s in alice.received)


def test_the_shell(server):
    assert "Reloaded" in server.reload("muc")
    with pytest.raises(RuntimeError):
        server.shell("no:such()")


def test_problems_are_found(version):
    with Prosody(version, module=False, muc_modules=["nonsense"]) as server:
        pass
    assert any("nonsense" in problem for problem in server.problems())
    assert server.problems([".*"]) == []


def test_the_caps_oracle():
    """The simple generation example of XEP-0115."""
    features = ["disco#info", "disco#items", "muc"]
    features = [f"http://jabber.org/protocol/{name}" for name in features] + ["http://jabber.org/protocol/caps"]
    assert caps.ver(features, [("client", "pc", "", "Exodus 0.9.1")]) == "QgayPKawpkPSDYmwT/WM94uAlu0="


async def test_many_servers_and_clients_at_once(version):
    async def one(number):
        async with Prosody(version, module=False) as server:
            async with await Client.connect(server, f"user{number}", lang="de") as client:
                await client.barrier()

    await asyncio.gather(*(one(number) for number in range(4)))


async def test_slixmpp_joins_with_its_capabilities(server, connect):
    alice = await connect("alice")
    await alice.join(ROOM, "alice")
    async with Slix(server, "bob") as bob:
        await bob.join(ROOM, "bob")
        presence = await alice.expect(lambda s: s.get("from") == f"{ROOM}/bob")
        c = presence.find(CAPS + "c")
        query = f"<query xmlns='{DISCO_INFO[1:-1]}' node='{c.get('node')}#{c.get('ver')}'/>"
        info = await alice.iq("get", f"{ROOM}/bob", query)
        assert "http://jabber.org/protocol/mood+notify" in [f.get("var") for f in info.iter(DISCO_INFO + "feature")]
        alice.message(
            f"{ROOM}/bob",
            "<event xmlns='http://jabber.org/protocol/pubsub#event'>"
            "<items node='n'><item id='1'><a xmlns='b'/></item></items></event>",
            type="headline",
        )
        event = await bob.expect_event(node="n", from_=f"{ROOM}/alice")
        assert event["pubsub_event"]["items"]["node"] == "n"
