"""Explicit subscriptions, to a node and to the root (XEP-0060, 6.1 and 6.2; XEP-0316, 5)."""

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, OWNER, PUBSUB, ROOM, TUNE, alice_and_bob, come_in, configure, disco, features_in,
    form, mood, must, nodes_in, notify, publish, pubsub, refused, subscribe,
)  # fmt: skip


def subscriptions_in(reply):
    found = reply.iter(f"{{{PUBSUB}}}subscription")
    return [(s.get("node"), s.get("jid"), s.get("subscription")) for s in found]


@pytest.fixture
async def people(connect):
    """Alice, who publishes, and Bob, whose client says that it wants nothing."""
    return await alice_and_bob(connect)


@pytest.mark.parametrize("name", ["full", "bare", "occupant"])
async def test_a_subscriber_is_told_by_any_of_its_own_names(people, name):
    alice, bob = people
    jid = {"full": bob.jid, "bare": bob.jid.split("/")[0], "occupant": f"{ROOM}/bob"}[name]
    address = f"{ROOM}/alice"
    await must(alice, "set", address, publish(MOOD, mood(), "before"))
    reply = await must(bob, "set", address, subscribe(jid, MOOD))
    assert subscriptions_in(reply) == [(MOOD, jid, "subscribed")]
    assert (await bob.expect_event(MOOD)).item_ids == ["before"], "the last item comes with the subscription"
    await must(alice, "set", address, publish(MOOD, mood(), "after"))
    assert (await bob.expect_event(MOOD)).item_ids == ["after"]
    assert subscriptions_in(await must(bob, "get", address, pubsub("<subscriptions/>"))) == [
        (MOOD, jid, "subscribed")
    ]

    await must(bob, "set", address, subscribe(jid, MOOD, "unsubscribe"))
    await must(alice, "set", address, publish(MOOD, mood(), "late"))
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["before"], ["after"]]
    gone = await refused(bob, "set", address, subscribe(jid, MOOD, "unsubscribe"))
    assert gone == ("cancel", "unexpected-request", "not-subscribed")


async def test_the_root_is_all_nodes_now_and_later(people):
    alice, bob = people
    address = f"{ROOM}/alice"
    await must(alice, "set", address, publish(MOOD, mood(), "mood"))
    await must(bob, "set", address, subscribe(bob.jid))
    await bob.expect_event(MOOD)
    await must(alice, "set", address, publish(TUNE, f"<tune xmlns='{TUNE}'/>", "tune"))
    await bob.expect_event(TUNE)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "room"))
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["mood"], ["tune"]], "the room's nodes are not Alice's"

    await must(bob, "set", ROOM, subscribe(bob.jid, ""))
    assert (await bob.expect_event(MOOD, from_=ROOM)).item_ids == ["room"]


async def test_there_are_no_collections_but_the_root(people):
    alice, bob = people
    for address in (ROOM, f"{ROOM}/alice"):
        await must(alice, "set", address, publish(MOOD, mood(), "a"))
        info = await must(alice, "get", address, disco(DISCO_INFO))
        assert f"{PUBSUB}#collections" not in features_in(info)
        collection = f"<configure>{form('node_config', node_type='collection')}</configure>"
        for kind, payload in (
            ("set", pubsub("<create node='new'/>" + collection)),
            ("set", configure(MOOD, collection="new")),
            ("set", configure(MOOD, children="new")),
            ("set", pubsub(f"<collection node='new'><associate node='{MOOD}'/></collection>", OWNER)),
            ("get", pubsub("<default type='collection'/>", OWNER)),
        ):
            error = (await alice.iq(kind, address, payload)).find(".//{*}unsupported")
            assert error is not None and error.get("feature") == "collections", payload
        assert await refused(bob, "get", address, pubsub("<items/>")) == ("modify", "bad-request", "nodeid-required")
        assert nodes_in(await must(alice, "get", address, disco(DISCO_ITEMS))) == [MOOD]
        await must(alice, "set", address, configure(MOOD, collection="", node_type="leaf"))


async def test_one_event_however_many_reasons(connect):
    alice = await connect("alice")
    bob = await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    address = f"{ROOM}/alice"
    await must(alice, "set", address, publish(MOOD, mood(), "first"))
    await bob.expect_event(MOOD)
    for jid in (bob.jid, bob.jid.split("/")[0], f"{ROOM}/bob"):
        await must(bob, "set", address, subscribe(jid, MOOD))
    await must(bob, "set", address, subscribe(bob.jid))
    await bob.barrier()
    already = len(bob.events())
    await must(alice, "set", address, publish(MOOD, mood(), "second"))
    await bob.barrier()
    assert [event.item_ids for event in bob.events()[already:]] == [["second"]]


async def test_nobody_subscribes_for_somebody_else(people):
    alice, bob = people
    address = f"{ROOM}/alice"
    await must(alice, "set", address, publish(MOOD, mood()))
    for jid in ("alice@localhost", alice.jid, f"{ROOM}/alice", "nobody@nowhere", "", "@"):
        error = await refused(bob, "set", address, subscribe(jid, MOOD))
        assert error == ("modify", "bad-request", "invalid-jid")
    assert await refused(bob, "set", address, subscribe(bob.jid, "nothing")) == ("cancel", "item-not-found", None)


async def test_a_subscription_ends_with_leaving_unless_the_node_is_open(people):
    alice, bob = people
    opened = "<publish-options>" + form("publish-options", access_model="open") + "</publish-options>"
    await must(alice, "set", ROOM, publish(MOOD, mood(), "closed"))
    await must(alice, "set", ROOM, publish(TUNE, f"<tune xmlns='{TUNE}'/>", "open", opened))
    for node in (MOOD, TUNE):
        await must(bob, "set", ROOM, subscribe(bob.jid, node))
        await bob.expect_event(node)
    await bob.leave(ROOM)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "unseen"))
    await must(alice, "set", ROOM, publish(TUNE, f"<tune xmlns='{TUNE}'/>", "seen"))
    assert (await bob.expect_event(TUNE)).item_ids == ["seen"]
    await bob.barrier()
    assert [event.item_ids for event in bob.events(MOOD)] == [["closed"]]
