"""Errors that come back for events: they reach no client, and only occupants that are really gone are removed."""

import pytest
from mep import DISCO_ITEMS, MOOD, ROOM, come_in, disco, mood, must, nodes_in, notify, publish, refused
from testbed.xml import CLIENT, STANZAS

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
# Those that mod_muc throws out for, but those below; some that it hands on; and none that there is.
OTHERS = [
    "internal-server-error", "item-not-found", "jid-malformed", "redirect", "service-unavailable",
    "feature-not-implemented", "not-acceptable", "undefined-condition", "policy-violation", "",
]  # fmt: skip
ABSENCES = ["gone", "recipient-unavailable", "remote-server-not-found", "remote-server-timeout"]


@pytest.fixture
async def people(connect):
    alice, bob = await connect("alice"), await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(bob, "set", BOB, publish(MOOD, mood(), "of bob"))
    return alice, bob


def bounce(client, message, condition, payload=""):
    named = f"<{condition} xmlns='{STANZAS[1:-1]}'/>" if condition else ""
    error = f"<error type='cancel'>{named}</error>"
    client.message(message.from_, payload + error, type="error", id=message.id)


def gone(nick):
    return lambda s: s.get("from") == f"{ROOM}/{nick}" and s.get("type") == "unavailable"


def errors_to(client):
    return [s for s in client.received if s.tag == CLIENT + "message" and s.get("type") == "error"]


@pytest.mark.parametrize("address", [ALICE, ROOM])
async def test_what_a_client_sends_back_is_swallowed(people, address):
    alice, bob = people
    await must(alice, "set", address, publish(MOOD, mood(), "event"))
    event = await bob.expect_event(MOOD, from_=address)
    for condition in OTHERS:
        bounce(bob, event, condition)
        bounce(bob, event, condition, "<event xmlns='http://jabber.org/protocol/pubsub#event'/>")
    await bob.barrier()
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD], "Bob is there, with what he has"
    await must(alice, "set", address, publish(MOOD, mood(), "next"))
    assert (await bob.expect_event(MOOD, from_=address)).item_ids == ["next"]
    await alice.barrier()
    assert errors_to(alice) == []


@pytest.mark.parametrize("address", [ALICE, ROOM])
@pytest.mark.parametrize("condition", ABSENCES)
async def test_who_is_not_there_any_more_has_left(people, address, condition):
    alice, bob = people
    await must(alice, "set", address, publish(MOOD, mood(), "event"))
    bounce(bob, await bob.expect_event(MOOD, from_=address), condition)
    await alice.expect(gone("bob"))
    assert (await refused(alice, "get", BOB, disco(DISCO_ITEMS)))[1] == "item-not-found"
    assert errors_to(alice) == []


async def test_errors_to_a_private_message_are_mod_mucs_as_ever(people):
    alice, bob = people
    for condition, id in (("not-acceptable", "a"), ("service-unavailable", "mep")):
        alice.message(BOB, "<body>psst</body>", type="chat", id=id)
        message = await bob.expect(lambda s: s.findtext(CLIENT + "body") == "psst")
        error = f"<error type='cancel'><{condition} xmlns='{STANZAS[1:-1]}'/></error>"
        bob.message(ALICE, error, type="error", id=message.get("id"))
    assert (await alice.expect(lambda s: s.get("type") == "error")).get("from") == BOB
    await alice.expect(gone("bob"))
