"""Options: they take effect when the configuration is loaded, and the log has a sentence for each wrong one."""

import asyncio
import re
import signal

import pytest
from mep import (
    DISCO_ITEMS, MOOD, ROOM, TUNE, come_in, configure, disco, fields, ids_in, items, mood, must, nodes_in, notify,
    options, owner, publish, refused, subscribe, told,
)  # fmt: skip

ALICE, BOB, HOST = f"{ROOM}/alice", f"{ROOM}/bob", "rooms.localhost"
RESERVED = ("cancel", "not-allowed", None)
TOO_BIG = ("modify", "not-acceptable", "payload-too-big")
FULL = ("cancel", "conflict", "max-nodes-exceeded")
PERSISTENT = "muc_room_default_persistent = true\n"
NICK = "http://jabber.org/protocol/nick"


async def two_in_a_room(connect, *nodes):
    alice, bob = await connect("alice"), await connect("bob", features=notify(*nodes or [MOOD]))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    return alice, bob


def text(octets):
    return f"<a xmlns='urn:a'>{'x' * octets}</a>"


def nested(levels):
    return "<a xmlns='urn:a'>" + "<a>" * (levels - 1) + "</a>" * levels


def load(server, by="shell", **settings):
    server.configure(**settings)
    return asyncio.to_thread(server.load_config, by)


def warnings(server):
    return re.findall(r" warn\t(mep_.*)", server.log)


@pytest.mark.parametrize("by", ["shell", signal.SIGHUP])
async def test_options_take_effect_when_the_configuration_is_loaded(server, connect, by):
    alice, bob = await two_in_a_room(connect, MOOD, TUNE)
    await must(alice, "set", ALICE, publish("urn:new", text(2000)))
    assert (await refused(bob, "set", ROOM, publish(MOOD, mood())))[1] == "forbidden"
    await load(
        server, by,
        options='mep_reserved_nodes = { "urn:new" }; mep_max_payload_size = 1000; mep_max_payload_depth = 10\n'
        'mep_max_nodes = 2; mep_notification_type = "normal"; mep_subscription_only_nodes = { "' + TUNE + '" }',
        global_options='mep_room_publishers = "participants"; mep_share_stanzas = false',
    )  # fmt: skip
    assert await refused(alice, "set", ALICE, publish("urn:new", text(10))) == RESERVED
    assert await refused(alice, "set", ALICE, publish(TUNE, text(1001))) == TOO_BIG
    assert await refused(alice, "set", ALICE, publish(TUNE, nested(7))) == TOO_BIG
    await must(bob, "set", ROOM, publish(MOOD, mood(), "as the room"))
    assert (await bob.expect_event(MOOD, from_=ROOM)).element.get("type", "normal") == "normal"
    await must(alice, "set", ALICE, publish(TUNE, text(10)))
    assert await refused(alice, "set", ALICE, publish("urn:third", text(10))) == FULL
    await bob.barrier()
    assert bob.events(TUNE) == []

    await load(server, by, options="", global_options="")
    for node, payload in (("urn:new", text(2000)), ("urn:third", nested(60)), (TUNE, text(10))):
        await must(alice, "set", ALICE, publish(node, payload))
    await bob.expect_event(TUNE)
    assert (await refused(bob, "set", ROOM, publish(MOOD, mood())))[1] == "forbidden"
    assert warnings(server) == []


WRONG = """
mep_reserved_nodes = { 1 }
mep_subscription_only_nodes = { "urn:a", 5 }
mep_max_payload_depth = 100000
mep_max_items = 0/0
mep_max_nodes = 1/0
mep_publish_burst = 1.5
mep_caps_timeout = "soon"
mep_node_config = { { max_items = 1 }, ["urn:a"] = { title = {}, max_item = 1, access_model = "whitelist" } }
mep_max_last_item = 5
"""
SAID = [
    "mep_reserved_nodes: ignoring the entry 1, which is not a node name",
    "mep_reserved_nodes has no valid entry; using the default of 14 entries",
    "mep_subscription_only_nodes: ignoring the entry 5, which is not a node name",
    "mep_max_payload_depth is 100000, but must be a whole number from 8 to 512; using the default, 64",
    "mep_max_items is not a number, but must be a whole number from 1 to 100000; using the default, 256",
    "mep_max_nodes is inf, but must be a whole number from 0 to 10000; using the default, 32",
    "mep_publish_burst is 1.5, but must be a whole number from 1 to 1000000; using the default, 250",
    'mep_caps_timeout is "soon", but must be a whole number from 1 to 3600; using the default, 10',
    'mep_node_config: node "urn:a": ignoring the unknown field "max_item"; did you mean "max_items"?',
    (
        'mep_node_config: node "urn:a": ignoring the field "title": it is a table, but must be a text of at most '
        "1023 octets"
    ),
    "mep_node_config: ignoring the key 1, which is not a node name",
    "mep_max_last_item is not an option of mod_mep; did you mean mep_max_last_items?",
]


@pytest.mark.allow_log(r"warn\tmep_")
@pytest.mark.parametrize("at", ["start", "reload"])
async def test_what_is_wrong_is_said_and_protects_no_less(server, connect, at):
    if at == "start":
        server.configure(options=WRONG)
        server.restart()
    else:
        await load(server, options=WRONG)
    assert server.has_logged(SAID[-1])
    assert warnings(server) == SAID
    assert "0x" not in "".join(warnings(server)) and "traceback" not in server.log
    alice, bob = await two_in_a_room(connect)
    for node in (NICK, "urn:xmpp:avatar:data", "urn:xmpp:mds:displayed:0"):
        assert await refused(alice, "set", ALICE, publish(node, text(1))) == RESERVED
    for levels in (61, 20_000):
        assert await refused(alice, "set", ALICE, publish(MOOD, nested(levels))) == TOO_BIG
    await must(alice, "set", ALICE, publish("urn:a", text(1)))
    shown = fields(await must(alice, "get", ALICE, owner("configure", "urn:a")))
    assert (shown["access_model"], shown["max_items"], shown["title"]) == ("whitelist", "1", "")
    await must(alice, "set", ALICE, publish(MOOD, mood()))
    await bob.expect_event(MOOD)


@pytest.mark.mep(options="mep_max_payload_depth = 512")
async def test_a_payload_of_as_many_levels_as_may_be_set_is_taken(server, connect):
    alice, bob = await two_in_a_room(connect)
    await must(alice, "set", ALICE, publish(MOOD, nested(508)))
    await bob.expect_event(MOOD)
    for levels in (509, 20_000):
        assert await refused(alice, "set", ALICE, publish(MOOD, nested(levels))) == TOO_BIG
    await must(alice, "set", ALICE, publish(MOOD, nested(508)))


LOW = """
mep_max_payload_size = 100; mep_max_items = 1; mep_max_nodes = 1; mep_max_room_nodes = 1
mep_max_subscriptions = 1; mep_max_subscribers = 1; mep_max_affiliations = 0; mep_publish_burst = 50
mep_max_last_items = 1; mep_max_last_items_size = 600; mep_last_items_batch = 1; mep_caps_cache_size = 1
"""


@pytest.mark.mep(storage="internal", options=PERSISTENT)
async def test_limits_that_are_lower_than_what_is_there_take_nothing_away(server, connect):
    alice, bob = await two_in_a_room(connect)
    for to in (ALICE, ROOM):
        for node in (MOOD, TUNE):
            for number in range(3):
                extra = options(max_items=3) if number == 0 else ""
                await must(alice, "set", to, publish(node, text(500), f"{number}", extra))
            await must(bob, "set", to, subscribe("bob@localhost", node))
    await load(server, options=PERSISTENT + LOW)
    for to in (ALICE, ROOM):
        assert nodes_in(await must(bob, "get", to, disco(DISCO_ITEMS))) == [MOOD, TUNE]
        assert ids_in(await must(bob, "get", to, items(TUNE))) == ["0", "1", "2"]
    assert await refused(alice, "set", ALICE, publish("urn:new", text(1))) == FULL
    assert (await refused(bob, "set", ALICE, subscribe(BOB)))[2] == "too-many-subscriptions"
    assert await refused(alice, "set", ALICE, publish(TUNE, text(101))) == TOO_BIG

    before = len(await told(bob))
    for to in (ALICE, ROOM):
        await must(alice, "set", to, publish(TUNE, text(1), "new"))
        assert ids_in(await must(bob, "get", to, items(TUNE))) == ["new"], "this one is as many as may be"
        assert ids_in(await must(bob, "get", to, items(MOOD))) == ["0", "1", "2"]
    assert (await told(bob))[before:] == [["new"], ["new"]], "subscriptions go on"
    carol = await connect("carol", features=notify(MOOD, TUNE))
    await come_in(carol, "carol")
    assert len(await told(carol)) == 1

    server.restart()
    dave = await connect("dave", features=notify(MOOD))
    await come_in(dave, "dave")
    assert nodes_in(await must(dave, "get", ROOM, disco(DISCO_ITEMS))) == [MOOD, TUNE]
    assert ids_in(await must(dave, "get", ROOM, items(MOOD))) == ["2"]


async def test_what_nodes_are_forced_to_be_holds_for_those_that_are_there(server, connect):
    alice, bob = await two_in_a_room(connect)
    for to in (ALICE, ROOM):
        await must(alice, "set", to, publish(MOOD, mood(), "seen"))
        await bob.expect_event(MOOD, from_=to)
    forced = f'mep_node_config = {{ ["{MOOD}"] = {{ access_model = "whitelist" }} }}'
    await load(server, options=forced)
    for to in (ALICE, ROOM):
        await must(alice, "set", to, publish(MOOD, mood(), "unseen"))
        assert (await refused(bob, "get", to, items(MOOD)))[2] == "closed-node"
        await must(alice, "set", to, configure(MOOD, access_model="open"))
        assert fields(await must(alice, "get", to, owner("configure", MOOD)))["access_model"] == "whitelist"
    assert await told(bob) == [["seen"], ["seen"]]


@pytest.mark.mep(storage="internal", options=PERSISTENT)
async def test_what_nodes_are_forced_to_be_holds_for_those_that_were_stored(server, connect):
    alice, _ = await two_in_a_room(connect)
    await must(alice, "set", ROOM, publish(MOOD, mood()))
    server.configure(options=PERSISTENT + f'mep_node_config = {{ ["{MOOD}"] = {{ max_items = 7 }} }}')
    server.restart()
    alice, _ = await two_in_a_room(connect)
    assert fields(await must(alice, "get", ROOM, owner("configure", MOOD)))["max_items"] == "7"


KEEP = PERSISTENT + "mep_keep_registered = true\n"
MUC_NS = "http://jabber.org/protocol/muc"
REGISTER = (
    "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"
    f"<field var='FORM_TYPE'><value>{MUC_NS}#register</value></field>"
    "<field var='muc#register_roomnick'><value>bob</value></field></x></query>"
)


@pytest.mark.mep(storage="internal", options=PERSISTENT)
async def test_what_registered_occupants_publish_is_kept_from_when_the_option_says_so(server, connect):
    alice, bob = await two_in_a_room(connect)
    member = f"<query xmlns='{MUC_NS}#admin'><item jid='bob@localhost' affiliation='member'/></query>"
    await must(alice, "set", ROOM, member)
    await must(bob, "set", ROOM, REGISTER)
    await must(bob, "set", BOB, publish(MOOD, mood(), "kept"))

    async def leave_and_come_back():
        await bob.leave(ROOM)
        await come_in(bob, "bob")
        return nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS)))

    await load(server, options=KEEP)
    assert await leave_and_come_back() == [MOOD]
    await load(server, options=PERSISTENT)
    assert await leave_and_come_back() == []
    await load(server, options=KEEP)
    await alice.barrier()
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD], "it was there all the time"


@pytest.mark.allow_log("mep_max_itms")
async def test_the_configuration_is_read_once_however_often_the_module_was_loaded(server, connect):
    alice, _ = await two_in_a_room(connect)
    for command in ("reload", "reload", "unload", "load"):
        await asyncio.to_thread(server.shell, f'module:{command}("mep", "{HOST}")')
    await load(server, options="mep_max_itms = 1; mep_max_room_nodes = 0")
    assert server.has_logged("mep_max_itms is not an option")
    assert await refused(alice, "set", ROOM, publish(MOOD, mood())) == FULL
    await asyncio.to_thread(server.shell, f'module:unload("mep", "{HOST}")')
    await asyncio.to_thread(server.shell, "config:reload()")
    await alice.barrier()
    assert len(warnings(server)) == 1


async def test_a_configuration_that_is_loaded_while_the_core_works_takes_effect_after_that(server, connect):
    alice, _ = await two_in_a_room(connect)
    server.configure(options="mep_max_room_nodes = 1")
    await asyncio.to_thread(server.shell, f'module:load("testbed_hup", "{HOST}")')
    await must(alice, "set", ROOM, publish(MOOD, mood()))
    assert server.has_logged("A signal came") and server.has_logged("Options updated from the reloaded")
    assert await refused(alice, "set", ROOM, publish(TUNE, mood())) == FULL


@pytest.mark.mep(modules=["testbed_same"])
async def test_one_stanza_is_sent_to_many_or_one_to_each_as_the_option_says(server, connect):
    alice, bob = await two_in_a_room(connect)
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    for shares, seen in ((True, 1), (False, 1), (True, 2)):
        await load(server, options=f"mep_share_stanzas = {str(shares).lower()}")
        await must(alice, "set", ALICE, publish(MOOD, mood()))
        for client in (bob, carol):
            await client.expect_event(MOOD)
        assert server.has_logged("The same stanza again", times=seen)
        assert server.log.count("The same stanza again") == seen
