"""Nodes of a persistent room survive the server's process; those of a temporary room do not."""

from xml.etree.ElementTree import canonicalize, tostring

import pytest
from mep import (
    MOOD, MUC, PUBSUB, ROOM, TUNE, come_in, ids_in, items, make_persistent, mood, must, notify, options, owner,
    publish, retract,
)  # fmt: skip

pytestmark = pytest.mark.luas

PERSISTENT = "muc_room_default_persistent = true"
SHAPES = (
    "<a xmlns='urn:example:shapes' xmlns:p='urn:p' p:x='1' xml:lang='de'>&lt;&amp; \U0001f319 <b/>mixed"
    "<m xmlns='jabber:client'><body>deep</body></m><n xmlns=''>none</n></a>"
)


@pytest.mark.mep(storage="internal", options=PERSISTENT)
@pytest.mark.parametrize("end", ["restart", "kill"])
async def test_a_persistent_rooms_nodes_survive(server, connect, end):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await make_persistent(alice, 1)
    for number in range(5):
        await must(alice, "set", ROOM, publish(MOOD, SHAPES, f"i{number}", options(max_items="4", title="Moods")))
    await must(alice, "set", ROOM, retract(MOOD, "i2"))
    await must(alice, "set", ROOM, publish(TUNE, mood(), "gone"))
    await must(alice, "set", ROOM, owner("delete", TUNE))
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "mine"))
    before = await must(alice, "get", ROOM, items(MOOD))
    if end == "kill":
        server.kill()
        server.start()
    else:
        server.restart()

    bob = await connect("bob", features=notify(MOOD))
    await come_in(bob, "bob")
    event = await bob.expect_event(MOOD)
    assert (event.from_, event.item_ids) == (ROOM, ["i4"])
    after = await must(bob, "get", ROOM, items(MOOD))
    assert ids_in(after) == ids_in(before) == ["i1", "i3", "i4"]
    payloads = [list(reply.iter(f"{{{PUBSUB}}}item")) for reply in (before, after)]
    assert [canonical(e) for e in payloads[0]] == [canonical(e) for e in payloads[1]]
    alice = await connect("alice")
    await come_in(alice, "alice")
    config = await must(alice, "get", ROOM, owner("configure", MOOD))
    fields = {f.get("var"): f.findtext("{jabber:x:data}value") for f in config.iter("{jabber:x:data}field")}
    assert (fields["pubsub#title"], fields["pubsub#max_items"]) == ("Moods", "4")
    await bob.barrier()
    assert len(bob.events()) == 1, "neither the deleted node nor what Alice had as an occupant"


@pytest.mark.mep(storage="internal")
async def test_a_room_that_becomes_persistent_takes_its_nodes_along_and_back(server, connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "early"))
    await make_persistent(alice, 1)
    server.restart()
    alice = await connect("alice")
    await come_in(alice, "alice")
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == ["early"]
    await make_persistent(alice, 0)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "late"))
    await alice.leave(ROOM)
    await come_in(alice, "alice")
    assert (await alice.iq("get", ROOM, items(MOOD))).get("type") == "error", "the next room of that name is empty"


@pytest.mark.mep(storage="internal", options=PERSISTENT)
async def test_a_destroyed_rooms_nodes_are_gone(server, connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "old"))
    await must(alice, "set", ROOM, f"<query xmlns='{MUC}#owner'><destroy/></query>")
    assert [path for path in server.data.rglob("*.dat") if path.parent.name.startswith("mep")] == []


def canonical(element):
    return canonicalize(tostring(element), rewrite_prefixes=True)
