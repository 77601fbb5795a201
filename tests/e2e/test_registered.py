"""Nodes of occupants with a registered nick, stored for their return if the option is on."""

import asyncio

import pytest
from mep import (
    DISCO_ITEMS, MOOD, ROOM, TUNE, affiliate, come_in, configure, disco, ids_in, items, mood, must, must_soon, nodes_in,
    notify, owner, publish, refused, subscribe,
)  # fmt: skip
from testbed.storage import DISK_FULL, DRIVERS

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
MUC_NS = "http://jabber.org/protocol/muc"
PERSISTENT = "muc_room_default_persistent = true\n"
KEEP = PERSISTENT + "mep_keep_registered = true\n"

pytestmark = pytest.mark.mep(storage="internal", options=KEEP)

every_driver = pytest.mark.parametrize(
    "driver", [pytest.param(name, marks=pytest.mark.mep(storage=name)) for name in DRIVERS]
)

REGISTER = (
    "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"
    f"<field var='FORM_TYPE'><value>{MUC_NS}#register</value></field>"
    "<field var='muc#register_roomnick'><value>%s</value></field></x></query>"
)
UNREGISTER = "<query xmlns='jabber:iq:register'><remove/></query>"


def admin(**item):
    return f"<query xmlns='{MUC_NS}#admin'><item {' '.join(f'{k}={v!r}' for k, v in item.items())}/></query>"


def ids(client, from_=None):
    return [id for event in client.events(from_=from_) for id in event.item_ids]


def kept(server):
    """The number of registered occupants with stored nodes."""
    return len(server.storage.names("rooms.localhost", "mep_registered"))


async def register(alice, bob, nick="bob"):
    await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="member"))
    await must(bob, "set", ROOM, REGISTER % nick)


@pytest.fixture
async def people(connect):
    """Alice, who owns the room, and Bob, a member whose nick is registered to him, and who has published."""
    alice, bob = await connect("alice", features=notify(MOOD)), await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await register(alice, bob)
    await must(bob, "set", BOB, publish(MOOD, mood(), "of bob"))
    await must(bob, "set", BOB, configure(MOOD, title="Moods"))
    await alice.expect_event(MOOD)
    return alice, bob


def gone(nick):
    return lambda s: s.get("from") == f"{ROOM}/{nick}" and s.get("type") == "unavailable"


@every_driver
async def test_it_is_gone_with_them_and_back_with_them(people, connect, driver):
    alice, bob = people
    await must(alice, "set", BOB, subscribe(alice.jid, MOOD))
    before = len(alice.events())
    await bob.leave(ROOM)
    assert (await refused(alice, "get", BOB, items(MOOD)))[1] == "item-not-found"
    await come_in(bob, "bob")
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob"]
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD]
    reply = await must(bob, "get", BOB, owner("configure", MOOD))
    assert "Moods" in [field.findtext("{jabber:x:data}value") for field in reply.iter("{jabber:x:data}field")]
    for client in (alice, bob):
        await client.barrier()
    (event,) = alice.events()[before:]
    assert (event.from_, event.item_ids) == (BOB, ["of bob"])
    assert event.element.find("{urn:xmpp:delay}delay") is not None
    assert ids(bob) == ["of bob", "of bob"], "once as news, once for coming in"
    await must(bob, "set", BOB, publish("urn:example:subscribed", mood()))
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    assert ids(carol, BOB) == ["of bob"]


@every_driver
@pytest.mark.parametrize("end", ["restart", "kill"])
async def test_it_outlives_the_server_with_the_room(server, people, connect, end, driver):
    _, bob = people
    await must(bob, "set", BOB, publish(TUNE, mood(), "acknowledged"))
    if end == "kill":
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    else:
        await asyncio.to_thread(server.restart)
    alice, bob = await connect("alice"), await connect("bob")
    await come_in(alice, "alice")
    assert (await refused(alice, "get", BOB, items(MOOD)))[1] == "item-not-found"
    await come_in(bob, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD, TUNE]
    assert ids_in(await must(alice, "get", BOB, items(TUNE))) == ["acknowledged"]


@pytest.mark.mep(options=PERSISTENT)
async def test_without_the_option_nothing_is_kept(server, people):
    alice, bob = people
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []
    assert kept(server) == 0


async def test_nothing_is_kept_of_those_who_are_not_registered_or_at_another_nick(server, people, connect):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "of alice"))
    phone = await connect("bob", resource="phone")
    await come_in(phone, "robert")
    await must(phone, "set", f"{ROOM}/robert", publish(TUNE, mood(), "of the phone"))
    await phone.leave(ROOM)
    await come_in(phone, "robert")
    assert nodes_in(await must(alice, "get", f"{ROOM}/robert", disco(DISCO_ITEMS))) == []
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD]
    assert kept(server) == 1


async def test_it_follows_changes_until_the_last_moment(people, connect):
    alice, bob = people
    await must(bob, "set", BOB, publish(TUNE, mood(), "tune"))
    await must(bob, "set", BOB, publish(MOOD, mood(), "newer"))
    await must(alice, "set", BOB, owner("delete", TUNE))
    await bob.cut()
    await alice.expect(gone("bob"))
    again = await connect("bob", resource="again")
    await come_in(again, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD]
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["newer"]


@every_driver
async def test_what_a_moderator_took_away_does_not_come_back(server, people, driver):
    alice, bob = people
    await must(alice, "set", BOB, owner("delete", MOOD))
    assert kept(server) == 0
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []


@every_driver
@pytest.mark.parametrize("how", ["unregistered", "member no more", "banned", "registered anew", "destroyed"])
async def test_it_ends_with_the_registration(server, people, connect, how, driver):
    alice, bob = people
    await bob.leave(ROOM)
    assert kept(server) == 1
    if how == "unregistered":
        await must(bob, "set", ROOM, UNREGISTER)
    elif how == "registered anew":
        await must(bob, "set", ROOM, REGISTER % "robert")
    elif how == "destroyed":
        await must(alice, "set", ROOM, f"<query xmlns='{MUC_NS}#owner'><destroy/></query>")
    else:
        what = "outcast" if how == "banned" else "none"
        await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation=what))
    assert kept(server) == 0
    if how == "destroyed":
        return
    await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="none"))
    await register(alice, bob)
    await come_in(bob, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []


@pytest.mark.parametrize("how", ["unregistered", "banned"])
async def test_it_ends_with_the_registration_of_who_is_there(server, people, how):
    alice, bob = people
    if how == "unregistered":
        await must(bob, "set", ROOM, UNREGISTER)
        assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob"], "as anybody's, while he is there"
        await bob.leave(ROOM)
    else:
        await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="outcast"))
        await alice.expect(gone("bob"))
    assert kept(server) == 0


async def test_who_registers_late_keeps_what_was_published_before(connect):
    alice, bob = await connect("alice"), await connect("bob")
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(bob, "set", BOB, publish(MOOD, mood(), "early"))
    await register(alice, bob)
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["early"]


async def test_nobody_else_gets_it(people, connect):
    alice, bob = people
    await bob.leave(ROOM)
    await must(bob, "set", ROOM, UNREGISTER)
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []
    await must(alice, "set", ROOM, admin(jid="carol@localhost", affiliation="member"))
    await must(carol, "set", ROOM, REGISTER % "bob")
    await carol.leave(ROOM)
    await come_in(carol, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []


async def test_who_comes_to_the_nick_from_another_has_it_back_and_keeps_what_is_newer(people):
    alice, bob = people
    await must(bob, "set", BOB, publish(TUNE, mood(), "old tune"))
    await bob.leave(ROOM)
    await come_in(bob, "robert")
    await must(bob, "set", f"{ROOM}/robert", publish(TUNE, mood(), "new tune"))
    before = len(alice.events())
    await bob.change_nick(ROOM, "bob")
    assert ids_in(await must(alice, "get", BOB, items(TUNE))) == ["new tune"]
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob"]
    await alice.barrier()
    assert [event.item_ids for event in alice.events()[before:]] == [["of bob"]]
    await bob.change_nick(ROOM, "robert")
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob"]


@pytest.mark.luas
@pytest.mark.parametrize("module", ["mep", "muc"])
async def test_reloads_repeat_nothing(server, people, module):
    alice, bob = people
    before = len(ids(alice))
    await asyncio.to_thread(server.reload, module)
    bob.presence(BOB, bob.caps + "<show>away</show>")
    await must(bob, "set", BOB, publish(MOOD, mood(), "newer"))
    await alice.barrier()
    assert ids(alice)[before:] == ["newer"]
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["newer"]


async def test_affiliations_of_accounts_are_kept(people):
    alice, bob = people
    await must(bob, "set", BOB, configure(MOOD, access_model="whitelist"))
    await must(bob, "set", BOB, affiliate(MOOD, **{ALICE: "member"}))
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    error = await refused(alice, "get", BOB, items(MOOD))
    assert error == ("cancel", "not-allowed", "closed-node"), "an occupant's ends with either of the two"


@pytest.mark.mep(options=KEEP + "mep_max_registered = 1")
async def test_a_room_keeps_no_more_than_the_option_says(server, people, connect):
    alice, bob = people
    await must(alice, "set", ROOM, REGISTER % "alice")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "of alice"))
    await must(bob, "set", BOB, publish(MOOD, mood(), "of bob still"))
    assert kept(server) == 1
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob still"]


@pytest.mark.mep(options=KEEP + "mep_max_registered_size = 5000")
async def test_of_an_occupant_no_more_is_kept_than_the_option_says(server, people):
    alice, bob = people
    large = f"<mood xmlns='{MOOD}'><text>{'x' * 5000}</text></mood>"
    await must(bob, "set", BOB, publish(TUNE, large, "large"))
    assert kept(server) == 0
    await must(bob, "set", BOB, publish(TUNE, mood(), "small"))
    assert kept(server) == 1
    await must(bob, "set", BOB, publish(TUNE, large, "large"))
    assert ids_in(await must(alice, "get", BOB, items(TUNE))) == ["large"]
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []


@every_driver
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.allow_log(
    "Storage fails", r"datamanager\s+error\tUnable to write",
    r"sql\s+error\tError in SQL transaction", DISK_FULL,
)  # fmt: skip
async def test_what_can_not_be_kept_is_refused_and_not_told(server, people, times, driver):
    alice, bob = people
    before = len(ids(alice))
    server.storage.refuse("rooms.localhost", "mep_registered", ROOM, ["bob@localhost"])
    for node in [MOOD, TUNE][:times]:
        error = await refused(bob, "set", BOB, publish(node, mood("sad"), "lost"))
        assert error == ("wait", "internal-server-error", None)
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob"]
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD]
    server.storage.mend()
    await must_soon(bob, "set", BOB, publish(MOOD, mood(), "next"))
    await alice.barrier()
    assert ids(alice)[before:] == ["next"]


@pytest.mark.mep(options="mep_keep_registered = true\n")
async def test_the_next_room_of_that_name_starts_empty_after_one_that_the_server_lost(server, people, connect):
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    alice, bob = await connect("alice"), await connect("bob")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="member"))
    await must(bob, "set", ROOM, REGISTER % "bob")
    await come_in(bob, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []
