"""What XEP-0163 demands of notifications to those who subscribed (4.3), and no other test shows."""

import pytest
from mep import MOOD, ROOM, come_in, mood, must, options, publish, subscribe, told


@pytest.fixture
async def people(connect):
    """Alice, with an open node of the room, and Bob with two clients; no capabilities ask for anything."""
    clients = [await connect("alice"), await connect("bob", resource="desk"), await connect("bob", resource="phone")]
    for client, nick in zip(clients, ("alice", "bob", "bob"), strict=True):
        await come_in(client, nick)
    await must(clients[0], "set", ROOM, publish(MOOD, mood(), "first", options(access_model="open")))
    return clients


async def test_a_full_jid_is_told_there_and_nowhere_else(people):
    alice, desk, phone = people
    await must(desk, "set", ROOM, subscribe(desk.jid, MOOD))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "inside"))
    await desk.leave(ROOM)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "outside"))
    assert (await told(desk), await told(phone)) == ([["first"], ["inside"], ["outside"]], [])
    assert {event.to for event in desk.events()} == {desk.jid}


async def test_a_bare_jid_is_told_at_each_session_in_the_room_and_once_outside(people):
    alice, desk, phone = people
    await must(desk, "set", ROOM, subscribe("bob@localhost", MOOD))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "inside"))
    assert (await told(desk), await told(phone)) == ([["first"], ["inside"]], [["inside"]])
    assert [event.to for event in phone.events()] == [phone.jid]
    desk.presence()
    await desk.barrier()
    for client in (desk, phone):
        await client.leave(ROOM)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "outside"))
    assert (await told(desk), await told(phone)) == ([["first"], ["inside"], ["outside"]], [["inside"]])
    assert desk.events()[-1].to == "bob@localhost"
