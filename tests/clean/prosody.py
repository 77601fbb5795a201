"""Debian's own Prosody, as an admin has it: its service, its user, its conf.d."""

import re

from root import Failed, last_lines

MODULES = "/usr/local/lib/prosody/modules"
CERTIFICATE = """
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -keyout localhost.key -out localhost.crt 2>&1 &&
chgrp prosody localhost.key && chmod 640 localhost.key
"""
# Not by the service's script: that of Debian 12 looks for lua5.2, and stops nothing.
STOP = """
[ ! -e /run/prosody/prosody.pid ] || {
	pid=$(cat /run/prosody/prosody.pid) && kill "$pid" && timeout 30 tail --pid="$pid" -s 0.05 -f /dev/null
}
"""
STARTED = "timeout 20 sh -c 'until [ -s /run/prosody/prosody.pid ]; do sleep 0.05; done'"
CONFIG = """plugin_paths = {{ "{paths}" }}

Component "rooms.localhost" "muc"
	modules_enabled = {{ "mep" }}
"""


def install(root):
    """Installs it from Debian's packages, with a certificate and an account; `restart` starts it."""
    policy = root.path / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # not in the machine's network, where its ports may be taken
    policy.chmod(0o755)
    root.run("apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y prosody", cwd="/", user="root")
    policy.unlink()
    root.run(CERTIFICATE.strip(), cwd="/etc/prosody/certs", user="root")
    root.run("prosodyctl register alice localhost secret", cwd="/", user="root")
    version = root.run("prosodyctl about", cwd="/", user="root")
    root.say(root.expect(version, r"Prosody \d[\d.]*")[0])


def configure(root, paths=MODULES):
    (root.path / "etc/prosody/conf.d/rooms.cfg.lua").write_text(CONFIG.format(paths=paths))


def restart(root):
    """Restarts it in the root's own network, with a new log."""
    root.run(STOP.strip(), cwd="/", user="root")
    for name in ("log", "err"):
        (root.path / f"var/log/prosody/prosody.{name}").unlink(missing_ok=True)
    root.run(f"service prosody start && {STARTED}", cwd="/", user="root", network="own")


def check(root, room):
    """Fails unless the running server's rooms have MEP, it runs as its own user, and it complains of nothing."""
    check_room(root, room)
    owner = root.run('stat -c %U "/proc/$(cat /run/prosody/prosody.pid)"', cwd="/", user="root").strip()
    if owner != "prosody":
        raise Failed(f"Prosody runs as {owner}")
    root.expect(log(root), "Hello and welcome to Prosody")
    if complaints := [line for line in log(root).splitlines() if re.search(r"\t(warn|error)\t", line)]:
        raise Failed("Prosody complains:\n" + "\n".join(complaints))


def check_room(root, room):
    """Fails unless that room of the running server has MEP, and tells an occupant of what is published."""
    try:
        root.look("xmpp.py", "alice@localhost", "secret", f"{room}@rooms.localhost")
    except Failed as failure:
        raise Failed(f"{failure}\nprosody.log:\n{last_lines(log(root))}") from None


def log(root):
    file = root.path / "var/log/prosody/prosody.log"
    return file.read_text(errors="replace") if file.exists() else ""
