"""A request is what its elements say by their names, in whatever order they come."""

import itertools
import re

import pytest
from mep import (
    DISCO_ITEMS, MOOD, OWNER, PUBSUB, ROOM, come_in, configure, disco, entries, fields, form, ids_in, item, items, mood,
    must, nodes_in, notify, options, owner, publish, pubsub, refused, subscribe,
)  # fmt: skip
from test_docs import tables

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
RSM = "http://jabber.org/protocol/rsm"
BAD_REQUEST = ("modify", "bad-request", None)
INVALID = ("modify", "bad-request", "invalid-options")
NO_COLLECTIONS = ("cancel", "feature-not-implemented", "unsupported")
FOREIGN = "<publish xmlns='urn:example:other' node='x'/>"


def page(inner):
    return f"<set xmlns='{RSM}'>{inner}</set>"


def orders(*elements):
    """These elements and one of another namespace in every order."""
    return ["".join(order) for order in itertools.permutations([*elements, FOREIGN])]


async def test_a_publish_and_its_options_come_in_any_order(people):
    alice, bob = people
    publishing = f"<publish node='{MOOD}'>{item(mood(), 'a')}</publish>"
    for to in (ALICE, ROOM):
        for inner in orders(options(max_items="7", title="Moods"), publishing):
            await must(alice, "set", to, pubsub(inner))
            assert (await bob.expect_event(MOOD, from_=to, kind="items")).item_ids == ["a"]
            shown = fields(await must(alice, "get", to, owner("configure", MOOD)))
            assert (shown["max_items"], shown["title"]) == ("7", "Moods")
            await must(alice, "set", to, owner("delete", MOOD))


async def test_a_new_node_and_its_configuration_come_in_any_order(people):
    alice, _ = people
    for number, inner in enumerate(orders("<create node='NODE'/>", configuration(title="Made"))):
        node = f"urn:n:{number}"
        await must(alice, "set", ALICE, pubsub(inner.replace("NODE", node)))
        assert fields(await must(alice, "get", ALICE, owner("configure", node)))["title"] == "Made"


async def test_a_subscription_and_its_options_come_in_any_order(people):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood()))
    wanted = "<options>" + form("subscribe_options", include_body="1", digest="0") + "</options>"
    asking = pubsub(f"<options node='{MOOD}' jid='{bob.jid}'/>")
    for inner in orders(wanted, f"<subscribe node='{MOOD}' jid='{bob.jid}'/>"):
        await must(bob, "set", ALICE, pubsub(inner))
        assert fields(await must(bob, "get", ALICE, asking))["include_body"] == "1"
        await must(bob, "set", ALICE, subscribe(bob.jid, MOOD, "unsubscribe"))


async def test_a_page_and_what_is_paged_come_in_any_order(people):
    alice, bob = people
    for id in "abc":
        await must(alice, "set", ALICE, publish(MOOD, mood(), id, options(max_items="9")))
    for inner in orders(page("<max>1</max><before/>"), f"<items node='{MOOD}'/>"):
        reply = await must(bob, "get", ALICE, pubsub(inner))
        assert (ids_in(reply), reply.findtext(f".//{{{RSM}}}count")) == (["c"], "3")
    await must(bob, "set", ALICE, subscribe(bob.jid, MOOD))
    for kind, found in (("affiliations", {ALICE: "owner"}), ("subscriptions", {BOB: "subscribed"})):
        for inner in orders(page("<max>1</max>"), f"<{kind} node='{MOOD}'/>"):
            reply = await must(alice, "get", ALICE, pubsub(inner, OWNER))
            assert entries(reply, kind[:-1]) == found and reply.findtext(f".//{{{RSM}}}count") == "1"


TWICE = {
    "publish-options": ("set", PUBSUB, f"<publish node='{MOOD}'>{item(mood(), 'b')}</publish>", options() * 2),
    "a page": ("get", PUBSUB, f"<items node='{MOOD}'/>", page("<max>1</max>") * 2),
    "a page of an owner's list": ("get", OWNER, f"<affiliations node='{MOOD}'/>", page("<max>1</max>") * 2),
    "an action": ("get", PUBSUB, f"<items node='{MOOD}'/>", f"<items node='{MOOD}'/>"),
    "somebody else's companion": ("set", PUBSUB, "<create node='new'/>", options()),
    "nothing but a page": ("get", PUBSUB, page("<max>1</max>"), ""),
}


@pytest.mark.parametrize("what", TWICE)
async def test_an_element_comes_once_and_beside_its_action(people, what):
    alice, bob = people
    kind, xmlns, *elements = TWICE[what]
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a"))
    for order in (elements, elements[::-1]):
        assert await refused(alice, kind, ALICE, pubsub("".join(order), xmlns)) == BAD_REQUEST
    assert await nodes(alice, ALICE) == [MOOD]
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["a"]]


async def test_fields_that_can_not_be_set_may_say_what_holds(people):
    alice, _ = people
    await must(alice, "set", ALICE, publish(MOOD, mood()))
    before = fields(await must(alice, "get", ALICE, owner("configure", MOOD)))
    rows = tables("Fields that can't be set")
    hold = {name: said.strip("`") for names, said, _ in rows for name in re.findall(r"\w+", names)}
    assert len(hold) == 14
    whole = {name: "" if value == "empty" else value for name, value in hold.items()}
    await must(alice, "set", ALICE, configure(MOOD, **whole))
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a", options(**whole)))
    await must(alice, "set", ALICE, pubsub("<create node='new'/>" + configuration(**whole)))
    for name, value in whole.items():
        other = {"leaf": "collection", "0": "1", "1": "0", "": "other"}[value]
        error = NO_COLLECTIONS if name.startswith(("node_type", "collection", "children")) else INVALID
        assert await refused(alice, "set", ALICE, configure(MOOD, title="x", **{name: other})) == error, name
        assert await refused(alice, "set", ALICE, publish(MOOD, mood(), "b", options(**{name: other}))) == error, name
    assert fields(await must(alice, "get", ALICE, owner("configure", MOOD))) == before


XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@pytest.mark.mep(storage="internal", options="muc_room_default_persistent = true")
async def test_a_payload_keeps_the_language_that_it_inherited(server, connect):
    alice, german = await connect("alice"), await connect("gretel", lang="de")
    bob = await connect("bob", features=notify(MOOD))
    for client, nick in ((alice, "alice"), (german, "gretel"), (bob, "bob")):
        await come_in(client, nick)
    gretel = f"{ROOM}/gretel"

    async def heard(client, to, payload, around=""):
        publishing = f"<publish node='{MOOD}'><item id='a'>{payload}</item></publish>"
        client.send(f"<iq type='set' id='{client.new_id()}' to='{to}'{around}>{pubsub(publishing)}</iq>")
        (told,) = (await bob.expect_event(MOOD, from_=to)).payloads
        (read,) = (await must(bob, "get", to, items(MOOD))).iter(f"{{{MOOD}}}mood")
        assert read.get(XML_LANG) == told.get(XML_LANG)
        return told.get(XML_LANG)

    own = mood().replace("<mood ", "<mood xml:lang='fr' ")
    assert await heard(alice, ALICE, mood()) is None, "readers inherit the default from their streams"
    assert await heard(alice, ALICE, mood(), " xml:lang='en'") is None
    assert await heard(alice, ALICE, mood(), " xml:lang='sv'") == "sv"
    assert await heard(german, gretel, mood()) == "de", "the stream's"
    assert await heard(german, gretel, mood(), " xml:lang='en'") is None
    for around in ("", " xml:lang='sv'"):
        assert await heard(german, gretel, own, around) == "fr"
    assert await heard(alice, ROOM, mood(), " xml:lang='sv'") == "sv"

    server.restart()
    bob = await connect("bob")
    await come_in(bob, "bob")
    (read,) = (await must(bob, "get", ROOM, items(MOOD))).iter(f"{{{MOOD}}}mood")
    assert read.get(XML_LANG) == "sv", "also in storage"


def configuration(**values):
    return f"<configure>{form('node_config', **values)}</configure>"


async def nodes(client, to):
    return nodes_in(await must(client, "get", to, disco(DISCO_ITEMS)))
