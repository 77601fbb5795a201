"""Joins, leaves, changes, kicks and bans: sessions, nicks, roles, affiliations, destroyed rooms."""

import pytest
from mep import (
    DISCO_ITEMS, MOOD, ROOM, TUNE, come_in, disco, ids_in, items, mood, must, nodes_in, notify, publish, refused,
    subscribe,
)  # fmt: skip
from testbed.client import Refused
from testbed.xml import CLIENT, MUC, MUC_USER

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
MUC_NS = MUC[1:-1]
PERSISTENT = pytest.mark.mep(options="muc_room_default_persistent = true")


def configure(field, value):
    """What sets one field of the room's configuration."""
    return (
        f"<query xmlns='{MUC_NS}#owner'><x xmlns='jabber:x:data' type='submit'>"
        f"<field var='FORM_TYPE'><value>{MUC_NS}#roomconfig</value></field>"
        f"<field var='muc#roomconfig_{field}'><value>{value}</value></field></x></query>"
    )


def admin(**item):
    return f"<query xmlns='{MUC_NS}#admin'><item {' '.join(f'{k}={v!r}' for k, v in item.items())}/></query>"


def ids(client, from_=None):
    """The ids of all the items that a client was ever told of, in order."""
    return [id for event in client.events(from_=from_) for id in event.item_ids]


async def tells(publisher, address, id, *clients, node=MOOD):
    """Publishes, and waits until all of these clients have it."""
    await must(publisher, "set", address, publish(node, mood(), id))
    for client in clients:
        await client.expect(lambda s: any(item.get("id") == id for item in s.iter() if item.tag.endswith("}item")))


async def told_nothing(client, before=()):
    await client.barrier()
    assert ids(client) == list(before)


@pytest.fixture
async def den(connect):
    """A function: `await den("bob", "bob/phone", "carol")` is a client for each, in the room, wanting MOOD."""

    async def enter(*names):
        clients = []
        for name in names:
            user, _, resource = name.partition("/")
            clients.append(await connect(user, resource=resource or "desk", features=notify(MOOD)))
            await come_in(clients[-1], user)
        return clients

    return enter


def gone(nick):
    return lambda s: s.get("from") == f"{ROOM}/{nick}" and s.get("type") == "unavailable"


async def nothing_is_left_of_bob(bob, others):
    """Neither nodes, nor subscriptions, nor events to him."""
    before = ids(bob)
    for other in others:
        assert await refused(other, "set", BOB, publish(MOOD, mood())) == ("cancel", "item-not-found", None)
    await tells(others[0], ALICE, "unseen", *others)
    await told_nothing(bob, before)


async def test_each_session_of_a_nick_is_told_once_and_the_last_to_leave_ends_it(den):
    alice, desk, phone = await den("alice", "bob/desk", "bob/phone")
    await tells(phone, BOB, "1", alice, desk, phone)
    await tells(desk, BOB, "2", alice, desk, phone)
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["2"], "one node, whichever session publishes"
    await phone.leave(ROOM)
    await tells(desk, BOB, "3", alice, desk)
    await told_nothing(phone, ["1", "2"])
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [MOOD]
    await desk.leave(ROOM)
    await nothing_is_left_of_bob(desk, [alice])
    assert ids(alice) == ["1", "2", "3", "unseen"]


async def test_a_session_that_comes_to_a_nick_is_told_last_items_and_the_others_are_not(den):
    alice, desk = await den("alice", "bob/desk")
    await tells(desk, BOB, "own", desk)
    await tells(alice, ALICE, "other", desk)
    (phone,) = await den("bob/phone")
    assert sorted(ids(phone)) == ["other", "own"]
    await told_nothing(desk, ["own", "other"])


async def test_sessions_of_a_nick_want_what_each_wants(connect, den):
    alice, desk = await den("alice", "bob/desk")
    phone = await connect("bob", resource="phone", features=notify(TUNE))
    await come_in(phone, "bob")
    await tells(alice, ALICE, "mood", desk)
    await tells(alice, ALICE, "tune", phone, node=TUNE)
    await told_nothing(desk, ["mood"])
    await told_nothing(phone, ["tune"])
    phone.set_features(notify(MOOD, TUNE))
    phone.presence(BOB, phone.caps)
    await phone.expect_event(MOOD)
    await told_nothing(desk, ["mood"])


async def test_a_session_leaves_a_nick_that_it_shared_for_one_of_its_own(den):
    alice, desk, phone = await den("alice", "bob/desk", "bob/phone")
    await tells(desk, BOB, "shared", alice, desk, phone)
    await desk.change_nick(ROOM, "robert")
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["shared"], "the session that stays has it"
    assert nodes_in(await must(alice, "get", f"{ROOM}/robert", disco(DISCO_ITEMS))) == []
    assert await refused(desk, "set", BOB, publish(MOOD, mood())) == ("auth", "forbidden", None)
    await tells(desk, f"{ROOM}/robert", "desk", alice, desk, phone)
    await tells(phone, BOB, "phone", alice, desk, phone)
    for client in (alice, desk, phone):
        assert ids(client) == ["shared", "desk", "phone"], "each once"


async def test_a_session_joins_another_nick_of_its_own(den, connect):
    alice, desk = await den("alice", "bob/desk")
    phone = await connect("bob", resource="phone", features=notify(MOOD))
    await come_in(phone, "robert")
    await tells(desk, BOB, "desk", alice, desk, phone)
    await tells(phone, f"{ROOM}/robert", "phone", alice, desk, phone)
    phone.presence(BOB, phone.caps)
    await alice.expect(gone("robert"))
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["desk"]
    assert await refused(alice, "get", f"{ROOM}/robert", items(MOOD)) == ("cancel", "item-not-found", None)
    await tells(phone, BOB, "together", alice, desk, phone)
    for client in (alice, desk, phone):
        assert ids(client) == ["desk", "phone", "together"], "each once"


async def test_a_nick_change_keeps_nodes_interest_and_subscriptions(den):
    alice, bob, carol = await den("alice", "bob", "carol")
    await must(bob, "set", ALICE, subscribe(BOB))
    await must(carol, "set", BOB, subscribe(carol.jid))
    await tells(bob, BOB, "before", alice, bob, carol)
    await bob.change_nick(ROOM, "robert")
    assert await refused(alice, "get", BOB, items(MOOD)) == ("cancel", "item-not-found", None)
    await tells(alice, ALICE, "tune", bob, node=TUNE)
    await must(bob, "set", f"{ROOM}/robert", publish(TUNE, mood(), "of robert"))
    assert (await carol.expect_event(TUNE)).from_ == f"{ROOM}/robert"
    (dave,) = await den("dave")
    await dave.change_nick(ROOM, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == [], "the nick's next holder inherits nothing"


async def test_nicks_that_are_swapped_keep_their_people_apart(den):
    alice, bob, carol = await den("alice", "bob", "carol")
    await tells(bob, BOB, "of bob", alice)
    await tells(carol, f"{ROOM}/carol", "of carol", alice)
    await bob.change_nick(ROOM, "other")
    await carol.change_nick(ROOM, "bob")
    await bob.change_nick(ROOM, "carol")
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of carol"]
    assert ids_in(await must(alice, "get", f"{ROOM}/carol", items(MOOD))) == ["of bob"]
    assert ids(alice) == ["of bob", "of carol"]


async def test_a_nick_change_that_is_refused_changes_nothing(den):
    alice, bob = await den("alice", "bob")
    await tells(bob, BOB, "of bob", alice)
    with pytest.raises(Refused):
        bob.presence(ALICE, bob.caps)
        await bob._own_presence(ROOM)
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["of bob"]
    assert nodes_in(await must(alice, "get", ALICE, disco(DISCO_ITEMS))) == []
    await tells(alice, ALICE, "still", bob)


@pytest.mark.parametrize("how", ["kicked", "banned", "cut off", "logged out"])
async def test_whoever_is_gone_is_gone_at_once(den, how):
    alice, bob, carol = await den("alice", "bob", "carol")
    await tells(bob, BOB, "of bob", alice, bob, carol)
    for jid in (bob.jid, "bob@localhost", BOB):
        await must(bob, "set", ALICE, subscribe(jid))
    await bob.barrier()
    if how == "kicked":
        await must(alice, "set", ROOM, admin(nick="bob", role="none"))
    elif how == "banned":
        await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="outcast"))
    elif how == "cut off":
        await bob.cut()
    else:
        await bob.close()
    for client in (alice, carol):
        await client.expect(gone("bob"))
    if how in ("kicked", "banned"):
        await nothing_is_left_of_bob(bob, [alice, carol])
        assert (await refused(bob, "set", BOB, publish(MOOD, mood())))[1] == "not-acceptable"
    (dave,) = await den("dave")
    await dave.change_nick(ROOM, "bob")
    assert ids(dave, from_=BOB) == []
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []


async def test_who_was_banned_reads_not_even_what_is_open(den):
    alice, bob = await den("alice", "bob")
    form = "<field var='pubsub#access_model'><value>open</value></field>"
    opened = f"<publish-options><x xmlns='jabber:x:data' type='submit'>{form}</x></publish-options>"
    await must(alice, "set", ROOM, publish(MOOD, mood(), "open", opened))
    await must(bob, "set", ROOM, subscribe("bob@localhost", MOOD))
    await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="outcast"))
    await alice.expect(gone("bob"))
    await bob.barrier()
    before = ids(bob)
    assert (await refused(bob, "get", ROOM, items(MOOD)))[1] == "forbidden"
    await tells(alice, ROOM, "unseen", alice)
    await told_nothing(bob, before)


async def test_a_kicked_session_takes_the_others_of_its_nick_along(den):
    alice, desk, phone = await den("alice", "bob/desk", "bob/phone")
    await tells(desk, BOB, "of bob", alice, desk, phone)
    await must(alice, "set", ROOM, admin(nick="bob", role="none"))
    await alice.expect(gone("bob"))
    await nothing_is_left_of_bob(desk, [alice])
    await told_nothing(phone, ["of bob"])
    await come_in(phone, "bob")
    assert nodes_in(await must(alice, "get", BOB, disco(DISCO_ITEMS))) == []


async def test_without_voice_nobody_publishes_and_with_it_they_do(den):
    alice, bob = await den("alice", "bob")
    await tells(bob, BOB, "before", alice)
    await must(alice, "set", ROOM, admin(nick="bob", role="visitor"))
    assert await refused(bob, "set", BOB, publish(MOOD, mood())) == ("auth", "forbidden", None)
    assert ids_in(await must(alice, "get", BOB, items(MOOD))) == ["before"]
    await tells(alice, ALICE, "to a visitor", bob)
    await must(alice, "set", ROOM, admin(nick="bob", role="participant"))
    await tells(bob, BOB, "after", alice)
    assert ids(alice) == ["before", "to a visitor", "after"]


@pytest.mark.parametrize("how", ["destroyed", "emptied"])
async def test_a_room_that_ends_leaves_nothing_to_the_next_of_its_name(den, connect, how):
    alice, bob = await den("alice", "bob")
    await tells(alice, ROOM, "of room", alice, bob)
    await tells(bob, BOB, "of bob", alice, bob)
    if how == "destroyed":
        await must(alice, "set", ROOM, f"<query xmlns='{MUC_NS}#owner'><destroy/></query>")
        await bob.expect(lambda s: s.find(f".//{MUC_USER}destroy") is not None)
    else:
        await alice.leave(ROOM)
        await bob.leave(ROOM)
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "bob")
    assert nodes_in(await must(carol, "get", ROOM, disco(DISCO_ITEMS))) == []
    assert nodes_in(await must(carol, "get", BOB, disco(DISCO_ITEMS))) == []
    await tells(carol, BOB, "of carol", carol)
    assert ids(carol) == ["of carol"]
    for client in (alice, bob):
        await told_nothing(client, ["of room", "of bob"])
    await come_in(alice, "alice")
    assert ids(alice) == ["of room", "of bob", "of carol"], "who comes back is told as anybody is"


@PERSISTENT
async def test_a_persistent_room_that_is_emptied_keeps_its_own_nodes_and_no_occupants(den):
    alice, bob = await den("alice", "bob")
    await tells(alice, ROOM, "of room", alice, bob)
    await tells(bob, BOB, "of bob", alice, bob)
    await alice.leave(ROOM)
    await bob.leave(ROOM)
    await come_in(bob, "bob")
    assert ids(bob) == ["of room", "of bob", "of room"]
    assert nodes_in(await must(bob, "get", BOB, disco(DISCO_ITEMS))) == []


async def test_joining_again_while_in_is_coming_in(den):
    alice, bob = await den("alice", "bob")
    await tells(alice, ALICE, "last", alice, bob)
    await bob.join(ROOM, "bob")
    await bob.barrier()
    await told_nothing(bob, ["last", "last"])
    await bob.join(ROOM, "bob", caps=False)
    await tells(alice, ALICE, "unseen", alice)
    await told_nothing(bob, ["last", "last"])
    await told_nothing(alice, ["last", "unseen"])


async def test_last_items_come_after_the_subject_and_the_rooms_first(den, connect):
    alice, bob = await den("alice", "bob")
    await tells(bob, BOB, "of bob", alice)
    await tells(alice, ALICE, "of alice", alice)
    await tells(alice, ROOM, "of room", alice)
    (carol,) = await den("carol")
    assert ids(carol)[0] == "of room" and sorted(ids(carol)) == ["of alice", "of bob", "of room"]
    dave = await connect("dave", features=notify(MOOD))  # whose capabilities are known by now
    await come_in(dave, "dave")
    kinds = ["subject" if s.find(CLIENT + "subject") is not None else "event" for s in dave.received if is_message(s)]
    assert kinds == ["subject", "event", "event", "event"]


def is_message(stanza):
    return stanza.tag == CLIENT + "message"


async def test_who_is_hidden_publishes_to_own_sessions_and_moderators_to_all(den):
    alice, desk, carol = await den("alice", "bob/desk", "carol")
    await must(alice, "set", ROOM, configure("presencebroadcast", "moderator"))
    (phone,) = await den("bob/phone")
    await must(carol, "set", ROOM, subscribe(carol.jid))
    await tells(desk, BOB, "hidden", desk, phone)
    await tells(alice, ALICE, "shown", alice, desk, phone, carol)
    await told_nothing(carol, ["shown"])
    await told_nothing(alice, ["shown"])
    (dave,) = await den("dave")
    assert ids(dave) == ["shown"], "nor as a last item"

    await must(alice, "set", ROOM, admin(nick="bob", role="moderator"))
    for client in (alice, carol, dave):
        assert (await client.expect_event(MOOD, from_=BOB)).item_ids == ["hidden"], "as a last item"
    await tells(desk, BOB, "no longer", alice, carol, dave)
    await must(alice, "set", ROOM, admin(nick="bob", role="participant"))
    await tells(desk, BOB, "hidden again", desk, phone)
    for client in (alice, carol, dave):
        await told_nothing(client, ["shown", "hidden", "no longer"])


async def test_a_room_made_members_only_throws_others_out(den):
    alice, bob, carol = await den("alice", "bob", "carol")
    await tells(bob, BOB, "of bob", alice, bob, carol)
    await must(alice, "set", ROOM, admin(jid="carol@localhost", affiliation="member"))
    await must(alice, "set", ROOM, configure("membersonly", 1))
    await bob.expect(gone("bob"))  # Prosody tells nobody else
    await nothing_is_left_of_bob(bob, [alice, carol])
    with pytest.raises(Refused):
        await come_in(bob, "bob")
    await told_nothing(bob, ["of bob"])
    await tells(carol, f"{ROOM}/carol", "of carol", alice, carol)
