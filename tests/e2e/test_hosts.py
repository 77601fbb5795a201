"""Where the module is loaded, when, and how it is unloaded: hosts that are no MUC, live rooms, reloads."""

import asyncio

import pytest
from mep import (
    DISCO_INFO, DISCO_ITEMS, MOOD, OWNER, ROOM, TUNE, come_in, disco, features_in, identities_in, ids_in, items, mood,
    must, nodes_in, notify, publish, pubsub, refused, subscribe,
)  # fmt: skip
from testbed import caps
from testbed.xml import CLIENT
from testbed.xml import DISCO_INFO as INFO

ALICE, HOST = f"{ROOM}/alice", "rooms.localhost"
MUC = "http://jabber.org/protocol/muc"


def errors_of(server):
    return [line for line in server.log.splitlines() if "error\t" in line]


def tell(server, command):
    """A shell command about the module, while this side goes on."""
    return asyncio.to_thread(server.shell, f'module:{command}("mep", "{HOST}")')


async def two_in_a_room(connect):
    alice, bob = await connect("alice"), await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    return alice, bob


OTHER_HOSTS = """
VirtualHost "other.localhost"
Component "pubsub.localhost" "pubsub"
modules_enabled = { "mep" }
"""


@pytest.mark.mep(modules=["mep"], hosts=OTHER_HOSTS)
@pytest.mark.allow_log("is not a MUC component; mod_mep is inactive")
async def test_on_what_is_no_muc_it_says_so_and_stays_out_of_the_way(server, connect):
    complaints = errors_of(server)
    assert len(complaints) == 3
    for host in ("localhost", "other.localhost", "pubsub.localhost"):
        assert any(f"{host} is not a MUC component" in line for line in complaints)

    alice, bob = await two_in_a_room(connect)
    for host, identity in (("localhost", "server/im"), ("pubsub.localhost", "pubsub/service")):
        info = await must(alice, "get", host, disco(DISCO_INFO))
        assert MUC not in features_in(info)
        assert identity in identities_in(info)
        assert "conference/text" not in identities_in(info)
    for address in ("den@localhost", "den@pubsub.localhost"):
        alice.presence(f"{address}/alice", f"<x xmlns='{MUC}'/>")
    await must(alice, "set", None, publish(MOOD, mood()))
    assert len(ids_in(await must(alice, "get", None, items(MOOD)))) == 1, "PEP is as ever"
    assert nodes_in(await must(alice, "get", "pubsub.localhost", disco(DISCO_ITEMS))) == []
    await alice.barrier()
    joined = [s for s in alice.received if s.tag == CLIENT + "presence" and s.get("type") is None]
    assert all(s.get("from").startswith(ROOM) for s in joined), "nobody got into a room there"

    await must(alice, "set", ALICE, publish(MOOD, mood()))
    await bob.expect_event(MOOD, from_=ALICE)


def wrong(option):
    return pytest.param(option.split()[0], marks=pytest.mark.mep(options=option), id=option)


@pytest.mark.parametrize("name", [
    wrong('mep_notification_type = "nonsense"'), wrong("mep_max_nodes = -1"), wrong("mep_max_items = 1.5"),
    wrong('mep_max_nodes = "many"'), wrong('mep_room_publishers = "everybody"'),
])  # fmt: skip
@pytest.mark.allow_log("mep")
async def test_an_option_that_is_wrong_is_named_in_the_log_and_rooms_go_on(server, connect, name):
    alice, bob = await two_in_a_room(connect)
    alice.message(ROOM, "<body>Hello</body>")
    await bob.expect(lambda s: s.findtext(CLIENT + "body") == "Hello")
    assert server.has_logged(name)


@pytest.mark.mep(module=False)
async def test_loaded_while_rooms_are_live_it_works_for_those_who_are_there(server, connect):
    alice, bob = await two_in_a_room(connect)
    assert bob.asked == []
    await tell(server, "load")
    await bob.barrier()
    await bob.barrier()
    assert [asked.from_ for asked in bob.asked] == [ROOM]
    await must(alice, "set", ALICE, publish(MOOD, mood(), "now"))
    assert (await bob.expect_event(MOOD)).item_ids == ["now"]
    await must(alice, "set", ROOM, publish(MOOD, mood(), "of the room"))
    assert (await bob.expect_event(MOOD, from_=ROOM)).item_ids == ["of the room"]
    await bob.leave(ROOM)
    await must(alice, "set", ALICE, publish(MOOD, mood(), "later"))
    await bob.barrier()
    assert len(bob.events()) == 2


async def test_a_reload_in_a_busy_room_loses_and_doubles_nothing(server, connect):
    alice, bob = await two_in_a_room(connect)
    carol = await connect("carol")
    await come_in(carol, "carol")
    await must(alice, "set", ALICE, publish(TUNE, f"<tune xmlns='{TUNE}'/>", "kept"))
    await must(carol, "set", ALICE, subscribe(carol.jid, TUNE))
    await carol.expect_event(TUNE)

    reloads = asyncio.gather(*(asyncio.to_thread(server.reload) for _ in range(3)))
    sent = 0
    while not reloads.done():
        sent += 1
        await must(alice, "set", ALICE, publish(MOOD, mood(), str(sent)))
        # The rate is limited: Bob's word that he has it is waited for, and a reload takes longer than that.
        await bob.expect_event(MOOD)
        if sent == 150:
            break
    await reloads
    await must(alice, "set", ALICE, publish(MOOD, mood(), "last"))
    assert (await bob.expect_event(MOOD)).item_ids == ["last"]
    assert [event.item_ids for event in bob.events()] == [[str(n + 1)] for n in range(sent)] + [["last"]]
    assert len({event.id for event in bob.events()}) == sent + 1
    assert len(bob.asked) == 1, "what is known is not asked again"

    assert nodes_in(await must(bob, "get", ALICE, disco(DISCO_ITEMS))) == [TUNE, MOOD]
    assert ids_in(await must(bob, "get", ALICE, items(TUNE))) == ["kept"]
    await must(alice, "set", ALICE, publish(TUNE, f"<tune xmlns='{TUNE}'/>", "next"))
    assert (await carol.expect_event(TUNE)).item_ids == ["next"], "subscriptions stay as well"


@pytest.mark.mep(options="mep_publish_burst = 100000")
@pytest.mark.parametrize("module", ["mep", "muc"])
async def test_a_flood_that_is_reloaded_through_is_told_once_and_in_order(server, connect, module):
    """Three publishers that wait for nothing: what is acknowledged has been told to each of two, and nothing else."""
    publishers = [await connect(name) for name in ("alice", "carol", "dave")]
    listeners = [await connect(name, features=notify(MOOD)) for name in ("bob", "erin")]
    for client in (*publishers, *listeners):
        await come_in(client, client.jid.partition("@")[0])

    acknowledged = {}

    async def flood(client):
        address = f"{ROOM}/{client.jid.partition('@')[0]}"
        mine = acknowledged[address] = []
        while not reloads.done():
            ids = [str(len(mine) + number) for number in range(20)]
            replies = await asyncio.gather(
                *(client.iq("set", address, publish(MOOD, mood(), id), timeout=30) for id in ids)
            )
            assert all(reply.get("type") == "result" for reply in replies)
            mine.extend(ids)

    async def reload():
        for _ in range(4):
            await asyncio.to_thread(server.reload, module)

    reloads = asyncio.ensure_future(reload())
    await asyncio.gather(*map(flood, publishers))
    await reloads
    for listener in listeners:
        await listener.barrier()
        for address, ids in acknowledged.items():
            assert [event.item_ids[0] for event in listener.events(from_=address)] == ids
        assert len({event.id for event in listener.events()}) == sum(map(len, acknowledged.values()))


async def test_an_answer_that_comes_after_a_reload_counts(server, connect):
    alice, bob = await connect("alice"), await connect("bob", features=notify(MOOD))
    bob.answers[INFO + "query"] = lambda iq: None
    for client, nick in ((alice, "alice"), (bob, "bob")):
        await come_in(client, nick)
    (question,) = bob.asked
    await asyncio.to_thread(server.reload)
    info = caps.disco_info(bob.features, question.node)
    bob.send(f"<iq type='result' to='{ROOM}' id='{question.id}'>{info}</iq>")
    await bob.barrier()
    await must(alice, "set", ALICE, publish(MOOD, mood()))
    await bob.expect_event(MOOD, from_=ALICE)


async def test_those_who_come_and_go_around_a_reload_are_known(server, connect):
    alice, bob = await two_in_a_room(connect)
    await must(alice, "set", ALICE, publish(MOOD, mood(), "kept"))
    await bob.expect_event(MOOD)
    await asyncio.to_thread(server.reload)
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    assert (await carol.expect_event(MOOD)).item_ids == ["kept"]
    await alice.change_nick(ROOM, "alicia")
    assert ids_in(await must(bob, "get", f"{ROOM}/alicia", items(MOOD))) == ["kept"]
    await alice.leave(ROOM)
    dave = await connect("dave", features=notify(MOOD))
    await come_in(dave, "alicia")
    assert dave.events() == []


async def test_reloading_the_room_module_leaves_events_working(server, connect):
    alice, bob = await two_in_a_room(connect)
    await must(alice, "set", ALICE, publish(MOOD, mood(), "before"))
    await bob.expect_event(MOOD)
    await asyncio.to_thread(server.reload, "muc")
    for client, nick in ((alice, "alice"), (bob, "bob")):  # Prosody forgets who was there
        await come_in(client, nick)
    await must(alice, "set", ALICE, publish(MOOD, mood(), "after"))
    await bob.expect(lambda s: any(item.get("id") == "after" for item in s.iter()))
    assert [event.item_ids for event in bob.events()].count(["after"]) == 1


async def test_unloaded_it_leaves_nothing_behind(server, connect):
    alice, bob = await two_in_a_room(connect)
    await must(alice, "set", ALICE, publish(MOOD, mood(), "before"))
    await must(alice, "set", ROOM, publish(MOOD, mood(), "before"))
    with_mep = features_in(await must(alice, "get", ROOM, disco(DISCO_INFO)))
    await tell(server, "unload")
    unavailable = ("cancel", "service-unavailable", None)
    assert await refused(alice, "set", ROOM, publish(MOOD, mood())) == unavailable
    assert await refused(alice, "get", ROOM, items(MOOD)) == unavailable
    assert await refused(alice, "get", ROOM, pubsub("<default/>", OWNER)) == unavailable
    await refused(bob, "set", ALICE, publish(MOOD, mood()))
    await refused(bob, "get", ALICE, items(MOOD))
    info = await must(alice, "get", ROOM, disco(DISCO_INFO))
    assert identities_in(info) == {"conference/text"}
    assert {feature for feature in with_mep if "pubsub" in feature}.isdisjoint(features_in(info))
    form = await must(alice, "get", ROOM, "<query xmlns='http://jabber.org/protocol/muc#owner'/>")
    assert "mep#roomconfig_publishers" not in {f.get("var") for f in form.iter("{jabber:x:data}field")}
    carol = await connect("carol", features=notify(MOOD, TUNE))
    await come_in(carol, "carol")
    assert (carol.asked, carol.events()) == ([], [])

    await tell(server, "load")
    await carol.barrier()
    await carol.barrier()
    assert nodes_in(await must(alice, "get", ALICE, disco(DISCO_ITEMS))) == []
    await must(alice, "set", ALICE, publish(MOOD, mood(), "after"))
    for client in (bob, carol):
        await client.expect(lambda s: any(item.get("id") == "after" for item in s.iter()))


@pytest.mark.mep(storage="internal", options="muc_room_default_persistent = true")
@pytest.mark.allow_log("A signal came")
async def test_a_signal_that_comes_while_the_core_works_ends_the_server_as_any_does(server, connect):
    alice, bob = await two_in_a_room(connect)
    await must(alice, "set", ROOM, publish(MOOD, mood(), "kept"))
    await tell_testbed(server, "testbed_signal")
    alice.send(f"<iq type='set' to='{ROOM}' id='last'>{publish(MOOD, mood(), 'last')}</iq>")
    assert await asyncio.to_thread(server.wait) == 0
    server.restart()
    carol = await connect("carol", features=notify(MOOD))
    await come_in(carol, "carol")
    await carol.expect_event(MOOD)


def tell_testbed(server, module):
    return asyncio.to_thread(server.shell, f'module:load("{module}", "{HOST}")')


@pytest.mark.mep(hosts='Component "more.localhost" "muc"\nmodules_enabled = { "mep" }\n')
async def test_the_command_of_the_shell_stays_as_long_as_a_host_has_it(server):
    for unloaded, left in (("more.localhost", HOST), ("more.localhost", HOST), (HOST, "more.localhost")):
        await asyncio.to_thread(server.shell, f'module:unload("mep", "{unloaded}")')
        assert "sessions" in await asyncio.to_thread(server.shell, f'mep:status("{left}")')
        await asyncio.to_thread(server.shell, f'module:load("mep", "{unloaded}")')
        assert "sessions" in await asyncio.to_thread(server.shell, f'mep:status("{unloaded}")')
