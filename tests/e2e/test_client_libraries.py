"""Client libraries in a room: each joins with capabilities, publishes, and is told, as docs/client.md says for it."""

import asyncio
import json
import re

import pytest
from mep import MOOD, ROOM, come_in, mood, must, notify, publish, retract
from testbed.prosody import ROOT

FOLDER = ROOT / "tests" / "libraries"
PAGE = (ROOT / "docs" / "client.md").read_text()
LIBRARIES = {
    "strophe.js": "strophe.mjs", "xmpp.js": "xmpp-js.mjs", "stanza.js": "stanza-js.mjs", "xmpp-rs": "xmpp-rs/src/main.rs",
}  # fmt: skip


@pytest.fixture
async def start(server):
    """`lines = await start("strophe.mjs")` runs the script, or the program of that source; `await lines()` is the next that it tells."""
    processes = []

    async def start(script):
        if script.endswith(".rs"):
            program = [ROOT / "target/libraries/debug/mep-with-xmpp-rs", f"{server.address}:{server.c2s_port}"]
        else:
            program = ["node", script, f"ws://{server.address}:{server.http_port}/xmpp-websocket"]
        process = await asyncio.create_subprocess_exec(
            *program, server.host, "bob", "bob", ROOM, cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)

        async def next_line():
            while True:
                line = await asyncio.wait_for(process.stdout.readline(), 20)
                assert line, (await process.stderr.read()).decode()
                if line[:1] in b'"{':  # the rest is what libraries log
                    return json.loads(line)

        return next_line

    yield start
    for process in processes:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("script", LIBRARIES.values())
async def test_a_library_joins_publishes_and_is_told(connect, start, script):
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "first"))
    lines = await start(script)

    first, own = {"from": f"{ROOM}/alice", "node": MOOD, "published": "first"}, {"from": f"{ROOM}/bob", "node": MOOD}
    told = [await lines() for _ in range(3)]
    assert "published" in told
    events = [line for line in told if line != "published"]
    assert [event.pop("mood", None) for event in events] in ([None, None], ["happy", "curious"], ["curious", "happy"])
    assert first in events and {**own, "published": "current"} in events
    event = await alice.expect_event(MOOD, from_=f"{ROOM}/bob")
    assert event.payloads[0].find(f"{{{MOOD}}}curious") is not None

    await must(alice, "set", f"{ROOM}/alice", retract(MOOD, "first"))
    assert await lines() == {"from": f"{ROOM}/alice", "node": MOOD, "retracted": "first"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_the_page_shows_for_a_library_is_in_the_script(library):
    script = (FOLDER / LIBRARIES[library]).read_text()
    section = re.split(r"^###? ", PAGE.partition(f"\n### {library}\n")[2], flags=re.M)[0]
    (shown,) = re.findall(r"```(?:js|rust)\n(.*?)```", section, re.S)
    assert f"[{LIBRARIES[library]}](../tests/libraries/{LIBRARIES[library]})" in section
    lines = {line.strip() for line in script.splitlines()}
    assert [line for line in shown.splitlines() if line.strip() and line.strip() not in lines] == []


def test_the_page_names_the_versions_that_are_tested():
    versions = json.loads((FOLDER / "package.json").read_text())["devDependencies"]
    rows = dict(re.findall(r"^\| (\S+) \|.*\| (\d\S+) \|$", PAGE, re.M))
    (slixmpp,) = re.findall(r"^slixmpp==(.*)$", (ROOT / "tests" / "requirements.txt").read_text(), re.M)
    assert rows == {
        "slixmpp": slixmpp, "strophe.js": versions["strophe.js"], "xmpp.js": versions["@xmpp/client"],
        "stanza.js": versions["stanza"],
    }  # fmt: skip
