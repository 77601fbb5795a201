"""Walks the ways in which people get mod_mep, each in a bare Debian: `make test-clean`, and tests/clean/README.md."""

import argparse
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import image
from root import REPOSITORY, Failed, Root

FOLDER = REPOSITORY / "target/clean"
SCENARIOS = Path(__file__).with_name("scenarios")


def main():
    known = {path.stem: load(path) for path in sorted(SCENARIOS.glob("*.py"))}
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--suite", default="", help=f"of {', '.join(image.SUITES)}; all unless given")
    arguments.add_argument("--scenario", default="", help=f"of {', '.join(known)}; all unless given")
    arguments.add_argument("--quick", action="store_true", help="what fits into continuous integration")
    asked = arguments.parse_args()
    suites = chosen("suite", asked.suite, image.SUITES)
    scenarios = chosen("scenario", asked.scenario, known)

    check_machine()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with (FOLDER / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run of these tests is going on in {FOLDER}")
        shutil.rmtree(FOLDER / "roots", ignore_errors=True)  # of a run that was killed
        runs = [
            (suite, name)
            for suite in suites
            for name in scenarios
            if suite in getattr(known[name], "SUITES", image.SUITES)
            and not (asked.quick and not asked.scenario and suite not in getattr(known[name], "QUICK", ()))
        ]
        results = [walk(suite, name, known[name], asked.quick) for suite, name in runs]
    print(f"\n{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(0 if results and all(results) else 1)


def walk(suite, name, scenario, quick):
    """Runs one scenario in a root of its own; whether it passed."""
    title = f"{suite}: {name}"
    path = FOLDER / "log" / f"{suite}-{name}.log"
    path.parent.mkdir(exist_ok=True)
    print(f"\n{title} – {scenario.__doc__.splitlines()[0]}", flush=True)
    with path.open("wb", buffering=0) as log:
        folder = FOLDER / "roots" / f"{suite}-{name}"
        image.unpack(suite, FOLDER, folder, log)
        began = time.monotonic()
        try:
            with Root(folder, suite, FOLDER / "archives" / suite, log, quick) as root:
                scenario.walk(root)
        except (Failed, OSError, subprocess.SubprocessError) as failure:
            why = failure if isinstance(failure, Failed) else f"{type(failure).__name__}: {failure}"
            print(f"{title}: FAILED, {why}\n  all of it: {path}", flush=True)
            return False
    print(f"{title}: passed in {time.monotonic() - began:.0f} s", flush=True)
    return True


def check_machine():
    """Ends with a sentence where this machine or user can't have roots."""
    if os.getuid() != 0:
        sys.exit("make test-clean needs root, for chroot and mounts: run it as root")
    for tool in ("apt-get", "unshare", "nsenter", "setpriv", "git", "tar"):
        if not shutil.which(tool):
            sys.exit(f"make test-clean needs a Debian or Ubuntu with {tool}, which is missing")
    FOLDER.mkdir(parents=True, exist_ok=True)
    probe = FOLDER / "probe"
    probe.mkdir(exist_ok=True)
    command = ["unshare", "--pid", "--mount", "--fork", "sh", "-c", 'mount -t proc proc "$0" && chroot / true', probe]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    probe.rmdir()
    if done.returncode:
        reason = done.stderr.strip() or f"unshare ended with {done.returncode}"
        sys.exit(f"make test-clean needs namespaces and mounts, which this machine (a container?) refuses: {reason}")


def chosen(what, asked, known):
    names = asked.replace(",", " ").split() or list(known)
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def load(path):
    spec = importlib.util.spec_from_file_location(f"scenarios.{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
