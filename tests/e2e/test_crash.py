"""Killed in the middle of a flood, again and again: all that was acknowledged is there afterwards, and nothing half.

The seed is in the test's output; `MEP_SEED=… pytest …` runs the same history of requests again, though the kills will
not hit the same instructions.
"""

import asyncio
import itertools
import os
import random
import time

import pytest
from mep import PUBSUB, ROOM, come_in, items, options, owner, publish, retract
from testbed import Client

KILLS = 10
KEEPS = (4, 4, 4, 20)  # items of each
FLOOD = "\n".join((
    "muc_room_default_persistent = true",
    "mep_publish_burst = 1000000",
    "mep_max_items = 100",
    'mep_room_publishers = "participants"',
))  # fmt: skip


class Node:
    """What a node should hold: as acknowledged, and as it may be instead since no word came back on the last request.

    One publisher each, who waits for each answer: no request of another is in between.
    """

    def __init__(self, name, keeps):
        self.name, self.keeps = name, keeps
        self.acknowledged = None  # ids, oldest first, with the text of each; None: there is no such node
        self.possible = []
        self.answered = 0

    def next(self, rng, number):
        """A request, and what it makes of the node."""
        now = dict(self.acknowledged or {})
        what = rng.random() * (0.85 if self.keeps > 16 else 1)  # one gets full, where items have files of their own
        if self.acknowledged is None or what < 0.8:
            id = rng.choice([*now, f"n{number}", f"n{number}", f"n{number}"])
            text = f"{id} " + "x" * rng.choice([0, 10, 5000])
            now.pop(id, None)
            now[id] = text
            while len(now) > self.keeps:
                del now[next(iter(now))]
            extra = "" if self.acknowledged else options(max_items=self.keeps)
            return publish(self.name, f"<p xmlns='urn:example:p'>{text}</p>", id, extra), now
        if what < 0.9 and now:
            id = rng.choice(list(now))
            del now[id]
            return retract(self.name, id), now
        if what < 0.95:
            return owner("purge", self.name), {}
        return owner("delete", self.name), None


async def flood(client, node, rng, numbers):
    """Sends until the server is gone."""
    while True:
        request, then = node.next(rng, next(numbers))
        node.possible = [node.acknowledged, then]
        reply = await client.iq("set", ROOM, request)
        assert reply.get("type") == "result"
        node.acknowledged = then
        node.possible = [then]
        node.answered += 1


async def found(client, name):
    reply = await client.iq("get", ROOM, items(name))
    if reply.get("type") == "error":
        return None
    return {item.get("id"): "".join(item.itertext()) for item in reply.iter(f"{{{PUBSUB}}}item")}


def in_order(held):
    return held and list(held.items())


@pytest.mark.parametrize(
    "driver",
    [pytest.param(d, marks=pytest.mark.mep(storage=d, options=FLOOD)) for d in ("internal", "sqlite", "postgresql")],
)
async def test_what_was_acknowledged_outlives_the_process(server, driver):
    seed = int(os.environ.get("MEP_SEED", time.time_ns()))
    print("MEP_SEED =", seed)
    rng = random.Random(seed)
    numbers = itertools.count()
    nodes = [Node(f"urn:node:{number}", keeps) for number, keeps in enumerate(KEEPS)]
    for _ in range(KILLS):
        clients = [await Client.connect(server, f"publisher{number}") for number in range(len(nodes))]
        for number, client in enumerate(clients):
            await come_in(client, f"nick{number}")
        floods = [asyncio.create_task(flood(*pair, rng, numbers)) for pair in zip(clients, nodes, strict=True)]
        # A kill is to hit anything: it comes after so many answers, and a bit.
        enough = sum(node.answered for node in nodes) + rng.randrange(60)
        while sum(node.answered for node in nodes) < enough:
            done, _ = await asyncio.wait(floods, timeout=0.001, return_when=asyncio.FIRST_EXCEPTION)
            assert not done, "the flood ended by itself"
        await asyncio.sleep(rng.random() * 0.003)
        server.kill()
        # What was answered before the end is still in the sockets.
        ends = await asyncio.gather(*floods, return_exceptions=True)
        assert all(isinstance(end, (ConnectionError, EOFError)) for end in ends), ends
        for client in clients:
            await client.cut()

        server.start()
        async with await Client.connect(server, "reader") as client:
            await come_in(client, "reader")
            for node in nodes:
                held = await found(client, node.name)
                assert in_order(held) in map(in_order, node.possible), node.name
                node.acknowledged = held
    assert sum(node.answered for node in nodes) > 10 * KILLS
