"""Interest from capabilities: asked once, believed only when verified, kept and changed by presence (XEP-0115)."""

from mep import MOOD, ROOM, TUNE, come_in, mood, must, notify, publish
from testbed import caps
from testbed.xml import DISCO_INFO


async def test_an_unknown_hash_is_asked_once_from_the_room(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    clients = [await connect(f"bob{n}", features=notify(MOOD)) for n in range(4)]
    for n, client in enumerate(clients):
        await come_in(client, f"bob{n}")
    asked = [question for client in clients for question in client.asked]
    assert [(question.from_, question.node) for question in asked] == [(ROOM, caps_node(clients[0]))]
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood()))
    for client in clients:
        await client.expect_event(MOOD)


async def test_what_does_not_match_its_hash_counts_for_its_sender_alone(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    honest = await connect("bob", features=notify(MOOD))
    liar = await connect("mallory", features=notify(TUNE), caps_ver=honest.ver)
    await come_in(liar, "mallory")
    await come_in(honest, "bob")
    assert len(liar.asked) == len(honest.asked) == 1, "the honest one is asked as well"
    await must(alice, "set", f"{ROOM}/alice", publish(TUNE, f"<tune xmlns='{TUNE}'/>"))
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood()))
    await liar.expect_event(TUNE)
    await honest.expect_event(MOOD)
    for client, wanted in ((liar, [TUNE]), (honest, [MOOD])):
        await client.barrier()
        assert [event.node for event in client.events()] == wanted


async def test_presence_without_capabilities_keeps_them_and_another_hash_changes_them(connect):
    alice = await connect("alice")
    bob = await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    bob.presence(f"{ROOM}/bob", "<show>away</show>")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "kept"))
    assert (await bob.expect_event(MOOD)).item_ids == ["kept"]

    bob.set_features(notify(TUNE))
    bob.presence(f"{ROOM}/bob", bob.caps)
    await bob.barrier()
    await bob.barrier()
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "unwanted"))
    await must(alice, "set", f"{ROOM}/alice", publish(TUNE, f"<tune xmlns='{TUNE}'/>", "wanted"))
    await bob.expect_event(TUNE)
    assert [event.item_ids for event in bob.events()] == [["kept"], ["wanted"]]


async def test_a_stream_with_a_language_has_its_hash_verified_all_the_same(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    bob = await connect("bob", features=notify(MOOD), lang="de")
    carol = await connect("carol", features=notify(MOOD))
    await come_in(bob, "bob")
    await come_in(carol, "carol")
    assert (len(bob.asked), len(carol.asked)) == (1, 0), "verified, so not asked again"


async def test_no_answer_and_an_error_lead_to_the_next_who_claims_the_same(connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    error = await connect("bob", features=notify(MOOD))
    error.answers[DISCO_INFO + "query"] = lambda iq: (
        "<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    )
    silent = await connect("carol", features=notify(MOOD))
    silent.answers[DISCO_INFO + "query"] = lambda iq: None
    await come_in(error, "bob")
    await silent.join(ROOM, "carol")
    honest = await connect("dave", features=notify(MOOD))
    await honest.join(ROOM, "dave")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "while asking"))
    await silent.cut()
    assert (await honest.expect_event(MOOD)).item_ids == ["while asking"], "as a last item, once it is known"


async def test_coming_in_again_starts_anew(connect):
    alice = await connect("alice", features=notify(MOOD))
    await come_in(alice, "alice")
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "a"))
    await alice.expect_event(MOOD)
    await come_in(alice, "alice")
    assert (await alice.expect_event(MOOD)).item_ids == ["a"]


def caps_node(client):
    return f"{caps.URI}#{client.ver}"
