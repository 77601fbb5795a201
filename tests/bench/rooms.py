"""What a room's size, coming into a room, and last items cost."""

from fanout import EVENT, MOOD, PAYLOAD, publish
from load import QUESTION, Load, each
from measure import Ratio, alternate, keep_apart
from server import GENERATIONAL, serve

PLAIN = 'Component "plain.localhost" "muc"\nmodules_enabled = { "bench" }\nmuc_room_locking = false\n'


async def size(version, few=10, many=5000, publishes=150, rounds=12):
    """A publish to `few` interested in a room of `many` sessions, to the same in a room of `few`.

    With the default garbage collector a collection of so many sessions takes longer than a turn, and falls on one or
    the other: here it is the generational one.
    """
    small, big = "small@rooms.localhost", "big@rooms.localhost"
    with serve(version, tuning=GENERATIONAL) as server:
        keep_apart(server)
        load = Load(server)
        interested = await load.connect(few, features=[MOOD + "+notify"])
        await load.connect(many - few, prefix="other")
        publisher = interested[0]
        await publisher.join(small)
        await publisher.join(big)
        await each(interested[1:], lambda session: session.join(small))
        await each(load.sessions[1:], lambda session: session.join(big))
        await load.settle()

        async def tell(room):
            for _ in range(publishes):
                goal = load.received["message"] + few
                publisher.send(f"<iq type='set' id='p' to='{room}/{publisher.user}'>{publish(MOOD)}</iq>")
                await load.until("message", goal)

        async def in_small():
            await tell(small)

        async def in_big():
            await tell(big)

        await exactly(load, in_small, publishes * few)
        await exactly(load, in_big, publishes * few)
        modes = {"small": in_small, "again": in_small, "big": in_big}
        costs = await alternate(server, modes, rounds, publisher)
        load.close()
    return {
        "ratio": vars(Ratio.of(costs["big"], costs["small"])),
        "again": vars(Ratio.of(costs["again"], costs["small"])),
        "us": {name: middle(spent) / publishes for name, spent in costs.items()},
    }


async def joins(version, kinds=30, clients=60, rounds=12):
    """`clients` of `kinds` come into a room, one after the other: with MEP that knows them, with MEP that has to ask
    each kind, and without MEP."""
    room, plain = "loud@rooms.localhost", "loud@plain.localhost"
    with serve(version, hosts=PLAIN) as server:
        keep_apart(server)
        load = Load(server)
        (host,) = await load.connect(1, prefix="host")
        await host.join(room)
        await host.join(plain)
        await load.settle()
        joiners = await load.connect(clients)
        made = 0

        def known():
            for number, session in enumerate(joiners):
                session.features = (MOOD + "+notify", f"urn:example:kind:{number % kinds}")

        def new():
            nonlocal made
            made += 1
            for number, session in enumerate(joiners):
                session.features = (MOOD + "+notify", f"urn:example:kind:{made}:{number % kinds}")

        async def come(into):
            for session in joiners:
                await session.join(into)

        async def without():
            known()
            await come(plain)

        async def with_known():
            known()
            await come(room)

        async def with_new():
            new()
            asked = load.received[QUESTION]
            await come(room)
            await load.until(QUESTION, asked + kinds)

        async def go():
            there = room if joiners[0].room == room else plain
            for session in reversed(joiners):
                await session.leave(there)

        modes = {"plain": without, "again": without, "known": with_known, "asked": with_new}
        costs = await alternate(server, modes, rounds, host, after=go)
        load.close()
    return {
        "ratio": vars(Ratio.of(costs["known"], costs["plain"])),
        "asked": vars(Ratio.of(costs["asked"], costs["plain"])),
        "again": vars(Ratio.of(costs["again"], costs["plain"])),
        "us": {name: middle(spent) / clients for name, spent in costs.items()},
    }


async def last_items(version, publishers=200, rounds=16, times=4):
    """The last items of `publishers`, to as many messages of history; what joining costs without either is taken off.

    All in one room, whose publishers see who comes in as little as in any room that hides participants.
    """
    room = "stage@rooms.localhost"
    options = f'bench_moderators = {publishers}\nbench_users = "localhost"\nmax_history_messages = {publishers}\n'
    options += f"muc_room_default_history_length = {publishers}\n"
    with serve(version, options=options) as server:
        keep_apart(server)
        load = Load(server)
        crowd = await load.connect(publishers)
        for session in crowd:
            await session.join(room)
        (eager,) = await load.connect(1, prefix="eager", features=[MOOD + "+notify"])
        (plain,) = await load.connect(1, prefix="plain")
        event = f"<event xmlns='{EVENT}'><items node='{MOOD}'><item id='current'>{PAYLOAD}</item></items></event>"
        for session in crowd:
            await session.iq("set", f"{room}/{session.user}", publish(MOOD))
            session.send(f"<message to='{room}' type='groupchat'><body>.</body>{event}</message>")
            await session.ping()
        await load.settle()
        # The kind of client that is interested is known from here on.
        await eager.join(room)
        await load.settle()
        await eager.leave(room)

        def coming(session, history, messages):
            async def join():
                for _ in range(times):
                    goal = load.received["message"] + messages + 1  # the subject
                    await session.join(room, history=history)
                    await load.until("message", goal)
                    await session.leave(room)

            return join

        modes = {
            "items": coming(eager, 0, publishers),
            "history": coming(plain, publishers, publishers),
            "again": coming(plain, publishers, publishers),
            "neither": coming(plain, 0, 0),
        }

        for name, mode in modes.items():
            await exactly(load, mode, times * (1 if name == "neither" else publishers + 1))
        costs = await alternate(server, modes, rounds, crowd[0])
        load.close()
    bare = costs.pop("neither")
    net = {name: [a - b for a, b in zip(spent, bare, strict=False)] for name, spent in costs.items()}
    return {
        "ratio": vars(Ratio.of(net["items"], net["history"])),
        "again": vars(Ratio.of(net["again"], net["history"])),
        "us": {name: middle(spent) / times / publishers for name, spent in net.items()},
    }


def middle(spent):
    """The median, in µs."""
    return sorted(spent)[len(spent) // 2] / 1000


async def exactly(load, mode, expected):
    """Runs it once, to see that it sends what it is to send."""
    before = load.received["message"]
    await mode()
    await load.settle(load.sessions[:300])
    came = load.received["message"] - before
    assert came == expected, f"{came} messages, and not {expected}"
