"""Random histories of a persistent room on a real server, against a plain model of who is there and what there is.

What `tests/histories.rs` plays against the core, with all of Prosody around it. A failure names its seed and step.
"""

import asyncio
import random

import pytest
from mep import (
    DISCO_ITEMS, MOOD, MUC, ROOM, TUNE, come_in, disco, ids_in, items, make_persistent, mood, must, nodes_in, notify,
    publish, refused, retract,
)  # fmt: skip
from testbed import Client

HOST = "rooms.localhost"
NODES = (MOOD, TUNE)
WANTS = {"alice": (), "bob": (MOOD,), "carol": (MOOD, TUNE), "dave": (TUNE,)}
NICKS = ("red", "green", "blue", "white", "black")
STEPS = 120

pytestmark = [
    pytest.mark.mep(storage="internal", options="muc_room_default_persistent = true\nmep_publish_burst = 100000"),
    pytest.mark.allow_log("Storage fails", "Unable to write to mep"),
]


class Play:
    """Alice owns the room; the others come and go as well."""

    def __init__(self, server, seed):
        self.server, self.random = server, random.Random(seed)
        self.clients = {}
        self.nicks = {}  # who is there, in the order of their coming: name -> nick
        self.nodes = {}  # (name, or None for the room; node) -> id of the item, or None
        self.expected = {}  # name -> events that are to come: [(address, kind, id)]
        self.storage = True
        self.number = 0

    async def connect(self):
        for name, wants in WANTS.items():
            self.clients[name] = await Client.connect(self.server, name, features=notify(*wants))
        self.nicks.clear()
        self.expected = {name: [] for name in WANTS}
        self.nodes = {place: id for place, id in self.nodes.items() if place[0] is None}

    async def close(self):
        for client in self.clients.values():
            await client.close()

    async def check(self):
        """Each client got the notifications that it should get, and no others."""
        for name, client in self.clients.items():
            await client.barrier()
            heard = [(event.from_, event.kind, event.item_ids[0]) for event in client.events()]
            assert heard == self.expected[name], name
        for name in self.nicks:
            held = [node for who, node in self.nodes if who == name]
            asker = self.clients[self.random.choice(list(self.nicks))]
            assert nodes_in(await must(asker, "get", self.address(name), disco(DISCO_ITEMS))) == held
        held = [place for place in self.nodes if place[0] in (None, *self.nicks)]
        if self.nicks and held:
            who, node = self.random.choice(held)
            asker, id = self.clients[self.random.choice(list(self.nicks))], self.nodes[who, node]
            assert ids_in(await must(asker, "get", self.address(who), items(node))) == ([id] if id else [])

    def address(self, who):
        return f"{ROOM}/{self.nicks[who]}" if who else ROOM

    def tell(self, who, kind, node):
        for name in self.nicks:
            if node in WANTS[name]:
                self.expected[name].append((self.address(who), kind, self.nodes[who, node]))

    def gone(self, name):
        del self.nicks[name]
        self.nodes = {place: id for place, id in self.nodes.items() if place[0] != name}

    def free(self):
        return self.random.choice([nick for nick in NICKS if nick not in self.nicks.values()])

    # What may happen. Each returns whether it could.

    async def come(self, name):
        if name in self.nicks:
            return False
        self.nicks[name] = self.free()
        await come_in(self.clients[name], self.nicks[name])
        for who in (None, *self.nicks):  # the room's last items first, then those of who came first
            there = [(node, id) for (holder, node), id in self.nodes.items() if holder == who and id]
            # Of one address, in the order in which the client lists what it wants
            there.sort(key=lambda entry: sorted(WANTS[name]).index(entry[0]) if entry[0] in WANTS[name] else 0)
            last = [(self.address(who), "items", id) for node, id in there if node in WANTS[name]]
            self.expected[name] += last
        return True

    async def leave(self, name):
        if name not in self.nicks:
            return False
        await self.clients[name].leave(ROOM)
        self.gone(name)

    async def break_off(self, name):
        if name not in self.nicks:
            return False
        nick, others = self.nicks[name], [other for other in self.nicks if other != name]
        await self.clients[name].cut()
        for other in others:
            await self.clients[other].expect(
                lambda s: s.get("from") == f"{ROOM}/{nick}" and s.get("type") == "unavailable"
            )
        self.gone(name)
        self.clients[name] = await Client.connect(self.server, name, "again", features=notify(*WANTS[name]))
        self.expected[name] = []

    async def rename(self, name):
        if name not in self.nicks:
            return False
        self.nicks[name] = self.free()
        await self.clients[name].change_nick(ROOM, self.nicks[name])

    async def kick(self, name):
        if name not in self.nicks or "alice" not in self.nicks or name == "alice":
            return False
        item = f"<query xmlns='{MUC}#admin'><item nick='{self.nicks[name]}' role='none'/></query>"
        await must(self.clients["alice"], "set", ROOM, item)
        self.gone(name)

    async def publish(self, name, who=None):
        if name not in self.nicks:
            return False
        who, node = who or name, self.random.choice(NODES)
        self.number += 1
        id = f"i{self.number}"
        await must(self.clients[name], "set", self.address(name), publish(node, mood(), id))
        self.nodes[who, node] = id
        self.tell(who, "items", node)

    async def retract(self, name):
        there = [(place, id) for place, id in self.nodes.items() if place[0] == name and id]
        if not there:
            return False
        (_, node), id = self.random.choice(there)
        await must(self.clients[name], "set", self.address(name), retract(node, id))
        self.tell(name, "retract", node)
        self.nodes[name, node] = None

    async def publish_as_room(self, name):
        if name not in self.nicks:
            return False
        self.number += 1
        node, id = self.random.choice(NODES), f"i{self.number}"
        if name != "alice":
            error = await refused(self.clients[name], "set", ROOM, publish(node, mood(), id))
            assert error == ("auth", "forbidden", None)
        elif not self.storage:
            error = await refused(self.clients[name], "set", ROOM, publish(node, mood(), id))
            assert error == ("wait", "internal-server-error", None)
        else:
            await must(self.clients[name], "set", ROOM, publish(node, mood(), id))
            self.nodes[None, node] = id
            self.tell(None, "items", node)

    # What happens to the server

    async def reload(self, module):
        await asyncio.to_thread(self.server.reload, module)

    async def storage_fails(self):
        if self.storage:
            self.server.storage.refuse(HOST, "mep_nodes", ROOM.partition("@")[0], NODES)
        else:
            self.server.storage.mend()
        self.storage = not self.storage

    async def restart(self, kill):
        for client in self.clients.values():
            await client.cut()
        self.server.storage.mend()
        if kill:
            await asyncio.to_thread(self.server.kill)
            await asyncio.to_thread(self.server.start)
        else:
            await asyncio.to_thread(self.server.restart)
        self.storage = True
        await self.connect()


def plan(play):
    """The next thing that happens: a name, and what to await."""
    name = play.random.choice(list(WANTS))
    acts = {
        "come": (20, play.come, name), "leave": (6, play.leave, name), "break_off": (3, play.break_off, name),
        "rename": (8, play.rename, name), "kick": (3, play.kick, name), "publish": (25, play.publish, name),
        "retract": (5, play.retract, name),
        "publish_as_room": (15, play.publish_as_room, play.random.choice(["alice", name])),
        "reload mep": (2, play.reload, "mep"), "reload muc": (1, play.reload, "muc"),
        "storage": (2, play.storage_fails), "restart": (1, play.restart, False), "kill": (1, play.restart, True),
    }  # fmt: skip
    what = play.random.choices(list(acts), [act[0] for act in acts.values()])[0]
    _, act, *args = acts[what]
    return f"{what} {' '.join(map(str, args))}", act(*args)


@pytest.mark.parametrize("seed", [316, 2013])
async def test_a_room_is_what_its_history_made_of_it(server, seed):
    play = Play(server, seed)
    await play.connect()
    await play.come("alice")
    await make_persistent(play.clients["alice"])
    happened = []
    try:
        for _ in range(STEPS):
            what, act = plan(play)
            if await act is not False:
                happened.append(what)
                await play.check()
    except BaseException:
        print(f"seed {seed}, after", *happened, "in", what, sep="\n")
        raise
    finally:
        await play.close()
