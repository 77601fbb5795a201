"""Wrong requests: each is refused with XEP-0060's error for it, changes nothing, and notifies no session."""

import os
from xml.etree.ElementTree import canonicalize, tostring

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, OWNER, PUBSUB, ROOM, TUNE, come_in, disco, form, item, items, mood, must, nodes_in,
    notify, options, owner, publish, pubsub, refused, retract, subscribe,
)  # fmt: skip
from testbed import error_of
from testbed.xml import CLIENT

ALICE, BOB, ADDRESSES = f"{ROOM}/alice", f"{ROOM}/bob", (ROOM, f"{ROOM}/alice", f"{ROOM}/bob")
NODES = (MOOD, TUNE, "new")
CONFIG = form("node_config", title="Bob's now")

BAD_REQUEST = ("modify", "bad-request")
FORBIDDEN = ("auth", "forbidden", None)
NOT_FOUND = ("cancel", "item-not-found", None)
TOO_BIG = ("modify", "not-acceptable", "payload-too-big")


def nested(levels):
    """So many elements, each inside the last."""
    return "<a xmlns='urn:example:deep'>" + "<b>" * (levels - 1) + "</b>" * (levels - 1) + "</a>"


def item_of_parts(number):
    return "<a xmlns='urn:example:wide'>" + "<b/>" * (number - 1) + "</a>"


def several(*payloads):
    return pubsub(f"<publish node='{MOOD}'>{''.join(item(payload) for payload in payloads)}</publish>")


class Den:
    """The room with an item at the node MOOD of each of its addresses, and clients that want all events."""

    def __init__(self):
        self.clients = []

    async def enter(self, client, nick):
        await come_in(client, nick)
        self.clients.append(client)
        return client

    async def state(self):
        """All nodes of all addresses with their items, configurations and subscriptions, as each client sees them."""
        state = {}
        for client in self.clients:
            for address in ADDRESSES:
                nodes = nodes_in(await must(client, "get", address, disco(DISCO_ITEMS)))
                state[client.jid, address] = nodes
                configurations = [owner("configure", node) for node in nodes]
                for payload in (pubsub("<subscriptions/>"), *map(items, nodes), *configurations):
                    reply = await client.iq("get", address, payload)
                    inner = [canonicalize(tostring(child)) for child in reply if child.tag != CLIENT + "error"]
                    state[client.jid, address, payload] = inner or error_of(reply)
        return state

    async def events(self):
        for client in self.clients:
            await client.barrier()
        return [client.events() for client in self.clients]

    async def refuses(self, client, type, to, payload):
        """The error that this request gets; whatever else it does is a failure."""
        state, events = await self.state(), await self.events()
        error = await refused(client, type, to, payload)
        assert await self.state() == state, "a refused request has changed something"
        assert await self.events() == events, "somebody was told of a refused request"
        return error


@pytest.fixture
async def den(connect):
    den = Den()
    for name in ("alice", "bob"):
        await den.enter(await connect(name, features=notify(*NODES)), name)
    den.alice, den.bob = den.clients
    for client, address in ((den.alice, ROOM), (den.alice, ALICE), (den.bob, BOB)):
        await must(client, "set", address, publish(MOOD, mood(), "kept"))
    for client in den.clients:
        for address in ADDRESSES:
            await client.expect_event(MOOD, from_=address)
    return den


WRONG_IN_FORM = {
    "a publish without a node": (pubsub(f"<publish>{item(mood())}</publish>"), (*BAD_REQUEST, "nodeid-required")),
    "a publish to an empty node": (publish("", mood()), (*BAD_REQUEST, "nodeid-required")),
    "a publish without an item": (pubsub(f"<publish node='{MOOD}'/>"), (*BAD_REQUEST, "item-required")),
    "two items at once": (several(mood(), mood("sad")), (*BAD_REQUEST, None)),
    "an item without a payload": (several(""), (*BAD_REQUEST, "payload-required")),
    "an item with two payloads": (several(mood() + mood("sad")), (*BAD_REQUEST, "invalid-payload")),
    "an item with text": (several("happy"), (*BAD_REQUEST, "invalid-payload")),
    "an item with text beside its payload": (several(mood() + "!"), (*BAD_REQUEST, "invalid-payload")),
    "a payload in XML's own namespace": (publish(MOOD, "<xml:foo/>"), (*BAD_REQUEST, "invalid-payload")),
    "a payload with a child in XML's own namespace": (
        publish(MOOD, "<a xmlns='urn:a'><xml:foo/></a>"), (*BAD_REQUEST, "invalid-payload"),
    ),
    "a payload over 64 KiB, as every child repeats its namespace": (
        publish(MOOD, f"<a xmlns='urn:a' xmlns:p='urn:{'x' * 1000}'>{'<p:b/>' * 100}</a>"), TOO_BIG,
    ),
    "a payload over 64 KiB": (publish(MOOD, f"<a xmlns='urn:a'>{'x' * 65536}</a>"), TOO_BIG),
    "a payload of 64 levels": (publish(MOOD, nested(64)), TOO_BIG),
    "a payload of 10,000 parts": (publish(MOOD, item_of_parts(10_000)), TOO_BIG),
    "a node name of 1,024 octets": (publish("n" * 1024, mood()), ("modify", "not-acceptable", None)),
    "an item id of 1,024 octets": (publish(MOOD, mood(), "i" * 1024), ("modify", "not-acceptable", None)),
    "a retraction without a node": (pubsub("<retract><item id='kept'/></retract>"), (*BAD_REQUEST, "nodeid-required")),
    "a retraction without an item": (retract(MOOD), (*BAD_REQUEST, "item-required")),
    "a retraction without an id": (
        pubsub(f"<retract node='{MOOD}'><item/></retract>"), (*BAD_REQUEST, "item-required"),
    ),
    "a purge without a node": (pubsub("<purge/>", OWNER), (*BAD_REQUEST, "nodeid-required")),
    "a deletion without a node": (pubsub("<delete/>", OWNER), (*BAD_REQUEST, "nodeid-required")),
    "a configuration without a node": (
        pubsub(f"<configure>{CONFIG}</configure>", OWNER), (*BAD_REQUEST, "nodeid-required"),
    ),
    "a subscription without a JID": (pubsub(f"<subscribe node='{MOOD}'/>"), (*BAD_REQUEST, "jid-required")),
    "no action": (pubsub(""), (*BAD_REQUEST, None)),
    "an action that there is not": (pubsub(f"<applaud node='{MOOD}'/>"), (*BAD_REQUEST, None)),
    "a get where a set is asked for": (pubsub(f"<items node='{MOOD}'/>"), (*BAD_REQUEST, None)),
    "two actions at once": (
        pubsub(f"<publish node='{MOOD}'>{item(mood())}</publish><retract node='{MOOD}'>{item('', 'kept')}</retract>"),
        (*BAD_REQUEST, None),
    ),
}  # fmt: skip

WRONG_IN_SUBSTANCE = {
    "a retraction from an unknown node": (retract("unknown", "kept"), NOT_FOUND),
    "a retraction of an unknown item": (retract(MOOD, "unknown"), NOT_FOUND),
    "a retraction of a known and an unknown item": (retract(MOOD, "kept", "unknown"), NOT_FOUND),
    "a purge of an unknown node": (owner("purge", "unknown"), NOT_FOUND),
    "a deletion of an unknown node": (owner("delete", "unknown"), NOT_FOUND),
    "a configuration of an unknown node": (owner("configure", "unknown", CONFIG), NOT_FOUND),
    "a subscription to an unknown node": (subscribe("alice@localhost", "unknown"), NOT_FOUND),
    "a node made twice": (pubsub(f"<create node='{MOOD}'/>"), ("cancel", "conflict", None)),
    "a configuration with an unknown field": (
        owner("configure", MOOD, form("node_config", title="x", colour="red")), (*BAD_REQUEST, "invalid-options"),
    ),
    "a configuration with an unknown value": (
        owner("configure", MOOD, form("node_config", title="x", max_items="many")), (*BAD_REQUEST, "invalid-options"),
    ),
    "more items than may be kept": (
        owner("configure", MOOD, form("node_config", max_items="257")), (*BAD_REQUEST, "invalid-options"),
    ),
    "a configuration of another kind": (
        owner("configure", MOOD, form("meta-data", title="x")), (*BAD_REQUEST, "invalid-options"),
    ),
    "an access model that there is not": (
        owner("configure", MOOD, form("node_config", access_model="roster")),
        ("modify", "not-acceptable", "unsupported-access-model"),
    ),
    "a precondition that is not met": (
        publish(MOOD, mood(), "new", options(access_model="open")), ("cancel", "conflict", "precondition-not-met"),
    ),
    "a precondition that is unknown": (
        publish(MOOD, mood(), "new", options(colour="red")), (*BAD_REQUEST, "invalid-options"),
    ),
    "an option that a new node cannot have": (
        publish("new", mood(), "new", options(colour="red")), (*BAD_REQUEST, "invalid-options"),
    ),
    "a node made with an unknown field": (
        pubsub(f"<create node='new'/><configure>{form('node_config', colour='red')}</configure>"),
        (*BAD_REQUEST, "invalid-options"),
    ),
}  # fmt: skip

TO_SOMEBODY_ELSE = {
    "a publish": publish(MOOD, mood("sad"), "new"),
    "a publish to a new node": publish("new", mood("sad")),
    "a new node": pubsub("<create node='new'/>"),
    "a retraction": retract(MOOD, "kept"),
    "a retraction of an unknown item": retract(MOOD, "unknown"),
    "a purge": owner("purge", MOOD),
    "a deletion": owner("delete", MOOD),
    "a deletion of an unknown node": owner("delete", "unknown"),
    "a configuration": owner("configure", MOOD, CONFIG),
}


@pytest.mark.parametrize("what", {**WRONG_IN_FORM, **WRONG_IN_SUBSTANCE})
async def test_a_wrong_request_is_refused_as_xep_0060_says(den, what):
    payload, error = {**WRONG_IN_FORM, **WRONG_IN_SUBSTANCE}[what]
    for to in (ROOM, ALICE):
        assert await den.refuses(den.alice, "set", to, payload) == error, to


@pytest.mark.parametrize("what", TO_SOMEBODY_ELSE)
async def test_what_belongs_to_somebody_else_is_not_touched(den, what):
    for to in (ROOM, ALICE):
        assert await den.refuses(den.bob, "set", to, TO_SOMEBODY_ELSE[what]) == FORBIDDEN, to


@pytest.mark.parametrize("what", ["a publish", "a publish to a new node", "a new node", "a configuration"])
async def test_a_moderator_speaks_for_nobody(den, what):
    assert await den.refuses(den.alice, "set", BOB, TO_SOMEBODY_ELSE[what]) == FORBIDDEN


async def test_reading_what_is_not_there_or_not_allowed(den):
    get = [
        (items("unknown"), NOT_FOUND),
        (items(MOOD, "unknown"), NOT_FOUND),
        (owner("configure", MOOD), FORBIDDEN),
        (pubsub("<items/>"), (*BAD_REQUEST, "nodeid-required")),
        (pubsub(f"<items node='{MOOD}' max_items='-1'/>"), (*BAD_REQUEST, None)),
    ]
    for payload, error in get:
        assert await den.refuses(den.bob, "get", ROOM, payload) == error, payload


@pytest.mark.parametrize("what", TO_SOMEBODY_ELSE)
async def test_who_is_not_in_the_room_does_nothing_there(den, connect, what):
    outsider = await connect("mallory", features=notify(*NODES))
    assert await den.refuses(outsider, "set", ROOM, TO_SOMEBODY_ELSE[what]) == FORBIDDEN
    assert (await den.refuses(outsider, "set", BOB, TO_SOMEBODY_ELSE[what]))[1:] == ("not-acceptable", None)
    assert outsider.events() == []


async def test_who_is_not_in_the_room_reads_nothing_there(den, connect):
    outsider = await connect("mallory")
    not_in_room = ("auth", "not-authorized", "presence-subscription-required")
    assert await den.refuses(outsider, "get", ROOM, items(MOOD)) == not_in_room
    for node in (MOOD, None):
        assert await den.refuses(outsider, "set", ROOM, subscribe(outsider.jid, node)) == not_in_room
    for payload in (items(MOOD), disco(DISCO_ITEMS), disco(DISCO_ITEMS, MOOD)):
        assert (await den.refuses(outsider, "get", BOB, payload))[1:] == ("not-acceptable", None)
    assert (await den.refuses(outsider, "set", BOB, subscribe(outsider.jid)))[1:] == ("not-acceptable", None)


async def test_rooms_and_occupants_that_there_are_not(den):
    payload = publish(MOOD, mood())
    assert await refused(den.alice, "set", f"{ROOM}/nobody", payload) == NOT_FOUND
    assert await refused(den.alice, "set", "nowhere@rooms.localhost", payload) == NOT_FOUND
    assert await refused(den.alice, "get", "nowhere@rooms.localhost", disco(DISCO_INFO)) == NOT_FOUND, "nor is it made"


@pytest.mark.mep(options="muc_room_default_moderated = true")
async def test_without_voice_there_is_no_publishing(connect):
    den = Den()
    for name in ("alice", "bob"):
        await den.enter(await connect(name, features=notify(*NODES)), name)
    alice, bob = den.clients
    await must(alice, "set", ROOM, publish(MOOD, mood(), "kept"))
    for payload in (publish(MOOD, mood()), pubsub(f"<create node='{MOOD}'/>"), pubsub("<create/>")):
        assert await den.refuses(bob, "set", BOB, payload) == FORBIDDEN
        assert await den.refuses(bob, "set", ROOM, payload) == FORBIDDEN


async def test_a_payload_of_36000_levels_ends_nobody(den, server):
    pid, deep = server.pid, nested(36_000)
    for to in (ALICE, ROOM):
        assert await den.refuses(den.alice, "set", to, publish(MOOD, deep)) == TOO_BIG
        for payload in (pubsub(deep), pubsub(f"<items node='{MOOD}'>{deep}</items>")):
            assert (await den.alice.iq("get", to, payload)).get("type") == "error"
    os.kill(pid, 0)  # raises where there is no such process
    await must(den.alice, "set", ALICE, publish(MOOD, mood(), "alive"))
    assert (await den.bob.expect_event(MOOD, from_=ALICE)).item_ids == ["alive"]
    assert server.pid == pid


async def test_capabilities_of_36000_levels_end_nobody(connect):
    alice = await connect("alice", features=notify(MOOD))
    alice.answers = dict.fromkeys(alice.answers, lambda iq: f"<query xmlns='{DISCO_INFO}'>{nested(36_000)}</query>")
    await alice.join(ROOM, "alice")
    alice.presence(ALICE, f"<c xmlns='http://jabber.org/protocol/caps' ver='x'>{nested(36_000)}</c>")
    await alice.barrier(timeout=60)  # Prosody itself works on such a presence for seconds
    await must(alice, "set", ALICE, publish(MOOD, mood()))


async def test_what_is_just_within_the_limits_passes(den):
    size = 65536 - len("<a xmlns='urn:a'></a>")
    for payload in (f"<a xmlns='urn:a'>{'x' * size}</a>", nested(60), item_of_parts(9000)):
        await must(den.alice, "set", ALICE, publish(MOOD, payload, "near"))
        await den.bob.expect_event(MOOD, from_=ALICE)
        assert len((await must(den.bob, "get", ALICE, items(MOOD, "near")))[0][0][0]) == 1
    await must(den.alice, "set", ALICE, publish("n" * 1023, mood(), "i" * 1023))


@pytest.mark.mep(options="mep_max_nodes = 2; mep_max_room_nodes = 3")
@pytest.mark.parametrize("to, limit", [(ALICE, 2), (ROOM, 3)])
async def test_a_node_list_that_is_full_takes_no_more(den, to, limit):
    for number in range(limit - 1):
        await must(den.alice, "set", to, publish(f"node {number}", mood()))
    for payload in (publish("new", mood()), pubsub("<create node='new'/>"), pubsub("<create/>")):
        assert await den.refuses(den.alice, "set", to, payload) == ("cancel", "conflict", "max-nodes-exceeded")
    await must(den.alice, "set", to, publish(MOOD, mood("sad")))
    await must(den.alice, "set", to, owner("delete", MOOD))
    await must(den.alice, "set", to, publish("new", mood()))


@pytest.mark.mep(options="mep_max_payload_size = 1000; mep_max_payload_depth = 10; mep_max_payload_parts = 100")
async def test_an_admin_sets_the_limits_of_payloads(den):
    for payload in (f"<a xmlns='urn:a'>{'x' * 1000}</a>", nested(10), item_of_parts(100)):
        assert await den.refuses(den.alice, "set", ALICE, publish("new", payload)) == TOO_BIG
    for payload in (f"<a xmlns='urn:a'>{'x' * 900}</a>", nested(6), item_of_parts(80)):
        await must(den.alice, "set", ALICE, publish("new", payload))


async def test_nodes_that_are_somebodys_identity_are_the_rooms_only(den):
    nick = "http://jabber.org/protocol/nick"
    for node in (nick, "urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data", "urn:xmpp:movim-banner:0"):
        for payload in (publish(node, "<nick xmlns='urn:a'/>"), pubsub(f"<create node='{node}'/>")):
            assert await den.refuses(den.alice, "set", ALICE, payload) == ("cancel", "not-allowed", None)
        await must(den.alice, "set", ROOM, publish(node, "<nick xmlns='urn:a'/>"))


NOT_FREE = [
    "urn:xmpp:bookmarks:1", "storage:bookmarks", "urn:xmpp:mds:displayed:0", "urn:xmpp:omemo:2:devices",
    "eu.siacs.conversations.axolotl.bundles:31415", "urn:xmpp:blocking", "x-roomuser-item",
    "http://jabber.org/protocol/muc#traffic", "http://jabber.org/protocol/commands", "http://jabber.org/protocol/rc",
]  # fmt: skip


@pytest.mark.parametrize("to", [ROOM, ALICE])
async def test_nodes_that_are_an_accounts_or_answered_by_others_are_nobodys_here(den, to):
    for node in NOT_FREE:
        for payload in (publish(node, mood()), pubsub(f"<create node='{node}'/>")):
            assert await refused(den.alice, "set", to, payload) == ("cancel", "not-allowed", None)
    assert await den.refuses(den.alice, "set", to, payload) == ("cancel", "not-allowed", None)


@pytest.mark.mep(options="mep_reserved_nodes = { 'new' }")
async def test_an_admin_says_which_nodes_those_are(den):
    assert await den.refuses(den.alice, "set", ALICE, publish("new", mood())) == ("cancel", "not-allowed", None)
    await must(den.alice, "set", ALICE, publish("http://jabber.org/protocol/nick", "<nick xmlns='urn:a'/>"))


CHANGED = """
mep_reserved_nodes = { "+urn:example:*", "-http://jabber.org/protocol/nick" }
mep_reserved_room_nodes = { "-urn:xmpp:bookmarks:1", "+new" }
"""


@pytest.mark.mep(options=CHANGED)
async def test_an_admin_adds_names_to_those_and_removes_some(den):
    not_allowed = ("cancel", "not-allowed", None)
    for node in ("urn:example:a", "urn:xmpp:avatar:data", "urn:xmpp:bookmarks:1"):
        assert await den.refuses(den.alice, "set", ALICE, publish(node, mood())) == not_allowed
    for node in ("new", "urn:xmpp:bookmarks:0", "x-roomuser-item"):
        assert await den.refuses(den.alice, "set", ROOM, publish(node, mood())) == not_allowed
    for to, node in ((ALICE, "http://jabber.org/protocol/nick"), (ALICE, "new"), (ROOM, "urn:xmpp:bookmarks:1")):
        await must(den.alice, "set", to, publish(node, mood()))


async def test_a_burst_of_200_passes(connect):
    alice = await connect("alice")
    bob = await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    for number in range(200):
        alice.send(f"<iq type='set' to='{ALICE}' id='b{number}'>{publish(MOOD, mood(), str(number))}</iq>")
    await bob.expect(lambda s: any(i.get("id") == "199" for i in s.iter(f"{{{PUBSUB}#event}}item")))
    assert [event.item_ids for event in bob.events()] == [[str(number)] for number in range(200)]


@pytest.mark.mep(options="mep_publish_burst = 4; mep_publish_rate = 0")
async def test_more_than_the_burst_is_refused(den):
    too_fast = ("wait", "resource-constraint", None)
    # Alice has joined, and one item is there at each of the addresses: one more is what she may
    for to in (ALICE, ROOM):
        if to == ALICE:
            await must(den.alice, "set", to, publish(MOOD, mood(), "last"))
        assert await den.refuses(den.alice, "set", to, publish(MOOD, mood("sad"))) == too_fast
        assert await den.refuses(den.alice, "set", to, publish("new", mood("sad"))) == too_fast
    await must(den.bob, "set", BOB, publish(MOOD, mood(), "his own"))
    await den.alice.leave(ROOM)
    await come_in(den.alice, "alice")
    assert await den.refuses(den.alice, "set", ALICE, publish(MOOD, mood("sad"))) == too_fast, "it is the account's"


@pytest.mark.mep(options="mep_publish_burst = 10; mep_publish_rate = 0")
@pytest.mark.parametrize("how", ["purges", "configurations"])
async def test_the_burst_bounds_all_that_is_told_to_others(den, how):
    await must(den.alice, "set", ALICE, owner("configure", MOOD, form("node_config", notify_config="1")))
    await den.events()
    before = len(den.bob.events())
    for number in range(50):
        config = form("node_config", title=str(number))
        payload = owner("purge", MOOD) if how == "purges" else owner("configure", MOOD, config)
        await den.alice.iq("set", ALICE, payload)
    await den.bob.barrier()
    assert len(den.bob.events()) - before <= 10


@pytest.mark.mep(options="mep_max_subscriptions = 2; mep_max_subscribers = 3")
async def test_subscriptions_end_where_the_list_is_full(den, connect):
    too_many = ("wait", "policy-violation", "too-many-subscriptions")
    for node in ("one", "two", "three"):
        await must(den.alice, "set", ALICE, publish(node, mood()))
    for node in (MOOD, "one"):
        await must(den.bob, "set", ALICE, subscribe(den.bob.jid, node))
    assert await den.refuses(den.bob, "set", ALICE, subscribe(den.bob.jid, "two")) == too_many
    assert await den.refuses(den.bob, "set", ALICE, subscribe(den.bob.jid)) == too_many
    carol = await den.enter(await connect("carol"), "carol")
    await must(carol, "set", ALICE, subscribe("carol@localhost", "two"))
    assert await den.refuses(carol, "set", ALICE, subscribe("carol@localhost", "three")) == too_many
    await must(den.bob, "set", ALICE, subscribe(den.bob.jid, MOOD, "unsubscribe"))
    await must(carol, "set", ALICE, subscribe("carol@localhost", "three"))


async def test_naming_an_item_many_times_reads_it_once(den):
    big = f"<a xmlns='urn:a'>{'x' * 10_000}</a>"
    await must(den.alice, "set", ALICE, publish("new", big, "big"))
    reply = await must(den.bob, "get", ALICE, items("new", *["big"] * 1000))
    assert len(tostring(reply)) < 20_000, "a small request is not answered by megabytes"


async def test_naming_an_item_many_times_takes_it_back_once(den):
    await must(den.alice, "set", ALICE, retract(MOOD, "kept", "kept"))
    assert (await den.bob.expect_event(MOOD, kind="retract")).item_ids == ["kept"]
