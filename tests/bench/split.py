"""Rooms in one process and their people in another: what each of the two pays."""

import os
import statistics
import tempfile

import fanout
from load import Load, each
from measure import CLIENT_CORE, SERVER_CORE, cpu, quiet
from server import serve

ROOM = "den@rooms.one.example"


async def run(version, recipients=500, publishes=8, rounds=4):
    """µs a delivery of the rooms' process and of the users', groupchat and mod_mep."""
    with tempfile.TemporaryDirectory() as network:
        here = {"host": "one.example", "rooms": "rooms.one.example", "address": "127.0.0.2", "network": network}
        there = {"host": "two.example", "rooms": "rooms.two.example", "address": "127.0.0.3", "network": network}
        with serve(version, **here) as rooms, serve(version, **there) as users:
            os.sched_setaffinity(rooms.pid, {CLIENT_CORE})
            os.sched_setaffinity(users.pid, {SERVER_CORE})
            load = Load(users)
            publisher, *others = await load.connect(recipients, features=[fanout.MOOD + "+notify"])
            await publisher.join(ROOM)
            await each(others, lambda session: session.join(ROOM))
            await load.settle()
            stage = fanout.Stage(load, publisher, recipients, publishes, room=ROOM)
            modes = {"groupchat": stage.groupchat, "mep": stage.mep}
            await fanout.check(load, modes, stage)
            spent = {name: {"rooms": [], "users": []} for name in modes}
            for _ in range(rounds):
                for name, mode in modes.items():
                    before = cpu(rooms), cpu(users)
                    await mode()
                    await quiet(users)
                    await quiet(rooms)
                    spent[name]["rooms"].append(cpu(rooms) - before[0])
                    spent[name]["users"].append(cpu(users) - before[1])
            load.close()
    per = 1000 * publishes * recipients
    us = {name: {where: statistics.median(all) / per for where, all in by.items()} for name, by in spent.items()}
    return {"us": us}
