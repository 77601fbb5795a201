"""A persistent room's changes are in storage before any notification is sent, with every driver."""

import pytest
from mep import (
    CONFERENCE, DISCO_ITEMS, MOOD, MUC, ROOM, TUNE, affiliate, come_in, configure, disco, entries, fields,
    ids_in, items, make_persistent, mood, must, must_soon, nodes_in, notify, options, owner, publish, pubsub, refused,
    retract,
)  # fmt: skip
from testbed import error_of
from testbed.storage import DISK_FULL

HOST = "rooms.localhost"
PERSISTENT = "muc_tombstones = false\nmuc_room_default_persistent = true\nmep_max_items = 500\nmep_publish_burst = 1000"
DRIVERS = ("internal", "sqlite", "postgresql")

# What a payload, a name and an id can be made of, and a driver has to give back.
ODD = "Ä \U0001f319 'q' %s \\ ; -- \u200b"
PAYLOAD = (
    "<a xmlns='urn:example:shapes' xmlns:p='urn:p' p:x='1' xml:lang='de'>&lt;&amp; \U0001f319 \\ ' %s \u0085<b/>mixed"
    "<m xmlns='jabber:client'><body>deep</body></m><n xmlns=''>none</n></a>"
)

every_driver = pytest.mark.parametrize(
    "driver", [pytest.param(name, marks=pytest.mark.mep(storage=name, options=PERSISTENT)) for name in DRIVERS]
)


def escaped(text):
    return text.replace("&", "&amp;").replace("'", "&apos;")


def create(node):
    return pubsub(f"<create node='{node}'/>")


async def state(client, room=ROOM):
    """All that a room's owner sees of its nodes, in their order."""
    nodes = nodes_in(await must(client, "get", room, disco(DISCO_ITEMS)))
    seen = []
    for node in filter(None, nodes):
        name = escaped(node)
        # The configuration also lists what the room's owner forces; whole payloads are compared.
        seen.append((
            node,
            fields(await must(client, "get", room, owner("configure", name))),
            entries(await must(client, "get", room, owner("affiliations", name)), "affiliation"),
            [
                (item.get("id"), "".join(item.itertext()), [e.tag for e in item.iter()], [e.attrib for e in item.iter()])
                for item in (await must(client, "get", room, items(name))).iter("{http://jabber.org/protocol/pubsub}item")
            ],
        ))  # fmt: skip
    return seen


async def fill(client, room=ROOM):
    """A history with every kind of change in it."""
    for number in range(6):
        extra = options(max_items=4, title="Moods") if number == 0 else ""
        await must(client, "set", room, publish(MOOD, PAYLOAD, f"i{number}", extra))
    await must(client, "set", room, retract(MOOD, "i3"))
    await must(client, "set", room, publish(MOOD, mood("sad"), "i2"))
    await must(client, "set", room, publish(TUNE, mood(), "gone"))
    await must(client, "set", room, owner("delete", TUNE))
    await must(client, "set", room, create("urn:z"))
    await must(client, "set", room, create("urn:a"))
    await must(client, "set", room, affiliate("urn:a", **{"friend@localhost": "member", "foe@localhost": "outcast"}))
    await must(client, "set", room, configure("urn:a", max_items=2, description=escaped(ODD).replace("&", "&amp;")))
    await must(client, "set", room, configure(MOOD, max_items=3))
    await must(client, "set", room, publish(escaped(ODD), mood(), escaped(ODD)))
    for number in range(3):
        await must(client, "set", room, publish("urn:purged", mood(), str(number), options(max_items=9)))
    await must(client, "set", room, owner("purge", "urn:purged"))
    await must(client, "set", room, publish(TUNE, mood(), "back"))


@every_driver
@pytest.mark.parametrize("end", ["restart", "kill"])
async def test_everything_survives_in_its_order(server, connect, driver, end):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await fill(alice)
    before = await state(alice)
    assert [node for node, *_ in before] == [MOOD, "urn:z", "urn:a", ODD, "urn:purged", TUNE]
    assert [id for id, *_ in before[0][3]] == ["i4", "i5", "i2"]
    for _ in range(2):
        if end == "kill":
            server.kill()
            server.start()
        else:
            server.restart()
        alice = await connect("alice", features=notify(TUNE))
        await come_in(alice, "alice")
        assert (await alice.expect_event(TUNE)).item_ids == ["back"]
        assert await state(alice) == before
    await must(alice, "set", ROOM, publish(MOOD, mood(), "newest"))
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == ["i5", "i2", "newest"], "what went on, goes on"


# A request, the store that fails, and what is told when it succeeds.
WRITES = {
    "publish": ("mep_nodes", publish(MOOD, mood("angry"), "new"), MOOD),
    "publish over": ("mep_nodes", publish(MOOD, mood("angry"), "2"), MOOD),
    "publish to a new node": ("mep_nodes", publish(TUNE, mood(), "1"), TUNE),
    "publish to a node new to the index": ("mep", publish(CONFERENCE, mood(), "1"), CONFERENCE),
    "retract": ("mep_nodes", retract(MOOD, "2"), MOOD),
    "configure": ("mep_nodes", configure(MOOD, title="New"), None),
    "configure fewer items": ("mep_nodes", configure(MOOD, max_items=1), MOOD),
    "affiliate": ("mep_nodes", affiliate(MOOD, **{"friend@localhost": "member"}), None),
    "purge": ("mep_nodes", owner("purge", MOOD), MOOD),
    "create": ("mep_nodes", create("urn:new"), None),
    "create in the index": ("mep", create("urn:newer"), None),
    "delete": ("mep", owner("delete", MOOD), MOOD),
}


@every_driver
@pytest.mark.allow_log(DISK_FULL, "Unable to write to mep", "Storage fails", "Could not remove all of", "SQL")
async def test_what_can_not_be_kept_is_refused_and_not_told(server, connect, driver):
    alice = await connect("alice", features=notify(MOOD, TUNE, CONFERENCE))
    await come_in(alice, "alice")
    for number in range(3):
        extra = options(max_items=3, notify_retract=1, notify_delete=1) if number == 0 else ""
        await must(alice, "set", ROOM, publish(MOOD, mood(), str(number), extra))
    nodes = [MOOD, TUNE, CONFERENCE, "urn:new", "urn:newer"]
    for name, (store, request, told) in WRITES.items():
        before = await state(alice)
        await alice.barrier()
        events = len(alice.events())
        server.storage.refuse(HOST, store, "den", nodes)
        reply = await alice.iq("set", ROOM, request)
        assert reply.get("type") == "error", name
        assert error_of(reply)[:2] == ("wait", "internal-server-error"), name
        await alice.barrier()
        assert len(alice.events()) == events, name
        assert await state(alice) == before, f"{name}: memory is what storage is"
        server.storage.mend()
        await must(alice, "set", ROOM, request)
        if told:
            await alice.barrier()
            assert [event.node for event in alice.events()[events:]][:1] == [told], name
        assert await state(alice) != before, name
        # That this is in storage shows in the next round, when memory becomes what storage is, or here.
    after = await state(alice)
    server.restart()
    alice = await connect("alice")
    await come_in(alice, "alice")
    assert await state(alice) == after


@every_driver
async def test_nothing_of_a_destroyed_room_is_left(server, connect, driver):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await fill(alice)
    assert server.storage.entries(HOST) != []
    await must(alice, "set", ROOM, f"<query xmlns='{MUC}#owner'><destroy/></query>")
    assert server.storage.entries(HOST) == []
    await come_in(alice, "alice")
    assert await state(alice) == []


@pytest.mark.allow_log("SQL", "Storage fails", "Lost connection")
@pytest.mark.parametrize("driver", ["postgresql"])
@pytest.mark.mep(storage="postgresql", options=PERSISTENT)
async def test_a_database_that_went_away_and_came_back_loses_nothing(server, connect, driver):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "0", options(max_items=9)))
    acknowledged = ["0"]
    for number in range(1, 4):
        server.storage.disconnect()
        reply = await alice.iq("set", ROOM, publish(MOOD, mood(), str(number)))
        acknowledged += [str(number)] * (reply.get("type") == "result")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "last"))
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == [*acknowledged, "last"]
    server.restart()
    alice = await connect("alice")
    await come_in(alice, "alice")
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == [*acknowledged, "last"]


@every_driver
async def test_a_publish_to_a_large_node_writes_little(server, connect, driver):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await make_persistent(alice, 0)
    await must(alice, "set", ROOM, publish("urn:other", mood(), "1"))
    for number in range(500):
        await must(alice, "set", ROOM, publish("urn:many", mood(), str(number), options(max_items=500) * (not number)))
    await make_persistent(alice, 1)
    await must(alice, "set", ROOM, publish("urn:many", mood(), "500"))
    before = server.storage.marks(HOST)
    await must(alice, "set", ROOM, publish("urn:many", mood(), "501"))
    written = server.storage.marks(HOST) - before
    # SQL: a row for the item, one for the item that went. Files: that of the item, and the list of them.
    assert len(written) == 2
    server.restart()
    alice = await connect("alice")
    await come_in(alice, "alice")
    reply = await must(alice, "get", ROOM, items("urn:many", max=500))
    assert ids_in(reply) == [str(number) for number in range(2, 502)]


ROOMS = ["den", "den2", "den.dat", "d%65n", "den\\2fmep", "ド", "x" * 60, "a~", "node-1", "den_mep_nodes"]


@every_driver
@pytest.mark.mep(hosts=f'Component "more.localhost" "muc"\nmodules_enabled = {{ "mep" }}\nmuc_room_locking = false\n{PERSISTENT}')
async def test_rooms_and_hosts_do_not_mix(server, connect, driver):
    alice = await connect("alice")
    rooms = [f"{room}@{host}" for room in ROOMS for host in (HOST, "more.localhost")]
    for room in rooms:
        await come_in(alice, "alice", room)
        await must(alice, "set", room, publish(MOOD, f"<mood xmlns='{MOOD}'>{room}</mood>", "1"))
    await must(alice, "set", rooms[0], f"<query xmlns='{MUC}#owner'><destroy/></query>")
    server.restart()
    alice = await connect("alice")
    for room in rooms:
        await come_in(alice, "alice", room)
        seen = [["".join(text) for _, text, *_ in found] for *_, found in await state(alice, room)]
        assert seen == ([] if room == rooms[0] else [[room]])


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.mep(storage="internal", options=PERSISTENT)
async def test_what_an_earlier_release_wrote_is_read(server, connect, many):
    """Payloads were tables, in the files of their nodes and in files of their own."""
    alice = await connect("alice")
    await come_in(alice, "alice")
    for number in range(20 if many else 2):
        await must(alice, "set", ROOM, publish(MOOD, mood(), f"i{number}", options(max_items=500)))
    before = await state(alice)
    server.kill()
    happy = f'{{ ["name"] = "happy"; ["attr"] = {{ ["xmlns"] = "{MOOD}" }} }}'
    table = f'["payload"] = {{ ["name"] = "mood"; ["attr"] = {{ ["xmlns"] = "{MOOD}" }}; {happy} }}'
    assert server.storage.edit(HOST, r'\["payload"\] = "[^"]*"', table) == (20 if many else 2)
    for store in ("mep", "mep_nodes"):
        server.storage.set_format(HOST, store, 3, 2)
    server.start()
    alice = await connect("alice")
    await come_in(alice, "alice")
    assert await state(alice) == before
    await must(alice, "set", ROOM, publish(MOOD, mood(), "i0"))
    before = await state(alice)
    server.kill()
    server.start()
    alice = await connect("alice")
    await come_in(alice, "alice")
    assert await state(alice) == before


@pytest.mark.allow_log("warn\t1 items of nodes of den@rooms.localhost are left out")
@pytest.mark.mep(storage="internal", options=PERSISTENT)
async def test_a_damaged_payload_is_left_out(server, connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(MOOD, mood("sad"), "bad", options(max_items=2)))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "good"))
    server.kill()
    assert server.storage.edit(HOST, "<sad/>", "<sad></mood>") == 1
    server.start()
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice")
    assert (await alice.expect_event(MOOD)).from_ == ROOM
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == ["good"]
    assert server.has_logged("1 items of nodes of den@rooms.localhost are left out")


@every_driver
@pytest.mark.allow_log("warn\tThe nodes of den@rooms.localhost were written by a later release; they are neither")
async def test_what_a_later_release_wrote_is_left_alone(server, connect, driver):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1"))
    before = await state(alice)
    server.kill()
    server.storage.set_format(HOST, "mep", 3, 4)
    stored = server.storage.entries(HOST)
    server.start()
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice")
    for request in (publish(MOOD, mood(), "2"), publish(TUNE, mood(), "2"), owner("delete", MOOD)):
        assert await refused(alice, "set", ROOM, request) == ("wait", "internal-server-error", None)
    assert await refused(alice, "get", ROOM, items(MOOD)) == ("wait", "internal-server-error", None)
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "mine"))
    assert (await alice.expect_event(MOOD)).from_ == f"{ROOM}/alice", "what is not kept is not concerned"
    assert server.has_logged("written by a later release") and server.log.count("written by a later release") == 1
    assert server.storage.entries(HOST) == stored
    server.kill()
    server.storage.set_format(HOST, "mep", 4, 3)
    server.start()
    alice = await connect("alice")
    await come_in(alice, "alice")
    assert await state(alice) == before


@pytest.mark.mep(storage="internal", options=PERSISTENT)
@pytest.mark.allow_log("Unable to load mep_nodes", "Failed to load mep_nodes", "Storage fails")
async def test_what_can_not_be_loaded_is_not_served_and_not_overwritten(server, connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1"))
    await must(alice, "set", ROOM, publish(TUNE, mood(), "1"))
    before = await state(alice)
    server.kill()
    file, _ = [path for path in server.data.rglob("*.dat") if path.parent.name == "mep_nodes"]
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    server.start()
    alice = await connect("alice", features=notify(MOOD, TUNE))
    await come_in(alice, "alice")
    for _ in range(2):
        for node in (MOOD, TUNE, CONFERENCE):
            refusal = await refused(alice, "set", ROOM, publish(node, mood(), "2"))
            assert refusal == ("wait", "internal-server-error", None)
    assert alice.events() == []
    file.write_text(whole)
    await must_soon(alice, "get", ROOM, items(MOOD))
    assert await state(alice) == before, "as soon as it can be told"
