"""Bugs of other pubsub services, each with a test that mod_mep lacks it."""

import pytest
from mep import (
    DISCO_ITEMS, MOOD, ROOM, TUNE, affiliate, come_in, configure, disco, entries, form, ids_in, items, mood, must,
    nodes_in, notify, options, owner, publish, pubsub, refused, retract, subscribe, told,
)  # fmt: skip

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
NOT_FOUND = ("cancel", "item-not-found", None)
RSM = "http://jabber.org/protocol/rsm"


REFUSED = {
    "an unknown option": publish(MOOD, mood(), "a", options(colour="red")),
    "an access model that there is not": publish(MOOD, mood(), "a", options(access_model="roster")),
    "no payload": pubsub(f"<publish node='{MOOD}'><item/></publish>"),
    "two payloads": publish(MOOD, mood() + mood(), "a"),
    "a payload over the node's own size": publish(MOOD, mood(), "a", options(max_payload_size="10")),
    "no item": pubsub(f"<publish node='{MOOD}'/>"),
    "an item where none is taken": publish(MOOD, mood(), "a", options(persist_items="0", deliver_payloads="0")),
}


@pytest.mark.parametrize("to", [ALICE, ROOM])
@pytest.mark.parametrize("what", REFUSED)
async def test_a_refused_publish_leaves_no_node_behind(people, what, to):
    alice, bob = people
    await refused(alice, "set", to, REFUSED[what])
    assert nodes_in(await must(alice, "get", to, disco(DISCO_ITEMS))) == []
    assert await refused(bob, "set", to, subscribe(bob.jid, MOOD)) == NOT_FOUND
    await must(alice, "set", to, pubsub(f"<create node='{MOOD}'/>"))
    assert await told(bob) == []


@pytest.mark.parametrize("at_first, later", [
    ({"persist_items": "true"}, {"persist_items": "1"}), ({"persist_items": "1"}, {"persist_items": "true"}),
    ({"max_items": "max"}, {"max_items": "256"}), ({"max_items": "256"}, {"max_items": "max"}),
    ({}, {"max_items": "1", "access_model": "presence", "send_last_published_item": "on_sub_and_presence"}),
    ({"title": "Moods", "max_items": "2"}, {"max_items": "02"}), ({"notify_retract": "false"}, {"notify_retract": "0"}),
])  # fmt: skip
async def test_a_precondition_is_compared_by_its_value_and_not_by_its_spelling(people, at_first, later):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a", options(**at_first)))
    await must(alice, "set", ALICE, publish(MOOD, mood(), "b", options(**later)))
    assert await told(bob) == [["a"], ["b"]]


async def test_a_last_item_comes_once_and_not_with_each_presence(people):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a"))
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert await told(bob) == [["a"], ["a"]], "once as news, once for coming in"
    for inner in (bob.caps, "<show>away</show>" + bob.caps, "<status>Gone</status>", ""):
        bob.presence(BOB, inner)
    assert await told(bob) == [["a"], ["a"]]


async def test_a_last_item_comes_once_to_who_wants_it_and_is_subscribed_too(people):
    alice, bob = people
    await must(alice, "set", ROOM, publish(MOOD, mood(), "a", options(access_model="open")))
    for jid in (bob.jid, "bob@localhost"):
        await must(bob, "set", ROOM, subscribe(jid, MOOD))
    await bob.leave(ROOM)
    before = len(await told(bob))
    await come_in(bob, "bob")
    assert (await told(bob))[before:] == [["a"]]


async def test_a_last_item_comes_once_to_a_subscriber_whose_client_begins_to_want_it(people, connect):
    alice, _ = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a"))
    await must(alice, "set", ALICE, publish(TUNE, mood(), "b"))
    carol = await connect("carol")
    await come_in(carol, "carol")
    await must(carol, "set", ALICE, subscribe(carol.jid, MOOD))
    carol.set_features(notify(MOOD, TUNE))
    carol.presence(f"{ROOM}/carol", carol.caps)
    await carol.expect_event(TUNE)
    assert await told(carol) == [["a"], ["b"]]


@pytest.mark.parametrize("unsubscribing", [False, True])
async def test_who_subscribes_again_gets_the_last_item_again(people, connect, unsubscribing):
    alice, _ = people
    carol = await connect("carol")
    await come_in(carol, "carol")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a"))
    await must(carol, "set", ALICE, subscribe(carol.jid, MOOD))
    if unsubscribing:
        await must(carol, "set", ALICE, subscribe(carol.jid, MOOD, "unsubscribe"))
    await must(carol, "set", ALICE, subscribe(carol.jid, MOOD))
    assert await told(carol) == [["a"], ["a"]]


@pytest.mark.parametrize("to", [ALICE, ROOM])
async def test_only_the_interested_are_told_of_retractions_deletions_purges_and_configurations(people, connect, to):
    alice, bob = people
    carol = await connect("carol", features=notify(TUNE))
    await come_in(carol, "carol")
    await must(alice, "set", to, publish(MOOD, mood(), "a", options(notify_config="1")))
    for payload in (retract(MOOD, "a"), owner("purge", MOOD), configure(MOOD, title="x"), owner("delete", MOOD)):
        await must(alice, "set", to, payload)
    await must(alice, "set", to, publish(TUNE, mood(), "wanted"))
    for client in (bob, carol):
        await client.barrier()
    assert [event.kind for event in bob.events()] == ["items", "retract", "purge", "configuration", "delete"]
    assert [event.item_ids for event in carol.events()] == [["wanted"]]


@pytest.mark.parametrize("to", [ALICE, ROOM])
async def test_a_whitelist_node_is_listed_and_counted_for_those_on_the_list_only(people, to):
    alice, bob = people
    await must(alice, "set", to, publish(TUNE, mood(), "a"))
    await must(alice, "set", to, publish(MOOD, mood(), "a", options(access_model="whitelist")))
    page = disco(DISCO_ITEMS).replace("/>", f"><set xmlns='{RSM}'><max>0</max></set></query>")

    async def seen(client):
        count = (await must(client, "get", to, page)).findtext(f".//{{{RSM}}}count")
        return nodes_in(await must(client, "get", to, disco(DISCO_ITEMS))), count

    assert await seen(bob) == ([TUNE], "1")
    assert await seen(alice) == ([TUNE, MOOD], "2")
    await must(alice, "set", to, affiliate(MOOD, **{BOB: "member"}))
    assert await seen(bob) == ([TUNE, MOOD], "2")


LEGAL = [
    ("max_items", "1"), ("max_items", "256"), ("max_items", "max"), ("item_expire", "1"), ("item_expire", "604800"),
    ("item_expire", "3153600000"), ("item_expire", "max"), ("max_payload_size", "65536"), ("title", "x" * 1023),
]  # fmt: skip


async def test_no_bound_refuses_a_legal_number(people):
    alice, bob = people
    for var, value in LEGAL:
        await must(alice, "set", ALICE, publish(MOOD, mood(), "a"))
        await must(alice, "set", ALICE, configure(MOOD, **{var: value}))
        await must(alice, "set", ALICE, owner("delete", MOOD))
        await must(alice, "set", ALICE, publish(MOOD, mood(), "a", options(**{var: value})))
    for number in (1, 10, 4_294_967_296):
        assert ids_in(await must(bob, "get", ALICE, items(MOOD, max=number))) == ["a"]
        page = pubsub(f"<items node='{MOOD}'/><set xmlns='{RSM}'><max>{number}</max></set>")
        assert ids_in(await must(bob, "get", ALICE, page)) == ["a"]


@pytest.mark.mep(options="mep_publish_burst = 1000")
async def test_a_node_keeps_256_items(people):
    alice, bob = people
    for number in range(257):
        await must(alice, "set", ALICE, publish(MOOD, mood(), str(number), options(max_items="256")))
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == [str(number) for number in range(1, 257)]


@pytest.mark.parametrize("model, affiliation", [("whitelist", "none"), ("presence", "outcast"), ("open", "outcast")])
async def test_a_subscription_ends_with_the_affiliation_that_it_needs(people, model, affiliation):
    alice, bob = people
    await must(alice, "set", ROOM, publish(MOOD, mood(), "a", options(access_model=model)))
    await must(alice, "set", ROOM, affiliate(MOOD, **{BOB: "member"}))
    for jid in (bob.jid, "bob@localhost", BOB):
        await must(bob, "set", ROOM, subscribe(jid, MOOD))
    before = len(await told(bob))
    await must(alice, "set", ROOM, affiliate(MOOD, **{BOB: affiliation}))
    ended = [await bob.expect_event(MOOD, kind="subscription") for _ in range(3)]
    assert [set(entries(event.element, "subscription").values()) for event in ended] == [{"none"}] * 3
    await must(alice, "set", ROOM, publish(MOOD, mood(), "unseen"))
    assert entries(await must(bob, "get", ROOM, pubsub("<subscriptions/>")), "subscription") == {}
    assert entries(await must(alice, "get", ROOM, owner("subscriptions", MOOD)), "subscription") == {}
    assert (await told(bob))[before:] == []

    bob.set_features([])
    bob.presence(BOB, bob.caps)
    await bob.barrier()
    await bob.barrier()
    await must(alice, "set", ROOM, affiliate(MOOD, **{BOB: "member"}))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "unseen too"))
    assert (await told(bob))[before:] == [], "nor is it there again with the affiliation"


async def test_who_left_is_told_nothing_more(people):
    """Bob's client is online, and wanted everything, in every way that there is."""
    alice, bob = people
    for to in (ALICE, ROOM):
        await must(alice, "set", to, publish(MOOD, mood(), "a", options(notify_config="1")))
        for jid in (bob.jid, "bob@localhost", BOB):
            wanted = "<options>" + form("subscribe_options", subscription_type="all") + "</options>"
            await must(bob, "set", to, subscribe(jid, MOOD))
            await must(bob, "set", to, subscribe(jid).replace("</pubsub>", wanted + "</pubsub>"))
    await bob.leave(ROOM)
    await bob.barrier()
    before = len(bob.received)
    for to in (ALICE, ROOM):
        for payload in (
            publish(MOOD, mood(), "b"), publish("urn:new", mood(), "b"), configure(MOOD, title="x"), retract(MOOD, "b"),
            owner("purge", MOOD), owner("delete", MOOD),
        ):  # fmt: skip
            await must(alice, "set", to, payload)
    await bob.barrier()
    assert [stanza for stanza in bob.received[before:] if stanza.tag.endswith("}message")] == []
