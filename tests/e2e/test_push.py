"""A member who is away is told of what a room publishes: through offline storage, by a push, and by mod_muc's own."""

import asyncio

import pytest
from mep import PUBSUB, ROOM, come_in, must, publish, refused, subscribe
from testbed.client import CLIENT

NEWS = "urn:example:news"
FIELDS = {"pubsub#access_model": "open", "mep#read_by": "members", "pubsub#notification_type": "normal"}
ENABLE = "<enable xmlns='urn:xmpp:push:0' jid='pusher@localhost/desktop' node='phone'/>"

pytestmark = pytest.mark.mep(muc_modules=["testbed_push"])


def configuration(fields):
    rows = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items())
    kind = f"<field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#node_config</value></field>"
    return f"<x xmlns='jabber:x:data' type='submit'>{kind}{rows}</x>"


def affiliate(jid, affiliation):
    item = f"<item jid='{jid}' affiliation='{affiliation}'/>"
    return f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>"


def is_push(stanza):
    return stanza.tag == CLIENT + "iq" and stanza.find(f".//{{{PUBSUB}}}publish") is not None


async def publishing_room(connect, bobs):
    """A room whose members read its news; bob is one, subscribed, and has gone."""
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, affiliate("bob@localhost", "member"))
    created = f"<pubsub xmlns='{PUBSUB}'><create node='{NEWS}'/><configure>{configuration(FIELDS)}</configure></pubsub>"
    await must(alice, "set", ROOM, created)
    carol = await connect("carol")
    await come_in(carol, "carol")
    assert (await refused(carol, "set", ROOM, subscribe("carol@localhost", NEWS)))[1] == "forbidden"
    await come_in(bobs, "bob")
    await must(bobs, "set", ROOM, subscribe("bob@localhost", NEWS))
    await bobs.leave(ROOM)
    return alice


def news(id):
    return publish(NEWS, f"<news xmlns='{NEWS}'>{id}</news>", id)


@pytest.mark.mep(modules=["offline"])
async def test_what_was_published_waits_for_an_absent_member(connect, server):
    alice = await publishing_room(connect, bob := await connect("bob"))
    await bob.close()
    await must(alice, "set", ROOM, news("1"))
    assert await asyncio.to_thread(server.has_logged, f"ping for bob@localhost from {ROOM}")
    bob = await connect("bob")
    bob.presence()
    event = await bob.expect_event(NEWS, ROOM)
    assert (event.type in ("normal", None), event.item_ids) == (True, ["1"])
    assert all("alice@localhost" not in text for text in bob.wire)
    # With the membership, it ends at once.
    await must(alice, "set", ROOM, affiliate("bob@localhost", "none"))
    await bob.expect_event(NEWS, kind="subscription")
    await must(alice, "set", ROOM, news("2"))
    await bob.barrier()
    assert [event.item_ids for event in bob.events(NEWS, kind="items")] == [["1"]]
    assert server.log.count("ping for") == 1


@pytest.mark.allow_log("A module that pushes for rooms fails: .*no such device")
async def test_a_module_that_fails_stops_no_other_push(connect, server):
    alice = await publishing_room(connect, await connect("bob"))
    broken = await connect("broken")
    await must(alice, "set", ROOM, affiliate("broken@localhost", "member"))
    await must(broken, "set", ROOM, subscribe("broken@localhost", NEWS))
    dave = await connect("dave")
    await must(alice, "set", ROOM, affiliate("dave@localhost", "member"))
    await must(dave, "set", ROOM, subscribe("dave@localhost", NEWS))
    for id in ("1", "2"):
        await must(alice, "set", ROOM, news(id))
    for name in ("bob", "dave"):
        assert await asyncio.to_thread(server.has_logged, f"ping for {name}@localhost", times=2)
    assert server.log.count("A module that pushes for rooms fails") == 1


@pytest.mark.mep(modules=["offline", "cloud_notify"])
@pytest.mark.parametrize("version", ["13.0", "newest"], indirect=True)  # 0.12 has no such module of its own
async def test_an_absent_members_device_is_pushed_once(connect):
    pusher, bob = await connect("pusher"), await connect("bob")
    await must(bob, "set", None, ENABLE)
    alice = await publishing_room(connect, bob)
    await bob.close()
    await must(alice, "set", ROOM, news("1"))
    await pusher.expect(is_push)
    await alice.barrier()
    await pusher.barrier()
    assert len([stanza for stanza in pusher.received if is_push(stanza)]) == 1
