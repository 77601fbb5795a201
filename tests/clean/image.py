"""Bare Debian systems, made once and kept as tar files: what a newcomer has who knows git, make and gcc."""

import os
import shutil
import subprocess
import time
import zlib
from pathlib import Path

import machine

PACKAGES = "ca-certificates,make,git,gcc,libc6-dev"
SUITES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
SCRIPTS = Path("/usr/share/debootstrap/scripts")


def unpack(suite, folder, to, log):
    """Unpacks the bare system of that suite, which is made first where `folder` has none that is up to date."""
    image = folder / f"{suite}.tar"
    stamp = folder / f".stamp-{suite}"
    recipe = f"{zlib.crc32(Path(__file__).read_bytes())} {machine.mirror()}"
    if not (image.exists() and stamp.exists() and stamp.read_text() == recipe):
        _make(suite, image, log)
        stamp.write_text(recipe)
    to.mkdir(parents=True)
    subprocess.run(["tar", "--numeric-owner", "-xpf", image, "-C", to], check=True)


def _make(suite, image, log):
    if not shutil.which("debootstrap"):
        print("installing: debootstrap", flush=True)
        _run(["apt-get", "update", "-q"], log)
        _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "debootstrap"], log)
    print(f"{suite}: a bare {SUITES[suite]} by debootstrap → {image}", flush=True)
    began = time.monotonic()
    new = image.with_name(f"{suite}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    # An older debootstrap does not know a newer suite by name; all of them share one script.
    script = SCRIPTS / suite if (SCRIPTS / suite).exists() else SCRIPTS / "sid"
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, new, machine.mirror(), script]
    try:
        _run(command, log)
        for package in (new / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        part = image.with_name(f"{suite}.tar.part")
        subprocess.run(["tar", "--numeric-owner", "--exclude=./dev/*", "-cf", part, "-C", new, "."], check=True)
        part.rename(image)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    print(f"{suite}: made in {time.monotonic() - began:.0f} s, {image.stat().st_size / 1e6:.0f} MB", flush=True)


def _run(command, log):
    environment = os.environ | {"DPKG_FORCE": "unsafe-io"}  # no waiting for the disk, file by file
    done = subprocess.run(command, check=False, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: see {log.name}")
