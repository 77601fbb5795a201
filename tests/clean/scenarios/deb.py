"""The Debian package beside Debian's Prosody: built, enabled, upgraded under a running server, removed, purged."""

import re

import prosody
from root import Failed

QUICK = ()
NAME = "prosody-mod-mep"
EXAMPLE = f"/usr/share/doc/{NAME}/examples/rooms.example.org.cfg.lua"
NEXT = "0.2.0"


def walk(root):
    folder = root.clone()
    if root.suite == "trixie":  # which has a Rust that is new enough
        root.rust = False
        root.install("cargo rustc")
    first, second = build(root, folder)
    prosody.install(root)
    prosody.restart(root)
    before = configuration(root)
    pid = running(root)

    apt(root, f"install {first}")
    if running(root) != pid:
        raise Failed("installing the package restarted Prosody")
    if configuration(root) != before:
        raise Failed("installing the package changed a file in /etc/prosody")
    to = "/etc/prosody/conf.d/rooms.cfg.lua"
    root.run(f"sed 's/rooms.example.org/rooms.localhost/' {EXAMPLE} >{to}", user="root")
    prosody.restart(root)
    prosody.check(root, "installed")
    root.say("installed and enabled as its example says: rooms have MEP")

    upgrade(root, second)
    remove(root, before)


def build(root, folder):
    """The packages of this version and of the next, which lintian has nothing against."""
    said = root.run("make deb", cwd=folder, fails=True)
    root.expect(said, r"apt install dpkg-dev debhelper")
    root.install("debhelper dpkg-dev lintian")
    said = root.run("make deb", cwd=folder, fails=True)
    root.expect(said, r"apt install liblua5\.4-dev")
    root.install("liblua5.4-dev pkg-config")
    if status := root.run("git status --porcelain", cwd=folder):
        raise Failed(f"make deb without what it needs left something behind:\n{status}")

    packages = []
    for number in ("", NEXT):
        if number:
            root.run("git config user.name Admin && git config user.email admin@rooms.test", cwd=folder)
            root.run(f"packaging/release.sh {number}", cwd=folder)
        said = root.run("make deb", cwd=folder)
        if complaint := re.search(rf"(?m)^[EW]: {NAME}.*", said):
            raise Failed(f"lintian: {complaint[0]}")
        packages.append(root.expect(said, rf"(?m)^/\S*/{NAME}_\S*[.]deb$")[0])
    root.say(f"make deb: {' and '.join(path.rpartition('/')[2] for path in packages)}, lintian is content")
    return packages


def upgrade(root, package):
    pid = running(root)
    apt(root, f"install {package}")
    if running(root) != pid:
        raise Failed("the upgrade restarted Prosody")
    prosody.check_room(root, "upgraded")
    shell = """prosodyctl shell 'module:reload("mep", "rooms.localhost")' || true"""
    root.run(shell, cwd="/", user="root", network="own")
    root.expect(prosody.log(root), rf"mod_mep {re.escape(NEXT)} \(build \w+\) is installed, .*restart Prosody")
    prosody.check_room(root, "reloaded")
    root.say("upgraded: the running server goes on, a reload is refused with the reason")
    prosody.restart(root)
    prosody.check(root, "restarted")
    version = root.run(f"cat {prosody_modules(root)}/build.lib.lua", user="root")
    root.expect(version, f'version = "{re.escape(NEXT)}"')
    root.say("restarted: the new version serves")


def remove(root, before):
    pid = running(root)
    apt(root, f"remove {NAME}")
    if running(root) != pid:
        raise Failed("removing the package restarted Prosody")
    prosody.check_room(root, "removed")
    root.run("rm /etc/prosody/conf.d/rooms.cfg.lua", user="root")
    prosody.restart(root)
    # It has no configuration, so that removing it has purged it, and apt does not know it any more.
    root.run(f"dpkg --purge {NAME}", cwd="/", user="root")
    if configuration(root) != before:
        raise Failed("the package left or took a file in /etc/prosody")
    elsewhere = " -o ".join(f"-path {path}" for path in (root.home, "/var/cache", "/opt"))
    left = root.run(
        f"find / -xdev \\( {elsewhere} \\) -prune -o -name '*mod[_-]mep*' -print; dpkg -l | grep {NAME} || true",
        user="root",
    )
    if left.strip():
        raise Failed(f"purging the package left something behind:\n{left}")
    root.say("removed under a running server, which goes on; purged: nothing of it is left")


def apt(root, command):
    root.run(f"DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends {command}", cwd="/", user="root")


def running(root):
    """The process id of Prosody, which is alive."""
    command = 'pid=$(cat /run/prosody/prosody.pid) && grep -q prosody "/proc/$pid/cmdline" && echo "$pid"'
    return root.run(command, cwd="/", user="root").strip()


def configuration(root):
    command = "find /etc/prosody -printf '%M %u:%g %p %l\\n' -type f -exec sha256sum {} + | sort"
    return root.run(command, cwd="/", user="root")


def prosody_modules(root):
    listed = root.run(f"dpkg -L {NAME}", cwd="/", user="root")
    return root.expect(listed, r"(?m)^/\S*/mod_mep$")[0]
