"""A semi-anonymous room stays one: MEP reveals no real JID to clients that may not see it."""

import asyncio
import re
from xml.etree.ElementTree import tostring

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, OWNER, ROOM, TUNE, come_in, disco, form, items, mood, must, notify, owner, publish,
    pubsub, retract, subscribe,
)  # fmt: skip
from testbed.xml import MUC_USER

NAMES = ("alice", "bob", "carol")
KINDS = "configuration", "items", "retract", "purge", "delete"
HIDING = (
    f"<query xmlns='{MUC_USER[1:-5]}owner'><x xmlns='jabber:x:data' type='submit'>"
    "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    "<field var='muc#roomconfig_presencebroadcast'><value>moderator</value></field></x></query>"
)
CHATTY = form("node_config", notify_config="1", max_items="5", itemreply="publisher")


@pytest.fixture
async def people(connect):
    """Alice, owner and moderator, and Bob and Carol, who want all events; Dave is outside."""
    clients = []
    for name in NAMES:
        clients.append(await connect(name, resource=f"{name}s-desk", features=notify(MOOD, TUNE)))
        await come_in(clients[-1], name)
    return *clients, await connect("dave", resource="daves-desk")


def owners_list(kind, who, node=TUNE):
    """What an owner sends to change a list of a node: for each JID what it is to be."""
    entries = "".join(f"<{kind} jid='{jid}' {kind}='{value}'/>" for jid, value in who.items())
    return owner(kind + "s", node, entries)


def affiliations(who, node=TUNE):
    return owners_list("affiliation", who, node)


def subscriptions(who, node=TUNE):
    return owners_list("subscription", who, node)


def real_jids_in(text, but):
    """The accounts that a text names, except one's own and the host itself."""
    return set(re.findall(r"(\w+)(?:@localhost|s-desk)", text)) - {but}


def shows_nobody(*clients):
    for client in clients:
        own = client.jid.partition("@")[0]
        assert real_jids_in("".join(client.wire), own) == set(), f"what {own} received"


async def do_everything(client, others):
    """All that a client can do, to all addresses, whether it may or not; its own nick is its name."""
    own = client.jid.partition("@")[0]
    names = [client.jid, client.jid.partition("/")[0], f"{ROOM}/{own}"]
    for other in others:
        names += [other.jid, other.jid.partition("/")[0], f"{ROOM}/{other.jid.partition('@')[0]}"]
    # A list that is refused is sent back: whoever names a real JID there, reads what they wrote.
    listed = names if own == "alice" else [name for name in names if name.startswith((own, ROOM))]
    for address in (ROOM, *(f"{ROOM}/{name}" for name in NAMES), f"{ROOM}/nobody"):
        for payload in (
            pubsub(f"<create node='{TUNE}'/><configure>{CHATTY}</configure>"),
            publish(MOOD, mood(), "a"),
            publish(TUNE, f"<tune xmlns='{TUNE}'/>", "a"),
            publish(TUNE, f"<tune xmlns='{TUNE}'/>", "b"),
            owner("configure", TUNE, form("node_config", title="mine")),
            *(subscribe(name, node) for name in names for node in (MOOD, None)),
            *(subscribe(name, node, "options") for name in names for node in (MOOD, None)),
            *(affiliations({name: "member"}) for name in listed),
            *(subscriptions({name: "subscribed"}) for name in listed),
        ):
            await client.iq("set", address, payload)
        for payload in (
            *(disco(kind, node) for kind in (DISCO_INFO, DISCO_ITEMS) for node in (None, MOOD, "unknown")),
            *(items(node) for node in (MOOD, TUNE, "unknown")),
            pubsub("<subscriptions/>"),
            pubsub("<affiliations/>"),
            *(subscribe(name, node, "options") for name in names for node in (MOOD, None)),
            owner("configure", TUNE),
            owner("subscriptions", TUNE),
            owner("affiliations", TUNE),
        ):
            await client.iq("get", address, payload)
        for payload in (
            *(affiliations({name: "none"}) for name in listed),
            *(subscriptions({name: "none"}) for name in listed),
            *(subscribe(name, node, "unsubscribe") for name in names for node in (MOOD, None)),
            retract(TUNE, "a"),
            owner("purge", TUNE),
            owner("delete", TUNE),
            "<nothing xmlns='urn:example:nothing'/>",
        ):
            await client.iq("set", address, payload)


@pytest.mark.mep(options="mep_publish_burst = 10000")
async def test_whatever_anybody_does_nobody_is_shown(people):
    alice, bob, carol, dave = people
    for client in people:
        await do_everything(client, people)
    for client in people:
        await client.barrier()
    assert {event.kind for event in carol.events(from_=f"{ROOM}/bob")} == set(KINDS), "there was something to show"
    shows_nobody(bob, carol, dave)


async def test_coming_and_going_shows_nobody(people, connect):
    alice, bob, carol, _ = people
    for client, name in ((bob, "bob"), (carol, "carol")):
        await must(client, "set", f"{ROOM}/{name}", publish(MOOD, mood(), name))
        await must(alice, "set", f"{ROOM}/{name}", subscribe("alice@localhost"))
    await bob.change_nick(ROOM, "robert")
    await must(bob, "set", f"{ROOM}/robert", publish(MOOD, mood("sad"), "robert"))
    await carol.expect_event(MOOD, from_=f"{ROOM}/robert")

    late = await connect("erin", resource="erins-desk", features=notify(MOOD))
    await come_in(late, "erin")
    assert {event.from_ for event in late.events()} == {f"{ROOM}/robert", f"{ROOM}/carol"}, "last items"
    await must(late, "set", f"{ROOM}/carol", subscribe(late.jid, MOOD))

    kick = f"<query xmlns='{MUC_USER[1:-5]}admin'><item nick='robert' role='none'/></query>"
    await must(alice, "set", ROOM, kick)
    await bob.expect(lambda s: s.get("type") == "unavailable" and s.get("from") == f"{ROOM}/robert")
    await bob.iq("set", f"{ROOM}/robert", publish(MOOD, mood()))
    await come_in(bob, "bob")
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood(), "again"))
    await carol.leave(ROOM)
    await come_in(carol, "carol")
    for client in (bob, carol, late):
        await client.barrier()
    assert carol.events(MOOD, from_=f"{ROOM}/bob")[-1].item_ids == ["again"]
    shows_nobody(bob, carol, late)


async def test_explicit_subscribers_are_not_told_of_each_other(people):
    alice, bob, carol, _ = people
    for client, name in ((bob, "bob"), (carol, "carol")):
        for jid in (client.jid, f"{name}@localhost", f"{ROOM}/{name}"):
            await must(client, "set", ROOM, subscribe(jid))
            await must(client, "set", f"{ROOM}/alice", subscribe(jid))
    await must(alice, "set", ROOM, publish(MOOD, mood()))
    for client in (bob, carol):
        await client.expect_event(MOOD, from_=ROOM)
        for address in (ROOM, f"{ROOM}/alice", f"{ROOM}/bob"):
            await must(client, "get", address, pubsub("<subscriptions/>"))
    shows_nobody(bob, carol)


@pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
async def test_an_error_does_not_tell_who_is_there(people, verb):
    """Bob is in the room, and has subscribed by every name that he has; Erin is an account, and elsewhere."""
    alice, bob, carol, dave = people
    await must(alice, "set", ROOM, publish(MOOD, mood()))
    for jid in (bob.jid, "bob@localhost", f"{ROOM}/bob"):
        for node in (MOOD, None):
            await must(bob, "set", ROOM, subscribe(jid, node))
    for asker in (carol, dave, alice):
        for node in (MOOD, None, "unknown"):
            for there, elsewhere in (("bob@localhost", "erin@localhost"), (bob.jid, "erin@localhost/bobs-desk")):
                replies = []
                for jid in (there, elsewhere):
                    await asker.barrier()
                    before = len(asker.wire)
                    await asker.iq("set", ROOM, subscribe(jid, node, verb), id="same")
                    replies.append("".join(asker.wire[before:]))
                    assert jid not in replies[-1]
                assert sorted(replies[0]) == sorted(replies[1]), "attributes have no order; else the very same"


@pytest.mark.parametrize("change", [affiliations, subscriptions])
@pytest.mark.parametrize("value", ["member", "subscribed", "none", "outcast", "nonsense"])
async def test_an_owners_lists_do_not_tell_who_is_there(people, change, value):
    """Carol owns a node, and would like to know which of the accounts that she knows is in the room."""
    alice, bob, carol, _ = people
    address = f"{ROOM}/carol"
    await must(carol, "set", address, publish(MOOD, mood()))
    for jid in (bob.jid, "bob@localhost", f"{ROOM}/bob"):
        await must(bob, "set", address, subscribe(jid, MOOD))
    for there, elsewhere in (("bob@localhost", "dan@localhost"), (bob.jid, bob.jid.replace("bob", "dan"))):
        replies = []
        for jid in (there, elsewhere):
            reply = await carol.iq("set", address, change({jid: value}, MOOD), id="same")
            lists = await carol.iq("get", address, change({}, MOOD))
            replies.append([tostring(stanza, "unicode").replace(jid, "somebody") for stanza in (reply, *lists)])
        assert replies[0] == replies[1]


async def test_an_owner_is_shown_nicks(people):
    """And can do with them what the list is for."""
    alice, bob, carol, _ = people
    address = f"{ROOM}/carol"
    await must(carol, "set", address, publish(MOOD, mood()))
    for jid in (bob.jid, "bob@localhost", f"{ROOM}/bob"):
        await must(bob, "set", address, subscribe(jid, MOOD))
    reply = await must(carol, "get", address, subscriptions({}, MOOD))
    assert {entry.get("jid") for entry in reply.iter(f"{{{OWNER}}}subscription")} == {f"{ROOM}/bob"}
    await must(carol, "set", address, subscriptions({f"{ROOM}/bob": "none"}, MOOD))
    reply = await must(carol, "get", address, subscriptions({}, MOOD))
    assert [entry.get("jid") for entry in reply.iter(f"{{{OWNER}}}subscription")] == []
    shows_nobody(bob, carol)


def whois(value):
    return HIDING.replace("presencebroadcast", "whois").replace("moderator", value)


async def test_a_name_from_the_days_of_real_jids_gets_no_nick(people):
    """Carol names Dave while the room shows real JIDs; then it is semi-anonymous, and Dave comes in as somebody."""
    alice, bob, carol, dave = people
    address = f"{ROOM}/carol"
    await must(carol, "set", address, publish(MOOD, mood()))
    await must(carol, "set", address, owner("configure", MOOD, form("node_config", notify_sub="1")))
    await must(alice, "set", ROOM, whois("anyone"))
    await must(carol, "set", address, affiliations({"dave@localhost": "member", "bob@localhost": "outcast"}, MOOD))
    await must(alice, "set", ROOM, whois("moderators"))
    await come_in(dave, "ghost")
    for jid in (dave.jid, "dave@localhost", f"{ROOM}/ghost"):
        await must(dave, "set", address, subscribe(jid, MOOD))
    for change, kind in ((affiliations, "affiliation"), (subscriptions, "subscription")):
        reply = await must(carol, "get", address, change({}, MOOD))
        shown = {entry.get("jid") for entry in reply.iter(f"{{{OWNER}}}{kind}")}
        assert shown <= {address}, kind
    await carol.barrier()
    assert not any("subscription=" in stanza and "ghost" in stanza for stanza in carol.wire)


async def test_the_log_names_nobody(server, people):
    await asyncio.gather(*(do_everything(client, people) for client in people))
    naming = [line for line in server.log.splitlines() if "@localhost" in line]
    assert [line for line in naming if "Authenticated as" not in line] == [], "but for what Prosody says of logging in"


async def test_who_is_hidden_cannot_be_found(people):
    """A node of a hidden occupant looks like one that does not exist."""
    alice, bob, carol, _ = people
    await must(alice, "set", ROOM, HIDING)
    await must(bob, "set", f"{ROOM}/bob", publish(MOOD, mood(), "mine"))
    for payload in (items(MOOD), disco(DISCO_INFO, MOOD), disco(DISCO_ITEMS, MOOD)):
        known = await carol.iq("get", f"{ROOM}/bob", payload)
        unknown = await carol.iq("get", f"{ROOM}/bob", payload.replace(MOOD, "urn:unknown"))
        assert inside(known) == inside(unknown).replace("urn:unknown", MOOD)
    carol.presence(f"{ROOM}/carol")
    await carol.barrier()
    assert carol.events(from_=f"{ROOM}/bob") == []


def inside(reply):
    return "".join(sorted(tostring(child, "unicode") for child in reply))
