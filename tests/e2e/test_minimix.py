"""Accounts that join by their bare JIDs, so that all their clients are one session in the room: mod_minimix."""

import pytest
from mep import MOOD, ROOM, come_in, ids_in, items, mood, must, notify, publish, refused, retract, subscribe
from testbed.client import local

pytestmark = pytest.mark.mep(modules=["testbed_minimix"])

TALK = "urn:example:talk"


async def test_each_client_of_the_account_is_the_occupant(connect):
    phone, desk = await connect("alice", resource="phone"), await connect("alice", resource="desk")
    bob = await connect("bob", features=notify(MOOD))
    await come_in(bob, "bob")
    await phone.join(ROOM, "alice")
    await must(phone, "set", f"{ROOM}/alice", publish(MOOD, mood("happy"), "1"))
    await must(desk, "set", f"{ROOM}/alice", publish(MOOD, mood("sad"), "2"))
    told = [await bob.expect_event(MOOD) for _ in range(2)]
    assert [(event.from_, local(event.payloads[0][0])) for event in told] == [
        (f"{ROOM}/alice", "happy"), (f"{ROOM}/alice", "sad"),
    ]  # fmt: skip
    assert ids_in(await must(desk, "get", f"{ROOM}/alice", items(MOOD))) == ["2"]
    # Not at others' addresses, and not those who are not there.
    assert (await refused(desk, "set", f"{ROOM}/bob", publish(MOOD, mood())))[1] == "forbidden"
    carol = await connect("carol", resource="alice")
    assert (await refused(carol, "set", f"{ROOM}/alice", publish(MOOD, mood())))[1] == "not-acceptable"
    await must(desk, "set", f"{ROOM}/alice", retract(MOOD, "2"))
    # Once the account has left, its clients are outside.
    phone.presence(f"{ROOM}/alice", type="unavailable")
    await bob.expect(lambda s: s.get("from") == f"{ROOM}/alice" and s.get("type") == "unavailable")
    assert (await refused(desk, "set", f"{ROOM}/alice", publish(MOOD, mood())))[0] == "cancel"


async def test_the_accounts_hash_is_asked_once_and_known_from_elsewhere_gives_interest(connect, server):
    """The question goes to the account, whose server answers for itself: that is not what the hash stands for."""
    bob, phone = await connect("bob"), await connect("alice", features=notify(MOOD))
    await come_in(bob, "bob")
    await phone.join(ROOM, "alice")
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood("happy")))
    for _ in range(5):
        phone.presence(f"{ROOM}/alice", phone.caps)
        await phone.barrier()
    await bob.barrier()
    assert phone.events() == []
    assert server.status()["caps_asked"] == 2, "bob and the account, once each"
    # Another account's client with the same software makes the hash known.
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    await carol.expect_event(MOOD)
    phone.presence(f"{ROOM}/alice", phone.caps)
    assert (await phone.expect_event(MOOD)).from_ == f"{ROOM}/bob"


@pytest.mark.parametrize("name", ["alice@localhost", "alice@localhost/phone", f"{ROOM}/alice"])
async def test_a_subscription_delivers_once_to_each_client(connect, name):
    phone, desk, bob = (
        await connect("alice", resource="phone"),
        await connect("alice", resource="desk"),
        await connect("bob"),
    )
    await come_in(bob, "bob")
    await phone.join(ROOM, "alice")
    await desk.join(ROOM, "alice")
    await must(bob, "set", f"{ROOM}/bob", publish(TALK, "<a xmlns='urn:a'/>", "1"))
    await must(phone, "set", f"{ROOM}/bob", subscribe(name, TALK))
    await must(bob, "set", f"{ROOM}/bob", publish(TALK, "<a xmlns='urn:a'/>", "2"))
    for client in (phone, desk):
        while (await client.expect_event(TALK)).item_ids != ["2"]:
            pass
        await client.barrier()
        assert [event.item_ids for event in client.events(TALK)].count(["2"]) == 1
    await must(desk, "set", f"{ROOM}/bob", subscribe(name, TALK, "unsubscribe"))
    await must(bob, "set", f"{ROOM}/bob", publish(TALK, "<a xmlns='urn:a'/>", "3"))
    await phone.barrier()
    assert all(event.item_ids != ["3"] for event in phone.events(TALK))
