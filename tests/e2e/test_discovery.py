"""Discovery: what a room and its occupants say of themselves (XEP-0316, 6; XEP-0060, 5)."""

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, PUBSUB, ROOM, come_in, disco, features_in, identities_in, ids_in, items, mood,
    must, nodes_in, options, publish,
)  # fmt: skip

# What XEP-0316, 6, shows, and what Converse.js looks for before it publishes.
WANTED = {f"{PUBSUB}#{feature}" for feature in (
    "access-presence", "auto-create", "auto-subscribe", "config-node", "create-and-configure", "create-nodes",
    "filtered-notifications", "persistent-items", "publish", "publish-options", "retrieve-items", "subscribe",
)}  # fmt: skip


async def test_a_room_says_that_it_is_a_pubsub_service_and_still_a_room(connect):
    alice, outsider = await connect("alice"), await connect("bob")
    await come_in(alice, "alice")
    for client in (alice, outsider):
        info = await must(client, "get", ROOM, disco(DISCO_INFO))
        assert identities_in(info) == {"conference/text", "pubsub/mep"}
        assert WANTED | {"http://jabber.org/protocol/muc", "muc_semianonymous"} <= features_in(info)


async def test_an_own_occupant_address_says_so_too_and_others_are_their_clients(connect):
    alice, bob = await connect("alice"), await connect("bob", features=["urn:example:toy"])
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    own = await must(bob, "get", f"{ROOM}/bob", disco(DISCO_INFO))
    assert identities_in(own) == {"pubsub/mep"}
    assert features_in(own) >= WANTED
    others = await must(alice, "get", f"{ROOM}/bob", disco(DISCO_INFO))
    assert "urn:example:toy" in features_in(others)


async def test_nodes_and_items_are_listed_for_those_in_the_room(connect):
    alice, bob, outsider = await connect("alice"), await connect("bob"), await connect("carol")
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(alice, "set", ROOM, publish("urn:example:room", mood(), "r"))
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "m"))

    assert nodes_in(await must(bob, "get", ROOM, disco(DISCO_ITEMS))) == ["urn:example:room"]
    assert nodes_in(await must(bob, "get", f"{ROOM}/alice", disco(DISCO_ITEMS))) == [MOOD]
    assert nodes_in(await must(outsider, "get", ROOM, disco(DISCO_ITEMS))) == []
    listed = await must(bob, "get", f"{ROOM}/alice", disco(DISCO_ITEMS, MOOD))
    assert [(i.get("jid"), i.get("name")) for i in listed.iter(f"{{{DISCO_ITEMS}}}item")] == [(f"{ROOM}/alice", "m")]

    info = await must(bob, "get", f"{ROOM}/alice", disco(DISCO_INFO, MOOD))
    assert identities_in(info) == {"pubsub/leaf"}
    fields = {f.get("var") for f in info.iter("{jabber:x:data}field")}
    assert {"pubsub#title", "pubsub#type", "pubsub#access_model"} <= fields


async def test_one_request_to_the_room_tells_what_it_offers(connect):
    alice, bob, outsider = await connect("alice"), await connect("bob"), await connect("carol")
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    for node, access in (("urn:example:pins", "open"), ("urn:example:polls", "presence")):
        await must(alice, "set", ROOM, publish(node, mood(), "r", options(title=node.rsplit(":", 1)[1], access_model=access)))
    listed = await must(bob, "get", ROOM, disco(DISCO_ITEMS))
    offers = [(i.get("jid"), i.get("node"), i.get("name")) for i in listed.iter(f"{{{DISCO_ITEMS}}}item")]
    assert offers == [(ROOM, "urn:example:pins", "pins"), (ROOM, "urn:example:polls", "polls")]
    assert nodes_in(await must(outsider, "get", ROOM, disco(DISCO_ITEMS, PUBSUB))) == ["urn:example:pins"]


@pytest.mark.mep(muc_modules=["testbed_disco"])
async def test_what_a_module_answers_about_a_room_goes_before_a_node_of_that_name(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    for node, identity in (("urn:example:theirs", "conference/theirs"), ("urn:example:ours", "pubsub/leaf")):
        await must(alice, "set", ROOM, publish(node, mood(), "a"))
        assert identities_in(await must(alice, "get", ROOM, disco(DISCO_INFO, node))) == {identity}
        assert ids_in(await must(alice, "get", ROOM, items(node))) == ["a"]
