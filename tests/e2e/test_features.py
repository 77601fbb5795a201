"""Each feature of XEP-0060 that is advertised, at work; and none besides. `docs/protocol.md` names these tests."""

import re
from pathlib import Path

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, OWNER, PUBSUB, ROOM, TUNE, affiliate, attribute, come_in, configure, disco, entries,
    features_in, fields, form, ids_in, items, mood, must, nodes_in, notify, options, owner, publish, pubsub, refused,
    retract, subscribe,
)  # fmt: skip

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
ONLY_ROOMS = {"publisher-affiliation", "publish-only-affiliation"}
SHOWN = set()
PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def shows(*features):
    """Notes which features a test shows at work."""
    SHOWN.update(features)
    return lambda test: test


async def test_advertised_is_what_is_shown(people):
    alice, _ = people
    for address, only in ((ROOM, ONLY_ROOMS), (ALICE, set())):
        told = features_in(await must(alice, "get", address, disco(DISCO_INFO)))
        advertised = {f.removeprefix(f"{PUBSUB}#") for f in told if f.startswith(f"{PUBSUB}#")}
        assert advertised == SHOWN - ONLY_ROOMS | only
    table = re.findall(r"^\| `([a-z-]+)` \| yes \| `(\w+)` \|$", PROTOCOL, re.M)
    assert {feature for feature, _ in table} == SHOWN, "the protocol page lists them"
    assert all(test in globals() for _, test in table), "and its tests are here"


@shows("access-open", "access-presence", "access-whitelist", "member-affiliation", "outcast-affiliation")
@shows("modify-affiliations", "retrieve-affiliations")
async def test_access_models_and_affiliations(people, connect):
    alice, bob = people
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    outsider = await connect("dave")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a", options(access_model="open")))
    assert ids_in(await must(outsider, "get", ALICE, items(MOOD))) == ["a"]
    await must(alice, "set", ALICE, configure(MOOD, access_model="presence"))
    assert (await refused(outsider, "get", ALICE, items(MOOD)))[1] == "not-acceptable", "as mod_muc says it"
    for client in (bob, carol):
        assert ids_in(await must(client, "get", ALICE, items(MOOD))) == ["a"]
        await client.expect_event(MOOD)

    await must(alice, "set", ALICE, configure(MOOD, access_model="whitelist"))
    closed = ("cancel", "not-allowed", "closed-node")
    assert await refused(bob, "get", ALICE, items(MOOD)) == closed
    assert nodes_in(await must(bob, "get", ALICE, disco(DISCO_ITEMS))) == [], "what may not be read is not listed"
    await must(alice, "set", ALICE, affiliate(MOOD, **{BOB: "member"}))
    told = await bob.expect(lambda s: s.find(f".//{{{PUBSUB}}}affiliation") is not None)
    assert entries(told, "affiliation") == {BOB: "member"}
    assert (await bob.expect_event(MOOD)).item_ids == ["a"], "the last item, as he is let in now"
    await must(alice, "set", ALICE, publish(MOOD, mood(), "b"))
    assert (await bob.expect_event(MOOD)).item_ids == ["b"]
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["b"]
    assert entries(await must(alice, "get", ALICE, owner("affiliations", MOOD)), "affiliation") == {
        ALICE: "owner", BOB: "member",
    }  # fmt: skip
    assert entries(await must(bob, "get", ALICE, pubsub("<affiliations/>")), "affiliation") == {MOOD: "member"}

    await must(alice, "set", ALICE, configure(MOOD, access_model="presence"))
    assert (await carol.expect_event(MOOD)).item_ids == ["b"]
    await must(alice, "set", ALICE, affiliate(MOOD, **{BOB: "outcast"}))
    assert await refused(bob, "get", ALICE, items(MOOD)) == ("auth", "forbidden", None)
    await must(alice, "set", ALICE, publish(MOOD, mood(), "c"))
    assert (await carol.expect_event(MOOD)).item_ids == ["c"]
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["a"], ["a"], ["b"]]


@shows("publisher-affiliation", "publish-only-affiliation")
async def test_others_publish_to_the_rooms_nodes(people):
    alice, bob = people
    await must(alice, "set", ROOM, publish(TUNE, mood(), "a", options(max_items="3", itemreply="publisher")))
    assert await refused(bob, "set", ROOM, publish(TUNE, mood())) == ("auth", "forbidden", None)
    await must(alice, "set", ROOM, affiliate(TUNE, **{BOB: "publisher"}))
    await must(bob, "set", ROOM, publish(TUNE, mood(), "b"))
    read = await must(alice, "get", ROOM, items(TUNE))
    assert [item.get("publisher") for item in read.iter(f"{{{PUBSUB}}}item")] == [ALICE, BOB]
    assert await refused(bob, "set", ROOM, retract(TUNE, "a")) == ("auth", "forbidden", None)
    await must(bob, "set", ROOM, retract(TUNE, "b"))
    await must(alice, "set", ROOM, affiliate(TUNE, **{BOB: "publish-only"}))
    await must(bob, "set", ROOM, publish(TUNE, mood(), "c"))
    assert await refused(bob, "get", ROOM, items(TUNE)) == ("auth", "forbidden", None)
    unsupported = ("cancel", "feature-not-implemented", "unsupported")
    await must(alice, "set", ALICE, publish(TUNE, mood()))
    assert await refused(alice, "set", ALICE, affiliate(TUNE, **{BOB: "publisher"})) == unsupported


@shows("auto-create", "auto-subscribe", "filtered-notifications", "last-published", "presence-notifications")
@shows("presence-subscribe", "publish", "item-ids", "persistent-items", "retrieve-items")
async def test_publishing_to_those_who_want_it(people, connect):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "mine"))
    given = ids_in(await must(alice, "set", ALICE, publish(TUNE, mood())))
    assert len(given) == 1 and given[0], "an id is made where none was given"
    assert (await bob.expect_event()).item_ids == ["mine"]
    await bob.barrier()
    assert len(bob.events()) == 1, "the tune was filtered out"
    carol = await connect("carol", features=notify(TUNE))
    await come_in(carol, "carol")
    assert (await carol.expect_event()).item_ids == given
    assert ids_in(await must(carol, "get", ALICE, items(MOOD))) == ["mine"]


@shows("config-node", "config-node-max", "create-and-configure", "create-nodes", "instant-nodes", "meta-data")
@shows("retrieve-default", "publish-options", "multi-items")
async def test_nodes_are_made_and_configured(people):
    alice, bob = people
    inner = "<configure>" + form("node_config", title="Moods", max_items="max") + "</configure>"
    await must(alice, "set", ALICE, pubsub(f"<create node='{MOOD}'/>{inner}"))
    shown = fields(await must(alice, "get", ALICE, owner("configure", MOOD)))
    assert (shown["title"], shown["max_items"]) == ("Moods", "256")
    for number in range(3):
        await must(alice, "set", ALICE, publish(MOOD, mood(), str(number), options(max_items="256")))
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["0", "1", "2"]
    unmet = await refused(alice, "set", ALICE, publish(MOOD, mood(), "3", options(max_items="2")))
    assert unmet == ("cancel", "conflict", "precondition-not-met")
    info = await must(bob, "get", ALICE, disco(DISCO_INFO, MOOD))
    assert fields(info)["title"] == "Moods"
    await must(alice, "set", ALICE, pubsub("<create/>"))
    assert len(nodes_in(await must(bob, "get", ALICE, disco(DISCO_ITEMS)))) == 2
    default = fields(await must(alice, "get", ALICE, pubsub("<default/>", OWNER)))
    assert (default["access_model"], default["max_items"]) == ("presence", "1")


@shows("delete-items", "retract-items", "delete-nodes", "purge-nodes")
async def test_taking_away(people):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a"))
    await must(alice, "set", ALICE, retract(MOOD, "a"))
    await bob.expect_event(MOOD, kind="retract")
    await must(alice, "set", ALICE, owner("purge", MOOD))
    await bob.expect_event(MOOD, kind="purge")
    await must(alice, "set", ALICE, owner("delete", MOOD, "<redirect uri='xmpp:elsewhere'/>"))
    deleted = await bob.expect_event(MOOD, kind="delete")
    assert deleted.element.find(f".//{{{PUBSUB}#event}}redirect").get("uri") == "xmpp:elsewhere"


@shows("publish-node-full")
@pytest.mark.parametrize("full, kept, told", [
    ("discard-oldest", ["b"], []), ("retract-oldest", ["b"], [["a"]]), ("reject", ["a"], []),
])  # fmt: skip
async def test_a_full_node(people, full, kept, told):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a", options(publish_node_full=full)))
    second = await alice.iq("set", ALICE, publish(MOOD, mood(), "b"))
    assert (second.get("type") == "error") == (full == "reject")
    await must(alice, "set", ALICE, publish(MOOD, mood(), kept[0]))
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == kept
    assert [event.item_ids for event in bob.events(kind="retract")] == told
    if full == "reject":
        assert await refused(alice, "set", ALICE, publish(MOOD, mood(), "c")) == ("cancel", "conflict", "node-full")


@shows("subscribe", "retrieve-subscriptions", "retrieve-default-sub", "subscription-options")
async def test_subscriptions_have_options(people):
    alice, bob = people
    await must(alice, "set", ALICE, publish(TUNE, mood(), "a"))
    wanted = "<options>" + form("subscribe_options", include_body="1") + "</options>"
    await must(bob, "set", ALICE, pubsub(f"<subscribe node='{TUNE}' jid='{bob.jid}'/>{wanted}"))
    await bob.expect_event(TUNE)
    assert entries(await must(bob, "get", ALICE, pubsub("<subscriptions/>")), "subscription")

    def set_options(**options):
        inner = form("subscribe_options", **options)
        return pubsub(f"<options node='{TUNE}' jid='{bob.jid}'>{inner}</options>")

    shown = await must(bob, "get", ALICE, pubsub(f"<options node='{TUNE}' jid='{bob.jid}'/>"))
    assert (fields(shown)["include_body"], fields(shown)["deliver"]) == ("1", "1")
    atom = "<entry xmlns='http://www.w3.org/2005/Atom'><title>News</title></entry>"
    await must(alice, "set", ALICE, publish(TUNE, atom, "b"))
    assert (await bob.expect_event(TUNE)).element.findtext("{jabber:client}body") == "News"

    await must(bob, "set", ALICE, set_options(deliver="0"))
    await must(alice, "set", ALICE, publish(TUNE, mood(), "unseen"))
    await must(bob, "set", ALICE, set_options(**{"deliver": "1", "show-values": "dnd"}))
    await must(alice, "set", ALICE, publish(TUNE, mood(), "unseen too"))
    bob.presence(BOB, "<show>dnd</show>")
    await bob.barrier()
    await must(alice, "set", ALICE, publish(TUNE, mood(), "seen"))
    assert (await bob.expect_event(TUNE)).item_ids == ["seen"]
    wrong = ("modify", "bad-request", "invalid-options")
    assert await refused(bob, "set", ALICE, set_options(digest="1")) == wrong
    default = await must(bob, "get", ALICE, pubsub("<default/>"))
    assert (fields(default)["subscription_type"], fields(default)["subscription_depth"]) == ("items", "all")

    root = "<options>" + form("subscribe_options", subscription_type="nodes") + "</options>"
    await must(bob, "set", ALICE, pubsub(f"<subscribe jid='{bob.jid}'/>{root}"))
    await must(alice, "set", ALICE, publish("urn:new", mood()))
    await bob.expect(lambda s: s.find(f".//{{{PUBSUB}#event}}associate[@node='urn:new']") is not None)


@shows("manage-subscriptions", "subscription-notifications")
async def test_an_owner_manages_subscriptions_and_those_concerned_are_told(people):
    alice, bob = people
    await must(alice, "set", ALICE, publish(TUNE, mood(), "a", options(notify_sub="1")))
    await must(bob, "set", ALICE, subscribe(bob.jid, TUNE))
    seen = await alice.expect_event(kind="subscription")
    assert entries(seen.element, "subscription") == {BOB: "subscribed"}, "by the name that everybody knows"
    listed = await must(alice, "get", ALICE, owner("subscriptions", TUNE))
    assert entries(listed, "subscription") == {BOB: "subscribed"}
    assert await refused(bob, "get", ALICE, owner("subscriptions", TUNE)) == ("auth", "forbidden", None)

    def change(**people):
        rows = "".join(f"<subscription jid='{jid}' subscription='{state}'/>" for jid, state in people.items())
        return owner("subscriptions", TUNE, rows)

    await must(bob, "set", ALICE, subscribe(BOB, TUNE))
    await must(alice, "set", ALICE, change(**{BOB: "none"}))
    ended = [await bob.expect_event(TUNE, kind="subscription") for _ in range(2)]
    assert [entries(event.element, "subscription") for event in ended] == [{bob.jid: "none"}, {BOB: "none"}]
    imposed = await alice.iq("set", ALICE, change(**{BOB: "subscribed"}))
    assert imposed.get("type") == "error", "an occupant's events go to nobody who did not ask for them"
    assert entries(imposed, "subscription") == {BOB: "none"}, "what was refused is shown as it is"

    await must(alice, "set", ROOM, publish(TUNE, mood(), "room"))
    await must(alice, "set", ROOM, change(**{BOB: "subscribed"}))
    await bob.expect_event(TUNE, from_=ROOM, kind="subscription")
    await must(alice, "set", ROOM, configure(TUNE, access_model="whitelist"))
    lost = await bob.expect_event(TUNE, from_=ROOM, kind="subscription")
    assert entries(lost.element, "subscription") == {BOB: "none"}, "no access, no subscription"


@shows("rsm")
@pytest.mark.mep(options="mep_publish_burst = 1000")
async def test_items_are_paged(people):
    alice, bob = people
    for number in range(20):
        await must(alice, "set", ALICE, publish(MOOD, mood(), f"i{number}", options(max_items="max")))

    async def page(set, to=ALICE, **more):
        inner = f"<items node='{MOOD}'{attribute('max_items', more.get('max'))}/>"
        reply = await must(bob, "get", to, pubsub(f"{inner}<set xmlns='{RSM}'>{set}</set>"))
        told = reply.find(f".//{{{RSM}}}set")
        first = told.find(f"{{{RSM}}}first")
        index = first.get("index") if first is not None else None
        return ids_in(reply), index, told.findtext(f"{{{RSM}}}count")

    assert await page("<max>2</max>") == (["i0", "i1"], "0", "20")
    assert await page("<max>2</max><after>i1</after>") == (["i2", "i3"], "2", "20")
    assert await page("<max>2</max><before/>") == (["i18", "i19"], "18", "20")
    assert await page("<max>2</max><before>i18</before>") == (["i16", "i17"], "16", "20")
    assert await page("<max>2</max><index>10</index>") == (["i10", "i11"], "10", "20")
    assert await page("<max>0</max>") == ([], None, "20")
    inner = f"<affiliations node='{MOOD}'/><set xmlns='{RSM}'><max>0</max></set>"
    assert (await must(alice, "get", ALICE, pubsub(inner, OWNER))).findtext(f".//{{{RSM}}}count") == "1", "lists too"
    unknown = pubsub(f"<items node='{MOOD}'/><set xmlns='{RSM}'><after>gone</after></set>")
    assert await refused(bob, "get", ALICE, unknown) == ("cancel", "item-not-found", None)

    big = f"<a xmlns='urn:a'>{'x' * 60_000}</a>"
    for number in range(20):
        await must(alice, "set", ALICE, publish(MOOD, big, f"i{number}"))
    whole = await must(bob, "get", ALICE, items(MOOD))
    got = ids_in(whole)
    assert 1 < len(got) < 20 and whole.findtext(f".//{{{RSM}}}count") == "20", "never cut silently"
    while len(got) < 20:
        got += (await page(f"<after>{got[-1]}</after>"))[0]
    assert got == [f"i{number}" for number in range(20)]


RSM = "http://jabber.org/protocol/rsm"
