"""Floods, beside an honest user in another room: how long their publishes take, compared with a flood of groupchat
messages of the same octets; what the server writes and holds. `SECONDS` for each; `HOURS` runs all floods in turn on one
server, and watches its memory. `make soak` has the defaults.

What was measured goes to target/soak/results.json; `--report` makes docs/security.md's table and chart of what is there.
"""

import argparse
import asyncio
import functools
import json
import platform
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/bench")]

import faults  # noqa: E402
import page  # noqa: E402
from floods import FLOODS, PLAIN, ROOM, features, groupchat  # noqa: E402
from load import Load, each  # noqa: E402
from testbed import Prosody  # noqa: E402
from testbed.prosody import lua_list  # noqa: E402

RESULTS = ROOT / "target/soak/results.json"
VERSIONS = ("13.0", "0.12")
HONEST = "honest@rooms.localhost"
MOOD = "http://jabber.org/protocol/mood"
PUBLISH = (
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/mood'><item id='current'>"
    "<mood xmlns='http://jabber.org/protocol/mood'><happy/></mood></item></publish></pubsub>"
)
EVERY = 0.1  # seconds between two publishes of the honest user
LISTENERS = 5  # in the flooded room, and in the other
LIMIT = 2 * 2**30  # of the server's address space
PATIENCE = 60  # seconds for the answers that are still to come after a flood


class Server:
    """A Prosody with limited memory, and what /proc says of it."""

    def __init__(self, version, options="", hosts=""):
        self.prosody = Prosody(
            version,
            options=options,
            hosts=hosts,
            global_options=f"modules_disabled = {{ {lua_list(['tls', 's2s', 'bosh', 'carbons', 'smacks', 'websocket'])} }}",
            storage="internal",
        )

    def __enter__(self):
        self.prosody.start()
        resource.prlimit(self.prosody.pid, resource.RLIMIT_AS, (LIMIT, LIMIT))
        return self

    def __exit__(self, *_):
        self.prosody.stop()

    @property
    def lives(self):
        return self.prosody._process.poll() is None

    def memory(self, what="VmRSS"):
        """In octets; what it held at most is VmHWM."""
        for line in Path(f"/proc/{self.prosody.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def forget_peak(self):
        Path(f"/proc/{self.prosody.pid}/clear_refs").write_text("5")

    def written(self):
        """Octets that went to the disk."""
        lines = Path(f"/proc/{self.prosody.pid}/io").read_text().split()
        return int(lines[lines.index("write_bytes:") + 1])


class Honest:
    """Publishes every 100 ms, whatever became of the publish before, and takes the time of each."""

    def __init__(self, session):
        self.session, self.times, self.refused, self._tasks, self.clock = session, [], 0, [], None

    async def run(self, seconds):
        self.times, self.refused, self._tasks = [], 0, []
        end = time.monotonic() + seconds
        due = time.monotonic()
        while due < end:
            await asyncio.sleep(max(0, due - time.monotonic()))
            self._tasks.append(asyncio.create_task(self._publish(due)))
            due += EVERY
        await asyncio.wait(self._tasks, timeout=PATIENCE)
        for task in self._tasks:
            if not task.done():  # counts as what it took so far
                task.cancel()
                self.times.append(PATIENCE)

    async def _publish(self, due):
        try:
            await self.session.iq("set", f"{HONEST}/honest", PUBLISH)
        except ValueError:
            self.refused += 1
        except (ConnectionError, OSError):
            self.times.append(PATIENCE)
            return
        self.times.append(time.monotonic() - due)


def quantile(times, share):
    times = sorted(times)
    return times[min(len(times) - 1, int(len(times) * share))] * 1000


class Pipe:
    """Counts what a session is sent, and parses it only if it must answer."""

    def __init__(self, session, parses):
        self.session, self.octets, self.is_cut = session, 0, False
        read = session.data_received

        def data_received(data):
            self.octets += len(data)
            if parses:
                read(data)

        session.data_received = data_received
        lost = session.connection_lost

        def connection_lost(error):
            self.is_cut = True
            lost(error)

        session.connection_lost = connection_lost
        # The transport has looked the method up already.
        session.transport.set_protocol(session)


async def pour(session, stanza, rate, seconds, before=lambda number: None):
    """Sends at so many octets a second. Returns how many octets and stanzas were sent."""
    start, sent, number = time.monotonic(), 0, 0
    while (now := time.monotonic() - start) < seconds and not session.transport.is_closing():
        while sent < rate * now and not session.transport.is_closing():
            before(number)
            xml = stanza(number)
            session.send(xml)
            sent += len(xml)
            number += 1
            if number % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)
    return sent, number


async def people(server, load, room=ROOM):
    """The honest user and its room; the flooder, who owns the other room, and others there."""
    honest, *listeners = await load.connect(LISTENERS + 1, "honest", [MOOD + "+notify"])
    for session in (honest, *listeners):
        await session.join(HONEST, "honest" if session is honest else None)
    others = await load.connect(LISTENERS, "other", ["urn:flood+notify"])
    [flooder] = await load.connect(1, "flooder", ["urn:flood+notify"])
    await flooder.join(room, "flooder")
    await each(others, lambda session: session.join(room))
    await load.settle()
    return Honest(honest), flooder, others


async def measure(version, name, seconds, rate):
    """One flood, and its like as groupchat messages; presence also in a room without mod_mep."""
    flood, found = FLOODS[name], {}
    plain = ROOM.partition("@")[0] + "@" + PLAIN
    for kind in ("groupchat", "flood", "plain")[: 3 if flood.is_presence else 2]:
        with Server(version, flood.options, f'Component "{PLAIN}" "muc"\nmuc_room_locking = false') as server:
            load = Load(server.prosody)
            honest, flooder, others = await people(server, load, plain if kind == "plain" else ROOM)
            if kind != "plain":
                await flood.prepare(flooder, others)
            await load.settle([honest.session])
            size = len(flood.stanza(0))
            is_asked = name == "capabilities"
            pipe = Pipe(flooder, parses=is_asked and kind == "flood")
            pipes = [Pipe(other, parses=False) for other in others]
            server.forget_peak()
            before, written = server.memory(), server.written()
            chat = functools.partial(groupchat, flood, size)
            stanza = {"groupchat": chat, "flood": flood.stanza, "plain": lambda n: flood.stanza(n).replace(ROOM, plain)}[kind]

            def prepare(number, flooder=flooder, name=name, kind=kind):
                if name == "capabilities" and kind == "flood":
                    flooder.features = features(number)[1:]

            _, (sent, stanzas) = await asyncio.gather(honest.run(seconds), pour(flooder, stanza, rate, seconds, prepare))
            lives = server.lives
            out = pipe.octets + sum(other.octets for other in pipes)
            found[kind] = {
                "p50": quantile(honest.times, 0.5),
                "p99": quantile(honest.times, 0.99),
                "refused": honest.refused,
                "stanzas": stanzas,
                "sent": sent,
                "out": out / sent,
                "written": (server.written() - written) / sent if lives else 0,
                "peak": server.memory("VmHWM") if lives else LIMIT,
                "grown": max(0, server.memory("VmHWM") - before) if lives else LIMIT,
                "cut": pipe.is_cut,
                "lives": lives,
            }
            load.close()
    return found


async def endure(version, seconds, rate, names):
    """All floods in turn on one server, for as long as that: its memory second by second, and how it grows."""
    floods = {name: FLOODS[name] for name in names}
    options = "\n".join(sorted({flood.options for flood in floods.values()}))
    samples, start = [], time.monotonic()
    with Server(version, options) as server:
        load = Load(server.prosody)
        honest, flooder, others = await people(server, load)
        for flood in floods.values():
            await flood.prepare(flooder, [])
        pipes = [Pipe(session, parses=False) for session in (flooder, *others)]

        async def sample():
            while True:
                samples.append((time.monotonic() - start, server.memory()))
                await asyncio.sleep(1)

        watch, sent, offset = asyncio.create_task(sample()), 0, 0
        turn = max(2, min(60, seconds / len(floods) / 6))
        times, cycles = [], []
        while time.monotonic() - start < seconds and server.lives:
            begun = len(samples)
            for flood in floods.values():
                if pipes[0].is_cut:
                    [flooder] = await load.connect(1, "flooder", ["urn:flood+notify"], resource=f"again{offset}")
                    await flooder.join(ROOM, "flooder")
                    pipes[0] = Pipe(flooder, parses=False)
                number = offset
                _, (octets, count) = await asyncio.gather(
                    honest.run(turn), pour(flooder, lambda n, f=flood, at=number: f.stanza(at + n), rate, turn)
                )
                sent, offset, times = sent + octets, offset + count, times + honest.times
                if time.monotonic() - start > seconds or not server.lives:
                    break
            else:
                cycles.append((samples[-1][0], max(octets for _, octets in samples[begun:])))
        watch.cancel()
        lives = server.lives
        load.close()
    return {
        "seconds": time.monotonic() - start,
        "sent": sent,
        "lives": lives,
        "p50": quantile(times, 0.5),
        "p99": quantile(times, 0.99),
        "samples": samples[:: max(1, len(samples) // 2000)],
        # The first turns of the floods are when the server takes what it needs.
        "cycles": cycles,
        "slope": page.slope(cycles[1:]),
    }


def machine():
    info = Path("/proc/cpuinfo").read_text().splitlines()
    cpus = [line.partition(": ")[2] for line in info if line.startswith("model name")]
    return f"Measured on {len(cpus)} × {cpus[0]}, {platform.freedesktop_os_release()['PRETTY_NAME']}."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floods", nargs="*", choices=FLOODS, default=list(FLOODS))
    parser.add_argument("--versions", nargs="*", choices=VERSIONS, default=VERSIONS)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rate", type=int, default=32_000, help="octets a second")
    parser.add_argument("--hours", type=float, default=0, help="all floods in turn for so long, in place of one by one")
    parser.add_argument("--faults", type=int, default=20, help="rounds of storage faults; 0: none")
    parser.add_argument("--seed", type=int, help="of the faults: what a run printed")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true", help="measures nothing")
    parser.add_argument("--no-docs", action="store_true", help="leaves docs/ as it is")
    options = parser.parse_args()
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    if not options.report:
        run(options, results)
    print(page.text(results))
    if not options.no_docs:
        page.write(results, ROOT / "docs")


def run(options, results):
    def keep():
        options.results.parent.mkdir(parents=True, exist_ok=True)
        options.results.write_text(json.dumps(results, indent=1))

    results["machine"] = machine()
    for version in options.versions:
        found = results.setdefault(version, {})
        if options.hours:
            found["endurance"] = asyncio.run(endure(version, options.hours * 3600, options.rate, options.floods))
            keep()
            continue
        for name in options.floods:
            found.setdefault("floods", {})[name] = asyncio.run(measure(version, name, options.seconds, options.rate))
            found["rate"], found["seconds"] = options.rate, options.seconds
            keep()
            print(f"Prosody {version}:", *page.line(name, found["floods"][name]), flush=True)
        if options.faults:
            found["faults"] = asyncio.run(faults.run(version, options.faults, options.seed))
            keep()


if __name__ == "__main__":
    main()
