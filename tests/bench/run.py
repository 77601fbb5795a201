"""Measures, writes down, draws. `run.py` runs the rows with a goal on both versions of Prosody, `--tuning` the others;
`--rows`, `--versions` some of them.

What was measured goes to target/bench/results.json, row by row; `--report` makes tables and charts of what is there.
"""

import argparse
import asyncio
import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import fanout  # noqa: E402
import report  # noqa: E402
import rooms  # noqa: E402
import split  # noqa: E402
from fanout import Pace  # noqa: E402
from server import DIRECT, GENERATIONAL  # noqa: E402

RESULTS = ROOT / "target/bench/results.json"
VERSIONS = ("13.0", "0.12")


def fan_out(*args, **how):
    return lambda version: fanout.run(version, *args, **how)


def alone(name, measure):
    """What has one row, of the same name."""

    async def row(version):
        return {name: await measure(version)}

    return row


# What is measured together, on one server, and brings one row or two. Rounds are as many as all of it can have in ten
# minutes, and fit the design of the turns: a multiple of 6 for six modes, of 4 for four.
ROWS = {
    "bare": fan_out({"bare": Pace(4, 1, rounds=12), "together": Pace(8, 8, rounds=6)}),
    "loaded": fan_out({"loaded": Pace(4, 1, rounds=8)}, fanout.LOADED),
    "managed": fan_out({"managed": Pace(2, 1, rounds=4), "managed_together": Pace(8, 8, rounds=4)}, fanout.MANAGED),
    "size": alone("size", rooms.size),
    "joins": alone("joins", rooms.joins),
    "last_items": alone("last_items", rooms.last_items),
}
# What an admin can change, and what it is compared with.
TUNING = {
    "usual": fan_out({"usual": Pace(4, 1, rounds=6)}),
    "generational": fan_out({"generational": Pace(4, 1, rounds=6)}, tuning=GENERATIONAL),
    "tuned": fan_out({"tuned": Pace(4, 1, rounds=6)}, tuning=f"{GENERATIONAL}\n{DIRECT}"),
    "split": alone("split", split.run),
}
ALL = ROWS | TUNING


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", choices=[*ALL, "core"], default=[*ROWS, "core"])
    parser.add_argument("--tuning", action="store_true", help="measures what an admin can change, and nothing else")
    parser.add_argument("--versions", nargs="*", choices=VERSIONS, default=VERSIONS)
    parser.add_argument("--report", action="store_true", help="measures nothing")
    parser.add_argument("--no-docs", action="store_true", help="leaves docs/ as it is")
    options = parser.parse_args()
    if options.tuning:
        options.rows = list(TUNING)
    if not options.report:
        measure(options)
    results = json.loads(RESULTS.read_text())
    print(report.text(results))
    if not options.no_docs:
        import chart  # noqa: PLC0415 (matplotlib is slow to load)

        report.write(results, ROOT / "docs/performance.md")
        chart.draw(results, ROOT / "docs/images")


def measure(options):
    allow_files(12_000)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["machine"] = machine()
    if "core" in options.rows:
        results["core"] = core()
    for version in options.versions:
        for row in (row for row in options.rows if row != "core"):
            start = time.monotonic()
            found = asyncio.run(ALL[row](version))
            results.setdefault(version, {}).update(found)
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1))
            took = time.monotonic() - start
            print(f"Prosody {version}, {row}: {took:.0f} s", flush=True)
            for name, figures in found.items():
                print(f"  {name}:", *report.summary(figures), sep="\n    ", flush=True)


def core():
    """The core's own figures, from the Rust benchmark."""
    command = ["cargo", "bench", "--quiet", "--bench", "figures"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def machine():
    info = Path("/proc/cpuinfo").read_text().splitlines()
    cpus = [line.partition(": ")[2] for line in info if line.startswith("model name")]
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{len(cpus)} × {cpus[0]}, {system}"


def allow_files(count):
    """Room for that many connections, here and in the servers that are started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


if __name__ == "__main__":
    main()
