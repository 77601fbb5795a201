"""The archive (XEP-0313): what a room archives of events, how it is found there, and how it is taken back."""

from xml.etree.ElementTree import tostring

import pytest
from mep import MOOD, ROOM, alice_and_bob, configure, mood, must, notify, options, publish, refused, retract
from testbed.client import Event

MAM, FORWARD, SID = "urn:xmpp:mam:2", "{urn:xmpp:forward:0}", "{urn:xmpp:sid:0}"
MODERATE, RETRACT = "urn:xmpp:message-moderate:1", "urn:xmpp:message-retract:1"
PINS = "urn:example:pins"

pytestmark = pytest.mark.mep(muc_modules=["muc_mam", "testbed_moderation"])


@pytest.fixture
async def people(connect):
    return await alice_and_bob(connect, PINS, MOOD)


async def archived(client):
    """What the room's archive has, as pairs of the archive's id and the message."""
    already = len(client.received)
    await must(client, "set", ROOM, f"<query xmlns='{MAM}'/>")
    results = [found for stanza in client.received[already:] for found in stanza.iter(f"{{{MAM}}}result")]
    return [(found.get("id"), found.find(f"{FORWARD}forwarded/{{jabber:client}}message")) for found in results]


def stanza_id(message):
    """The id that the room's archive gave to a message, which it carries once."""
    (found,) = message.iter(SID + "stanza-id")
    assert found.get("by") == ROOM
    return found.get("id")


def configuration(type, **fields):
    return options(notification_type=type, **fields)


def real_jids(client, *users):
    text = "".join(tostring(stanza, "unicode") for stanza in client.received)
    return [user for user in users if f"{user}@localhost" in text]


@pytest.mark.parametrize("type", ["normal", "groupchat"])
async def test_an_event_is_found_in_the_archive_as_it_was_told(people, connect, type):
    alice, bob = people
    await must(alice, "set", ROOM, publish(PINS, mood(), "1", configuration(type)))
    told = await bob.expect_event(PINS)
    assert (told.type, told.from_) == (type, ROOM)
    ((id, message),) = await archived(bob)
    found = Event.of(message)
    assert (id, found.id, found.from_, found.item_ids) == (stanza_id(told.element), told.id, ROOM, ["1"])
    assert tostring(found.payloads[0]) == tostring(told.payloads[0])

    # A client that comes later: the room's history and the last item are the same message.
    carol = await connect("carol", features=notify(PINS))
    await carol.join(ROOM, "carol", extra="<x xmlns='http://jabber.org/protocol/muc'/>")
    await carol.barrier()
    await carol.barrier()
    assert {event.id for event in carol.events(PINS)} == {told.id}
    assert real_jids(bob, "alice", "carol") == real_jids(carol, "alice", "bob") == []


async def test_an_occupants_event_and_its_end_are_archived(people):
    alice, bob = people
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "1", configuration("groupchat")))
    await must(alice, "set", f"{ROOM}/alice", retract(MOOD, "1").replace("<retract ", "<retract notify='true' "))
    told = [await bob.expect_event(MOOD) for _ in range(2)]
    found = await archived(bob)
    assert [event.kind for event in told] == ["items", "retract"]
    assert [(id, message.get("from")) for id, message in found] == [
        (stanza_id(event.element), f"{ROOM}/alice") for event in told
    ]
    ids = [message.find("{urn:xmpp:occupant-id:0}occupant-id").get("id") for _, message in found]
    assert ids == [event.element.find("{urn:xmpp:occupant-id:0}occupant-id").get("id") for event in told]
    assert real_jids(bob, "alice") == []


async def test_headlines_and_what_some_may_not_read_are_not_archived(people):
    alice, bob = people
    await must(alice, "set", ROOM, publish(PINS, mood(), "1"))
    secret = configuration("groupchat", access_model="whitelist")
    await must(alice, "set", ROOM, publish("urn:example:secret", mood(), "1", secret))
    await must(alice, "set", ROOM, configure(PINS, notification_type="groupchat"))
    await must(alice, "set", ROOM, publish(PINS, mood("sad"), "2"))
    assert [Event.of(message).item_ids for _, message in await archived(bob)] == [["2"]]
    told = [await bob.expect_event(PINS, kind="items") for _ in range(2)]
    assert [len(list(event.element.iter(SID + "stanza-id"))) for event in told] == [0, 1]


async def test_what_a_moderator_retracts_is_a_tombstone_in_the_archive(people):
    alice, bob = people
    await must(alice, "set", ROOM, publish(PINS, mood("angry"), "1", configuration("groupchat")))
    id = stanza_id((await bob.expect_event(PINS)).element)
    request = f"<moderate xmlns='{MODERATE}' id='{id}'><retract xmlns='{RETRACT}'/></moderate>"
    assert (await refused(bob, "set", ROOM, request))[1] == "item-not-found"
    await must(alice, "set", ROOM, request)
    ((found, message),) = await archived(bob)
    assert found == id and message.find(f"{{{RETRACT}}}retracted") is not None
    assert Event.of(message) is None


@pytest.mark.mep(options="muc_log_by_default = false\n")
async def test_a_room_that_does_not_archive_keeps_events_out_of_its_history(people, connect):
    alice, bob = people
    await must(alice, "set", ROOM, publish(PINS, mood(), "1", configuration("groupchat")))
    assert list((await bob.expect_event(PINS)).element.iter(SID + "stanza-id")) == []
    carol = await connect("carol")
    await carol.join(ROOM, "carol", extra="<x xmlns='http://jabber.org/protocol/muc'/>")
    assert carol.events(PINS) == []
