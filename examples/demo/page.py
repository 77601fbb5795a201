"""A Prosody on loopback that serves the Converse.js example over its own HTTP, and the room that the page enters."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from testbed.prosody import Prosody  # noqa: E402

FOLDER = ROOT / "examples/converse"
ROOM = "coven@rooms.localhost"

# The host answers by whatever name the browser calls it: 127.0.0.1, localhost, that of a forwarded port.
OPTIONS = f"""
http_default_host = "localhost"
http_files_dir = "{FOLDER}"
http_paths = {{ files = "/" }}
"""

HOSTS = """
VirtualHost "localhost"
modules_enabled = { "http_files" }
"""


def prosody(version="13.0", options="", **settings):
    return Prosody(version, global_options=OPTIONS + options, hosts=HOSTS, **settings)


def url(server):
    return f"http://{server.address}:{server.http_port}/"
