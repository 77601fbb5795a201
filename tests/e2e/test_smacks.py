"""Streams that break off (XEP-0198): one that is resumed never left the room, one that is not has left it."""

import pytest
from mep import (
    DISCO_ITEMS, MOOD, ROOM, TUNE, come_in, disco, ids_in, items, mood, must, nodes_in, notify, publish, refused,
    subscribe,
)  # fmt: skip
from testbed import caps
from testbed.resumable import SM, Resumable
from testbed.xml import CLIENT, DISCO_INFO

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"


@pytest.fixture
async def people(server, connect):
    """Alice; Bob, whose stream can be resumed. Both are in the room, and want different things."""
    alice, bob = await connect("alice", features=notify(MOOD)), await new_bob(server)
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    yield alice, bob
    await bob.cut()


async def new_bob(server):
    bob = await Resumable.connect(server, "bob", features=notify(MOOD, TUNE))
    await bob.enable()
    return bob


def ids(client, from_=None):
    return [id for event in client.events(from_=from_) for id in event.item_ids]


def presences_of(client, address):
    return [s for s in client.received if s.tag == CLIENT + "presence" and s.get("from") == address]


def errors_to(client):
    return [s for s in client.received if s.tag == CLIENT + "message" and s.get("type") == "error"]


@pytest.mark.luas
async def test_a_resumed_stream_never_left(server, people):
    alice, bob = people
    await must(bob, "set", BOB, publish(MOOD, mood(), "of bob"))
    await must(bob, "set", ALICE, subscribe(bob.jid))
    await must(alice, "set", ALICE, publish(MOOD, mood(), "before"))
    await bob.expect(lambda s: any(item.get("id") == "before" for item in s.iter()))
    seen = len(presences_of(alice, BOB))
    for turn in range(3):
        await bob.cut()
        for number in range(5):
            await must(alice, "set", ALICE, publish(MOOD, mood(), f"{turn}.{number}"))
        assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob"]
        assert (await bob.resume(server)).tag == SM + "resumed"
    await bob.barrier()
    away = [f"{turn}.{number}" for turn in range(3) for number in range(5)]
    assert ids(bob) == ["of bob", "before", *away], "each once, in order"
    assert len({event.id for event in bob.events()}) == len(ids(bob))
    assert len(bob.asked) == 1 and len(presences_of(alice, BOB)) == seen
    await must(bob, "set", BOB, publish(MOOD, mood(), "back"))
    await must(alice, "set", ALICE, publish("urn:example:new", mood(), "subscribed"))
    await alice.expect(lambda s: any(item.get("id") == "back" for item in s.iter()))
    await bob.barrier()
    assert ids(bob)[-2:] == ["back", "subscribed"]
    assert ids(alice).count("of bob") == 1 and errors_to(alice) == []


async def test_who_broke_off_before_answering_answers_when_back(server, connect):
    alice, bob = await connect("alice"), await new_bob(server)
    await come_in(alice, "alice")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "last"))
    bob.answers[DISCO_INFO + "query"] = lambda iq: None
    await come_in(bob, "bob")
    (question,) = bob.asked
    await bob.cut()
    await alice.barrier()
    await bob.resume(server)
    info = caps.disco_info(bob.features, question.node)
    bob.send(f"<iq type='result' to='{ROOM}' id='{question.id}'>{info}</iq>")
    assert (await bob.expect_event(MOOD)).item_ids == ["last"]
    await bob.cut()


def gone(nick):
    return lambda s: s.get("from") == f"{ROOM}/{nick}" and s.get("type") == "unavailable"


@pytest.mark.mep(global_options="smacks_hibernation_time = 1")
async def test_a_stream_that_dies_hibernating_has_left(server, people):
    alice, bob = people
    await must(bob, "set", BOB, publish(MOOD, mood(), "of bob"))
    await must(bob, "set", ALICE, subscribe(bob.jid))
    await must(bob, "set", ALICE, subscribe(BOB))
    await bob.cut()
    await must(alice, "set", ALICE, publish(MOOD, mood(), "never read"))
    await alice.expect(gone("bob"))
    assert (await refused(alice, "get", BOB, items(MOOD)))[1] == "item-not-found"
    assert (await bob.resume(server)).tag == SM + "failed"
    await must(alice, "set", ALICE, publish(TUNE, mood(), "nor this"))

    again = await new_bob(server)
    await again.join(ROOM, "bob")
    await again.barrier()
    assert ids(again) == ["never read", "nor this"], "the last items, as for anybody"
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []
    await alice.barrier()
    assert errors_to(alice) == [], "what could not be delivered is nobody's business"
    await again.cut()
