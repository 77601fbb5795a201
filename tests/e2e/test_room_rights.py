"""Who reads and writes at rooms' nodes, by role and affiliation: docs/protocol.md, "Thresholds"."""

import asyncio
import re

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, MUC, ROOM, come_in, disco, features_in, ids_in, items, make_persistent, mood, must, notify,
    publish, refused, retract,
)  # fmt: skip
from testbed.prosody import ROOT

PINS = "urn:mod_mep:pins:0"


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
    alice, bob = await connect("alice"), await connect("bob", features=notify("urn:mod_mep:polls:0"))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    found = {item.get("node"): item.get("name") for item in (await must(bob, "get", ROOM, disco(DISCO_ITEMS)))[0]}
    assert found == {PINS: "Pinned messages", "urn:mod_mep:polls:0": "Polls"}
    assert ids_in(await must(bob, "get", ROOM, items(PINS))) == []
    assert (await refused(bob, "set", ROOM, publish(PINS, mood(), "1")))[1] == "forbidden"
    await must(bob, "set", ROOM, publish("urn:mod_mep:polls:0", mood(), "tea"))
    assert (await bob.expect_event("urn:mod_mep:polls:0")).item_ids == ["tea"]
    await must(alice, "set", ROOM, retract("urn:mod_mep:polls:0", "tea"))


def configuration(**fields):
    """The configuration of a room with these fields of ours."""
    rows = "".join(f"<field var='mep#roomconfig_{name}'><value>{value}</value></field>" for name, value in fields.items())
    return (
        f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
        f"<value>{MUC}#roomconfig</value></field>{rows}</x></query>"
    )


async def test_a_room_says_who_publishes_at_their_own_address(people):
    alice, bob = people
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood(), "1"))
    await must(alice, "set", ROOM, configuration(occupants="members"))
    assert (await refused(bob, "set", f"{ROOM}/bob", publish(MOOD, mood(), "2")))[1] == "forbidden"
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "2"))
    await must(alice, "set", ROOM, configuration(occupants="participants"))
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood(), "2"))


@pytest.mark.mep(storage="internal")
async def test_a_room_without_mep_is_as_rooms_are(people, connect, server):
    alice, bob = people
    await make_persistent(alice)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "kept"))
    assert (await bob.expect_event(MOOD)).item_ids == ["kept"]

    async def has_feature():
        return "http://jabber.org/protocol/pubsub" in features_in(await must(alice, "get", ROOM, disco(DISCO_INFO)))

    assert await has_feature()
    await must(alice, "set", ROOM, configuration(enabled="0"))
    assert not await has_feature()
    assert (await refused(alice, "set", ROOM, publish(MOOD, mood(), "off")))[1] == "service-unavailable"
    await refused(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "off"))  # by the account, to which mod_muc sends it
    assert (await refused(bob, "get", ROOM, items(MOOD)))[1] == "service-unavailable"
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    await carol.barrier()
    assert carol.events() == []
    # It stays so when the server is started again; then it has what it had.
    for client in (alice, bob, carol):
        await client.close()
    await asyncio.to_thread(server.restart)
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice")
    assert (await refused(alice, "get", ROOM, items(MOOD)))[1] == "service-unavailable"
    assert alice.events() == []
    await must(alice, "set", ROOM, configuration(enabled="1"))
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == ["kept"]
    assert await has_feature()
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "own"))
    while (await alice.expect_event(MOOD)).item_ids != ["own"]:
        pass
