"""Debian's own Prosody, as an admin has it: its service, its user, its conf.d."""

import re

from root import Failed, last_lines

MODULES = "/usr/local/lib/prosody/modules"
CERTIFICATE = """
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -keyout localhost.key -out localhost.crt 2>&1 &&
chgrp prosody localhost.key && chmod 640 localhost.key
"""
CONFIG = """plugin_paths = {{ "{paths}" }}

Component "rooms.localhost" "muc"
	modules_enabled = {{ "mep" }}
"""


def install(root):
    """Installs it from Debian's packages, and moves it into the root's own network; adds a certificate and an account."""
    root.run("apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y prosody", cwd="/", user="root")
    root.run("service prosody stop", cwd="/", user="root")
    root.run(CERTIFICATE.strip(), cwd="/etc/prosody/certs", user="root")
    root.run("prosodyctl register alice localhost secret", cwd="/", user="root")
    version = root.run("prosodyctl about", cwd="/", user="root")
    root.say(root.expect(version, r"Prosody \d[\d.]*")[0])


def configure(root, paths=MODULES):
    (root.path / "etc/prosody/conf.d/rooms.cfg.lua").write_text(CONFIG.format(paths=paths))


def restart(root):
    for name in ("log", "err"):
        (root.path / f"var/log/prosody/prosody.{name}").unlink(missing_ok=True)
    try:
        root.run("service prosody restart", cwd="/", user="root", network="own")
    except Failed as failure:
        raise Failed(f"{failure}\nprosody.log:\n{last_lines(log(root))}") from None


def check(root, room):
    """Fails unless the running server's rooms have MEP, it runs as its own user, and it complains of nothing."""
    try:
        root.look("xmpp.py", "alice@localhost", "secret", f"{room}@rooms.localhost")
    except Failed as failure:
        raise Failed(f"{failure}\nprosody.log:\n{last_lines(log(root))}") from None
    owner = root.run('stat -c %U "/proc/$(cat /run/prosody/prosody.pid)"', cwd="/", user="root").strip()
    if owner != "prosody":
        raise Failed(f"Prosody runs as {owner}")
    if complaints := [line for line in log(root).splitlines() if re.search(r"\t(warn|error)\t", line)]:
        raise Failed("Prosody complains:\n" + "\n".join(complaints))


def log(root):
    file = root.path / "var/log/prosody/prosody.log"
    return file.read_text(errors="replace") if file.exists() else ""
