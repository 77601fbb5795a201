"""Thousands join and leave, and so do their rooms: the server's memory is the same as before."""

import asyncio
from pathlib import Path

import pytest

HOST, CROWD = "rooms.localhost", "crowd.localhost"
SPARE = 256 * 1024  # octets of resident memory: fifty for each of the 5,000 of a second half

pytestmark = pytest.mark.mep(
    hosts=f'Component "{CROWD}" "testbed_crowd"', options="mep_publish_burst = 1000000\nmep_publish_rate = 1000000"
)

KEEPER = {"rooms": 1, "occupants": 1, "sessions": 1}  # who keeps the room from ending


class Crowd:
    """What `mod_testbed_crowd` is told, and what it says."""

    def __init__(self, server):
        self._server = server

    async def tell(self, function, *args):
        command = f'> prosody.hosts["{CROWD}"].modules.testbed_crowd.{function}({", ".join(map(repr, args))})'
        return (await asyncio.to_thread(self._server.shell, command)).removeprefix("Result: ")

    async def measure(self):
        """The heap after two full collections, what was heard, and the core's counts."""
        words = (await self.tell("measure", HOST)).split()
        counts = {name: int(value) for name, _, value in (word.partition("=") for word in words)}
        return counts.pop("heap"), {name: counts.pop(name) for name in ("message", "question", "error")}, counts

    def resident(self):
        """Octets of resident memory."""
        return int(Path(f"/proc/{self._server.pid}/statm").read_text().split()[1]) * 4096


async def nothing_is_left(crowd, function, place, total, turns, stays):
    step = total // turns
    await crowd.tell(function, place, 0, step - 1)  # what is kept for good is there: capabilities, compiled code
    heap, heard, counts = await crowd.measure()
    resident = []
    for turn in range(1, turns + 1):
        await crowd.tell(function, place, turn * step, (turn + 1) * step - 1)
        resident.append(crowd.resident())
    heap_after, heard_after, counts_after = await crowd.measure()
    assert heard_after["message"] - heard["message"] > total, "they were told of each other"
    assert counts_after == counts
    assert {name: count for name, count in counts.items() if count and name != "caps_known"} == stays
    assert heap_after <= heap * 1.02
    assert max(resident[turns // 2 :]) - resident[turns // 2 - 1] <= SPARE
    return heard_after["question"] - heard["question"]


async def test_ten_thousand_come_publish_and_go(server):
    questions = await nothing_is_left(Crowd(server), "churn", f"den@{HOST}", 10_000, 20, KEEPER)
    assert questions > 1000, "those whose hash is not theirs are asked each time"


async def test_a_thousand_rooms_are_made_and_end(server):
    await nothing_is_left(Crowd(server), "rooms", HOST, 1000, 10, {})
