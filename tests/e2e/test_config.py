"""Every field of a node's configuration at work. What becomes of a full node is in `test_features.py`."""

import re
import time
from pathlib import Path

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, PUBSUB, ROOM, TUNE, come_in, configure, disco, entries, fields, form, ids_in, item,
    items, mood, must, nodes_in, notify, options, owner, publish, pubsub, refused, retract, subscribe, told,
)  # fmt: skip
from testbed.xml import MUC

ALICE, BOB = f"{ROOM}/alice", f"{ROOM}/bob"
FORBIDDEN = ("auth", "forbidden", None)
INVALID = ("modify", "bad-request", "invalid-options")
NOT_KEPT = ("cancel", "feature-not-implemented", "unsupported")
EMPTY = pubsub(f"<publish node='{MOOD}'/>")
PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


async def settings(client, node=MOOD, to=ALICE):
    return fields(await must(client, "get", to, owner("configure", node)))


async def fill(alice, *ids, to=ALICE, **config):
    """Publishes items to Alice's node, which is made with this configuration."""
    for id in ids:
        await must(alice, "set", to, publish(MOOD, mood(), id, options(**config)))


async def test_the_form_has_the_fields_and_defaults_of_the_protocol_page(people):
    alice, _ = people
    shown = fields(await must(alice, "get", ALICE, pubsub("<default/>", f"{PUBSUB}#owner")))
    del shown["FORM_TYPE"]
    table = PROTOCOL.partition("## Configuration of nodes")[2].partition("\n##")[0]
    rows = re.findall(r"^\| ((?:`[\w#]+`(?:, )?)+) \| ([^|]+) \|", table, re.M)
    page = {name: default.strip("` ") for names, default in rows for name in re.findall(r"[\w#]+", names)}
    said = {"empty": "", "mep_max_payload_size": "65536", "mep_notification_type": "headline"}
    assert {name: said.get(default, default) for name, default in page.items()} == {
        name: default or "" for name, default in shown.items()
    }


async def test_title_description_and_type_are_shown_by_the_nodes_meta_data(people):
    alice, bob = people
    await must(alice, "set", ALICE, configuring_a_new_node(title="Moods", description="How we are", type=MOOD))
    info = fields(await must(bob, "get", ALICE, disco(DISCO_INFO, MOOD)))
    assert (info["title"], info["description"], info["type"]) == ("Moods", "How we are", MOOD)
    await must(alice, "set", ALICE, configure(MOOD, title="Spirits"))
    assert fields(await must(bob, "get", ALICE, disco(DISCO_INFO, MOOD)))["title"] == "Spirits"


@pytest.mark.parametrize("model, readers", [("open", ["bob", "dave"]), ("presence", ["bob"]), ("whitelist", [])])
async def test_the_access_model_says_who_reads_and_is_told(people, connect, model, readers):
    alice, bob = people
    await fill(alice, "a", to=ROOM, access_model=model)
    asked = {"bob": bob, "dave": await connect("dave")}
    replies = {name: await client.iq("get", ROOM, items(MOOD)) for name, client in asked.items()}
    assert [name for name, reply in replies.items() if reply.get("type") == "result"] == readers
    assert await told(bob) == ([["a"]] if "bob" in readers else [])


async def test_the_publish_model_says_who_publishes_to_a_rooms_node(people):
    alice, bob = people
    await fill(alice, "a", to=ROOM, publish_model="publishers", max_items="9")
    assert await refused(bob, "set", ROOM, publish(MOOD, mood(), "b")) == FORBIDDEN
    await must(alice, "set", ROOM, configure(MOOD, publish_model="subscribers"))
    assert await refused(bob, "set", ROOM, publish(MOOD, mood(), "b")) == FORBIDDEN, "capabilities are no subscription"
    await must(bob, "set", ROOM, subscribe(bob.jid, MOOD))
    await must(bob, "set", ROOM, publish(MOOD, mood(), "c"))
    await must(bob, "set", ROOM, subscribe(bob.jid, MOOD, "unsubscribe"))
    assert await refused(bob, "set", ROOM, publish(MOOD, mood(), "d")) == FORBIDDEN
    await must(alice, "set", ROOM, configure(MOOD, publish_model="open"))
    await must(bob, "set", ROOM, publish(MOOD, mood(), "e"))
    assert ids_in(await must(bob, "get", ROOM, items(MOOD))) == ["a", "c", "e"]

    muted = f"<query xmlns='{MUC[1:-1]}#admin'><item nick='bob' role='visitor'/></query>"
    await must(alice, "set", ROOM, muted)
    assert await refused(bob, "set", ROOM, publish(MOOD, mood(), "f")) == FORBIDDEN, "no voice, no publishing"


@pytest.mark.parametrize("model", ["subscribers", "open"])
async def test_an_occupants_node_has_one_publisher(people, model):
    alice, bob = people
    publishing = publish(MOOD, mood(), "a", options(publish_model=model))
    for payload in (publishing, configuring_a_new_node(publish_model=model)):
        assert await refused(alice, "set", ALICE, payload) == INVALID
    await fill(alice, "a", publish_model="publishers")
    assert await refused(alice, "set", ALICE, configure(MOOD, publish_model=model)) == INVALID
    assert await refused(bob, "set", ALICE, publish(MOOD, mood())) == FORBIDDEN


async def test_without_deliver_notifications_nobody_is_told_of_anything(people, connect):
    alice, bob = people
    await fill(alice, "a", deliver_notifications="0", notify_config="1")
    await must(alice, "set", ALICE, configure(MOOD, title="x"))
    await must(alice, "set", ALICE, retract(MOOD, "a"))
    await fill(alice, "b")
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    for client in (bob, carol):
        await client.barrier()
        assert client.events() == []
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["b"], "it is there to be read"
    await must(alice, "set", ALICE, configure(MOOD, deliver_notifications="1", notify_config="0"))
    await bob.expect_event(MOOD)
    await fill(alice, "c")
    assert await told(bob) == [["b"], ["c"]], "the last item, as it is let in now"


async def test_without_deliver_payloads_events_have_the_items_id_only(people):
    alice, bob = people
    await fill(alice, "a", deliver_payloads="0")
    event = await bob.expect_event(MOOD)
    assert (event.item_ids, event.payloads) == (["a"], [])
    assert (await must(bob, "get", ALICE, items(MOOD))).find(f".//{{{MOOD}}}happy") is not None
    await must(alice, "set", ALICE, pubsub(f"<publish node='{MOOD}'>{item('', 'b')}</publish>"))
    assert (await bob.expect_event(MOOD)).item_ids == ["b"], "an item need have none"


async def test_notify_config_tells_of_a_new_configuration_with_its_form(people):
    alice, bob = people
    await fill(alice, "a")
    await must(alice, "set", ALICE, configure(MOOD, title="unheard of"))
    await must(alice, "set", ALICE, configure(MOOD, notify_config="1", title="Moods"))
    event = await bob.expect_event(MOOD, from_=ALICE, kind="configuration")
    assert fields(event.element) == await settings(alice) and fields(event.element)["title"] == "Moods"
    await must(alice, "set", ALICE, configure(MOOD, deliver_payloads="0"))
    assert fields((await bob.expect_event(MOOD, kind="configuration")).element) == {}, "no payload, no form"
    await bob.barrier()
    assert len(bob.events(kind="configuration")) == 2


@pytest.mark.parametrize("value, heard", [("0", []), ("1", ["delete"])])
async def test_notify_delete_says_whether_a_nodes_end_is_told(people, value, heard):
    alice, bob = people
    await fill(alice, "a", notify_delete=value)
    await must(alice, "set", ALICE, owner("delete", MOOD))
    await bob.barrier()
    assert [event.kind for event in bob.events()] == ["items", *heard]


TAKING_AWAY = {
    "a retraction": (retract(MOOD, "b"), ("retract", ["b"])),
    "a purge": (owner("purge", MOOD), ("purge", [])),
    "a lower number of items": (configure(MOOD, max_items="1"), ("retract", ["a", "b"])),
    "keeping none any more": (configure(MOOD, persist_items="0"), ("retract", ["a", "b", "c"])),
}


@pytest.mark.parametrize("value", ["0", "1"])
@pytest.mark.parametrize("what", TAKING_AWAY)
async def test_notify_retract_says_whether_items_that_are_taken_away_are_told_of(people, what, value):
    alice, bob = people
    payload, event = TAKING_AWAY[what]
    await fill(alice, "a", "b", "c", max_items="3", notify_retract=value)
    await must(alice, "set", ALICE, payload)
    await bob.barrier()
    heard = [(event.kind, event.item_ids) for event in bob.events() if event.kind != "items"]
    assert heard == ([event] if value == "1" else [])


@pytest.mark.parametrize("value, notify, heard", [("0", "true", [["a"]]), ("1", "false", [])])
async def test_a_retractions_own_notify_goes_before_it(people, value, notify, heard):
    alice, bob = people
    await fill(alice, "a", notify_retract=value)
    await must(alice, "set", ALICE, retract(MOOD, "a").replace("<retract ", f"<retract notify='{notify}' "))
    assert await told(bob, "retract") == heard


async def test_lowering_max_items_keeps_the_newest(people):
    alice, bob = people
    await fill(alice, "a", "b", "c", max_items="max")
    await must(alice, "set", ALICE, configure(MOOD, max_items="2"))
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["b", "c"]


@pytest.mark.parametrize("value, heard", [("0", []), ("1", [{BOB: "subscribed"}, {BOB: "none"}])])
async def test_notify_sub_tells_the_owner_who_comes_and_goes(people, value, heard):
    alice, bob = people
    await fill(alice, "a", notify_sub=value)
    await must(bob, "set", ALICE, subscribe(bob.jid, MOOD))
    await must(bob, "set", ALICE, subscribe(bob.jid, MOOD, "unsubscribe"))
    await alice.barrier()
    assert [entries(event.element, "subscription") for event in alice.events(kind="subscription")] == heard


async def test_without_persist_items_there_are_events_and_nothing_is_kept(people, connect):
    alice, bob = people
    await fill(alice, "a", persist_items="0")
    assert (await bob.expect_event(MOOD)).payloads[0].find(f"{{{MOOD}}}happy") is not None
    for kind, client, payload in (
        ("get", bob, items(MOOD)), ("set", alice, retract(MOOD, "a")), ("set", alice, owner("purge", MOOD)),
    ):  # fmt: skip
        assert await refused(client, kind, ALICE, payload) == NOT_KEPT, payload
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    await must(carol, "set", ALICE, subscribe(carol.jid, MOOD))
    assert await told(carol) == [], "no last item either"
    assert await refused(alice, "set", ALICE, EMPTY) == ("modify", "bad-request", "item-required")


async def test_a_node_that_neither_keeps_nor_delivers_takes_no_items(people):
    alice, bob = people
    await must(alice, "set", ALICE, configuring_a_new_node(persist_items="0", deliver_payloads="0"))
    assert await refused(alice, "set", ALICE, publish(MOOD, mood())) == ("modify", "bad-request", "item-forbidden")
    await must(alice, "set", ALICE, EMPTY)
    event = await bob.expect_event(MOOD)
    assert (event.kind, event.item_ids) == ("items", []), "the event is all there is"
    await bob.barrier()
    assert len(bob.events()) == 1


@pytest.mark.mep(options="mep_max_items = 3")
async def test_max_items_is_a_number_from_one_to_max(people):
    alice, bob = people
    await fill(alice, "a", max_items="max")
    for wrong in ("0", "4", "-1", "1.5", "many"):
        assert await refused(alice, "set", ALICE, configure(MOOD, max_items=wrong)) == INVALID, wrong
    await fill(alice, *"bcd")
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["b", "c", "d"], "max is the option's number"
    for number in (1, 2, 3):
        await must(alice, "set", ALICE, configure(MOOD, max_items=str(number)))
        await fill(alice, *"efgh")
        assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == list("efgh")[-number:]


async def test_items_expire_after_so_many_seconds(people, connect):
    alice, bob = people
    await fill(alice, "a", item_expire="1000", max_items="2")
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["a"]
    await must(alice, "set", ALICE, configure(MOOD, item_expire="1"))
    deadline = time.monotonic() + 10
    while ids_in(await must(bob, "get", ALICE, items(MOOD))):
        assert time.monotonic() < deadline, "the item does not expire"
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    assert await told(carol) == [], "nor is it a last item"
    await must(alice, "set", ALICE, configure(MOOD, item_expire="max"))
    await fill(alice, "b")
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["b"]


@pytest.mark.parametrize("value, left", [("0", ["a", "b"]), ("1", ["a"])])
async def test_purge_offline_takes_along_what_somebody_published_as_the_room(people, connect, value, left):
    alice, bob = people
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    await fill(alice, "a", to=ROOM, purge_offline=value, publish_model="open", max_items="9")
    await must(bob, "set", ROOM, publish(MOOD, mood(), "b"))
    await bob.leave(ROOM)
    assert ids_in(await must(carol, "get", ROOM, items(MOOD))) == left
    assert await told(carol, "retract") == ([["b"]] if value == "1" else [])


@pytest.mark.mep(options="mep_max_payload_size = 1000")
async def test_max_payload_size_is_a_number_of_octets_up_to_the_options(people):
    alice, _ = people

    def of(size):
        return publish(MOOD, f"<a xmlns='urn:a'>{'x' * size}</a>")

    await fill(alice, "a", max_payload_size="200")
    await must(alice, "set", ALICE, of(170))
    assert await refused(alice, "set", ALICE, of(201)) == ("modify", "not-acceptable", "payload-too-big")
    for wrong in ("0", "1001", "large"):
        assert await refused(alice, "set", ALICE, configure(MOOD, max_payload_size=wrong)) == INVALID
    await must(alice, "set", ALICE, configure(MOOD, max_payload_size="1000"))
    await must(alice, "set", ALICE, of(970))


@pytest.mark.parametrize("value, on_presence, on_subscription", [
    ("never", [], []), ("on_sub", [], [["a"]]), ("on_sub_and_presence", [["a"]], [["a"]]),
])  # fmt: skip
async def test_send_last_published_item_says_when_it_is_sent(people, connect, value, on_presence, on_subscription):
    alice, _ = people
    await fill(alice, "a", send_last_published_item=value)
    carol, dave = await connect("carol", features=notify(MOOD)), await connect("dave")
    await come_in(carol, "carol")
    await come_in(dave, "dave")
    assert await told(dave) == []
    await must(dave, "set", ALICE, subscribe(dave.jid, MOOD))
    assert (await told(carol), await told(dave)) == (on_presence, on_subscription)


@pytest.mark.mep(options="mep_notification_type = 'normal'")
@pytest.mark.parametrize("value", ["headline", "normal", "groupchat", None])
async def test_notifications_are_of_the_type_that_the_node_or_the_option_says(people, value):
    alice, bob = people
    config = {} if value is None else {"notification_type": value}
    await fill(alice, "a", **config)
    await must(alice, "set", ALICE, retract(MOOD, "a"))
    await bob.barrier()
    assert [event.type for event in bob.events()] == [value or "normal"] * 2


@pytest.mark.parametrize("value, shown", [("none", None), ("owner", ROOM), ("publisher", BOB)])
async def test_itemreply_says_whose_address_an_item_carries(people, value, shown):
    alice, bob = people
    await fill(alice, "a", to=ROOM, itemreply=value, publish_model="open")
    await must(bob, "set", ROOM, publish(MOOD, mood(), "b"))

    async def publisher_read():
        return (await must(alice, "get", ROOM, items(MOOD))).find(f".//{{{PUBSUB}}}item").get("publisher")

    assert await publisher_read() == shown
    await bob.barrier()
    (sent,) = bob.events()[-1].element.iter(f"{{{PUBSUB}#event}}item")
    assert sent.get("publisher") == shown
    await bob.leave(ROOM)
    assert await publisher_read() == (None if value == "publisher" else shown), "who left is not named"


FORCED = "mep_node_config = { ['http://jabber.org/protocol/mood'] = { max_items = 2, access_model = 'open' } }"


@pytest.mark.mep(options=FORCED)
async def test_what_the_admin_forces_no_form_changes(people):
    alice, _ = people
    wanted = {"max_items": "9", "access_model": "whitelist", "title": "Moods"}
    for payload in (configuring_a_new_node(**wanted), configure(MOOD, **wanted), configure(MOOD, max_items="1")):
        await must(alice, "set", ALICE, payload)
        shown = await settings(alice)
        assert (shown["max_items"], shown["access_model"], shown["title"]) == ("2", "open", "Moods")
    await must(alice, "set", ALICE, publish(TUNE, mood(), "a", options(max_items="9")))
    assert (await settings(alice, TUNE))["max_items"] == "9", "nodes of other names are as the form says"


@pytest.mark.mep(options=FORCED)
async def test_publish_options_are_held_against_what_the_admin_forces(people):
    alice, bob = people
    unmet = publish(MOOD, mood(), "a", options(max_items="9"))
    for _ in ("on a new node", "on one that there is"):
        assert await refused(alice, "set", ALICE, unmet) == ("cancel", "conflict", "precondition-not-met")
        await fill(alice, "b", max_items="2", access_model="open")
    assert await told(bob) == [["b"], ["b"]]


async def test_a_form_may_name_some_of_the_fields(people):
    alice, _ = people
    await fill(alice, "a", title="Moods", max_items="9")
    before = await settings(alice)
    await must(alice, "set", ALICE, configure(MOOD, max_items="8"))
    assert await settings(alice) == {**before, "max_items": "8"}
    await must(alice, "set", ALICE, configure(MOOD))
    await must(alice, "set", ALICE, owner("configure", MOOD, "<x xmlns='jabber:x:data' type='cancel'/>"))
    assert await settings(alice) == {**before, "max_items": "8"}


WRONG = [
    ("colour", "red"), ("title", "x" * 1024), ("deliver_notifications", "yes"), ("deliver_payloads", "2"),
    ("notify_config", ""), ("notify_delete", "no"), ("notify_retract", "-1"), ("notify_sub", "maybe"),
    ("persist_items", "yes"), ("max_items", "0"), ("max_items", "257"), ("item_expire", "0"), ("item_expire", "soon"),
    ("purge_offline", "on"), ("max_payload_size", "65537"), ("send_last_published_item", "always"),
    ("notification_type", "chat"), ("itemreply", "me"), ("publish_model", "all"), ("publish_node_full", "explode"),
]  # fmt: skip


async def test_an_unknown_field_or_a_value_out_of_range_refuses_the_whole_form(people):
    alice, bob = people
    for address in (ALICE, ROOM):
        await fill(alice, "a", "b", to=address, max_items="2", notify_config="1")
        before, heard = await settings(alice, to=address), len(await told(bob, "configuration"))
        for var, value in WRONG:
            payload = configure(MOOD, title="new", max_items="1").replace("</x>", field(var, value) + "</x>")
            if var in ("title", "max_items"):
                payload = configure(MOOD, description="new", **{var: value})
            assert await refused(alice, "set", address, payload) == INVALID, (var, value)
        twice = configure(MOOD, title="new").replace("</value></field></x>", "</value><value>x</value></field></x>")
        assert await refused(alice, "set", address, twice) == INVALID
        unsupported = ("modify", "not-acceptable", "unsupported-access-model")
        for model in ("roster", "authorize", "nonsense"):
            payload = configure(MOOD, title="new", access_model=model)
            assert await refused(alice, "set", address, payload) == unsupported
        assert await settings(alice, to=address) == before
        assert ids_in(await must(bob, "get", address, items(MOOD))) == ["a", "b"]
        assert len(await told(bob, "configuration")) == heard


async def test_a_refused_form_makes_no_node(people):
    alice, _ = people
    for var, value in WRONG:
        for payload in (configuring_a_new_node(**{var: value}), publish(MOOD, mood(), "a", options(**{var: value}))):
            assert await refused(alice, "set", ALICE, payload) == INVALID, (var, value)
    assert nodes_in(await must(alice, "get", ALICE, disco(DISCO_ITEMS))) == []


async def test_publish_options_hold_by_what_they_come_to(people):
    alice, bob = people
    await fill(alice, "a", max_items="max")
    met = [
        {}, {"max_items": "256"}, {"max_items": "max"}, {"access_model": "presence"}, {"persist_items": "true"},
        {"persist_items": "1", "deliver_payloads": "true"}, {"notify_config": "false"}, {"item_expire": "max"},
        {"send_last_published_item": "on_sub_and_presence", "publish_model": "publishers"}, {"title": ""},
    ]  # fmt: skip
    for number, wanted in enumerate(met):
        await must(alice, "set", ALICE, publish(MOOD, mood(), f"met {number}", options(**wanted)))
    unmet = [{"max_items": "255"}, {"access_model": "open"}, {"persist_items": "0"}, {"max_items": "max", "title": "x"}]
    for wanted in unmet:
        error = await refused(alice, "set", ALICE, publish(MOOD, mood(), "unmet", options(**wanted)))
        assert error == ("cancel", "conflict", "precondition-not-met"), wanted
    assert await refused(alice, "set", ALICE, publish(MOOD, mood(), "unmet", options(colour="red"))) == INVALID
    assert ids_in(await must(bob, "get", ALICE, items(MOOD))) == ["a", *(f"met {n}" for n in range(len(met)))]


async def test_publish_options_configure_a_new_node(people):
    alice, _ = people
    wanted = {"title": "Moods", "access_model": "open", "max_items": "7", "notify_delete": "0"}
    default = fields(await must(alice, "get", ALICE, pubsub("<default/>", f"{PUBSUB}#owner")))
    await must(alice, "set", ALICE, publish(MOOD, mood(), "a", options(**wanted)))
    assert await settings(alice) == {**default, **wanted}


def configuring_a_new_node(**config):
    return pubsub(f"<create node='{MOOD}'/><configure>{form('node_config', **config)}</configure>")


def field(var, value):
    return f"<field var='pubsub#{var}'><value>{value}</value></field>"
