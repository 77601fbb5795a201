"""A Gajim in a virtual display, with a home of its own, not as root; gone without a trace afterwards."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from .prosody import ROOT

PLUGIN = ROOT / "clients/gajim/mep_occupants"
DRIVER = ROOT / "clients/gajim/tests/driver"
PACKAGES = "usr/lib/python3/dist-packages"
# The system's, and what tests/setup/gajim.sh unpacks.
ROOTS = {"1.7": Path("/"), "1.8": ROOT / "target/gajim/1.8"}
NOBODY = 65534


def missing(version):
    """Returns why this Gajim can't be run here, or None."""
    programs = [name for name in ("Xvfb", "dbus-run-session", "import") if not shutil.which(name)]
    if programs:
        return f"{', '.join(programs)}: not installed"
    package = ROOTS[version] / PACKAGES / "gajim/__init__.py"
    if not package.exists():
        return f"no Gajim {version} for this system"
    # Not asked of itself: it refuses to run as root.
    found = package.read_text().partition("__version__ = ")[2].partition("\n")[0].strip("'\"")
    return None if found.startswith(version) else f"the system has Gajim {found}, which the plugin is not for"


def environment(home, **more):
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return {
        **kept, "HOME": str(home), "LANG": "C.UTF-8", "NO_AT_BRIDGE": "1", "GDK_BACKEND": "x11",
        "GSETTINGS_BACKEND": "memory", "XDG_RUNTIME_DIR": str(home), "PYTHONDONTWRITEBYTECODE": "1", **more,
    }  # fmt: skip


class Gajim:
    """`async with Gajim("1.8", server, room, user) as gajim:` is in the room, with the nick "gajim"."""

    def __init__(self, version, server, room, user="gajim"):
        self._version, self._server, self._room, self._user = version, server, room, user

    async def __aenter__(self):
        self._home = Path(tempfile.mkdtemp(prefix="mod_mep-gajim-"))
        self._shown = self._home / "shown.json"
        self._write_home()
        try:
            self._start_display()
            self._log = (self._home / "log").open("w+")
            self._gajim = self._run(
                ["dbus-run-session", "--", *self._program(), "-c", self._home / "config"],
                stdout=self._log, stderr=subprocess.STDOUT,
                env=environment(
                    self._home, DISPLAY=self._display, MEP_ROOM=self._room, MEP_SHOWN=str(self._shown),
                    PYTHONPATH=str(self._packages),
                ),
            )  # fmt: skip
            await self.shows(lambda rows: "gajim" in rows, timeout=40)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        for process in (getattr(self, "_gajim", None), getattr(self, "_xvfb", None)):
            if process and process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    await asyncio.to_thread(process.wait, 5)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        self._last_log = self.log
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def log(self):
        """What Gajim has written."""
        path = self._home / "log"
        return path.read_text(errors="replace") if path.exists() else getattr(self, "_last_log", "")

    @property
    def rows(self):
        """The markup in the list of occupants, by nick."""
        return json.loads(self._shown.read_text()) if self._shown.exists() else {}

    async def shows(self, matches, timeout=10):
        """Waits until the list is so; the driver writes it down when it changes."""
        try:
            async with asyncio.timeout(timeout):
                while not matches(self.rows):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"Gajim shows {self.rows}\n{self.log}") from None

    async def screenshot(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        command = ["import", "-display", self._display, "-window", "root", str(path)]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=30)

    @property
    def _packages(self):
        return self._home / "gajim" / PACKAGES

    def _program(self):
        """A copy of what was unpacked: who runs it may not reach this folder."""
        root = ROOTS[self._version]
        if root == Path("/"):
            return ["gajim"]
        for folder in (PACKAGES, "usr/bin"):
            shutil.copytree(root / folder, self._home / "gajim" / folder)
        return ["/usr/bin/python3", self._home / "gajim/usr/bin/gajim"]

    def _write_home(self):
        config = self._home / "config"
        for folder in (PLUGIN, DRIVER):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(folder, config / "plugins" / folder.name, ignore=ignore)
        source = (ROOTS[self._version] / PACKAGES / "gajim/common/settings.py").read_text()
        version = source.partition("CURRENT_USER_VERSION = ")[2].split()[0]
        application = {
            "use_keyring": False, "show_trayicon": False, "check_for_update": False, "dark_theme": 0,
            "mainwin_width": 1100, "mainwin_height": 640, "groupchat_roster_width": 260,
        }  # fmt: skip
        account = {
            "account_label": "test", "name": self._user, "hostname": self._server.host, "password": "any",
            "savepass": True, "active": True, "autoconnect": True, "use_custom_host": True,
            "custom_host": self._server.address, "custom_port": self._server.c2s_port, "custom_type": "PLAIN", "confirm_unencrypted_connection": False,
        }  # fmt: skip
        settings = {
            "app": application, "soundevents": {}, "status_presets": {}, "proxies": {},
            "plugins": {"mep_occupants": {"active": True}, "driver": {"active": True}},
            "workspaces": {"0a6b2f0e-0000-4000-8000-000000000000": {}},
        }  # fmt: skip
        with sqlite3.connect(config / "settings.sqlite") as db:
            db.execute("CREATE TABLE settings (name TEXT UNIQUE, settings TEXT)")
            db.execute("CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT)")
            db.executemany("INSERT INTO settings VALUES (?, ?)", [(k, json.dumps(v)) for k, v in settings.items()])
            nested = json.dumps({"account": account, "contact": {}, "group_chat": {}})
            db.execute("INSERT INTO account_settings VALUES (?, ?)", ("test", nested))
            db.execute(f"PRAGMA user_version = {int(version)}")
        db.close()
        if os.geteuid() == 0:
            for path in [self._home, *self._home.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)

    def _start_display(self):
        reads, writes = os.pipe()
        self._xvfb = self._run(
            ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1100x640x24", "-nolisten", "tcp"],
            pass_fds=(writes,), env=environment(self._home), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writes)
        with os.fdopen(reads) as pipe:
            self._display = f":{pipe.readline().strip()}"

    def _run(self, command, **options):
        if os.geteuid() == 0:
            options |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.Popen(command, start_new_session=True, cwd=self._home, **options)
