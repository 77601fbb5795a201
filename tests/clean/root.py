"""A throw-away root: a bare Debian with a clone of what is committed, and with processes and mounts of its own.

Whatever runs in it is in namespaces whose first process is ours, so that the kernel ends and unmounts everything with
that one, however this program ends. Commands have the machine's network, or one of the root's own: loopback, and no way out.
"""

import os
import re
import resource
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import machine
from terminal import Terminal

REPOSITORY = Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USER = "newcomer"
RUST = "/opt/rust"

# The first process of the namespaces: mounts what a system has, then becomes the second program.
MOUNTS = r"""
set -e
root=$1 archives=$2 rust=$3
shift 3
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for name in null zero full random urandom tty; do
	touch "$root/dev/$name"
	mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0 1 2; do ln -s "/proc/self/fd/$number" "$root/dev/$(echo stdin stdout stderr | cut -d' ' -f$((number + 1)))"; done
mount --bind "$archives" "$root/var/cache/apt/archives"
mkdir -p "$root/opt/rust"
mount --bind -o ro "$rust" "$root/opt/rust"
exec "$@"
"""

# Brings its network's loopback interface up (SIOCSIFFLAGS, IFF_UP), and has the kernel reap the processes it inherits.
INIT = """
import fcntl, os, signal, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.chroot(sys.argv[1])
os.chdir("/")
print("ready", flush=True)
while True:
    signal.pause()
"""


class Failed(Exception):
    """What a scenario did not find as it should be."""


class Root:
    """`with Root(path, archives, log) as root:` on an unpacked system; scenarios get one.

    Commands run as `root.user` in `root.home`, with the environment of a fresh login, and with Rust on the path if
    `root.rust`. `root.quick` asks for the short form of a scenario.
    """

    def __init__(self, path, suite, archives, log, quick=False):
        self.path, self.suite, self.quick = path, suite, quick
        self.user, self.home = "root", "/root"
        self.rust = True
        self._archives, self._log = archives, log
        self._namespaces = self._pidfd = self._init = None

    def __enter__(self):
        machine.furnish(self.path)
        # Sparing the disk the waiting for each package's files changes nothing of what is installed.
        (self.path / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
        self._archives.mkdir(parents=True, exist_ok=True)
        self._namespaces = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--mount", "--net", "--fork", "--kill-child"]
            + ["sh", "-c", MOUNTS, "init", self.path, self._archives, machine.toolchain()]
            + [sys.executable, "-c", INIT, self.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        if self._namespaces.stdout.readline() != b"ready\n":
            raise SystemExit(f"the root's mounts failed: see {self._log.name}")
        children = Path(f"/proc/{self._namespaces.pid}/task/{self._namespaces.pid}/children")
        self._init = int(children.read_text())
        self._pidfd = os.pidfd_open(self._init)
        self.run("update-ca-certificates", cwd="/")
        return self

    def __exit__(self, *_):
        if self._namespaces:
            self._namespaces.kill()
            self._namespaces.wait()
            self._namespaces.stdout.close()
        if self._pidfd:
            select.select([self._pidfd], [], [], 30)  # it is gone once all others in there are
            os.close(self._pidfd)
        shutil.rmtree(self.path)

    # What a newcomer does

    def become_user(self):
        """From here on commands run as an ordinary person who may use sudo."""
        self.install("sudo")
        self.run(f"useradd --create-home --shell /bin/bash {USER}", cwd="/")
        (self.path / "etc/sudoers.d" / USER).write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
        self.user, self.home = USER, f"/home/{USER}"
        machine.furnish_home(self.path / self.home[1:])
        self._own(self.home)

    def clone(self, to="mod_mep"):
        """Clones what is committed into a folder of the home; its absolute path."""
        folder = f"{self.home}/{to}"
        command = ["git", "-c", "init.defaultBranch=main", "-c", "advice.detachedHead=false", "clone", "-q"]
        subprocess.run([*command, REPOSITORY.as_uri(), self.path / folder[1:]], check=True)
        self._own(folder)
        return folder

    def run(self, command, cwd=None, fails=False, timeout=2400, user=None, env=None, network="machine"):
        """Runs a line of shell and returns what it prints, stderr included; it must succeed, or fail if `fails`.

        With `network="own"` its ports are no one else's: for servers whose ports are given.
        """
        began, worked = time.monotonic(), cpu_seconds()
        self._write(f"\n$ {command}\n")
        process = subprocess.Popen(
            self._argv(command, cwd, user, env, network),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, deadline = b"", began + timeout
        while ready := select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            if not (data := os.read(process.stdout.fileno(), 65536)):
                break
            output += data
            self._log.write(data)
        if not ready:
            process.kill()
            raise Failed(f"`{command}` did not end in {timeout} s")
        process.stdout.close()
        status, text = process.wait(), output.decode(errors="replace")
        self._write(f"→ {status}, {time.monotonic() - began:.1f} s, CPU {cpu_seconds() - worked:.1f} s\n")
        if bool(status) != fails:
            raise Failed(f"`{command}` {'succeeded' if fails else f'ended with {status}'}:\n{last_lines(text)}")
        return text

    def type(self, command, cwd=None, user=None, env=None):
        """Starts a line of shell as a person does, in a terminal: `with root.type("make run") as terminal:`."""
        self._write(f"\n$ {command}   # in a terminal\n")
        return Terminal(self._argv(command, cwd, user, env, before=("setsid", "--ctty", "--wait")), self._log)

    def install(self, packages):
        """Installs Debian packages, as the machine's owner does."""
        self.run("apt-get update -q", cwd="/", user="root")
        self.run(
            f"DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends {packages}",
            cwd="/", user="root",
        )  # fmt: skip

    # What is looked at

    def look(self, program, *arguments):
        """Runs a Python program of this folder, with the machine's Python, in the root's own network."""
        command = [*self._enter("--net"), sys.executable, Path(__file__).with_name(program), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise Failed(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")

    def processes(self):
        """The command lines of all that runs in here, by process id; zombies and the first process are none of them."""
        found = {}
        for folder in Path(f"/proc/{self._init}/root/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:  # gone
                continue
            if command and folder.name != "1":
                found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        return found

    def temporary_files(self):
        """The names of all that lies in the folders for temporary files."""
        folders = (Path(f"/proc/{self._init}/root") / name for name in ("tmp", "var/tmp", "dev/shm"))
        return {entry.name for folder in folders for entry in folder.iterdir()}

    def expect(self, text, regex):
        """Fails unless the regex is found in the text; returns the match."""
        if match := re.search(regex, text):
            return match
        raise Failed(f"no /{regex}/ in:\n{last_lines(text)}")

    def say(self, text):
        """Prints a line of the scenario's result."""
        print(f"  {text}", flush=True)
        self.note(text)

    def note(self, text):
        """Writes a line into the log alone."""
        self._write(f"# {text}\n")

    # Within

    def _enter(self, *namespaces):
        return ["nsenter", "--target", str(self._init), *namespaces]

    def _argv(self, command, cwd, user, env, network="machine", before=()):
        user = user or self.user
        home = self.home if user == self.user else "/root"
        path = f"{RUST}/bin:{PATH}" if self.rust else PATH
        variables = {"HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash", "TERM": "linux", "PATH": path}
        variables |= machine.environment() | (env or {})
        identity = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
        return [
            *self._enter("--pid", "--mount", "--root", "--wd", *(["--net"] * (network == "own"))),
            *identity, *("env", "-i"), *(f"{name}={value}" for name, value in variables.items()),
            *before, *("bash", "-c", f"cd {shlex.quote(cwd or home)} && {command}"),
        ]  # fmt: skip

    def _own(self, folder):
        self.run(f"chown -R {self.user}: {shlex.quote(folder)}", cwd="/", user="root")

    def _write(self, text):
        self._log.write(text.encode())


def cpu_seconds():
    """What all commands have taken of the processors; on a machine that is busy with other things it tells more."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def last_lines(text, count=40):
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-count:])
