"""Each form that a client's capabilities may have, and what is known of them afterwards (XEP-0115, XEP-0390)."""

import pytest
from mep import CONFERENCE, MOOD, ROOM, TUNE, come_in, mood, must, notify, publish, subscribe
from testbed import caps
from testbed.slix import Slix
from testbed.xml import DISCO_INFO

PATIENCE = "mep_caps_timeout = 1"


async def come_in_with(client, nick, said, room=ROOM):
    """Joins with these capabilities in the presence, and returns once the room knows what the client wants."""
    await client.join(room, nick, caps=False, extra=said)
    await client.barrier()
    await client.barrier()


async def publisher(connect):
    alice = await connect("alice", resource="publisher")
    await come_in(alice, "alice")
    return alice


def asked(*clients):
    return [question.node for client in clients for question in client.asked]


@pytest.mark.parametrize("algorithm", ["sha-256", "sha3-256", "sha-512"])
async def test_the_hashes_of_xep_0390_are_asked_by_their_node_and_verified(connect, server, algorithm):
    alice = await publisher(connect)
    bob, carol = [await connect(name, features=notify(MOOD)) for name in ("bob", "carol")]
    value = caps.ecaps2(bob.features, algorithm=algorithm)
    said = caps.ecaps2_element(**{algorithm.replace("-", "_"): value})
    await come_in_with(bob, "bob", said)
    await come_in_with(carol, "carol", said)
    assert asked(bob, carol) == [f"urn:xmpp:caps#{algorithm}.{value}"]
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood()))
    await bob.expect_event(MOOD)
    await carol.expect_event(MOOD)
    assert server.status()["caps_mismatched"] == 0


async def test_xep_0390_is_preferred_and_serves_those_who_speak_xep_0115_alone(connect):
    await publisher(connect)
    bob, carol = [await connect(name, features=notify(MOOD)) for name in ("bob", "carol")]
    value = caps.ecaps2(bob.features)
    await come_in_with(bob, "bob", bob.caps + caps.ecaps2_element(sha_256=value, blake9="x"))
    assert asked(bob) == [f"urn:xmpp:caps#sha-256.{value}"]
    await come_in(carol, "carol")
    assert asked(carol) == [], "the same answer has that hash too"


async def test_a_stream_with_a_language_has_its_hash_of_xep_0390_verified_under_both_readings(connect, server):
    await publisher(connect)
    german = await connect("bob", features=notify(MOOD), lang="de")
    inherited = caps.ecaps2(german.features, [("client", "pc", "de", "testbed")])
    await come_in_with(german, "bob", caps.ecaps2_element(sha_256=inherited))
    plain = await connect("carol", features=notify(MOOD), lang="de")
    await come_in_with(plain, "carol", caps.ecaps2_element(sha_256=caps.ecaps2(plain.features)))
    seen = server.status()
    assert (seen["caps_answered"] - seen["caps_mismatched"], seen["caps_mismatched"]) == (3, 0)


@pytest.mark.parametrize("algorithm", ["sha-224", "sha-256", "sha-384", "sha-512", "sha3-256", "sha3-512"])
async def test_further_functions_of_xep_0115_are_verified(connect, algorithm):
    await publisher(connect)
    bob, carol = [await connect(name, features=notify(MOOD)) for name in ("bob", "carol")]
    said = caps.element(caps.ver(bob.features, algorithm=algorithm), algorithm)
    await come_in_with(bob, "bob", said)
    await come_in_with(carol, "carol", said)
    assert len(asked(bob, carol)) == 1


@pytest.mark.parametrize(
    "said",
    [
        "<c xmlns='http://jabber.org/protocol/caps' node='urn:old' ver='0.9' ext='more'/>",
        "<c xmlns='http://jabber.org/protocol/caps' node='urn:old' ver='0.9' hash='md5'/>",
        "<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='blake9'>x</hash></c>",
    ],
)
async def test_what_can_not_be_verified_counts_for_its_session_alone(connect, server, said):
    alice = await publisher(connect)
    bob, carol = await connect("bob", features=notify(MOOD)), await connect("carol", features=notify(TUNE))
    await come_in_with(bob, "bob", said)
    await come_in_with(carol, "carol", said)
    assert len(asked(bob)) == len(asked(carol)) == 1
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood()))
    await must(alice, "set", f"{ROOM}/alice", publish(TUNE, f"<tune xmlns='{TUNE}'/>"))
    for client, wanted in ((bob, [MOOD]), (carol, [TUNE])):
        await client.expect_event(*wanted)
        await client.barrier()
        assert [event.node for event in client.events()] == wanted
    assert server.status()["caps_mismatched"] == 0, "nobody lied"


@pytest.mark.mep(options=PATIENCE)
async def test_when_the_time_is_over_another_is_asked_and_a_late_answer_still_counts(connect, server):
    alice = await publisher(connect)
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "last"))
    late, prompt = await connect("bob", features=notify(MOOD)), await connect("carol", features=notify(MOOD))
    for client in (late, prompt):
        client.answers[DISCO_INFO + "query"] = lambda iq: None
    await late.join(ROOM, "bob")
    await prompt.join(ROOM, "carol")
    await prompt.expect_question()
    question = late.asked[0]
    late.send(
        f"<iq type='result' to='{ROOM}' id='{question.id}'>{caps.disco_info(late.features, question.node)}</iq>"
    )
    for client in (late, prompt):
        assert (await client.expect_event(MOOD)).item_ids == ["last"], "one answer serves all, be it late"
    seen = server.status()
    assert (seen["caps_timed_out"], seen["caps_asking"]) == (1, 0)


async def test_an_answer_of_absurd_size_says_nothing_and_the_next_is_asked(connect, server):
    alice = await publisher(connect)
    absurd, honest = await connect("bob", features=notify(MOOD)), await connect("carol", features=notify(MOOD))
    many = [f"urn:x:{n}" for n in range(3000)]
    absurd.answers[DISCO_INFO + "query"] = lambda iq: caps.disco_info([*many, *absurd.features], iq[0].get("node"))
    await come_in(absurd, "bob")
    await come_in(honest, "carol")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood()))
    await honest.expect_event(MOOD)
    await absurd.expect_event(MOOD)
    assert server.status()["caps_refused"] == 1


@pytest.mark.mep(options="mep_publish_rate = 0")  # or it would depend on how long the presences take
async def test_hashes_that_change_with_every_presence_are_asked_at_a_rate(connect, server):
    alice = await publisher(connect)
    restless = await connect("bob", features=notify(MOOD))
    await come_in(restless, "bob")
    for n in range(600):
        restless.set_features([f"urn:x:{n}"])
        restless.presence(f"{ROOM}/bob", restless.caps)
    await restless.barrier()
    await restless.barrier()
    honest = await connect("carol", features=notify(MOOD))
    await come_in(honest, "carol")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood()))
    await honest.expect_event(MOOD)
    seen = server.status()
    assert (seen["caps_asked"], seen["caps_asking"]) == (251, 0), "alice, carol, and as many of bob's as he may send at once, joining one of them"


@pytest.mark.mep(storage="internal")
async def test_what_was_learned_outlives_a_restart_and_a_reload(connect, server):
    kinds = [[f"urn:x:{n}", *notify(MOOD)] for n in range(30)]

    async def all_come_in(round):
        clients = [await connect(f"u{n}", resource=f"{round}{at}", features=kind) for n, kind in enumerate(kinds) for at in "ab"]
        for n, client in enumerate(clients):
            await client.join(ROOM, f"{round}-{n}")
        for client in clients * 2:  # what is asked has come, and what is answered has been read
            await client.barrier()
        for client in clients:
            await client.close()
        return asked(*clients)

    assert len(await all_come_in(0)) == 30
    server.reload()
    assert await all_come_in(1) == []
    server.restart()
    assert await all_come_in(2) == []
    seen = server.status()
    assert (seen["caps_known"], seen["caps_asked"]) == (30, 0)


@pytest.mark.mep(storage="internal", options="mep_caps_cache_size = 2")
async def test_what_goes_for_want_of_room_takes_nobodys_interest(connect, server):
    alice = await publisher(connect)
    clients = [await connect(f"u{n}", features=[f"urn:x:{n}", *notify(MOOD)]) for n in range(5)]
    for n, client in enumerate(clients):
        await come_in(client, f"u{n}")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood()))
    for client in clients:
        await client.expect_event(MOOD)
    seen = server.status()
    assert (seen["caps_known"], seen["caps_evicted"]) == (2, 4)
    server.restart()
    assert server.status()["caps_known"] == 2


@pytest.mark.mep(options=f'mep_subscription_only_nodes = {{ "{MOOD}" }}')
async def test_what_is_for_subscribers_only_is_not_selected_at_occupants_by_capabilities(connect):
    alice = await publisher(connect)
    bob, carol = [await connect(name, features=notify(MOOD, CONFERENCE)) for name in ("bob", "carol")]
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "before"))
    await come_in(bob, "bob")
    await come_in(carol, "carol")
    await must(carol, "set", f"{ROOM}/alice", subscribe(carol.jid, MOOD))
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "after"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "of the room"))
    await bob.expect_event(MOOD, from_=ROOM)
    await carol.expect_event(MOOD, from_=ROOM)
    assert [event.item_ids for event in bob.events()] == [["of the room"]]
    assert [event.item_ids for event in carol.events(kind="items")] == [["before"], ["after"], ["of the room"]]


async def test_slixmpp_is_verified_and_asked_once(server):
    async with Slix(server, "alice") as alice, Slix(server, "bob") as bob:
        await alice.join(ROOM, "alice")
        await bob.join(ROOM, "bob")
        stanza = alice.plugin["xep_0107"].stanza.UserMood()
        stanza["value"] = "curious"
        await alice.plugin["xep_0060"].publish(f"{ROOM}/alice", MOOD, payload=stanza)
        await bob.expect_event(MOOD)
    seen = server.status()
    assert (seen["caps_asked"], seen["caps_answered"], seen["caps_mismatched"], seen["caps_known"]) == (1, 1, 0, 1)


@pytest.mark.mep(global_options='statistics = "internal"; statistics_interval = 1; ')
async def test_what_happened_is_there_for_the_shell_and_as_metrics(connect, server):
    liar = await connect("mallory", features=notify(TUNE), caps_ver="a lie")
    await come_in(liar, "mallory")
    seen = server.status()
    assert (seen["caps_asked"], seen["caps_mismatched"], seen["sessions"], seen["caps_known"]) == (1, 1, 1, 0)
    shown = server.shell(f'mep:status("{server.rooms}")')
    assert "mismatched" in shown and "Answers that do not match the claimed hash" in shown
    assert "mod_mep/caps_mismatched" in server.shell("stats:show('mod_mep')")


@pytest.mark.mep(options="mep_ask_without_caps = 10")
async def test_a_client_that_joins_without_capabilities_is_asked_once_where_the_admin_wants_that(connect):
    alice = await publisher(connect)
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "before"))
    bob = await connect("bob", features=notify(MOOD))
    await come_in_with(bob, "bob", "")
    assert asked(bob) == [None]
    assert (await bob.expect_event(MOOD)).item_ids == ["before"]
    bob.presence(f"{ROOM}/bob")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "after"))
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["before"], ["after"]]
    assert asked(bob) == [None]
