"""A Prosody to measure: nothing is loaded but what is named."""

from pathlib import Path

from testbed import Prosody
from testbed.prosody import PLUGINS, lua_list

GENERATIONAL = 'gc = { mode = "generational" }'
DIRECT = "network_settings = { opportunistic_writes = true }"

# What testbed's servers have, and a benchmark does not, unless it says so.
OFF = {"bosh", "carbons", "smacks", "websocket"}


def serve(version, modules=(), muc_modules=(), naive=None, contacts=0, tuning="", options="", **place):
    """A server with `modules`; `naive`: the node of the naive MEP; `contacts` that u0 has; `tuning`: global options.

    `place` is for Prosody: hosts, a network.
    """
    disabled = {"tls", *(() if place.get("network") else ("s2s",)), *OFF.difference(modules)}
    settings = f"""
modules_disabled = {{ {lua_list(sorted(disabled))} }}
bench_contacts = {contacts}
{tuning}
"""
    in_rooms = f"""
mep_publish_burst = 100000000
naive_mep_nodes = {{ "{naive}" }}
{options}
"""
    return Prosody(
        version,
        options=in_rooms,
        global_options=settings,
        modules=("bench", *(name for name in modules if name not in OFF)),
        muc_modules=("bench", *(["naive_mep"] if naive else []), *muc_modules),
        plugins=(*PLUGINS, Path(__file__).with_name("plugins")),
        **place,
    )
