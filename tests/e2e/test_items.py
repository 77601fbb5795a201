"""Retrieval, retraction, deletion and purge, with their events (XEP-0060, 6.5, 7.2, 8.4 and 8.5)."""

from xml.etree.ElementTree import canonicalize, tostring

import pytest
from mep import (
    DISCO_ITEMS, MOOD, OWNER, PUBSUB, ROOM, TUNE, come_in, disco, form, ids_in, items, mood, must,
    nodes_in, notify, owner, publish, pubsub, refused, retract,
)  # fmt: skip

pytestmark = pytest.mark.luas

KEEP = "<publish-options>" + form("publish-options", max_items="3") + "</publish-options>"


async def a_node_with_three_items(connect):
    """Alice with the items a, b, c at a node; Bob, who wants the node, and Carol, who does not."""
    alice, bob, carol = (
        await connect("alice"),
        await connect("bob", features=notify(MOOD)),
        await connect("carol", features=notify(TUNE)),
    )
    for client, nick in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        await come_in(client, nick)
    for id in "abc":
        await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), id, KEEP))
        await bob.expect_event(MOOD)
    return alice, bob, carol


async def nothing_for(client):
    await client.barrier()
    assert client.events() == []


async def test_items_are_read_all_by_id_or_the_newest(connect):
    alice, bob, _ = await a_node_with_three_items(connect)
    address = f"{ROOM}/alice"
    for client in (alice, bob):
        assert ids_in(await must(client, "get", address, items(MOOD))) == ["a", "b", "c"]
    assert ids_in(await must(bob, "get", address, items(MOOD, "c", "a"))) == ["c", "a"]
    assert ids_in(await must(bob, "get", address, items(MOOD, max=2))) == ["b", "c"]
    reply = await must(bob, "get", address, items(MOOD, "b"))
    assert reply.find(f".//{{{PUBSUB}}}item/{{{MOOD}}}mood/{{{MOOD}}}happy") is not None
    assert await refused(bob, "get", address, items(MOOD, "z")) == ("cancel", "item-not-found", None)

    await must(alice, "set", address, publish(MOOD, mood(), "d"))
    assert ids_in(await must(bob, "get", address, items(MOOD))) == ["b", "c", "d"], "the oldest went"
    await must(alice, "set", address, publish(MOOD, mood("sad"), "b"))
    assert ids_in(await must(bob, "get", address, items(MOOD))) == ["c", "d", "b"], "published again: the newest"


async def test_a_retraction_is_told_to_the_interested(connect):
    alice, bob, carol = await a_node_with_three_items(connect)
    await must(alice, "set", f"{ROOM}/alice", retract(MOOD, "a", "c"))
    event = await bob.expect_event(MOOD, kind="retract")
    assert event.item_ids == ["a", "c"]
    assert ids_in(await must(bob, "get", f"{ROOM}/alice", items(MOOD))) == ["b"]
    await nothing_for(carol)


async def test_a_purge_and_a_deletion_are_told_to_the_interested(connect):
    alice, bob, carol = await a_node_with_three_items(connect)
    await must(alice, "set", f"{ROOM}/alice", owner("purge", MOOD))
    await bob.expect_event(MOOD, kind="purge")
    assert ids_in(await must(bob, "get", f"{ROOM}/alice", items(MOOD))) == []
    await must(alice, "set", f"{ROOM}/alice", owner("delete", MOOD))
    await bob.expect_event(MOOD, kind="delete")
    assert nodes_in(await must(bob, "get", f"{ROOM}/alice", disco(DISCO_ITEMS))) == []
    await nothing_for(carol)


async def test_a_moderator_takes_an_occupants_item_back_and_others_may_not(connect):
    alice = await connect("alice")
    bob = await connect("bob", features=notify(MOOD))
    carol = await connect("carol", features=notify(MOOD))
    for client, nick in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        await come_in(client, nick)
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood("angry"), "rude"))
    assert await refused(carol, "set", f"{ROOM}/bob", retract(MOOD, "rude")) == ("auth", "forbidden", None)
    await must(alice, "set", f"{ROOM}/bob", retract(MOOD, "rude"))
    for client in (bob, carol):
        event = await client.expect_event(MOOD, from_=f"{ROOM}/bob", kind="retract")
        assert event.item_ids == ["rude"]


async def test_a_node_is_made_configured_and_shown(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    address = f"{ROOM}/alice"
    configured = "<configure>" + form("node_config", max_items="2", title="Moods") + "</configure>"
    await must(alice, "set", address, pubsub(f"<create node='{MOOD}'/>{configured}"))
    assert await refused(alice, "set", address, pubsub(f"<create node='{MOOD}'/>")) == ("cancel", "conflict", None)

    async def value(var):
        reply = await must(alice, "get", address, owner("configure", MOOD))
        fields = {f.get("var"): f.findtext("{jabber:x:data}value") for f in reply.iter("{jabber:x:data}field")}
        return fields["pubsub#" + var]

    assert (await value("title"), await value("max_items")) == ("Moods", "2")
    for id in "abc":
        await must(alice, "set", address, publish(MOOD, mood(), id))
    assert ids_in(await must(alice, "get", address, items(MOOD))) == ["b", "c"]
    await must(alice, "set", address, owner("configure", MOOD, form("node_config", max_items="1")))
    assert ids_in(await must(alice, "get", address, items(MOOD))) == ["c"]
    assert await value("title") == "Moods", "a form may name some of the fields only"

    instant = await must(alice, "set", address, pubsub("<create/>"))
    name = instant.find(f".//{{{PUBSUB}}}create").get("node")
    assert nodes_in(await must(alice, "get", address, disco(DISCO_ITEMS))) == [MOOD, name]
    default = await must(alice, "get", address, pubsub("<default/>", OWNER))
    assert default.find(f".//{{{OWNER}}}default") is not None


async def test_payloads_of_every_legal_shape_come_through(connect):
    alice = await connect("alice")
    bob = await connect("bob", features=notify("urn:example:shapes"))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    payload = (
        "<a xmlns='urn:example:shapes' xmlns:p='urn:p' p:x='1' x='2' xml:lang='de'>"
        "tail &lt;&amp;&gt; &quot;&apos; \U0001f319 \u202eabc\u202c e\u0301 <b/>\tmixed\n<p:c p:d='e'>in</p:c>"
        "<message xmlns='jabber:client' type='chat'><body>deep</body></message><n xmlns=''>none</n> end</a>"
    )
    await must(alice, "set", f"{ROOM}/alice", publish("urn:example:shapes", payload))
    (got,) = (await bob.expect_event("urn:example:shapes")).payloads
    reply = await must(bob, "get", f"{ROOM}/alice", items("urn:example:shapes"))
    (read,) = reply.find(f".//{{{PUBSUB}}}item")
    for element in (got, read):
        assert canonical(tostring(element)) == canonical(payload)


def canonical(xml):
    return canonicalize(xml, rewrite_prefixes=True)
