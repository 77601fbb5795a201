"""The systems that XEP-0316 came from, or was wished for by: each as a story. docs/protocol.md has a line on each."""

import asyncio

import pytest
from mep import MOOD, MUC, ROOM, TUNE, come_in, ids_in, items, mood, must, notify, options, publish, pubsub, refused
from testbed.client import CLIENT, local
from testbed.prosody import PLUGINS, ROOT

NOW_PLAYING = {"plugins": (*PLUGINS, ROOT / "examples/modules"), "muc_modules": ["mep_now_playing"]}


def presence_of(nick, type=None, room=ROOM):
    return lambda s: s.tag == CLIENT + "presence" and s.get("from") == f"{room}/{nick}" and s.get("type") == type


def room_form(**fields):
    rows = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items())
    kind = f"<field var='FORM_TYPE' type='hidden'><value>{MUC}#roomconfig</value></field>"
    return f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'>{kind}{rows}</x></query>"


@pytest.mark.mep(options='mep_notification_type = "groupchat"')
async def test_the_prototype_of_2012(connect):
    """A group chat whose list shows moods: events were groupchat messages from the occupant, to who wants them."""
    romeo = await connect("romeo")
    juliet, nurse = await connect("juliet", features=notify(MOOD)), await connect("nurse")
    for client, nick in ((romeo, "romeo"), (juliet, "juliet"), (nurse, "nurse")):
        await come_in(client, nick)
    await must(romeo, "set", f"{ROOM}/romeo", publish(MOOD, mood("in_love")))
    event = await juliet.expect_event(MOOD)
    assert (event.type, event.from_, local(event.payloads[0][0])) == ("groupchat", f"{ROOM}/romeo", "in_love")
    await nurse.barrier()
    assert nurse.events() == []
    # Who comes later sees it as well.
    tybalt = await connect("tybalt", features=notify(MOOD))
    await come_in(tybalt, "tybalt")
    assert (await tybalt.expect_event(MOOD)).from_ == f"{ROOM}/romeo"


@pytest.mark.mep(**NOW_PLAYING)
async def test_now_playing_leaves_the_presence_and_becomes_a_tune(connect, server):
    alice, bob = await connect("alice", features=notify(TUNE)), await connect("bob")
    await come_in(alice, "alice")
    await bob.join(ROOM, "bob", extra="<status>♪ Giuseppe Verdi - Macbeth</status>")

    async def status(of="bob"):
        return (await alice.expect(presence_of(of))).findtext(CLIENT + "status")

    async def heard():
        event = await alice.expect_event(TUNE)
        return event.from_, {local(part): part.text for payload in event.payloads for part in payload}

    assert await status() is None
    assert await heard() == (f"{ROOM}/bob", {"artist": "Giuseppe Verdi", "title": "Macbeth"})

    bob.presence(f"{ROOM}/bob", "<show>away</show><status>Now playing: Lady Macbeth - Wash Your Hands</status>")
    shown = await alice.expect(presence_of("bob"))
    assert (shown.findtext(CLIENT + "show"), shown.find(CLIENT + "status")) == ("away", None)
    assert await heard() == (f"{ROOM}/bob", {"artist": "Lady Macbeth", "title": "Wash Your Hands"})
    bob.presence(f"{ROOM}/bob", "<status>♫ Silence</status>")
    assert (await status(), await heard()) == (None, (f"{ROOM}/bob", {"title": "Silence"}))

    # The tune goes along to a new nick, and ends with the status.
    bob.presence(f"{ROOM}/robert", "<status>♫ Silence</status>")
    await alice.expect(presence_of("robert"))
    assert (await heard())[1] == {"title": "Silence"}
    bob.presence(f"{ROOM}/robert", "<status>out for lunch</status>")
    assert await status("robert") == "out for lunch"
    event = await alice.expect_event(TUNE)
    assert (event.kind, event.from_, event.item_ids) == ("retract", f"{ROOM}/robert", ["now-playing"])

    # A change of nick that is refused changes nothing.
    bob.presence(f"{ROOM}/robert", "<status>♫ Silence</status>")
    assert (await status("robert"), await heard()) == (None, (f"{ROOM}/robert", {"title": "Silence"}))
    bob.presence(f"{ROOM}/alice", "<status>♫ Silence</status>")
    await bob.expect(lambda stanza: stanza.get("type") == "error")
    await heard()
    bob.presence(f"{ROOM}/robert", "<status>out for lunch</status>")
    assert await status("robert") == "out for lunch"
    assert (await alice.expect_event(TUNE)).kind == "retract"

    # Another status is everybody's business, and ends nothing that the occupant published by itself.
    await must(bob, "set", f"{ROOM}/robert", publish(TUNE, f"<tune xmlns='{TUNE}'><title>own</title></tune>", "own"))
    assert (await heard())[1] == {"title": "own"}
    for text in ("♪" + "x" * 300, "x ♪ - y", ""):
        bob.presence(f"{ROOM}/robert", f"<status>{text}</status>")
        assert (await status("robert") or "") == text
    await alice.barrier()
    assert len(alice.events(TUNE)) == 9


@pytest.mark.mep(**NOW_PLAYING, options='now_playing_patterns = { "^playing (.+)$", "%" }')
@pytest.mark.allow_log("now_playing_patterns: ignoring")
async def test_now_playing_with_patterns_of_ones_own_and_without_voice(connect):
    alice, bob = await connect("alice", features=notify(TUNE)), await connect("bob")
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    admin = "<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='bob' role='{}'/></query>"
    await must(alice, "set", ROOM, admin.format("visitor"))
    await alice.expect(presence_of("bob"))
    await alice.expect(presence_of("bob"))
    bob.presence(f"{ROOM}/bob", "<status>playing dice</status>")
    assert (await alice.expect(presence_of("bob"))).findtext(CLIENT + "status") == "playing dice"
    assert alice.events() == []
    await must(alice, "set", ROOM, admin.format("participant"))
    await alice.expect(presence_of("bob"))
    bob.presence(f"{ROOM}/bob", "<status>playing dice</status>")
    assert (await alice.expect(presence_of("bob"))).find(CLIENT + "status") is None
    assert (await alice.expect_event(TUNE)).payloads[0][0].text == "dice"


async def test_easy_joining_is_readable_before_one_joins(connect):
    """Where a room has its webchat, and the link that invites to it: XEP-0401, RFC 5122."""
    node = "urn:mod_mep:joining:0"
    alice, guest = await connect("alice"), await connect("guest")
    await come_in(alice, "alice")
    card = (
        f"<joining xmlns='{node}'><webchat>https://chat.example/den</webchat>"
        "<invitation>xmpp:den@rooms.localhost?join</invitation></joining>"
    )
    await must(alice, "set", ROOM, publish(node, card, "current", options(access_model="open")))
    reply = await must(guest, "get", ROOM, items(node))
    (joining,) = reply.iter(f"{{{node}}}joining")
    assert [part.text for part in joining] == ["https://chat.example/den", "xmpp:den@rooms.localhost?join"]
    # Others of the room's nodes are for who is in it.
    await must(alice, "set", ROOM, publish("urn:example:inside", "<a xmlns='urn:a'/>"))
    assert (await refused(guest, "get", ROOM, items("urn:example:inside")))[1] == "not-authorized"


async def test_an_open_conversation_from_which_things_are_taken_away(connect):
    node = "urn:example:conversation"
    alice = await connect("alice")
    bob = await connect("bob", features=notify(node))
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(node, "<p xmlns='urn:p'/>", "0", options(max_items=64)))
    await come_in(bob, "bob")
    for number in range(1, 30):
        await must(alice, "set", ROOM, publish(node, f"<p xmlns='urn:p'>{number}</p>", str(number)))
    gone = [str(number) for number in range(0, 30, 3)]
    for id in gone:
        retract = f"<retract node='{node}' notify='1'><item id='{id}'/></retract>"
        await must(alice, "set", ROOM, pubsub(retract))
    assert [(await bob.expect_event(node, kind="retract")).item_ids for _ in gone] == [[id] for id in gone]

    # Who comes back later sees what is left, page by page.
    await bob.leave(ROOM)
    await bob.join(ROOM, "bob")
    seen, after = [], ""
    while True:
        rsm = f"<set xmlns='http://jabber.org/protocol/rsm'><max>7</max>{after}</set>"
        reply = await must(bob, "get", ROOM, pubsub(f"<items node='{node}'/>{rsm}"))
        page = ids_in(reply)
        if not page:
            break
        seen += page
        after = f"<after>{next(reply.iter('{http://jabber.org/protocol/rsm}last')).text}</after>"
    assert sorted(seen, key=int) == [str(n) for n in range(30) if str(n) not in gone]


async def test_an_occupant_tells_a_room_that_it_has_moved(connect):
    """XEP-0283, in a semi-anonymous room: the one real JID is the one that its owner wrote into the payload."""
    node = "urn:xmpp:moved:1"
    alice, bob = await connect("alice"), await connect("bob", features=notify(node))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(
        bob, "set", f"{ROOM}/bob", publish(node, f"<moved xmlns='{node}'><new-jid>bob@new.example</new-jid></moved>")
    )
    event = await bob.expect_event(node)
    assert (event.from_, event.payloads[0][0].text) == (f"{ROOM}/bob", "bob@new.example")
    carol = await connect("carol", features=notify(node))
    await come_in(carol, "carol")
    assert (await carol.expect_event(node)).payloads[0][0].text == "bob@new.example"
    for text in carol.wire:
        assert "bob@localhost" not in text and "alice@localhost" not in text


async def test_an_activity_of_olpc(connect, server):
    """Properties of a private, temporary room whose occupants know each other: a hundred of them leave nothing."""
    node = "urn:example:olpc:properties"
    alice, bob = await connect("alice"), await connect("bob", features=notify(node))
    first = server.status()
    private = {"muc#roomconfig_whois": "anyone", "muc#roomconfig_publicroom": 0, "muc#roomconfig_persistentroom": 0}
    properties = f"<properties xmlns='{node}'><property name='color'>#ff8800,#005fe4</property></properties>"
    for number in range(100):
        room = f"activity-{number}@rooms.localhost"
        await alice.join(room, "alice")
        await must(alice, "set", room, room_form(**private))
        await must(alice, "set", room, publish(node, properties, "properties"))
        if number % 10 == 0:
            await bob.join(room, "bob")
            event = await bob.expect_event(node, room)
            assert event.payloads[0][0].text == "#ff8800,#005fe4"
            await bob.leave(room)
        await alice.leave(room)
    await asyncio.gather(alice.barrier(), bob.barrier())
    last = server.status()
    for count in ("rooms", "nodes", "items", "sessions", "occupants", "subscriptions"):
        assert last.get(count) == first.get(count), count
    assert "activity" not in server.shell("mep:rooms('rooms.localhost')")
