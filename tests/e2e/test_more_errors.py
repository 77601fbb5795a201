"""Errors that `test_errors.py` does not cover. Here too, a refused request changes nothing and notifies no session."""

import pytest
from mep import (
    DISCO_ITEMS, MOOD, OWNER, ROOM, TUNE, affiliate, attribute, configure, entries, form, ids_in, item, items, mood,
    must, options, owner, publish, pubsub, retract, subscribe,
)  # fmt: skip
from test_errors import ALICE, BAD_REQUEST, BOB, CONFIG, FORBIDDEN, NOT_FOUND, den  # noqa: F401

ERRORS = "{http://jabber.org/protocol/pubsub#errors}"
RSM = "http://jabber.org/protocol/rsm"
NOT_ACCEPTABLE = ("modify", "not-acceptable", None)
INVALID = (*BAD_REQUEST, "invalid-options")
NOT_SUBSCRIBED = ("cancel", "unexpected-request", "not-subscribed")
CAROL = "carol@localhost"


def subscriptions(**people):
    rows = "".join(f"<subscription jid='{jid}' subscription='{state}'/>" for jid, state in people.items())
    return owner("subscriptions", MOOD, rows)


def with_options(jid, **fields):
    """A change of the options of a subscription to MOOD."""
    return pubsub(f"<options node='{MOOD}'{attribute('jid', jid)}>{form('subscribe_options', **fields)}</options>")


async def test_a_feature_that_is_not_had_is_named(den):
    await must(den.alice, "set", ALICE, publish(TUNE, mood(), "a", options(persist_items="0")))
    cases = {
        "persistent-items": (("get", items(TUNE)), ("set", retract(TUNE, "a")), ("set", owner("purge", TUNE))),
        "publisher-affiliation": (("set", affiliate(MOOD, **{BOB: "publisher"})),),
        "publish-only-affiliation": (("set", affiliate(MOOD, **{BOB: "publish-only"})),),
    }
    for feature, requests in cases.items():
        for kind, payload in requests:
            error = await den.refuses(den.alice, kind, ALICE, payload)
            assert error == ("cancel", "feature-not-implemented", "unsupported"), payload
            reply = await den.alice.iq(kind, ALICE, payload)
            assert reply.find(f".//{ERRORS}unsupported").get("feature") == feature


async def test_subscriptions_have_no_ids_and_none_is_right(den):
    wrong = ("modify", "not-acceptable", "invalid-subid")
    await must(den.bob, "set", ALICE, subscribe(den.bob.jid, MOOD))
    unsubscribing = subscribe(den.bob.jid, MOOD, "unsubscribe").replace("/>", " subid='1'/>")
    assert await den.refuses(den.bob, "set", ALICE, unsubscribing) == wrong
    reading = items(MOOD).replace("<items ", "<items subid='1' ")
    assert await den.refuses(den.bob, "get", ALICE, reading) == wrong


async def test_who_is_not_subscribed_has_no_options_and_nothing_to_end(den):
    for node in (MOOD, None):
        for kind, payload in (
            ("set", subscribe(den.bob.jid, node, "unsubscribe")),
            ("get", subscribe(den.bob.jid, node, "options")),
        ):
            assert await den.refuses(den.bob, kind, ALICE, payload) == NOT_SUBSCRIBED, payload
    assert await den.refuses(den.bob, "set", ALICE, with_options(den.bob.jid, deliver="0")) == NOT_SUBSCRIBED
    assert await den.refuses(den.bob, "get", BOB, subscribe(den.bob.jid, "unknown", "options")) == NOT_FOUND


async def test_options_of_a_subscription_are_taken_over_whole_or_not_at_all(den):
    await must(den.bob, "set", ALICE, subscribe(den.bob.jid, MOOD))
    before = await must(den.bob, "get", ALICE, subscribe(den.bob.jid, MOOD, "options"))
    for var, value in (
        ("deliver", "perhaps"), ("digest", "1"), ("expire", "tomorrow"), ("include_body", "2"), ("show-values", "busy"),
        ("subscription_type", "nodes"),
    ):  # fmt: skip
        changed = with_options(den.bob.jid, **{"deliver": "0", var: value})
        assert await den.refuses(den.bob, "set", ALICE, changed) == INVALID, (var, value)
        new = f"<options>{form('subscribe_options', **{var: value})}</options></pubsub>"
        subscribing = subscribe(BOB, MOOD).replace("</pubsub>", new)
        assert await den.refuses(den.bob, "set", ALICE, subscribing) == INVALID, (var, value)
    after = await must(den.bob, "get", ALICE, subscribe(den.bob.jid, MOOD, "options"))
    assert [f.findtext("*") for f in after.iter("{jabber:x:data}field")] == [
        f.findtext("*") for f in before.iter("{jabber:x:data}field")
    ]
    assert await den.refuses(den.bob, "set", ALICE, with_options(None)) == (*BAD_REQUEST, "jid-required")
    assert await den.refuses(den.bob, "set", ALICE, with_options(CAROL)) == FORBIDDEN


async def test_an_entry_of_an_owners_list_that_cannot_be_refuses_the_whole_list(den):
    await must(den.alice, "set", ALICE, affiliate(MOOD, **{BOB: "member"}))
    for what, wrong in (
        ("affiliation", {BOB: "king"}), ("affiliation", {BOB: "owner"}), ("affiliation", {ALICE: "none"}),
        ("affiliation", {f"{ROOM}/nobody": "member"}), ("affiliation", {"@": "member"}),
        ("subscription", {BOB: "pending"}), ("subscription", {BOB: "subscribed"}), ("subscription", {"@": "none"}),
    ):  # fmt: skip
        change = affiliate if what == "affiliation" else lambda node, **people: subscriptions(**people)
        payload = change(MOOD, **{CAROL: "none", **wrong})
        assert await den.refuses(den.alice, "set", ALICE, payload) == NOT_ACCEPTABLE, wrong
        shown = entries(await den.alice.iq("set", ALICE, payload), what)
        assert set(shown) == {CAROL, *wrong}, "the entries are shown as they are"
        known = {BOB: "member", ALICE: "owner"} if what == "affiliation" else {}
        assert all(state == known.get(jid, "none") for jid, state in shown.items()), shown
    listed = entries(await must(den.alice, "get", ALICE, owner("affiliations", MOOD)), "affiliation")
    assert listed == {ALICE: "owner", BOB: "member"}


@pytest.mark.mep(options="mep_max_affiliations = 2")
async def test_a_list_of_people_that_is_full_takes_no_more(den):
    await must(den.alice, "set", ALICE, affiliate(MOOD, **{CAROL: "member", "dave@localhost": "outcast"}))
    too_many = affiliate(MOOD, **{"erin@localhost": "member"})
    assert await den.refuses(den.alice, "set", ALICE, too_many) == ("wait", "policy-violation", None)
    await must(den.alice, "set", ALICE, affiliate(MOOD, **{CAROL: "none", "erin@localhost": "member"}))
    await must(den.alice, "set", ALICE, affiliate(MOOD, **{"erin@localhost": "outcast"}))


async def test_an_outcast_is_refused_whatever_the_access_model(den):
    await must(den.alice, "set", ALICE, configure(MOOD, access_model="open"))
    await must(den.alice, "set", ALICE, affiliate(MOOD, **{BOB: "outcast"}))
    await den.bob.barrier()
    for kind, payload in (("get", items(MOOD)), ("set", subscribe(den.bob.jid, MOOD))):
        assert await den.refuses(den.bob, kind, ALICE, payload) == FORBIDDEN


async def test_a_node_for_those_whom_the_owner_named_is_closed_to_others(den):
    closed = ("cancel", "not-allowed", "closed-node")
    for to in (ALICE, ROOM):
        await must(den.alice, "set", to, configure(MOOD, access_model="whitelist"))
        for kind, payload in (("get", items(MOOD)), ("set", subscribe(den.bob.jid, MOOD))):
            assert await den.refuses(den.bob, kind, to, payload) == closed, payload


LISTS = {
    "configure": CONFIG,
    "subscriptions": f"<subscription jid='{BOB}' subscription='none'/>",
    "affiliations": f"<affiliation jid='{BOB}' affiliation='member'/>",
}


@pytest.mark.parametrize("verb", LISTS)
async def test_what_only_the_owner_may_see_and_change(den, verb):
    for kind, inner in (("get", ""), ("set", LISTS[verb])):
        for to in (ALICE, ROOM):
            assert await den.refuses(den.bob, kind, to, owner(verb, MOOD, inner)) == FORBIDDEN
        nameless = pubsub(f"<{verb}>{inner}</{verb}>", OWNER)
        assert await den.refuses(den.alice, kind, ALICE, nameless) == (*BAD_REQUEST, "nodeid-required")
        assert await den.refuses(den.alice, kind, ROOM, owner(verb, "unknown", inner)) == NOT_FOUND


async def test_a_full_node_that_is_to_refuse_more_takes_only_its_own_items_anew(den):
    await must(den.alice, "set", ALICE, configure(MOOD, publish_node_full="reject"))
    for id in ("other", None):
        error = await den.refuses(den.alice, "set", ALICE, publish(MOOD, mood("sad"), id))
        assert error == ("cancel", "conflict", "node-full")
    await must(den.alice, "set", ALICE, publish(MOOD, mood("sad"), "kept"))
    assert ids_in(await must(den.bob, "get", ALICE, items(MOOD))) == ["kept"]


async def test_an_item_is_forbidden_where_the_node_only_notifies_and_required_elsewhere(den):
    only_notifies = options(persist_items="0", deliver_payloads="0")
    for node, config in (("new", only_notifies), (MOOD, "")):
        wrong = publish(node, mood(), "a", config) if config else pubsub(f"<publish node='{node}'/>")
        condition = "item-forbidden" if config else "item-required"
        assert await den.refuses(den.alice, "set", ALICE, wrong) == (*BAD_REQUEST, condition)
    await must(den.alice, "set", ALICE, pubsub(f"<publish node='new'/>{only_notifies}"))


async def test_a_page_that_makes_no_sense_is_refused(den):
    for page, error in (
        ("<after>gone</after>", NOT_FOUND), ("<before>gone</before>", NOT_FOUND),
        ("<max>-1</max>", (*BAD_REQUEST, None)), ("<max>1</max><index>first</index>", (*BAD_REQUEST, None)),
    ):  # fmt: skip
        asked = f"<set xmlns='{RSM}'>{page}</set>"
        payload = pubsub(f"<items node='{MOOD}'/>{asked}")
        assert await den.refuses(den.bob, "get", ALICE, payload) == error, page
        assert await den.refuses(den.bob, "get", ALICE, f"<query xmlns='{DISCO_ITEMS}'>{asked}</query>") == error, page


async def test_one_item_at_a_time_and_a_notify_that_is_true_or_false(den):
    two = pubsub(f"<publish node='{MOOD}'>{item(mood(), 'a')}{item(mood(), 'b')}</publish>")
    for payload in (two, retract(MOOD, "kept").replace("<retract ", "<retract notify='loudly' ")):
        assert await den.refuses(den.alice, "set", ALICE, payload) == (*BAD_REQUEST, None)
