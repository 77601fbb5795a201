"""Many last items for one who joins: in batches, with others served in between; each of them once."""

import asyncio

import pytest
from mep import ROOM, come_in, mood, must, notify, publish
from testbed.xml import CLIENT

MANY, BATCH = 1000, 10
NODES = sorted(f"urn:test:{number}" for number in range(MANY))  # the order of their last items, at one address
OLD = [(node, "old") for node in NODES]

pytestmark = pytest.mark.mep(
    options=f"mep_max_nodes = {MANY}\nmep_publish_burst = 10000\nmep_last_items_batch = {BATCH}"
)


@pytest.fixture
async def alice(connect):
    """Who has published all of it."""
    alice = await connect("alice")
    await come_in(alice, "alice")
    for first in range(0, MANY, 50):
        await asyncio.gather(*(put(alice, node, "old") for node in NODES[first : first + 50]))
    return alice


async def put(alice, node, id):
    await must(alice, "set", f"{ROOM}/alice", publish(node, mood(), id))


async def begin(connect, name="bob"):
    """Bob, who wants it all and has the first batch."""
    bob = await connect(name, features=notify(*NODES))
    await bob.join(ROOM, name)
    await bob.expect_event(NODES[0])
    return bob


def told(client):
    """(node, id) of each item that the client was told of, in order."""
    return [(event.node, *event.item_ids) for event in client.events(kind="items")]


async def all_told(client, server, node=NODES[-1]):
    """What the client was told of, when it was of this node and nothing is to come."""
    await client.expect_event(node, timeout=30)
    assert await pending(server) == 0
    await client.barrier()
    return told(client)


async def pending(server):
    """How many last items the server has still to send."""
    return (await asyncio.to_thread(server.status))["pending"]


async def test_others_are_served_in_between(server, connect, alice):
    carol = await connect("carol")
    await carol.join(ROOM, "carol")
    for name in ("bob", "dave", "erin", "frank", "grace"):  # until one is caught in the middle of it
        bob = await begin(connect, name)
        with server.halted():
            await bob.drain()
            before = len(told(bob))
            carol.message(ROOM, "<body>hello</body>")
        await carol.expect(lambda stanza: stanza.find(CLIENT + "body") is not None)
        if before < MANY / 2:
            break
    else:
        pytest.fail("they came in one go")
    assert await all_told(bob, server) == OLD
    heard = [stanza for stanza in bob.received if stanza.tag == CLIENT + "message" and not is_subject(stanza)]
    hello = next(at for at, stanza in enumerate(heard) if stanza.find(CLIENT + "body") is not None)
    assert before <= hello <= before + 3 * BATCH, "one who talks is heard among a thousand items"


def is_subject(stanza):
    return stanza.find(CLIENT + "subject") is not None


async def test_what_is_published_meanwhile_comes_once(server, connect, alice):
    bob = await begin(connect)
    late = NODES[-1:-6:-1]
    await asyncio.gather(*(put(alice, node, "new") for node in late))
    await bob.barrier()
    among = told(bob)
    assert len(among) < MANY and set(among) >= {(node, "new") for node in late}, "they came before their turn"
    heard = await all_told(bob, server, NODES[-6])
    assert sorted(heard) == sorted([*OLD[:-5], *((node, "new") for node in late)])


async def test_who_leaves_is_sent_no_more_and_who_comes_back_all_again(server, connect, alice):
    bob = await begin(connect)
    await bob.leave(ROOM)
    assert await pending(server) == 0
    before = len(told(bob))
    assert before < MANY
    await bob.join(ROOM, "bob")
    assert (await all_told(bob, server))[before:] == OLD


async def test_a_reload_in_between_loses_nothing(server, connect, alice):
    bob = await begin(connect)
    await asyncio.to_thread(server.reload)
    assert await all_told(bob, server) == OLD


@pytest.mark.mep(
    options=f"mep_max_nodes = {MANY}\nmep_publish_burst = 10000\nmep_last_items_batch = {BATCH}\n"
    "mep_max_last_items = 100"
)
async def test_there_are_no_more_than_the_bound_says(server, connect, alice):
    await put(alice, NODES[700], "newest")
    bob = await connect("bob", features=notify(*NODES))
    await bob.join(ROOM, "bob")
    await bob.expect_event(NODES[700])
    while await pending(server):
        pass
    await bob.barrier()
    heard = told(bob)
    assert (len(heard), len(set(heard)), heard[0]) == (100, 100, (NODES[700], "newest"))
