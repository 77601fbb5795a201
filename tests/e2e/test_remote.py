"""Occupants from another server: they join, are queried, publish, are notified, get disconnected, and return."""

import asyncio

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, TUNE, come_in, disco, ids_in, items, mood, must, nodes_in, notify, options, publish,
    pubsub, refused, subscribe,
)  # fmt: skip
from testbed import Client, Prosody

HERE, THERE = "one.example", "two.example"
ROOM = f"den@rooms.{HERE}"
ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
# What Prosody says of a server that is gone.
LOST = ("connection (?:failed|refused|closed|timeout)", "s2s", "Failed", "dialback")


@pytest.fixture
async def servers(version, tmp_path):
    """The rooms' server, and the one that Bob's account is on."""
    persistent = {"storage": "internal", "options": "muc_room_default_persistent = true"}
    one = Prosody(version, host=HERE, rooms=f"rooms.{HERE}", address="127.0.0.2", network=tmp_path, **persistent)
    two = Prosody(version, host=THERE, rooms=f"rooms.{THERE}", address="127.0.0.3", network=tmp_path)
    async with one, two:
        yield one, two
    assert one.problems(LOST) == []
    assert two.problems(LOST) == []


@pytest.fixture
async def people(servers):
    """Alice, on the room's own server, and a function that connects clients to the other server."""
    one, two = servers
    clients = [await Client.connect(one, "alice", features=notify(MOOD))]

    async def abroad(user="bob", **options):
        client = await Client.connect(two, user, **options)
        clients.append(client)
        return client

    await come_in(clients[0], "alice", ROOM)
    yield clients[0], abroad
    for client in clients:
        await client.close()


async def over_there(client):
    """Returns once everything has arrived that the room's server had sent to this client so far."""
    await must(client, "get", f"rooms.{HERE}", disco(DISCO_INFO))


async def come_from_afar(client, nick="bob"):
    await client.join(ROOM, nick)
    await over_there(client)  # the question has come, and is answered
    await over_there(client)  # the answer has been read


def gone(nick):
    return lambda s: s.get("from") == f"{ROOM}/{nick}" and s.get("type") == "unavailable"


def ids(client, from_=None):
    return [id for event in client.events(from_=from_) for id in event.item_ids]


async def test_a_remote_occupant_is_asked_gets_last_items_publishes_and_is_told(people):
    alice, abroad = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "last"))
    bob = await abroad(features=notify(MOOD, TUNE))  # which nobody else has: who wants the same is not asked
    await come_from_afar(bob)
    (asked,) = (asked for asked in bob.asked if asked.from_ == ROOM)
    assert asked.node.endswith(bob.ver)
    assert ids(bob) == ["last"]
    await must(bob, "set", BOB, publish(MOOD, mood(), "from afar"))
    assert (await alice.expect_event(MOOD, from_=BOB)).item_ids == ["from afar"]
    await must(alice, "set", ALICE, publish(MOOD, mood(), "to afar"))
    await over_there(bob)
    assert ids(bob) == ["last", "from afar", "to afar"]
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["to afar"]
    await must(alice, "set", BOB, subscribe(alice.jid))
    await bob.change_nick(ROOM, "robert")
    assert ids_in(await must(alice, "get", f"{ROOM}/robert", items(MOOD))) == ["from afar"]
    await bob.leave(ROOM)
    assert (await refused(alice, "get", f"{ROOM}/robert", items(MOOD)))[1] == "item-not-found"


async def test_whose_server_dies_is_gone_with_the_first_event_that_can_not_reach_them(servers, people):
    _, two = servers
    alice, abroad = people
    bob = await abroad(features=notify(MOOD))
    await come_from_afar(bob)
    await must(bob, "set", BOB, publish(MOOD, mood(), "old"))
    await must(bob, "set", ALICE, subscribe(bob.jid))
    await alice.expect_event(MOOD)
    await bob.cut()
    await asyncio.to_thread(two.kill)
    # The first one finds out that the stream is dead, or that there is nobody to open one to.
    await must(alice, "set", ALICE, publish(MOOD, mood(), "into the void"))
    await alice.expect(gone("bob"))
    assert (await refused(alice, "get", BOB, items(MOOD)))[1] == "item-not-found"

    await asyncio.to_thread(two.start)
    again = await abroad(features=notify(MOOD))
    await come_from_afar(again)
    assert ids(again) == ["into the void"], "the last item, and nothing that was on its way"
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []
    await must(again, "set", BOB, publish(MOOD, mood(), "new"))
    await alice.expect(lambda s: any(item.get("id") == "new" for item in s.iter()))
    await over_there(again)
    assert ids(again) == ["into the void", "new"]


async def test_a_link_that_is_closed_and_opened_again_changes_nothing(servers, people):
    one, _ = servers
    alice, abroad = people
    bob = await abroad(features=notify(MOOD, TUNE))
    await come_from_afar(bob)
    await must(bob, "set", BOB, publish(MOOD, mood(), "before"))
    await alice.expect_event(MOOD)
    for pair in (f'"rooms.{HERE}", "{THERE}"', f'"{THERE}", "rooms.{HERE}"'):
        await asyncio.to_thread(one.shell, f"s2s:close({pair})")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "after"))
    assert (await bob.expect_event(MOOD, from_=ALICE)).item_ids == ["after"]
    await over_there(bob)
    assert ids(bob) == ["before", "after"]
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["before"]
    assert len([asked for asked in bob.asked if asked.from_ == ROOM]) == 1


async def test_who_asks_for_much_from_afar_gets_it_in_pages(people):
    """A stream between servers takes half a megabyte for a stanza; a node may hold far more."""
    alice, abroad = people
    bob = await abroad()
    await come_from_afar(bob)
    large = f"<mood xmlns='{MOOD}'><happy/><text>{'x' * 60_000}</text></mood>"
    for number in range(12):
        await must(alice, "set", ALICE, publish(MOOD, large, str(number), options(max_items="20")))
    pages, after = [], ""
    while len(sum(pages, [])) < 12:
        page = f"<items node='{MOOD}'/><set xmlns='http://jabber.org/protocol/rsm'><max>20</max>{after}</set>"
        pages.append(ids_in(await must(bob, "get", ALICE, pubsub(page))))
        after = f"<after>{pages[-1][-1]}</after>"
    assert sum(pages, []) == [str(number) for number in range(12)]
    assert len(pages) > 1


async def test_a_remote_occupant_stays_through_a_restart_of_the_rooms_server_and_starts_anew(servers, people):
    one, _ = servers
    alice, abroad = people
    bob = await abroad(features=notify(MOOD))
    await come_from_afar(bob)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "of the room"))
    await must(bob, "set", BOB, publish(MOOD, mood(), "of bob"))
    await over_there(bob)
    assert ids(bob) == ["of the room", "of bob"]
    await alice.cut()
    await asyncio.to_thread(one.restart)

    again = await Client.connect(one, "alice", features=notify(MOOD))
    await again.join(ROOM, "alice")  # Prosody looks for the room only now, and finds Bob in it
    await over_there(bob)
    await over_there(bob)
    assert nodes_in(await must(again, "get", BOB, disco(DISCO_ITEMS))) == []
    await must(again, "set", ALICE, publish(MOOD, mood(), "after"))
    await must(bob, "set", BOB, publish(MOOD, mood(), "anew"))
    await over_there(bob)
    assert ids(bob)[2:] == ["of the room", "after", "anew"]
    await again.barrier()
    assert ids(again) == ["of the room", "after", "anew"]
    await again.close()
