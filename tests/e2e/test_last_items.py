"""Many last items for one who joins: in batches, with others served in between; each of them once."""

import asyncio

import pytest
from mep import ROOM, come_in, mood, must, notify, publish
from testbed.xml import CLIENT

MANY, BATCH = 1000, 10
NODES = sorted(f"urn:test:{number}" for number in range(MANY))  # the order of their last items, at one address
OLD = [(node, "old") for node in NODES]
HALF = MANY // 2
OPTIONS = f"mep_max_nodes = {MANY}\nmep_publish_burst = 10000\nmep_last_items_batch = {BATCH}\n"

MIDWAY = f'testbed_midway_at = "{NODES[HALF]}"\n'

pytestmark = pytest.mark.mep(options=OPTIONS, modules=["testbed_midway"], global_options=MIDWAY)


@pytest.fixture
async def alice(connect):
    """The client that has published all of it."""
    alice = await connect("alice")
    await come_in(alice, "alice")
    for first in range(0, MANY, 50):
        await asyncio.gather(*(put(alice, node, "old") for node in NODES[first : first + 50]))
    return alice


async def put(alice, node, id):
    await must(alice, "set", f"{ROOM}/alice", publish(node, mood(), id))


@pytest.fixture
async def bob(connect, server, alice):
    """A client that wants all of it, with half of it sent: the server halts until `server.halted(by_itself=True)` ends."""
    bob = await connect("bob", features=notify(*NODES))
    await bob.join(ROOM, "bob")
    assert await asyncio.to_thread(server.has_logged, "halting")
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


async def test_others_are_served_in_between(server, alice, bob):
    with server.halted(by_itself=True):
        alice.message(ROOM, "<body>hello</body>")
    assert await all_told(bob, server) == OLD
    heard = [stanza for stanza in bob.received if stanza.tag == CLIENT + "message" and not is_subject(stanza)]
    hello = next(at for at, stanza in enumerate(heard) if stanza.find(CLIENT + "body") is not None)
    assert HALF <= hello <= HALF + 3 * BATCH, "one who talks is heard among a thousand items"


def is_subject(stanza):
    return stanza.find(CLIENT + "subject") is not None


async def test_what_is_published_meanwhile_comes_once(server, alice, bob):
    late = NODES[-1:-6:-1]
    with server.halted(by_itself=True):
        puts = [asyncio.create_task(put(alice, node, "new")) for node in late]
        await asyncio.sleep(0)  # all of them have sent
    await asyncio.gather(*puts)
    heard = await all_told(bob, server, NODES[-6])
    assert all(HALF <= heard.index((node, "new")) < MANY - len(late) for node in late), "they came before their turn"
    assert sorted(heard) == sorted([*OLD[: -len(late)], *((node, "new") for node in late)])


async def test_who_leaves_is_sent_no_more_and_who_comes_back_all_again(server, bob):
    with server.halted(by_itself=True):
        leaving = asyncio.create_task(bob.leave(ROOM))
        await asyncio.sleep(0)  # it has been sent
    await leaving
    assert await pending(server) == 0
    before = len(told(bob))
    assert HALF <= before <= HALF + 3 * BATCH
    await bob.join(ROOM, "bob")
    assert (await all_told(bob, server))[before:] == OLD


@pytest.mark.mep(global_options=MIDWAY + 'testbed_midway = "reload"')
async def test_a_reload_in_between_loses_nothing(server, connect, alice):
    bob = await connect("bob", features=notify(*NODES))
    await bob.join(ROOM, "bob")
    assert await all_told(bob, server) == OLD
    assert server.has_logged("reloaded")


@pytest.mark.mep(options=OPTIONS + "mep_max_last_items = 100", global_options="")
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
