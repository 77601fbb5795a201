"""What an admin forces by `mep_node_config`, and what the module itself forces, makes no publish impossible."""

import pytest
from mep import (
    MOOD, ROOM, come_in, configure, fields, form, ids_in, items, mood, must, options, owner, publish, pubsub,
    refused,
)  # fmt: skip
from testbed.xml import MUC

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
AVATAR = "urn:xmpp:avatar:metadata"
FORBIDDEN = ("auth", "forbidden", None)
NOT_ACCEPTABLE = ("modify", "not-acceptable", None)


def forced(value):
    return pytest.mark.mep(options=f'mep_node_config = {{ ["{MOOD}"] = {{ {value} }} }}')


@forced('publish_model = "open"; title = "Forced"')
async def test_a_forced_publish_model_leaves_occupants_their_own_nodes(people):
    alice, bob = people
    await must(bob, "set", BOB, publish(MOOD, mood(), "a"))
    await must(bob, "set", BOB, publish(MOOD, mood(), "b", options(publish_model="publishers")))
    await must(bob, "set", BOB, configure(MOOD, max_items="2"))
    shown = fields(await must(bob, "get", BOB, owner("configure", MOOD)))
    assert (shown["publish_model"], shown["title"]) == ("publishers", "Forced")
    assert await refused(alice, "set", BOB, publish(MOOD, mood())) == FORBIDDEN
    inner = f"<create node='{MOOD}'/><configure>{form('node_config', max_items='2')}</configure>"
    await must(alice, "set", ALICE, pubsub(inner))


@forced('publish_model = "open"')
async def test_a_forced_open_node_of_the_room_is_made_by_the_first_who_publishes(people, connect):
    alice, bob = people
    muted = f"<query xmlns='{MUC[1:-1]}#admin'><item nick='bob' role='visitor'/></query>"
    await must(alice, "set", ROOM, muted)
    assert await refused(bob, "set", ROOM, publish(MOOD, mood(), "a")) == FORBIDDEN
    await must(alice, "set", ROOM, muted.replace("visitor", "participant"))
    assert await refused(bob, "set", ROOM, pubsub(f"<create node='{MOOD}'/>")) == FORBIDDEN
    assert await refused(bob, "set", ROOM, publish("urn:other", mood(), "a")) == FORBIDDEN
    unmet = await refused(bob, "set", ROOM, publish(MOOD, mood(), "a", options(access_model="whitelist")))
    assert unmet == ("cancel", "conflict", "precondition-not-met"), "others configure no node of the room"
    await must(bob, "set", ROOM, publish(MOOD, mood(), "a", options(access_model="presence")))
    assert (await bob.expect_event(MOOD, from_=ROOM)).item_ids == ["a"]
    carol = await connect("carol")
    await come_in(carol, "carol")
    await must(carol, "set", ROOM, publish(MOOD, mood(), "b"))
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == ["b"]
    assert fields(await must(alice, "get", ROOM, owner("configure", MOOD)))["publish_model"] == "open"


async def test_a_node_that_clients_know_with_a_payload_delivers_it(people):
    alice, _ = people
    payload = f"<metadata xmlns='{AVATAR}'/>"
    configuration = f"<configure>{form('node_config', deliver_payloads='0')}</configure>"
    for request in (
        publish(AVATAR, payload, "a", options(deliver_payloads="0")),
        pubsub(f"<create node='{AVATAR}'/>{configuration}"),
    ):
        assert await refused(alice, "set", ROOM, request) == NOT_ACCEPTABLE
    await must(alice, "set", ROOM, publish(AVATAR, payload, "a", options(deliver_payloads="1")))
    assert await refused(alice, "set", ROOM, configure(AVATAR, deliver_payloads="0")) == NOT_ACCEPTABLE
    assert fields(await must(alice, "get", ROOM, owner("configure", AVATAR)))["deliver_payloads"] == "1"


@pytest.mark.mep(options="mep_reserved_nodes = {}")
async def test_neither_does_an_occupants_node_of_that_name_leave_it_out(people):
    alice, _ = people
    await must(alice, "set", ALICE, publish(AVATAR, f"<metadata xmlns='{AVATAR}'/>", "a"))
    assert await refused(alice, "set", ALICE, configure(AVATAR, deliver_payloads="0")) == NOT_ACCEPTABLE
