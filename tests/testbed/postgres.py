"""A PostgreSQL cluster of the tests' own: one a process, made by the first who asks, gone with that process."""

import atexit
import functools
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

USER = "prosody"

# The cluster ends with our end of the pipe, however this process ends.
LIFE = """
"$0/initdb" -D "$1/data" -A trust -N -E UTF8 --no-locale -U "$2" >"$1/log" &&
"$0/pg_ctl" -D "$1/data" -l "$1/log" -w -o "-F -h '' -k '$1' -c shared_buffers=16MB -c client_min_messages=warning" start >/dev/null &&
echo ready && cat >/dev/null
"$0/pg_ctl" -D "$1/data" -m immediate stop >/dev/null
rm -r "$1"
"""


class Cluster:
    """Use `cluster()`. Servers and tools reach it through the socket in its `folder`."""

    def __init__(self):
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        self.folder = Path(tempfile.mkdtemp(prefix="mod_mep-pg-"))
        self._numbers = itertools.count(1)
        account = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            account = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", pwd.getpwnam("postgres").pw_gid)
        self._process = subprocess.Popen(
            ["sh", "-c", LIFE, self._bin, self.folder, USER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            **account,
        )
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("PostgreSQL did not start")
        atexit.register(self.stop)

    def stop(self):
        self._process.stdin.close()
        self._process.wait()

    def create(self):
        """A new, empty database; its name."""
        name = f"prosody{next(self._numbers)}"
        self.query("postgres", f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return name

    def drop(self, name):
        self.query("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def query(self, database, sql):
        """What a statement returns, as rows of strings."""
        command = [self._bin / "psql", "-h", self.folder, "-U", USER, "-d", database]
        command += ["-X", "-q", "-t", "-A", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise RuntimeError(f"{sql}: {done.stderr}")
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


@functools.cache
def cluster():
    return Cluster()
