"""Joining, leaving and joining again: no event twice, none of ended nodes, none lost for a slow answer."""

import pytest
from mep import (
    MOOD, ROOM, TUNE, affiliate, come_in, form, ids_in, items, mood, must, notify, options, publish, pubsub, refused,
    subscribe,
)  # fmt: skip
from testbed.xml import DISCO_INFO

OPEN = "<publish-options>" + form("publish-options", access_model="open") + "</publish-options>"


async def test_coming_in_again_with_other_capabilities_brings_each_last_item_once(connect):
    alice, bob = await connect("alice"), await connect("bob", features=notify(MOOD))
    twin = await connect("carol", features=notify(MOOD, TUNE))  # makes the other capabilities known
    for client, nick in ((alice, "alice"), (bob, "bob"), (twin, "carol")):
        await come_in(client, nick)
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "m"))
    await bob.expect_event(MOOD)
    await must(alice, "set", f"{ROOM}/alice", publish(TUNE, mood(), "t"))
    bob.set_features(notify(MOOD, TUNE))
    before = len(bob.received)
    await come_in(bob, "bob")
    assert [event.item_ids for event in bob.events()[1:]] == [["m"], ["t"]]
    kinds = [stanza.tag.rpartition("}")[2] for stanza in bob.received[before:]]
    assert kinds.index("presence") < kinds.index("message"), "nothing comes before one's own presence"


async def test_a_subscription_that_ended_with_leaving_does_not_come_back(connect):
    alice, bob = await connect("alice"), await connect("bob")
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "first"))
    await must(bob, "set", f"{ROOM}/alice", subscribe(bob.jid, MOOD))
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    reply = await must(bob, "get", f"{ROOM}/alice", pubsub("<subscriptions/>"))
    assert "subscribed" not in [element.get("subscription") for element in reply.iter()]


async def test_who_is_banned_is_told_nothing_of_an_open_node(connect):
    alice, bob = await connect("alice"), await connect("bob")
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "before", OPEN))
    for jid in (bob.jid, "bob@localhost"):
        await must(bob, "set", ROOM, subscribe(jid, MOOD))
    admin = "http://jabber.org/protocol/muc#admin"
    ban = f"<query xmlns='{admin}'><item jid='bob@localhost' affiliation='outcast'/></query>"
    await must(alice, "set", ROOM, ban)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "after"))
    await bob.barrier()
    assert {event.item_ids[0] for event in bob.events()} == {"before"}


@pytest.mark.mep(options="mep_caps_timeout = 1")
async def test_who_is_asked_in_vain_is_served_by_anothers_answer(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    slow = await connect("bob", features=notify(MOOD))
    slow.answers[DISCO_INFO + "query"] = lambda iq: None
    await slow.join(ROOM, "bob")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "m"))
    other = await connect("carol", features=notify(MOOD))
    await other.join(ROOM, "carol")
    for client in (other, slow):
        assert (await client.expect_event(MOOD)).item_ids == ["m"]


async def test_the_next_at_a_nick_inherits_no_affiliation(connect):
    alice = await connect("alice")
    bob, eve = [await connect(name, features=notify(MOOD)) for name in ("bob", "eve")]
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    address = f"{ROOM}/alice"
    await must(alice, "set", address, publish(MOOD, mood(), "for bob", options(access_model="whitelist")))
    await must(alice, "set", address, affiliate(MOOD, **{f"{ROOM}/bob": "member"}))
    assert ids_in(await must(bob, "get", address, items(MOOD))) == ["for bob"]
    await bob.leave(ROOM)
    await come_in(eve, "bob")
    assert await refused(eve, "get", address, items(MOOD)) == ("cancel", "not-allowed", "closed-node")
    await must(alice, "set", address, publish(MOOD, mood(), "next"))
    await eve.barrier()
    assert eve.events() == []
