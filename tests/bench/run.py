"""Runs the benchmarks: `run.py [--version 13.0] [--together 8] [ROW...]`."""

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fanout  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=[fanout.BARE], help="bare, loaded, managed")
    parser.add_argument("--version", action="append", help="of Prosody: 13.0, 0.12")
    parser.add_argument("--together", type=int, default=1, help="publishes that are sent at once")
    parser.add_argument("--publishes", type=int, default=2, help="in a turn")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    for version in options.version or ["13.0", "0.12"]:
        for row in options.rows:
            how = {"together": options.together, "publishes": options.publishes, "rounds": options.rounds}
            show(version, row, asyncio.run(fanout.run(version, row, **how)))


def show(version, row, found):
    for name, ratio in found["ratios"].items():
        print(
            f"{version:5} {row:8} {name:10} {found['us'][name]:6.1f} µs   {ratio['median']:.2f} of groupchat"
            f"  ({ratio['low']:.2f} to {ratio['high']:.2f})"
        )
    naive = found["to_naive"]
    print(f"{version:5} {row:8} mep is {naive['median']:.2f} of naive  ({naive['low']:.2f} to {naive['high']:.2f})")


if __name__ == "__main__":
    main()
