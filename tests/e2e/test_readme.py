"""What the README and the examples say is what works."""

import re
import runpy
from pathlib import Path

import pytest
import slixmpp
from mep import DISCO_INFO, MOOD, come_in, disco, identities_in, mood, must, notify, publish
from testbed.slix import plain_client

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text()
ROOM = "den@rooms.example.org"

pytestmark = pytest.mark.mep(rooms="rooms.example.org", host="example.org")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


async def test_the_first_publish_in_xml(connect):
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice", ROOM)
    (publish,) = blocks("xml")
    alice.send(publish)
    assert (await alice.expect_event(MOOD)).from_ == f"{ROOM}/alice"


async def test_the_first_publish_in_slixmpp(server, connect, monkeypatch):
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice", ROOM)

    monkeypatch.setattr(slixmpp, "ClientXMPP", plain_client(server))
    example = TOP / "examples" / "publish_mood.py"
    main = runpy.run_path(str(example))["main"]
    await main("bob@example.org", "secret", ROOM, "bob", "excited")
    event = await alice.expect_event(MOOD, from_=f"{ROOM}/bob")
    assert event.payloads[0].find(f"{{{MOOD}}}excited") is not None

    (shown,) = blocks("python")
    text = example.read_text()
    assert all(line.strip() in text for line in shown.splitlines()), "the README shows what the example does"


CONFIGURATION = blocks("lua")[0].replace("plugin_paths", "-- the testbed's: plugin_paths")


@pytest.mark.mep(rooms="other.example.org", module=False, hosts=CONFIGURATION)
async def test_the_configuration_is_one_that_prosody_takes(connect):
    alice = await connect("alice")
    await alice.join(ROOM, "alice")
    assert "pubsub/mep" in identities_in(await must(alice, "get", ROOM, disco(DISCO_INFO)))


def test_debians_configurations_have_the_line_that_the_readme_shows_and_where_it_says():
    (line,) = re.findall(r"^plugin_paths = .*$", blocks("lua")[0], re.M)
    for version in ("0.12", "13.0"):
        config = (TOP / "target/prosody" / version / "etc/prosody/prosody.cfg.lua").read_text()
        assert line in re.split("^VirtualHost", config, flags=re.M)[0].splitlines()


CAPABILITIES = (TOP / "docs" / "capabilities.md").read_text()


async def test_what_a_client_must_send_is_what_the_page_on_capabilities_says(connect):
    presence, question = re.findall(r"```xml\n(.*?)```", CAPABILITIES, re.S)
    alice = await connect("alice")
    await come_in(alice, "alice", ROOM)
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "last"))
    bob = await connect("bob", features=notify(MOOD))
    bob.send(presence.replace("HASH", bob.ver))
    asked = await bob.expect_question()
    assert f"from='{asked.from_}'" in question
    assert f"node='{asked.node}'".replace(bob.ver, "HASH") in question
    assert (await bob.expect_event(MOOD)).item_ids == ["last"]


@pytest.mark.mep(options=re.search(r"```lua\n(.*?)```", CAPABILITIES, re.S)[1])
async def test_the_option_of_the_page_on_capabilities_is_one_that_the_module_takes(server):
    assert server.problems() == []
