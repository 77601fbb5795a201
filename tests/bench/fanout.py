"""A publish to everybody in a room, beside what else a server has for telling everybody something."""

import statistics
from dataclasses import dataclass

from load import Load
from measure import Ratio, alternate, garbage, keep_apart, memory
from server import serve

MOOD = "http://jabber.org/protocol/mood"
NAIVE = "http://jabber.org/protocol/mode"  # as long as the other: the same octets
EVENT = "http://jabber.org/protocol/pubsub#event"
PUBSUB = "http://jabber.org/protocol/pubsub"

PAYLOAD = f"<mood xmlns='{MOOD}'><happy/><text>Yay, the bench is up, and the kettle is on</text></mood>"
ROOM = "den@rooms.localhost"

YARDSTICKS = ("mep", "naive", "pep", "floor")

BARE = "bare"
LOADED = "loaded"  # with the modules that public servers have
MANAGED = "managed"  # with these, and clients that use stream management


@dataclass(frozen=True)
class Pace:
    """How publishes come: so many in a turn, so many of them at once, so many turns of each mode."""

    publishes: int
    together: int
    rounds: int


def publish(node):
    return f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item>{PAYLOAD}</item></publish></pubsub>"


class Stage:
    """A room in which everybody is interested, and what is done there."""

    def __init__(self, load, publisher, recipients, publishes=1, together=1, room=ROOM):
        self.load, self.publisher, self.recipients, self.room = load, publisher, recipients, room
        self.publishes, self.together = publishes, together

    async def groupchat(self):
        """The event as a groupchat message, which mod_muc sends to everybody."""
        await self._say("current")

    async def floor(self):
        """The same octets, which the plugin `bench` writes to all connections as they are."""
        await self._say("floor")

    async def _say(self, id):
        event = f"<event xmlns='{EVENT}'><items node='{MOOD}'><item id='current'>{PAYLOAD}</item></items></event>"
        message = f"<message to='{self.room}' id='{id}' type='groupchat'>{event}</message>"
        await self._repeat(lambda: self.publisher.send(message))

    async def mep(self):
        await self._publish(f"{self.room}/{self.publisher.user}", MOOD)

    async def naive(self):
        await self._publish(f"{self.room}/{self.publisher.user}", NAIVE)

    async def pep(self):
        await self._publish(None, MOOD)

    async def _publish(self, to, node):
        to = f" to='{to}'" if to else ""
        await self._repeat(lambda: self.publisher.send(f"<iq type='set' id='p'{to}>{publish(node)}</iq>"))

    async def _repeat(self, send):
        """`together` at once; the next are sent when everybody has the last."""
        for _ in range(self.publishes // self.together):
            goal = self.load.received["message"] + self.recipients * self.together
            for _ in range(self.together):
                send()
            await self.load.until("message", goal)


async def set_up(load, recipients, managed):
    """`recipients` sessions in a room, the first its owner; all are interested, as contacts of the first, too."""
    able = (MOOD + "+notify", NAIVE + "+notify")
    publisher, *others = await load.connect(recipients, features=able, managed=managed)
    await publisher.join(ROOM)
    publisher.send(f"<presence>{publisher.caps}</presence>")
    await load.settle([publisher])
    for session in others:
        await session.join(ROOM)
        session.send(f"<presence to='{publisher.user}@{session.host}'>{session.caps}</presence>")
    await load.settle()
    return publisher


async def run(version, paces, what=BARE, recipients=500, tuning=""):
    """Costs of a delivery in each mode, and their ratios to groupchat's and to the naive MEP's: for each of `paces`
    (name -> Pace), on the same server."""
    extra = ("smacks", "carbons", "csi_simple", "mam", "blocklist") if what != BARE else ()
    options = {"naive": NAIVE, "contacts": recipients - 1, "tuning": tuning}
    found = {}
    with serve(version, extra, ("muc_mam",) if extra else (), **options) as server:
        keep_apart(server)
        load = Load(server)
        publisher = await set_up(load, recipients, managed=what == MANAGED)
        stage = Stage(load, publisher, recipients)
        modes = {"groupchat": stage.groupchat, "again": stage.groupchat, "mep": stage.mep, "naive": stage.naive}
        if what == BARE:
            modes |= {"pep": stage.pep, "floor": stage.floor}
        await check(load, modes, stage)
        for session in load.sessions[1:]:
            session.hurry()
        for name, pace in paces.items():
            stage.publishes, stage.together = pace.publishes, pace.together
            costs = await alternate(server, modes, pace.rounds, publisher)
            deliveries = pace.publishes * recipients
            found[name] = compare(costs, deliveries, server)
            if pace.together == 1:
                octets = {name: await garbage(server, mode) / deliveries for name, mode in modes.items()}
                found[name]["octets"] = octets
        load.close()
    return found


def compare(costs, deliveries, server):
    """What the costs of turns of so many deliveries say."""
    # Both turns of groupchat are as good: what is compared with them is compared with their mean.
    groupchat = [sum(both) / 2 for both in zip(costs["groupchat"], costs["again"], strict=True)]
    ratios = {name: vars(Ratio.of(spent, groupchat)) for name, spent in costs.items() if name in YARDSTICKS}
    return {
        "us": {name: statistics.median(spent) / deliveries / 1000 for name, spent in costs.items()},
        "ratios": ratios,
        "again": vars(Ratio.of(costs["again"], costs["groupchat"])),
        "to_naive": vars(Ratio.of(costs["mep"], costs["naive"])),
        "rss": memory(server),
        "peak": memory(server, "VmHWM"),
    }


async def check(load, modes, stage):
    """Each mode notifies each recipient once, and of nothing else."""
    for name, mode in modes.items():
        before = load.received["message"]
        await mode()
        await load.settle()
        came = load.received["message"] - before
        assert came == stage.publishes * stage.recipients, f"{name}: {came} messages"
