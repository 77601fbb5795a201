"""A Prosody on loopback that serves the Converse.js example over its own HTTP, and the room that the page enters."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from testbed.prosody import PLUGINS, Prosody  # noqa: E402

FOLDER = ROOT / "examples/converse"
ROOM = "coven@rooms.localhost"
TOKEN = "double-double-toil-and-trouble"  # of the HTTP API, whose server listens on loopback only

PINS = "urn:mod_mep:pins:0"
POLLS = "urn:mod_mep:polls:0"
JOINING = "urn:mod_mep:joining:0"
ACTIVITIES = "urn:ietf:params:xml:ns:conference-info"

# The host answers by whatever name the browser calls it: 127.0.0.1, localhost, that of a forwarded port.
OPTIONS = f"""
http_default_host = "localhost"
http_files_dir = "{FOLDER}"
http_paths = {{ files = "/" }}
"""

# The room keeps what was said, has pinned messages and polls, and a web service may publish as the room.
ROOMS = f"""
http_host = "localhost"
mep_http_token = "{TOKEN}"
mep_http_tokens = {{ ["when-shall-we-three-meet-again"] = {{ nodes = {{ "{JOINING}" }}, access = "read" }} }}
mep_room_nodes = {{
    ["{PINS}"] = {{
        title = "Pinned messages"; max_items = 64;
        ["mep#publish_by"] = "moderators"; ["mep#retract_by"] = "moderators";
    }};
    ["{POLLS}"] = {{ title = "Polls"; max_items = 16; ["mep#retract_by"] = "moderators" }};
    ["{JOINING}"] = {{ title = "How to join"; access_model = "open" }};
    ["{ACTIVITIES}"] = {{ title = "Activities of the room"; notification_type = "normal" }}; -- so they are archived
}}
"""

HOSTS = """
VirtualHost "localhost"
modules_enabled = { "http_files" }
"""


def prosody(version="13.0", options="", **settings):
    return Prosody(
        version,
        options=ROOMS,
        global_options=OPTIONS + options,
        hosts=HOSTS,
        muc_modules=["muc_mam", "mep_poll"],
        plugins=[*PLUGINS, ROOT / "examples/modules"],
        **settings,
    )


def url(server):
    return f"http://{server.address}:{server.http_port}/"
