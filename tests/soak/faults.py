"""Storage that fails, by returning and by throwing, and servers that are killed: against a model of one node of a room,
its items, affiliations and subscriptions."""

import asyncio
import random
import tempfile
import time
from pathlib import Path

from testbed import Client, Prosody, error_of
from testbed.prosody import PLUGINS

ROOM = "den@rooms.localhost"
NODE = "urn:faults"
PUBSUB = "http://jabber.org/protocol/pubsub"
OWNER = PUBSUB + "#owner"
REQUESTS = 30  # in a round


def pubsub(inner, xmlns=PUBSUB):
    return f"<pubsub xmlns='{xmlns}'>{inner}</pubsub>"


class Model:
    """What the node has: ids with their texts, oldest first, and affiliations. The subscriptions end with the process."""

    def __init__(self):
        self.items, self.affiliations = {}, {}

    def next(self, rng, number):
        """A request, and what it changes if it is accepted."""
        what = rng.random()
        if what < 0.6:
            id = rng.choice([*self.items, f"n{number}", f"n{number}"])
            text = f"{number} " + "x" * rng.choice([0, 10, 5000])

            def put():
                self.items.pop(id, None)
                self.items[id] = text
                while len(self.items) > 20:
                    del self.items[next(iter(self.items))]

            payload = f"<p xmlns='urn:p'>{text}</p>"
            return pubsub(f"<publish node='{NODE}'><item id='{id}'>{payload}</item></publish>"), put
        if what < 0.75 and self.items:
            id = rng.choice(list(self.items))
            return pubsub(f"<retract node='{NODE}'><item id='{id}'/></retract>"), lambda: self.items.pop(id)
        jid, is_ = f"person{rng.randrange(5)}@example.org", rng.choice(["member", "publisher", "outcast", "none"])

        def name():
            self.affiliations.pop(jid, None)
            if is_ != "none":
                self.affiliations[jid] = is_

        entry = f"<affiliation jid='{jid}' affiliation='{is_}'/>"
        return pubsub(f"<affiliations node='{NODE}'>{entry}</affiliations>", OWNER), name


async def run(version, rounds, seed=None):
    seed = time.time_ns() if seed is None else seed
    print(f"storage faults: seed {seed}", flush=True)
    rng = random.Random(seed)
    tally = {"seed": seed, "rounds": rounds, "requests": 0, "failed": 0, "kills": 0, "lost": 0, "differences": []}
    with tempfile.TemporaryDirectory() as folder:
        word = Path(folder) / "faults"
        word.write_text("")
        server = Prosody(
            version,
            storage="internal",
            options="muc_room_default_persistent = true\nmep_publish_burst = 1000000",
            global_options=f'soak_faults = "{word}"',
            muc_modules=("soak_faults",),
            plugins=(*PLUGINS, Path(__file__).with_name("plugins")),
        )
        with server:
            await play(server, word, rng, rounds, tally)
    return tally


async def enter(server):
    owner = await Client.connect(server, "owner")
    await owner.join(ROOM, "owner")
    fan = await Client.connect(server, "fan")
    await fan.join(ROOM, "fan")
    return owner, fan


async def play(server, word, rng, rounds, tally):
    owner, fan = await enter(server)
    config = "".join(
        f"<field var='pubsub#{var}'><value>{value}</value></field>" for var, value in (("max_items", 20), ("access_model", "open"))
    )
    config = f"<x xmlns='jabber:x:data' type='submit'>{config}</x>"
    made = await owner.iq("set", ROOM, pubsub(f"<create node='{NODE}'/><configure>{config}</configure>"))
    assert made.get("type") == "result", error_of(made)
    model = Model()
    await subscribe(owner, fan)
    for number in range(rounds):
        word.write_text(rng.choice(["return", "throw"]))
        for _ in range(REQUESTS):
            request, change = model.next(rng, tally["requests"])
            tally["requests"] += 1
            if (await owner.iq("set", ROOM, request)).get("type") == "result":
                change()
            else:
                tally["failed"] += 1
                await asyncio.sleep(0.15)  # failed storage is left alone for a second, and longer
        word.write_text("")
        if number % 2 == 0:
            tally["kills"] += 1
            server.kill()
            for client in (owner, fan):
                await client.cut()
            server.start()
            owner, fan = await enter(server)
            differences = await compare(owner, model, None)
            await subscribe(owner, fan)
        else:
            differences = await compare(owner, model, [f"{ROOM}/fan", "fan@localhost"])
        tally["lost"] += len(differences)
        tally["differences"] += differences
        if differences:
            print(f"round {number}:", *differences, sep="\n  ", flush=True)
            # From here on with what is there.
            model.items, model.affiliations, _ = await state(owner)
    for client in (owner, fan):
        await client.cut()


async def subscribe(owner, fan):
    """The fan subscribes, as soon as storage is tried again; and the owner makes it a member by its nick."""
    entry = f"<affiliation jid='{ROOM}/fan' affiliation='member'/>"
    await insist(owner, "set", pubsub(f"<affiliations node='{NODE}'>{entry}</affiliations>", OWNER))
    await insist(fan, "set", pubsub(f"<subscribe node='{NODE}' jid='fan@localhost'/>"))


async def insist(client, type, request):
    while (reply := await client.iq(type, ROOM, request)).get("type") != "result":
        assert error_of(reply)[:2] == ("wait", "internal-server-error"), error_of(reply)
        await asyncio.sleep(0.1)
    return reply


async def state(owner):
    """Items, affiliations of accounts, and what the fan has: its affiliation and its subscription."""
    items = await insist(owner, "get", pubsub(f"<items node='{NODE}'/>"))
    held = {item.get("id"): "".join(item.itertext()) for item in items.iter(f"{{{PUBSUB}}}item")}
    listed = await insist(owner, "get", pubsub(f"<affiliations node='{NODE}'/>", OWNER))
    named = {e.get("jid"): e.get("affiliation") for e in listed.iter(f"{{{OWNER}}}affiliation") if e.get("affiliation") != "owner"}
    subscribers = await insist(owner, "get", pubsub(f"<subscriptions node='{NODE}'/>", OWNER))
    fans = {e.get("jid") for e in subscribers.iter(f"{{{OWNER}}}subscription")}
    fans |= {jid for jid in named if jid.startswith(ROOM)}
    return held, {jid: is_ for jid, is_ in named.items() if not jid.startswith(ROOM)}, fans


async def compare(owner, model, fans):
    """What differs from the model, as texts."""
    held, named, found = await state(owner)
    differences = []
    if list(held.items()) != list(model.items.items()):
        lost, more = set(model.items) - set(held), set(held) - set(model.items)
        differences.append(f"items: without {sorted(lost)}, with {sorted(more)}, or in another order")
    if named != model.affiliations:
        differences.append(f"affiliations: {named} for {model.affiliations}")
    if fans and not any(jid in found for jid in fans):
        differences.append(f"the subscriber: {found}")
    return differences
