"""What a room is at this moment decides who is told: access that is gained and lost, items that belong to accounts."""

import pytest
from mep import (
    MOOD, PUBSUB, ROOM, affiliate, come_in, configure, entries, ids_in, items, make_persistent, mood, must, notify,
    options, owner, publish, pubsub, refused, retract, subscribe,
)  # fmt: skip
from testbed.xml import MUC, STANZAS

MUC_NS = MUC[1:-1]
ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
CLOSED = options(access_model="whitelist")
OPEN = options(access_model="open")
EVENT = f"{{{PUBSUB}#event}}"


def admin(**item):
    return f"<query xmlns='{MUC_NS}#admin'><item {' '.join(f'{k}={v!r}' for k, v in item.items())}/></query>"


def room_config(**fields):
    values = {
        name.replace("__", "#"): "".join(f"<value>{v}</value>" for v in value.split()) for name, value in fields.items()
    }
    rows = "".join(f"<field var='{name}'>{value}</field>" for name, value in values.items())
    return (
        f"<query xmlns='{MUC_NS}#owner'><x xmlns='jabber:x:data' type='submit'>"
        f"<field var='FORM_TYPE'><value>{MUC_NS}#roomconfig</value></field>{rows}</x></query>"
    )


def told(client):
    """The ids of the items that a client was sent, and whether each came with its time."""
    return [(id, event.element.find("{urn:xmpp:delay}delay") is not None) for event in client.events() for id in event.item_ids]


def notices(client):
    """The states of subscriptions that a client was told, in order."""
    return [
        subscription.get("subscription")
        for stanza in client.received
        for subscription in stanza.iter(f"{EVENT}subscription")
    ]


async def sent(client, id):
    """Waits until a client was sent an item, late and once."""
    await client.expect(lambda s: any(item.get("id") == id for item in s.iter(f"{EVENT}item")))
    await client.barrier()
    await client.barrier()
    assert told(client) == [(id, True)]


async def close(alice, bob):
    """A node of the room that is closed to Bob."""
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1", CLOSED))
    await bob.barrier()
    assert told(bob) == []


@pytest.mark.mep(storage="internal", options='mep_room_publishers = "owners"')
async def test_after_a_restart_an_admin_is_no_owner(server, connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await make_persistent(alice)
    await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="admin"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1", CLOSED))
    server.restart()
    bob = await connect("bob", features=notify(MOOD))
    await come_in(bob, "bob")
    await bob.barrier()
    assert told(bob) == []
    assert (await refused(bob, "get", ROOM, items(MOOD)))[2] == "closed-node"


@pytest.mark.parametrize("how", ["opened", "named", "made an admin", "let publish"])
async def test_whoever_is_let_in_is_sent_the_last_item_once(people, how):
    alice, bob = people
    await close(alice, bob)
    await must(alice, "set", ROOM, {
        "opened": configure(MOOD, access_model="presence"),
        "named": affiliate(MOOD, **{BOB: "member"}),
        "made an admin": admin(jid="bob@localhost", affiliation="admin"),
        "let publish": room_config(mep__roomconfig_publishers="participants"),
    }[how])  # fmt: skip
    await sent(bob, "1")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "2"))
    await bob.barrier()
    assert told(bob)[1:] == [("2", False)]


async def test_a_node_that_notifies_again_brings_its_last_item(people):
    alice, bob = people
    await must(alice, "set", ALICE, publish(MOOD, mood(), "1", options(deliver_notifications="0")))
    await bob.barrier()
    assert told(bob) == []
    await must(alice, "set", ALICE, configure(MOOD, deliver_notifications="1"))
    await sent(bob, "1")


async def test_an_occupant_that_is_shown_again_brings_its_last_items(people):
    alice, bob = people
    await must(alice, "set", ROOM, room_config(muc__roomconfig_presencebroadcast="participant visitor"))
    await must(alice, "set", ALICE, publish(MOOD, mood(), "1"))
    await bob.barrier()
    assert told(bob) == []
    await must(alice, "set", ROOM, room_config(muc__roomconfig_presencebroadcast="moderator participant visitor"))
    await sent(bob, "1")


@pytest.fixture
async def outsider(people, connect):
    """Carol, who is outside, and subscribed to an open node of the room and one of Alice's."""
    alice, _ = people
    carol = await connect("carol")
    carol.presence()
    for address in (ROOM, ALICE):
        await must(alice, "set", address, publish(MOOD, mood(), "1", OPEN))
        await must(carol, "set", address, subscribe("carol@localhost", MOOD))
    return carol


async def test_a_banned_domain_ends_subscriptions_outside(people, outsider):
    alice, _ = people
    await make_persistent(alice)
    # mod_muc shows the door to all of that domain, and Alice owns the room still.
    await must(alice, "set", ROOM, admin(jid="localhost", affiliation="outcast"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "2"))
    await outsider.barrier()
    assert told(outsider) == []
    assert notices(outsider) == ["none", "none"]
    assert (await refused(outsider, "get", ROOM, items(MOOD)))[1] == "forbidden"


@pytest.mark.parametrize("how", ["banned", "unsubscribed", "closed", "members only"])
async def test_whoever_loses_a_subscription_outside_is_told_and_sent_nothing_more(people, outsider, how):
    alice, _ = people
    nothing = "<subscription jid='carol@localhost' subscription='none'/>"
    for request in {
        "banned": [(ROOM, admin(jid="carol@localhost", affiliation="outcast"))],
        "unsubscribed": [(at, owner("subscriptions", MOOD, nothing)) for at in (ROOM, ALICE)],
        "closed": [(at, configure(MOOD, access_model="presence")) for at in (ROOM, ALICE)],
        "members only": [(ROOM, room_config(muc__roomconfig_membersonly="1"))],
    }[how]:
        await must(alice, "set", *request)
    for address in (ROOM, ALICE):
        await must(alice, "set", address, publish(MOOD, mood(), "2"))
    await outsider.barrier()
    assert told(outsider) == []
    assert notices(outsider) == ["none", "none"]


async def test_a_member_outside_is_told_in_a_room_for_members_only(people, outsider):
    alice, bob = people
    for jid in ("carol@localhost", "bob@localhost"):
        await must(alice, "set", ROOM, admin(jid=jid, affiliation="member"))
    await must(alice, "set", ROOM, room_config(muc__roomconfig_membersonly="1"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "2"))
    assert (await outsider.expect_event(MOOD)).item_ids == ["2"]
    assert notices(outsider) == []


async def test_subscriptions_are_listed_and_ended_by_any_client_of_the_account(people, connect):
    alice, _ = people
    phone, desk = await connect("carol", resource="phone"), await connect("carol", resource="desk")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1", OPEN))
    await must(phone, "set", ROOM, subscribe(phone.jid, MOOD))
    reply = await must(desk, "get", ROOM, pubsub("<subscriptions/>"))
    assert [s.get("jid") for s in reply.iter(f"{{{PUBSUB}}}subscription")] == [phone.jid]
    await must(desk, "get", ROOM, subscribe(phone.jid, MOOD, "options"))
    assert await refused(alice, "set", ROOM, subscribe(phone.jid, MOOD, "unsubscribe")) == ("auth", "forbidden", None)
    await must(desk, "set", ROOM, subscribe(phone.jid, MOOD, "unsubscribe"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "2"))
    await phone.barrier()
    assert told(phone) == []


@pytest.mark.parametrize("condition, ends", [("gone", True), ("service-unavailable", True), ("not-acceptable", False)])
async def test_an_error_that_says_that_nobody_is_there_ends_the_subscription(people, connect, condition, ends):
    alice, _ = people
    carol = await connect("carol")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1", OPEN))
    await must(carol, "set", ROOM, subscribe(carol.jid, MOOD))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "2"))
    event = await carol.expect_event(MOOD)
    error = f"<error type='cancel'><{condition} xmlns='{STANZAS[1:-1]}'/></error>"
    carol.message(ROOM, error, type="error", id=event.id)
    reply = await must(carol, "get", ROOM, pubsub("<subscriptions/>"))
    assert [s.get("jid") for s in reply.iter(f"{{{PUBSUB}}}subscription")] == ([] if ends else [carol.jid])


@pytest.mark.mep(options='mep_notification_type = "normal"', modules=["offline"])
async def test_a_client_that_has_gone_is_stored_nothing_and_an_account_is(people, connect):
    alice, bob = people
    carol = await connect("carol")
    carol.presence()
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1", OPEN))
    await must(carol, "set", ROOM, subscribe("carol@localhost", MOOD))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "2"))
    await carol.expect_event(MOOD)
    await bob.barrier()
    hints = {client: [event.element.find("{urn:xmpp:hints}no-store") is not None for event in client.events()] for client in (bob, carol)}
    assert hints == {bob: [True, True], carol: [False]}


async def vote(client, id):
    return await must(client, "set", ROOM, publish(MOOD, mood(), id))


@pytest.mark.mep(storage="internal")
@pytest.mark.parametrize("end", ["leaving", "a crash"])
async def test_an_item_belongs_to_the_account_that_published_it(server, people, connect, end):
    alice, bob = people
    await make_persistent(alice)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "of alice", options(publish_model="open", max_items="9")))
    await vote(bob, "of bob")
    assert await refused(bob, "set", ROOM, publish(MOOD, mood(), "of alice")) == ("auth", "forbidden", None)
    assert await refused(bob, "set", ROOM, retract(MOOD, "of alice")) == ("auth", "forbidden", None)
    if end == "leaving":
        await bob.leave(ROOM)
    else:
        server.kill()
        server.start()
        alice, bob = await connect("alice"), await connect("bob")
        await come_in(alice, "alice")
    await come_in(bob, "robert")
    await vote(bob, "of bob")
    await vote(bob, "of bob, too")
    await must(bob, "set", ROOM, retract(MOOD, "of bob"))
    assert ids_in(await must(bob, "get", ROOM, items(MOOD))) == ["of alice", "of bob, too"]
    await must(bob, "set", ROOM, owner("purge", MOOD))
    reply = await must(alice, "get", ROOM, items(MOOD))
    assert ids_in(reply) == ["of alice"]


@pytest.mark.mep(storage="internal")
async def test_what_goes_with_its_publisher_is_gone_after_a_crash(server, people, connect):
    alice, bob = people
    await make_persistent(alice)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "of alice", options(publish_model="open", max_items="9")))
    await vote(bob, "of bob")
    await must(alice, "set", ROOM, configure(MOOD, purge_offline="1"))
    server.kill()
    server.start()
    carol = await connect("carol")
    await come_in(carol, "carol")
    assert ids_in(await must(carol, "get", ROOM, items(MOOD))) == []


async def test_a_publisher_has_no_voice_outside(people):
    alice, bob = people
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1"))
    await must(alice, "set", ROOM, affiliate(MOOD, **{"bob@localhost": "publisher"}))
    await must(bob, "set", ROOM, publish(MOOD, mood(), "inside"))
    await bob.leave(ROOM)
    assert (await refused(bob, "set", ROOM, publish(MOOD, mood(), "outside")))[:2] == ("auth", "forbidden")


async def test_the_banned_are_told_no_names_of_nodes(people):
    alice, bob = people
    await close(alice, bob)
    await must(alice, "set", ROOM, admin(jid="bob@localhost", affiliation="outcast"))
    reply = await must(bob, "get", ROOM, pubsub("<affiliations/>"))
    assert entries(reply, "affiliation") == {}
