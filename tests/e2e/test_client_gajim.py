"""clients/gajim in a real Gajim: what the list of occupants shows, whatever occupants publish."""

import os
import re
import subprocess

import pytest
from mep import MOOD, ROOM, TUNE, come_in, mood, must, owner, publish, retract
from testbed import gajim
from testbed.gajim import Gajim
from testbed.prosody import ROOT

ACTIVITY = "http://jabber.org/protocol/activity"

on_each = pytest.mark.parametrize(
    "release",
    [pytest.param(v, marks=pytest.mark.skipif(why is not None, reason=str(why))) for v, why in
     ((v, gajim.missing(v)) for v in gajim.ROOTS)],
)  # fmt: skip


def tune(artist, title):
    return f"<tune xmlns='{TUNE}'><artist>{artist}</artist><title>{title}</title></tune>"


def activity(general, text=""):
    return f"<activity xmlns='{ACTIVITY}'><{general}/><text>{text}</text></activity>"


def texts(row):
    """The lines under a name."""
    return [re.sub("<[^>]*>|[\u2068\u2069]", "", line) for line in row.split("\n")[1:]]


def shows(nick, *lines):
    return lambda rows: nick in rows and texts(rows[nick]) == list(lines)


@on_each
async def test_what_occupants_publish_stands_under_their_names(server, connect, version, release):
    first, second = await connect("first"), await connect("second")
    await come_in(first, "First witch")
    await come_in(second, "Second witch")
    await must(first, "set", f"{ROOM}/First witch", publish(MOOD, mood("grateful"), "1"))
    async with Gajim(release, server, ROOM) as it:
        await it.shows(shows("First witch", "🙏 grateful"))
        for client, line in ((first, "When shall we three meet again?"), (second, "When the hurlyburly’s done.")):
            client.message(ROOM, f"<body>{line}</body>")
            await client.barrier()
        await must(first, "set", f"{ROOM}/First witch", publish(ACTIVITY, activity("traveling", "off to the heath")))
        text = f"<mood xmlns='{MOOD}'><playful/><text>I’ll give thee a wind</text></mood>"
        await must(second, "set", f"{ROOM}/Second witch", publish(MOOD, text, "1"))
        await must(second, "set", f"{ROOM}/Second witch", publish(TUNE, tune("Giuseppe Verdi", "Macbeth"), "1"))
        await it.shows(shows("First witch", "🙏 grateful", "🚆 off to the heath"))
        await it.shows(shows("Second witch", "😜 I’ll give thee a wind", "🎵 Giuseppe Verdi – Macbeth"))
        folder = "clients/gajim" if os.environ.get("UPDATE_SCREENSHOT") == "1" else f"target/screenshots/{version}"
        await it.screenshot(ROOT / folder / ("screenshot.png" if "clients" in folder else f"gajim-{release}.png"))

        # Along to a new nick; gone with a retraction, a deletion, an empty payload, and with who leaves.
        await second.change_nick(ROOM, "Sorceress")
        await it.shows(shows("Sorceress", "😜 I’ll give thee a wind", "🎵 Giuseppe Verdi – Macbeth"))
        notified = retract(MOOD, "1").replace("<retract ", "<retract notify='1' ")
        await must(second, "set", f"{ROOM}/Sorceress", notified)
        await it.shows(shows("Sorceress", "🎵 Giuseppe Verdi – Macbeth"))
        await must(second, "set", f"{ROOM}/Sorceress", publish(TUNE, f"<tune xmlns='{TUNE}'/>"))
        await it.shows(shows("Sorceress"))
        await must(first, "set", f"{ROOM}/First witch", owner("delete", ACTIVITY))
        await it.shows(shows("First witch", "🙏 grateful"))
        await first.leave(ROOM)
        await it.shows(lambda rows: "First witch" not in rows)
        await first.join(ROOM, "First witch")
        await it.shows(shows("First witch"))
    assert "Traceback" not in it.log


HOSTILE = [
    f"<mood xmlns='{MOOD}'/>",
    "<mood xmlns='urn:other'><happy/></mood>",
    "<nothing xmlns='urn:x'/>",
    f"<mood xmlns='{MOOD}'>text</mood>",
    f"<mood xmlns='{MOOD}'><text/><text/></mood>",
    f"<mood xmlns='{MOOD}'><constructor/></mood>",
    f"<mood xmlns='{MOOD}'><happy><sad><angry/></sad></happy><happy/></mood>",
    f"<mood xmlns='{MOOD}'><happy/><text>{'x' * 20_000}</text></mood>",
    f"<mood xmlns='{MOOD}'><happy/><text><b>x</b></text></mood>",
    f"<mood xmlns='{MOOD}'><happy/><text>\u202e&#x85;&#xfeff;\n\n\t</text></mood>",
    f"<mood xmlns='{MOOD}'>{'<happy>' * 50}{'</happy>' * 50}</mood>",
    f"<mood xmlns='{MOOD}'>{'<happy/>' * 2000}</mood>",
]


@on_each
async def test_nothing_that_an_occupant_publishes_makes_a_traceback(server, connect, release):
    eve = await connect("eve")
    await come_in(eve, "eve")
    async with Gajim(release, server, ROOM) as it:
        for node in (MOOD, ACTIVITY, TUNE, "http://jabber.org/protocol/geoloc"):
            for payload in HOSTILE:
                await must(eve, "set", f"{ROOM}/eve", publish(node, payload))
                await must(
                    eve, "set", f"{ROOM}/eve", publish(node, payload.replace(MOOD, node).replace("mood", "tune"))
                )
        # Also what is no event of the room's: sent to the room, and to the occupant alone.
        event = "<event xmlns='http://jabber.org/protocol/pubsub#event'>{}</event>"
        inner = [f"<items node='{MOOD}'><item id='1'><mood xmlns='{MOOD}'><sad/></mood></item></items>", "", "<items/>"]
        for change in (*inner, f"<items node='{MOOD}'>{'<item/>' * 9}</items>", "<delete/>"):
            eve.message(ROOM, event.format(change))
            eve.message(f"{ROOM}/gajim", event.format(change), type="chat")
            eve.message(f"{ROOM}/gajim", f"<body>psst</body>{event.format(change)}", type="chat")
        text = f"<mood xmlns='{MOOD}'><happy/><text>&lt;b&gt; &amp;amp; &lt;/span&gt;</text></mood>"
        await must(eve, "set", f"{ROOM}/eve", publish(TUNE, f"<tune xmlns='{TUNE}'/>"))
        await must(eve, "set", f"{ROOM}/eve", publish(ACTIVITY, f"<activity xmlns='{ACTIVITY}'/>"))
        await must(eve, "set", f"{ROOM}/eve", publish(MOOD, text))
        await it.shows(lambda rows: texts(rows.get("eve", "")) == ["😊 &lt;b&gt; &amp;amp; &lt;/span&gt;"])
    assert "Traceback" not in it.log, it.log


def test_the_plugin_is_packed_as_gajim_takes_it(tmp_path):
    subprocess.run([ROOT / "packaging/gajim.sh", tmp_path], check=True, capture_output=True)
    (archive,) = tmp_path.iterdir()
    assert archive.name == "mep_occupants_0.1.0.zip"
    listed = subprocess.run(["unzip", "-Z1", archive], check=True, capture_output=True, text=True).stdout.split()
    wanted = ("__init__.py", "plugin-manifest.json", "plugin.py", "module.py", "payloads.py", "states.py", "LICENSE")
    assert {f"mep_occupants/{name}" for name in wanted} == set(listed)
