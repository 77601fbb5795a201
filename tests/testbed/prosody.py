"""A Prosody of its own for each test: own folder, own loopback ports, gone without a trace afterwards."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from string import Template

from .storage import open_storage

ROOT = Path(__file__).resolve().parents[2]

# The Lua that the servers run on, as the core's features name it; for others than lua54 see tests/setup/luas.sh.
LUA = os.environ.get("MEP_LUA", "lua54")
BUILD = ROOT / "target" if LUA == "lua54" else ROOT / "target" / LUA
PROSODYS = ROOT / "target" / ("prosody" if LUA == "lua54" else f"prosody-{LUA}")
# The newest is named even if it could not be fetched: its tests are skipped with the reason.
VERSIONS = [v for v in ("0.12", "13.0", "newest") if (PROSODYS / v).is_dir() or LUA == "lua54"]
PLUGINS = (BUILD / "module", Path(__file__).with_name("plugins"))

CONFIG = Template("""
run_as_root = true
pidfile = "$folder/prosody.pid"
data_path = "$folder/data"
certificates = "$folder/certs"
plugin_paths = { $plugins }
log = { { levels = { min = "$log_level" }, to = "stdout", timestamps = "%H:%M:%S", source_width = 0 } }

interfaces = { "$address" }
c2s_ports = { $c2s_port }
http_ports = { $http_port }
http_interfaces = { "$address" }
https_ports = {}

modules_enabled = { $modules }
modules_disabled = { $disabled }
$storage
limits = {}

authentication = "insecure"
insecure_open_authentication = "Yes please, I know what I'm doing!"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_bosh_secure = true
consider_websocket_secure = true
$s2s
$global_options

VirtualHost "$host"

Component "$rooms" "muc"
modules_enabled = { $muc_modules }
muc_room_locking = false
$options
$hosts
""")

S2S = Template("""
s2s_ports = { $s2s_port }
s2s_direct_tls_ports = {}
s2s_secure_auth = false
s2s_require_encryption = false
testbed_network = "$network"
""")

MODULES = (
    "admin_shell", "bosh", "carbons", "disco", "pep", "ping", "roster", "saslauth", "smacks", "testbed", "websocket",
)  # fmt: skip

LOG_LINE = re.compile(r"^\d\d:\d\d:\d\d (?P<source>\S+)\s+(?P<level>debug|info|warn|error)\t")
READY = re.compile(r"^\S+ mod_testbed\s+info\tready$", re.M)
PORT_TAKEN = "Failed to open server port"

# What Prosody says about this configuration, whatever it is asked to do.
HARMLESS = (
    r"\bwarn\tReceived SIGTERM",
    r"\bwarn\tConfiguration warning: .* Duplicate option",
    r"\bwarn\tLua 5.1 has several issues and support is being phased out",
)


def free_ports(address, count):
    sockets = [socket.create_server((address, 0)) for _ in range(count)]
    try:
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def lua_list(values):
    return ", ".join(f'"{value}"' for value in values)


class Prosody:
    """`with Prosody() as server:` or `async with`. What is Lua is pasted into the configuration:

    `options` into the MUC component, `global_options` above the hosts, `hosts` at the end. `modules` (for all hosts)
    and `muc_modules` come on top of what is enabled anyway; `module=False` leaves mod_mep out. `storage` is "memory",
    "internal", "sqlite" or "postgresql".

    Servers that are given the same `network`, an empty folder, find each other and no one else. Each needs an `address`
    and names of its own.
    """

    def __init__(
        self,
        version="13.0",
        options="",
        global_options="",
        hosts="",
        module=True,
        modules=(),
        muc_modules=(),
        storage="memory",
        host="localhost",
        rooms="rooms.localhost",
        address="127.0.0.1",
        log_level="info",
        network=None,
        plugins=PLUGINS,
    ):
        self.version, self.host, self.rooms, self.address = version, host, rooms, address
        self.c2s_port = self.http_port = None
        self._network = network and Path(network)
        between_servers = ("dialback", "testbed_network") if network else ()
        self.storage = None  # once it has started: see testbed.storage
        self._storage = storage
        self._settings = {
            "options": options,
            "global_options": global_options,
            "hosts": hosts,
            "modules": lua_list([*MODULES, *between_servers, *modules]),
            "disabled": lua_list(["tls"] if network else ["s2s", "tls"]),
            "muc_modules": lua_list([*["mep"] * module, *muc_modules]),
            "log_level": log_level,
            "plugins": lua_list(plugins),
        }
        self._bin = PROSODYS / version / "usr/bin"
        self._folder = self._process = self._reader = None
        self._lines, self._written = [], threading.Condition()
        self._stderr = ""

    # Life and death

    def start(self):
        """Starts the server and returns it once it is ready."""
        if not self._folder:
            self._folder = Path(tempfile.mkdtemp(prefix="mod_mep-"))
            (self._folder / "certs").mkdir()
            (self._folder / "data").mkdir()
            self.storage = open_storage(self._storage, self._folder)
        # A port found free may be taken by the time Prosody asks for it.
        for _ in range(5):
            if self._launch():
                return self
        self.stop()
        raise RuntimeError(f"Prosody finds no free ports:\n{self.log}")

    def stop(self):
        """Stops the server and removes its data; the log stays."""
        self._end(signal.SIGTERM)
        if self._folder:
            self.storage.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def wait(self):
        """Waits until the server has ended of itself; returns its exit status."""
        return self._process.wait(20)

    @contextmanager
    def halted(self, by_itself=False):
        """The server stands still meanwhile. `by_itself`: mod_testbed_midway halts it, and has said so in the log."""
        if not by_itself:
            os.kill(self.pid, signal.SIGSTOP)
        try:
            while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
                time.sleep(0.001)
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """Ends the server as a crash would; `start()` brings it back with its data."""
        self._end(signal.SIGKILL)

    def restart(self):
        """Stops the server and starts it again with the same data, on other ports."""
        self._end(signal.SIGTERM)
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    async def __aenter__(self):
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_):
        await asyncio.to_thread(self.stop)

    # What it says

    @property
    def data(self):
        """Where the embedded storage keeps its files."""
        return self._folder / "data"

    @property
    def pid(self):
        return self._process.pid

    @property
    def log(self):
        return "".join(self._lines) + self._read_stderr()

    def has_logged(self, text, timeout=10, times=1):
        """Whether the log has this so often, now or before long: what Prosody writes is read by a thread."""
        with self._written:
            return self._written.wait_for(lambda: "".join(self._lines).count(text) >= times, timeout)

    def problems(self, allow=()):
        """Warnings and errors in the log, and all of stderr, but for what matches a regex of `allow`."""
        entries, serious = [], False
        for line in list(self._lines):
            if start := LOG_LINE.match(line):
                serious = start["level"] in ("warn", "error")
                if serious:
                    entries.append(line)
            elif serious:
                entries[-1] += line
        if stderr := self._read_stderr():
            entries.append(stderr)
        known = [re.compile(regex) for regex in (*HARMLESS, *allow)]
        return [entry for entry in entries if not any(regex.search(entry) for regex in known)]

    # What it is told

    def shell(self, command):
        """Runs a command of Prosody's shell and returns what it prints; raises where that fails."""
        # On a loaded machine, a crowd of thousands takes its time.
        done = self.prosodyctl("shell", command, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def prosodyctl(self, *arguments, timeout=30, **options):
        return subprocess.run(
            [self._bin / "prosodyctl", "--config", self._folder / "prosody.cfg.lua", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            **options,
        )

    def reload(self, module="mep", host=None):
        return self.shell(f'module:reload("{module}", "{host or self.rooms}")')

    def configure(self, **settings):
        """Changes the configuration, by the names that the class has for its parts; the server is not told."""
        self._settings.update(settings)
        self._write_config()

    def load_config(self, by="shell"):
        """Has the server load its configuration, by its shell or by a signal, and waits for mod_mep to take it."""
        line = "Options updated from the reloaded configuration"
        before = self.log.count(line)
        if by == "shell":
            self.shell("config:reload()")
        else:
            os.kill(self.pid, by)
        assert self.has_logged(line, times=before + 1)

    def status(self):
        """What the module counts, of all that there is and of all that happened."""
        entries = "for k, v in pairs(t.status()) do l[#l + 1] = k..'='..tostring(v) end"
        module = f"prosody.hosts['{self.rooms}'].modules.mep.module"
        shown = self.shell(f"> (function () local t, l = {module}, {{}} {entries} return table.concat(l, ' ') end)()")
        return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", shown)}

    # Within

    def _launch(self):
        self.c2s_port, self.http_port, s2s_port = free_ports(self.address, 3)
        self._s2s = S2S.substitute(s2s_port=s2s_port, network=self._network) if self._network else ""
        self._write_config()
        for name in (self.host, self.rooms) if self._network else ():
            (self._network / name).write_text(f"{self.address} {s2s_port}")
        attempt = len(self._lines)
        with (self._folder / "stderr").open("a") as stderr:
            self._process = subprocess.Popen(
                [self._bin / "prosody", "--config", self._config, "-F"],
                stdin=subprocess.PIPE,  # mod_testbed ends the server when this closes
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                errors="replace",
            )
        settled = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=(settled,), daemon=True)
        self._reader.start()
        settled.wait(20)
        started = "".join(self._lines[attempt:])
        if PORT_TAKEN in started:
            self._end(signal.SIGKILL)
            del self._lines[attempt:]
            return False
        if not READY.search(started):
            self.stop()
            raise RuntimeError(f"Prosody {self.version} did not start:\n{self.log}")
        return True

    @property
    def _config(self):
        return self._folder / "prosody.cfg.lua"

    def _write_config(self):
        self._config.write_text(
            CONFIG.substitute(
                self._settings,
                storage=self.storage.config,
                folder=self._folder,
                address=self.address,
                c2s_port=self.c2s_port,
                http_port=self.http_port,
                host=self.host,
                rooms=self.rooms,
                s2s=self._s2s,
            )
        )

    def _read_log(self, settled):
        for line in self._process.stdout:
            with self._written:
                self._lines.append(line)
                self._written.notify_all()
            if READY.match(line):
                settled.set()
        settled.set()

    def _end(self, how):
        if not self._process:
            return
        if how == signal.SIGTERM:
            # mod_testbed reads it between two events. A signal is for a server that did not get as far as that.
            with suppress(BrokenPipeError):
                os.write(self._process.stdin.fileno(), b"stop\n")
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        # A signal that comes right before Prosody goes to wait is looked at only when something else wakes it: told
        # again, it ends.
        for _ in range(5):
            if self._process.poll() is None:
                self._process.send_signal(how)
            try:
                self._process.wait(2)
                break
            except subprocess.TimeoutExpired:
                pass
        else:
            self._lines.append("00:00:00 testbed error\tProsody did not end when told to\n")
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
        self._stderr = self._read_stderr()
        self._process = None

    def _read_stderr(self):
        return (self._folder / "stderr").read_text(errors="replace") if self._folder else self._stderr
