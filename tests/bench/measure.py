"""What a server's turn cost, and what turns compared with each other say."""

import asyncio
import os
import random
import statistics
from dataclasses import dataclass, field
from pathlib import Path

SERVER_CORE, CLIENT_CORE = 0, 1
LITTER = 3_000_000  # octets: more than a twentieth of what some hundred sessions take, which makes the collector begin


def keep_apart(server):
    """The server on one core, the clients (this process) on another, where there are two."""
    if len(os.sched_getaffinity(0) | {SERVER_CORE, CLIENT_CORE}) == len(os.sched_getaffinity(0)):
        os.sched_setaffinity(server.pid, {SERVER_CORE})
        os.sched_setaffinity(0, {CLIENT_CORE})


def cpu(server):
    """Nanoseconds that the server has been on a CPU so far, all its threads. What neighbours take is not in it."""
    tasks = Path(f"/proc/{server.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def memory(server, of="VmRSS"):
    """Octets of resident memory: `VmRSS` now, `VmHWM` at most."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith(of + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(of)


async def quiet(server):
    """Returns when the server has nothing to do: it sleeps, and has not run for a while."""
    before = None
    while True:
        state = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0]
        now = cpu(server)
        if state == "S" and now == before:
            return
        before = now
        await asyncio.sleep(0.004)


async def cost(server, turn, after=None):
    """Nanoseconds of the server's CPU that `turn` takes, with all that follows from it; `after` tidies up."""
    await quiet(server)
    before = cpu(server)
    await turn()
    await quiet(server)
    spent = cpu(server) - before
    if after:
        await after()
    return spent


async def garbage(server, turn):
    """Octets that a turn makes Lua allocate; nearly all of them are garbage soon."""
    spent = []
    for do in (turn, nothing):
        before = await asyncio.to_thread(collector, server, "stop")
        await do()
        await quiet(server)
        spent.append(await asyncio.to_thread(collector, server, "restart") - before)
    return spent[0] - spent[1]


async def nothing():
    """What asking costs."""


def collector(server, change):
    """Octets that Lua has allocated, and not given back; then the collector is changed."""
    code = f"(function () local n = collectgarbage('count'); collectgarbage('{change}'); return n; end)()"
    return float(server.shell(f"> {code}").rpartition("Result: ")[2]) * 1024


def orders(count):
    """Orders of `count` modes, each of them equally often after each other: garbage is collected in the next turn.

    Williams' design: the rotations of 0, 1, n-1, 2, n-2, ...; for odd counts, these backwards as well.
    """
    first = [(step + 1) // 2 if step % 2 else (count - step // 2) % count for step in range(count)]
    rotations = [[(mode + turn) % count for mode in first] for turn in range(count)]
    return rotations + [order[::-1] for order in rotations] if count % 2 else rotations


async def alternate(server, modes, rounds, session, after=None):
    """Runs all `modes` (name -> coroutine function) in each of `rounds` rounds; name -> the cost in each round.

    What is measured ends with a whole design where `rounds` is a multiple of it. One more round comes first, and
    does not count. Before each turn `session` has the server make some garbage, now more and now less: the collector
    begins anew whenever there is so much, and would else do so under the same mode in each round.
    """
    names = list(modes)
    design = orders(len(names))
    costs = {name: [] for name in names}
    chance = random.Random(1)
    for turn in range(-1, rounds):
        for at in design[turn % len(design)]:
            litter = f"<litter xmlns='urn:example:bench' octets='{chance.randrange(LITTER)}'/>"
            await session.iq("get", session.host, litter)
            spent = await cost(server, modes[names[at]], after)
            if turn >= 0:
                costs[names[at]].append(spent)
    return costs


@dataclass
class Ratio:
    """The median of pairwise ratios, with its quartiles, and with what all are made of."""

    median: float
    low: float
    high: float
    all: list = field(default_factory=list)

    @classmethod
    def of(cls, above, below):
        """Ratios of what was measured in the same rounds."""
        return cls.from_list([a / b for a, b in zip(above, below, strict=True)])

    @classmethod
    def from_list(cls, ratios):
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, low, high, ratios)
