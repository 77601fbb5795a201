"""Who reads and writes at rooms' nodes, by role and affiliation: docs/protocol.md, "Thresholds"."""

from mep import MOOD, ROOM, come_in, items, mood, must, notify, publish, refused, retract

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
