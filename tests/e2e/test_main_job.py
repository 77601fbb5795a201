"""The main job: publish to an occupant and to the room, and notify interested sessions (XEP-0316, 2 and 3)."""

import pytest
from mep import CONFERENCE, MOOD, ROOM, TUNE, come_in, ids_in, items, mood, must, notify, publish

pytestmark = pytest.mark.luas


async def test_an_occupants_event_reaches_the_interested_and_nobody_else(connect):
    alice = await connect("alice", features=notify(MOOD))
    bob = await connect("bob", features=notify(MOOD, TUNE))
    carol = await connect("carol", features=notify(TUNE))
    dave = await connect("dave", features=notify(MOOD))
    for client, nick in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        await come_in(client, nick)

    reply = await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), id="now"))
    assert ids_in(reply) == ["now"]
    seen = []
    for client in (alice, bob):
        event = await client.expect_event(MOOD)
        assert (event.from_, event.type, event.item_ids) == (f"{ROOM}/alice", "headline", ["now"])
        assert event.payloads[0].find(f"{{{MOOD}}}happy") is not None
        seen.append(event.id)
    assert seen[0] == seen[1], "one id for all copies of an event"
    for client in (carol, dave):
        await client.barrier()
        assert client.events() == []


async def test_the_room_publishes_what_its_owner_sends(connect):
    alice = await connect("alice", features=notify(CONFERENCE))
    bob = await connect("bob", features=notify(CONFERENCE))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    info = f"<conference-info xmlns='{CONFERENCE}'><activity><text>On air</text></activity></conference-info>"
    reply = await must(alice, "set", ROOM, publish(CONFERENCE, info))
    for client in (alice, bob):
        event = await client.expect_event(CONFERENCE)
        assert event.from_ == ROOM
        assert event.item_ids == ids_in(reply)


async def test_last_items_come_with_joining_and_with_growing_interest(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood("sad")))
    await must(alice, "set", f"{ROOM}/alice", publish(TUNE, f"<tune xmlns='{TUNE}'/>"))

    bob = await connect("bob", features=notify(MOOD))
    await come_in(bob, "bob")
    event = await bob.expect_event(MOOD)
    assert event.from_ == f"{ROOM}/alice"
    assert event.element.find("{urn:xmpp:delay}delay") is not None

    bob.set_features(notify(MOOD, TUNE))
    bob.presence(f"{ROOM}/bob", bob.caps)
    await bob.expect_event(TUNE)
    bob.presence(f"{ROOM}/bob", "<show>away</show>")
    bob.presence(f"{ROOM}/bob", bob.caps)
    await bob.barrier()
    assert [event.node for event in bob.events()] == [MOOD, TUNE], "once each, and never on mere presence"


async def test_leaving_ends_it_and_a_nick_change_carries_it_along(connect):
    alice = await connect("alice", features=notify(MOOD))
    bob = await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), id="a"))
    await bob.expect_event(MOOD)

    await alice.change_nick(ROOM, "alicia")
    assert ids_in(await must(bob, "get", f"{ROOM}/alicia", items(MOOD))) == ["a"]
    await must(alice, "set", f"{ROOM}/alicia", publish(MOOD, mood(), id="b"))
    await bob.expect_event(MOOD, from_=f"{ROOM}/alicia")
    assert [event.item_ids for event in bob.events()] == [["a"], ["b"]], "the change itself repeats nothing"

    await alice.leave(ROOM)
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "alicia")
    await carol.barrier()
    assert carol.events() == [], "the next at that nick inherits nothing"
    await must(carol, "set", f"{ROOM}/alicia", publish(MOOD, mood("angry"), id="c"))
    await bob.expect_event(MOOD)
    await alice.barrier()
    assert [event.item_ids for event in alice.events()] == [["a"], ["b"]], "nothing after leaving"
