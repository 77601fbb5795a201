"""Rooms work as before: tests marked `both` run on a server with mod_mep and on one without."""

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, PUBSUB, ROOM, alice_and_bob, come_in, disco, features_in, form, identities_in,
    ids_in, items, mood, must, nodes_in, notify, owner, publish, refused, retract,
)  # fmt: skip
from testbed import Client, Prosody
from testbed.xml import CLIENT, PING

pytestmark = pytest.mark.mep(modules=["vcard"])

BOB = f"{ROOM}/bob"
DEVICES = "eu.siacs.conversations.axolotl.devicelist"
VCARD = "<vCard xmlns='vcard-temp'><FN>Robert</FN></vCard>"
MUC_OWNER = "http://jabber.org/protocol/muc#owner"
PUBLISHERS = "mep#roomconfig_publishers"
OPEN = "<publish-options>" + form("publish-options", access_model="open") + "</publish-options>"

both = pytest.mark.parametrize(
    "server_is", [pytest.param("with"), pytest.param("without", marks=pytest.mark.mep(module=False))]
)


@pytest.fixture
async def people(connect):
    """Alice, the owner, and Bob in a room."""
    return await alice_and_bob(connect)


def body_is(text):
    return lambda stanza: stanza.findtext(CLIENT + "body") == text


@both
async def test_the_pep_of_occupants_is_read_through_the_room(people, server_is):
    alice, bob = people
    await must(bob, "set", None, publish(DEVICES, "<list xmlns='eu.siacs'/>", "current", OPEN))
    await must(bob, "set", None, publish("urn:example:closed", "<a xmlns='urn:a'/>", "current"))
    reply = await must(alice, "get", BOB, items(DEVICES))
    assert ids_in(reply) == ["current"]
    assert reply.find(".//{eu.siacs}list") is not None
    assert ids_in(await must(alice, "get", BOB, items(DEVICES, "current"))) == ["current"]
    assert ids_in(await must(alice, "get", BOB, items(DEVICES, max=1))) == ["current"]
    if server_is == "with":  # the account and the occupant are different services
        assert (await refused(bob, "get", BOB, items(DEVICES)))[1] == "item-not-found"
    else:
        assert ids_in(await must(bob, "get", BOB, items(DEVICES))) == ["current"]
    for node in ("urn:example:closed", "urn:example:unknown"):
        await refused(alice, "get", BOB, items(node))


@both
async def test_vcards_of_occupants_are_read_through_the_room(people, server_is):
    alice, bob = people
    await must(bob, "set", None, VCARD)
    reply = await must(alice, "get", BOB, "<vCard xmlns='vcard-temp'/>")
    assert reply.findtext(".//{vcard-temp}FN") == "Robert"


@both
async def test_pings_to_occupants_and_to_oneself(people, server_is, connect):
    alice, bob = people
    ping = f"<ping xmlns='{PING[1:-1]}'/>"
    pinged = []
    bob.answers[PING + "ping"] = lambda iq: pinged.append(iq.get("from")) or ""
    await must(alice, "get", BOB, ping)
    assert pinged == [f"{ROOM}/alice"]
    await must(bob, "get", BOB, ping)
    assert len(pinged) == 1, "the room itself says whether one is in (XEP-0410)"
    outsider = await connect("mallory")
    assert (await refused(outsider, "get", f"{ROOM}/mallory", ping))[1] == "not-acceptable"
    await bob.leave(ROOM)
    assert (await refused(bob, "get", BOB, ping))[1] == "not-acceptable"


@both
async def test_what_occupants_clients_are_asked_they_answer(people, server_is):
    alice, bob = people
    bob.asked.clear()
    for node in (None, f"https://testbed.example/#{bob.ver}"):
        info = await must(alice, "get", BOB, disco(DISCO_INFO, node))
        assert features_in(info) == set(bob.features)
        assert info[0].get("node") == node
    assert [(asked.from_, asked.node) for asked in bob.asked] == [
        (f"{ROOM}/alice", None),
        (f"{ROOM}/alice", f"https://testbed.example/#{bob.ver}"),
    ]
    bob.answers["{jabber:iq:version}query"] = lambda iq: "<query xmlns='jabber:iq:version'><name>t</name></query>"
    version = await must(alice, "get", BOB, "<query xmlns='jabber:iq:version'/>")
    assert version.findtext(".//{jabber:iq:version}name") == "t"
    commands = "http://jabber.org/protocol/commands"
    bob.answers["{" + DISCO_ITEMS + "}query"] = lambda iq: f"<query xmlns='{DISCO_ITEMS}' node='{commands}'/>"
    assert (await must(alice, "get", BOB, disco(DISCO_ITEMS, commands)))[0].get("node") == commands


@both
async def test_people_talk(people, server_is):
    alice, bob = people
    alice.message(ROOM, "<body>to all</body>")
    for client in (alice, bob):
        message = await client.expect(body_is("to all"))
        assert (message.get("from"), message.get("type")) == (f"{ROOM}/alice", "groupchat")
    alice.message(BOB, "<body>to one</body>", type="chat")
    assert (await bob.expect(body_is("to one"))).get("from") == f"{ROOM}/alice"
    alice.message(ROOM, "<subject>Events</subject>")
    await bob.expect(lambda s: s.findtext(CLIENT + "subject") == "Events")


@both
async def test_a_message_that_looks_like_an_event_is_an_occupants_own(people, server_is):
    alice, bob = people
    event = f"<event xmlns='{PUBSUB}#event'><items node='{MOOD}'><item id='x'>{mood()}</item></items></event>"
    alice.message(BOB, event, type="headline")
    await bob.expect_event(MOOD, from_=f"{ROOM}/alice")


async def test_a_room_keeps_its_identity_and_features(version):
    seen = []
    for module in (False, True):
        async with Prosody(version, module=module) as server, await Client.connect(server, "alice") as alice:
            await alice.join(ROOM, "alice")
            info = await must(alice, "get", ROOM, disco(DISCO_INFO))
            host = await must(alice, "get", "rooms.localhost", disco(DISCO_INFO))
            fields = {f.get("var") for f in info.iter("{jabber:x:data}field")}
            seen.append((identities_in(info), features_in(info), fields, features_in(host)))
        assert server.problems() == []
    (identities, features, fields, of_host), with_mep = seen
    assert with_mep[0] == identities | {"pubsub/mep"}
    assert features < with_mep[1]
    assert all(feature.startswith(PUBSUB) for feature in with_mep[1] - features)
    assert with_mep[2:] == (fields, of_host)


def configuration(**fields):
    rows = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items())
    kind = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    return f"<query xmlns='{MUC_OWNER}'><x xmlns='jabber:x:data' type='submit'>{kind}{rows}</x></query>"


@both
async def test_the_rooms_configuration_is_shown_and_changed(people, server_is):
    alice, bob = people

    async def values():
        reply = await must(alice, "get", ROOM, f"<query xmlns='{MUC_OWNER}'/>")
        fields = reply.iter("{jabber:x:data}field")
        return {f.get("var"): f.findtext("{jabber:x:data}value") for f in fields}

    before = await values()
    assert before.get(PUBLISHERS) == ("admins" if server_is == "with" else None)
    await must(alice, "set", ROOM, configuration(**{"muc#roomconfig_roomname": "The den"}))
    after = await values()
    assert after["muc#roomconfig_roomname"] == "The den"
    assert {var for var in before if before[var] != after[var]} == {"muc#roomconfig_roomname"}


async def test_the_rooms_configuration_says_who_publishes(people):
    alice, bob = people
    assert (await refused(bob, "set", ROOM, publish(MOOD, mood())))[1] == "forbidden"
    for who, allowed in (("participants", "result"), ("moderators", "error"), ("nonsense", "error")):
        await alice.iq("set", ROOM, configuration(**{PUBLISHERS: who}))
        assert (await bob.iq("set", ROOM, publish(MOOD, mood()))).get("type") == allowed, who
    assert (await refused(bob, "set", ROOM, configuration(**{PUBLISHERS: "participants"})))[1] == "forbidden"
    await must(alice, "set", ROOM, configuration(**{PUBLISHERS: "owners"}))
    await must(alice, "set", ROOM, publish(MOOD, mood()))


async def test_a_node_that_mep_holds_hides_that_one_and_no_other(people):
    alice, bob = people
    for node in (MOOD, DEVICES):
        await must(bob, "set", None, publish(node, "<of-the-account xmlns='urn:a'/>", "account", OPEN))
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["account"]
    await must(bob, "set", BOB, publish(MOOD, mood(), "occupant"))
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["occupant"]
    assert ids_in(await must(alice, "get", BOB, items(DEVICES))) == ["account"]
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD]

    await must(bob, "set", BOB, retract(MOOD, "occupant"))
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == [], "an empty node is held as well"
    await must(bob, "set", BOB, owner("delete", MOOD))
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["account"]
    assert ids_in(await must(bob, "get", None, items(MOOD))) == ["account"], "and the account's own is what it was"


async def test_the_account_and_the_occupant_are_told_apart(connect):
    """Bob's account and Bob's occupant have a node of the same name; occupants are notified of the occupant's only."""
    alice, bob = await connect("alice", features=notify(MOOD)), await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    bob.presence(inner=bob.caps)
    await must(bob, "set", None, publish(MOOD, mood("sad"), "account"))
    await must(bob, "set", BOB, publish(MOOD, mood(), "occupant"))
    await alice.expect_event(MOOD)
    await alice.barrier()
    assert [(event.from_, event.item_ids) for event in alice.events()] == [(BOB, ["occupant"])]
    await bob.expect_event(MOOD, from_="bob@localhost")
    await bob.expect_event(MOOD, from_=BOB)
