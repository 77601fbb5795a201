"""Who reads and writes at rooms' nodes, by role and affiliation: docs/protocol.md, "Thresholds"."""

import re

import pytest
from mep import DISCO_ITEMS, MOOD, ROOM, come_in, disco, ids_in, items, mood, must, notify, publish, refused, retract
from testbed.prosody import ROOT

PINS = "urn:example:pins"


def thresholds(**fields):
    rows = "".join(f"<field var='mep#{name}'><value>{value}</value></field>" for name, value in fields.items())
    config = (
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
        "<value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
        f"{rows}<field var='pubsub#max_items'><value>9</value></field></x>"
    )
    return f"<publish-options>{config}</publish-options>"


async def set_role(owner, nick, role):
    query = f"<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='{nick}' role='{role}'/></query>"
    await must(owner, "set", ROOM, query)


async def test_moderators_pin_and_everyone_sees(connect):
    alice = await connect("alice")
    bob, carol = [await connect(user, features=notify(PINS)) for user in ("bob", "carol")]
    for client, nick in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        await come_in(client, nick)
    by_moderators = thresholds(publish_by="moderators", retract_by="moderators")
    await must(alice, "set", ROOM, publish(PINS, mood(), "1", by_moderators))
    assert (await refused(bob, "set", ROOM, publish(PINS, mood(), "2")))[1] == "forbidden"
    await set_role(alice, "bob", "moderator")
    await must(bob, "set", ROOM, publish(PINS, mood(), "2"))
    await must(bob, "set", ROOM, retract(PINS, "1"))
    kinds = [(await carol.expect_event(PINS)).item_ids for _ in range(3)]
    assert kinds == [["1"], ["2"], ["1"]]
    await set_role(alice, "bob", "participant")
    assert (await refused(bob, "set", ROOM, publish(PINS, mood(), "3")))[1] == "forbidden"


async def test_notes_of_moderators_are_for_them(connect):
    alice = await connect("alice")
    bob, carol = [await connect(user, features=notify(MOOD)) for user in ("bob", "carol")]
    for client, nick in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        await come_in(client, nick)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1", thresholds(read_by="moderators")))
    await set_role(alice, "bob", "moderator")
    assert (await bob.expect_event(MOOD)).item_ids == ["1"]  # at once, as whoever joins
    await must(bob, "get", ROOM, items(MOOD))
    assert (await refused(carol, "get", ROOM, items(MOOD)))[1] == "forbidden"
    await must(alice, "set", ROOM, publish(MOOD, mood(), "2"))
    assert (await bob.expect_event(MOOD)).item_ids == ["2"]
    await set_role(alice, "bob", "participant")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "3"))
    for client in (bob, carol):
        await client.barrier()
    assert [event.item_ids for event in bob.events()] == [["1"], ["2"]]
    assert carol.events() == []


def example():
    page = (ROOT / "docs/protocol.md").read_text()
    (code,) = re.findall(r"```lua\n(mep_room_nodes = .*?)```", page, re.S)
    return code


@pytest.mark.mep(options=example(), storage="internal")
async def test_every_room_has_the_nodes_of_the_page(connect):
    alice, bob = await connect("alice"), await connect("bob", features=notify("urn:example:polls"))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    found = {item.get("node"): item.get("name") for item in (await must(bob, "get", ROOM, disco(DISCO_ITEMS)))[0]}
    assert found == {PINS: "Pinned messages", "urn:example:polls": "Polls"}
    assert ids_in(await must(bob, "get", ROOM, items(PINS))) == []
    assert (await refused(bob, "set", ROOM, publish(PINS, mood(), "1")))[1] == "forbidden"
    await must(bob, "set", ROOM, publish("urn:example:polls", mood(), "tea"))
    assert (await bob.expect_event("urn:example:polls")).item_ids == ["tea"]
    await must(alice, "set", ROOM, retract("urn:example:polls", "tea"))
