"""Rooms that are evicted and loaded again, become persistent or temporary, change owners, or are destroyed."""

import asyncio

import pytest
from mep import (
    DISCO_ITEMS, MOOD, TUNE, come_in, disco, ids_in, items, mood, must, nodes_in, notify, publish, refused, subscribe,
)  # fmt: skip
from testbed import caps, error_of
from testbed.xml import DISCO_INFO, MUC, STANZAS

HOST = "rooms.localhost"
ROOMS = [f"room{number}@{HOST}" for number in range(4)]
DEN = ROOMS[0]
SMALL_CACHE = pytest.mark.mep(global_options='muc_room_cache_size = 1', log_level="debug")
KEPT = {"storage": "internal", "options": "muc_room_default_persistent = true"}
MUC_NS = MUC[1:-1]


def ids(client, from_=None):
    return [id for event in client.events(from_=from_) for id in event.item_ids]


def configure_room(**fields):
    rows = "".join(f"<field var='muc#roomconfig_{var}'><value>{value}</value></field>" for var, value in fields.items())
    return (
        f"<query xmlns='{MUC_NS}#owner'><x xmlns='jabber:x:data' type='submit'>"
        f"<field var='FORM_TYPE'><value>{MUC_NS}#roomconfig</value></field>{rows}</x></query>"
    )


def gone(address):
    return lambda s: s.get("from") == address and s.get("type") == "unavailable"


DESTROY = f"<query xmlns='{MUC_NS}#owner'><destroy/></query>"


def affiliation(jid, what):
    return f"<query xmlns='{MUC_NS}#admin'><item jid='{jid}' affiliation='{what}'/></query>"


async def two_clients(connect):
    return await connect("alice"), await connect("bob", features=notify(MOOD))


@pytest.fixture
async def crowd(connect):
    """Alice and Bob, who are in all of the rooms."""
    alice, bob = await two_clients(connect)
    for room in ROOMS:
        await come_in(alice, "alice", room)
        await come_in(bob, "bob", room)
    return alice, bob


def swapped_out(server):
    return server.log.count("Evicting room")


@SMALL_CACHE
async def test_rooms_that_are_swapped_out_with_people_in_them_lose_nothing(server, crowd):
    alice, bob = crowd
    said = []
    for turn in range(3):
        for room in ROOMS:
            for address in (room, f"{room}/alice"):
                said.append((address, f"{address}-{turn}"))
                await must(alice, "set", address, publish(MOOD, mood(), said[-1][1]))
    await bob.barrier()
    assert [(event.from_, event.item_ids[0]) for event in bob.events()] == said, "each once, in order"
    for room in ROOMS:
        for address in (room, f"{room}/alice"):
            assert ids_in(await must(bob, "get", address, items(MOOD))) == [f"{address}-2"]
    assert len(bob.asked) == 1
    assert swapped_out(server) >= 4 * len(ROOMS)


@SMALL_CACHE
async def test_what_happens_to_a_room_that_is_swapped_out_is_known_when_it_is_back(server, crowd):
    alice, bob = crowd
    for room in ROOMS:
        await must(bob, "set", f"{room}/bob", publish(MOOD, mood(), "of bob"))
        await must(bob, "set", f"{room}/alice", subscribe(bob.jid))
    await bob.change_nick(ROOMS[0], "robert")
    await bob.leave(ROOMS[1])
    bob.set_features(notify(TUNE))
    bob.presence(f"{ROOMS[2]}/bob", bob.caps)
    await bob.barrier()
    await bob.barrier()
    assert ids_in(await must(alice, "get", f"{ROOMS[0]}/robert", items(MOOD))) == ["of bob"]
    assert (await refused(alice, "get", f"{ROOMS[1]}/bob", items(MOOD)))[1] == "item-not-found"
    before = len(bob.events())
    for room in ROOMS:
        await must(alice, "set", room, publish(MOOD, mood(), "mood"))
        await must(alice, "set", room, publish(TUNE, mood(), "tune"))
        await must(alice, "set", f"{room}/alice", publish("urn:example:subscribed", mood(), "subscribed"))
    await bob.barrier()
    assert [(event.from_.partition("/")[0], *event.item_ids) for event in bob.events()[before:]] == [
        (ROOMS[0], "mood"), (ROOMS[0], "subscribed"),
        (ROOMS[2], "tune"), (ROOMS[2], "subscribed"),
        (ROOMS[3], "mood"), (ROOMS[3], "subscribed"),
    ]  # fmt: skip


@SMALL_CACHE
async def test_whose_connection_breaks_has_left_all_rooms_swapped_out_or_not(server, crowd):
    alice, bob = crowd
    for room in ROOMS:
        await must(bob, "set", f"{room}/bob", publish(MOOD, mood(), "of bob"))
    await bob.cut()
    for room in ROOMS:
        await alice.expect(gone(f"{room}/bob"))
        assert (await refused(alice, "get", f"{room}/bob", items(MOOD)))[1] == "item-not-found"


@pytest.mark.mep(**KEPT, global_options="muc_room_cache_size = 1")
async def test_empty_persistent_rooms_that_are_swapped_out_keep_what_they_have(server, connect):
    alice, bob = await two_clients(connect)
    for room in ROOMS:
        await come_in(alice, "alice", room)
        await must(alice, "set", room, publish(MOOD, mood(), room))
        await alice.leave(room)
    for room in ROOMS:
        await come_in(bob, "bob", room)
    assert ids(bob) == ROOMS


@pytest.mark.parametrize("times", [1, 3])
async def test_a_reload_of_the_room_module_with_people_in_rooms_loses_nothing(server, crowd, times):
    alice, bob = crowd
    tuner = "urn:example:subscribed"
    await must(bob, "set", f"{DEN}/alice", subscribe(bob.jid))
    for room in ROOMS:
        for address in (room, f"{room}/alice"):
            await must(alice, "set", address, publish(MOOD, mood(), "before"))
    await bob.barrier()
    before = len(bob.events())
    for _ in range(times):
        await asyncio.to_thread(server.reload, "muc")
    for room in ROOMS:
        for address in (room, f"{room}/alice"):
            assert ids_in(await must(bob, "get", address, items(MOOD))) == ["before"]
            await must(alice, "set", address, publish(MOOD, mood(), "after"))
    await must(alice, "set", f"{DEN}/alice", publish(tuner, mood(), "subscribed"))
    await bob.barrier()
    assert [event.item_ids[0] for event in bob.events()[before:]] == ["after"] * 2 * len(ROOMS) + ["subscribed"]
    assert len(bob.asked) == 1
    await alice.leave(DEN)
    assert (await refused(bob, "get", f"{DEN}/alice", items(MOOD)))[1] == "item-not-found"


async def test_a_question_outlives_a_reload_of_the_room_module(server, connect):
    alice, bob = await two_clients(connect)
    bob.answers[DISCO_INFO + "query"] = lambda iq: None
    await come_in(alice, "alice", DEN)
    await come_in(bob, "bob", DEN)
    await asyncio.to_thread(server.reload, "muc")
    (question,) = bob.asked
    info = caps.disco_info(bob.features, question.node)
    bob.send(f"<iq type='result' to='{DEN}' id='{question.id}'>{info}</iq>")
    await bob.barrier()
    await must(alice, "set", f"{DEN}/alice", publish(MOOD, mood()))
    await bob.expect_event(MOOD, from_=f"{DEN}/alice")


@pytest.mark.parametrize("swapped", [False, True])
async def test_a_room_changes_hands_and_so_does_publishing_for_it(server, connect, swapped):
    alice, bob = await two_clients(connect)
    await come_in(alice, "alice", DEN)
    await come_in(bob, "bob", DEN)
    await must(alice, "set", DEN, publish(MOOD, mood(), "by alice"))
    await must(alice, "set", DEN, affiliation("bob@localhost", "owner"))
    await must(bob, "set", DEN, affiliation("alice@localhost", "none"))
    if swapped:
        await asyncio.to_thread(server.reload, "muc")
    assert await refused(alice, "set", DEN, publish(MOOD, mood())) == ("auth", "forbidden", None)
    await must(bob, "set", DEN, publish(MOOD, mood(), "by bob"))
    await bob.barrier()
    assert ids(bob) == ["by alice", "by bob"]


@pytest.mark.mep(storage="internal")
async def test_a_room_becomes_persistent_and_temporary_as_often_as_one_likes(server, connect):
    alice, bob = await two_clients(connect)
    await come_in(alice, "alice", DEN)
    for turn in range(3):
        await must(alice, "set", DEN, publish(MOOD, mood(), str(turn)))
        await must(alice, "set", DEN, configure_room(persistentroom=1))
        assert len(kept(server, DEN)) == 1
        await asyncio.to_thread(server.reload, "muc")
        await must(alice, "set", DEN, configure_room(persistentroom=0))
        assert kept(server, DEN) == []
        assert ids_in(await must(alice, "get", DEN, items(MOOD))) == [str(turn)]
    await alice.leave(DEN)
    await come_in(bob, "bob", DEN)
    assert bob.events() == []


def kept(server, room):
    """The files that hold what a room has published."""
    name = room.partition("@")[0] + ".dat"
    return [path for path in server.data.rglob(name) if path.parent.name.startswith("mep")]


@pytest.mark.mep(**KEPT, global_options="muc_room_cache_size = 1")
@pytest.mark.parametrize("how", ["by its owner", "by the admin", "swapped out"])
async def test_a_destroyed_room_leaves_nothing_to_the_next_of_its_name(server, connect, how):
    alice, bob = await two_clients(connect)
    await come_in(alice, "alice", DEN)
    await come_in(bob, "bob", DEN)
    await must(alice, "set", DEN, publish(MOOD, mood(), "of the room"))
    await must(bob, "set", f"{DEN}/bob", publish(MOOD, mood(), "of bob"))
    await must(bob, "set", DEN, subscribe(bob.jid, MOOD))
    await bob.barrier()
    assert len(kept(server, DEN)) == 1
    if how == "by the admin":
        await asyncio.to_thread(server.shell, f'muc:room("{DEN}"):destroy()')
    else:
        if how == "swapped out":
            await come_in(alice, "alice", ROOMS[1])
        await must(alice, "set", DEN, DESTROY)
    await bob.barrier()
    assert kept(server, DEN) == []
    before = len(bob.events())
    await asyncio.to_thread(server.shell, f"> prosody.hosts['{HOST}'].modules.muc.delete_room({{ jid = '{DEN}' }})")
    await asyncio.to_thread(server.reload, "muc")  # which forgets the tombstone
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol", DEN)
    assert nodes_in(await must(carol, "get", DEN, disco(DISCO_ITEMS))) == []
    await must(carol, "set", DEN, publish(MOOD, mood(), "new"))
    await carol.barrier()
    await bob.barrier()
    assert ids(carol) == ["new"]
    assert bob.events()[before:] == []
    server.restart()
    dave = await connect("dave", features=notify(MOOD))
    await come_in(dave, "dave", DEN)
    assert ids(dave) == ["new"]


async def test_a_destroyed_room_says_where_it_went_in_mod_mucs_words(connect):
    alice, bob = await two_clients(connect)
    await come_in(alice, "alice", DEN)
    await must(alice, "set", DEN, configure_room(persistentroom=1))
    new = "den2@rooms.localhost"
    await must(alice, "set", DEN, f"<query xmlns='{MUC_NS}#owner'><destroy jid='{new}'><reason>Moved</reason></destroy></query>")
    for request in (items(MOOD), publish(MOOD, mood()), disco(DISCO_ITEMS, MOOD)):
        for address in (DEN, f"{DEN}/alice"):
            reply = await bob.iq("set" if "<publish" in request else "get", address, request)
            assert error_of(reply)[:2] == ("cancel", "gone")
            assert next(reply.iter(f"{{{STANZAS[1:-1]}}}gone")).text == f"xmpp:{new}?join"
