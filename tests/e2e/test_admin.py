"""What an admin sees: the line at start, metrics, the shell, storage outages."""

import asyncio
import json
import re
import urllib.request
from pathlib import Path

import pytest
from mep import (
    MOOD, ROOM, TUNE, affiliate, come_in, ids_in, items, mood, must, must_soon, notify, options, publish, refused,
    subscribe,
)  # fmt: skip
from testbed import error_of

TOP = Path(__file__).parents[2]
HOST, MORE = "rooms.localhost", "more.localhost"
ALICE = f"{ROOM}/alice"

MORE_ROOMS = f'Component "{MORE}" "muc"\nmodules_enabled = {{ "mep" }}\nmuc_room_locking = false\n'
METRICS = {
    "global_options": 'statistics = "internal"\nstatistics_interval = "manual"',
    "modules": ["http_openmetrics"],
}
PERSISTENT = "muc_room_default_persistent = true"
NOT_STORED = "the server could not store this; try again later"
NOT_LOADED = "the server could not load what is stored here; try again later"
OF_STORAGE = ("Storage fails", "Unable to write to mep", "Unable to load mep", "Failed to load mep", "Storage broken")

measured = pytest.mark.mep(**METRICS)


async def shell(server, command):
    return await asyncio.to_thread(server.shell, command)


async def exposition(server):
    def read():
        with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/metrics", timeout=10) as response:
            return response.read().decode()

    return await asyncio.to_thread(read)


async def metrics(server, host=HOST):
    """The module's metrics of a host, by what follows `prosody_mod_mep__`; the other label goes along."""
    found = {}
    for name, labels, value in re.findall(r"^prosody_mod_mep__(\w+)\{(.*?)\} (\S+)$", await exposition(server), re.M):
        pairs = dict(re.findall(r'(\w+)="(.*?)"', labels))
        if pairs.pop("host") == host and not name.endswith("_created"):
            found[" ".join([name, *pairs.values()])] = float(value)
    return found


def lines_of(server, level, host=HOST):
    """What the module has logged at a level."""
    return re.findall(rf"^\S+ {re.escape(host)}:mep\s+{level}\t(.*)$", server.log, re.M)


# The start


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("once for all recipients", id="shared"),
        pytest.param(
            "separately for each recipient: mep_share_stanzas is false",
            marks=pytest.mark.mep(options="mep_share_stanzas = false"),
            id="not shared",
        ),
    ],
)
async def test_the_start_is_one_line_that_says_what_runs(server, how):
    assert server.has_logged("renders each event")
    (line,) = lines_of(server, "info")
    assert re.fullmatch(rf"mod_mep \d+\.\d+\.\d+, build [0-9a-f]{{16}}; renders each event {how}", line)
    assert f"status: [info] {line}" in await shell(server, f'module:info("mep", "{HOST}")')


@pytest.mark.mep(hosts='Component "pubsub.localhost" "pubsub"\nmodules_enabled = { "mep" }')
@pytest.mark.allow_log("is not a MUC component")
async def test_where_it_does_nothing_its_status_says_so(server):
    shown = await shell(server, 'module:list("pubsub.localhost")')
    assert "mep (error: pubsub.localhost is not a MUC component; mod_mep is inactive there)" in shown


# Metrics


@measured
async def test_what_was_done_is_counted(server, connect):
    alice, bob = await connect("alice"), await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    for number in range(3):
        await must(alice, "set", ALICE, publish(MOOD, mood(), str(number)))
    dave = await connect("dave", features=notify(MOOD))
    await come_in(dave, "dave")
    await dave.expect_event(MOOD)
    assert (await refused(bob, "set", ALICE, publish(MOOD, mood())))[1] == "forbidden"
    for _ in range(2):
        assert (await refused(alice, "get", ROOM, items(TUNE)))[1] == "item-not-found"
    seen = await metrics(server)
    assert (seen["publishes_total"], seen["deliveries_total"], seen["last_items_total"]) == (3, 4, 1)
    assert abs(seen["payload_bytes_total"] - 3 * len(mood())) <= 12
    refusals = {name: count for name, count in seen.items() if name.startswith("refusals") and count}
    assert refusals == {"refusals_total forbidden": 1, "refusals_total item-not-found": 2}
    assert (seen["sessions"], seen["nodes"], seen["pending"]) == (3, 1, 0)
    assert "refusals_total policy-violation" in seen, "what did not occur yet is there, with zero"

    created = re.compile(rf'^prosody_mod_mep__publishes_created\{{host="{HOST}"\}} (\S+)$', re.M)
    since = created.search(await exposition(server))[1]
    await shell(server, f'module:reload("mep", "{HOST}")')
    assert created.search(await exposition(server))[1] == since, "they go on"
    after = await metrics(server)
    assert {name: after[name] for name in seen if "total" in name} == {n: c for n, c in seen.items() if "total" in n}
    shown = await shell(server, f'mep:status("{HOST}")')
    assert re.search(r"^ +refusals +3 .*: item-not-found 2, forbidden 1$", shown, re.M)


@pytest.mark.mep(hosts=MORE_ROOMS, **METRICS)
async def test_metrics_go_with_the_module(server):
    hosts = set(re.findall(r'^prosody_mod_mep__rooms\{host="(.*?)"\}', await exposition(server), re.M))
    assert hosts == {HOST, MORE}
    await shell(server, f'module:unload("mep", "{MORE}")')
    assert await metrics(server, MORE) == {}
    assert (await metrics(server))["rooms"] == 0
    await shell(server, f'module:unload("mep", "{HOST}")')
    assert "mod_mep" not in await exposition(server)
    await shell(server, f'module:load("mep", "{HOST}")')
    assert (await metrics(server))["rooms"] == 0


@measured
@pytest.mark.allow_log("The core failed")
async def test_a_failure_of_the_core_is_counted(server, connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    nonsense = "{ stanza = { attr = { type = 'error', id = '1', from = 'a', to = 'b' } } }"
    await shell(server, f"> prosody.hosts['{HOST}'].events.fire_event('iq/bare', {nonsense})")
    seen = await metrics(server)
    assert (seen["core_failures_total"], seen["occupants"]) == (1, 1)


# The dashboard

DASHBOARD = json.loads((TOP / "examples/grafana/mod_mep.json").read_text())


def panels(within=DASHBOARD):
    for panel in within["panels"]:
        yield panel
        yield from panels(panel) if "panels" in panel else ()


@measured
async def test_the_dashboard_shows_what_there_is_and_all_of_it(server):
    text = await exposition(server)
    exposed = set(re.findall(r"^(prosody_mod_mep__\w+)\{", text, re.M))
    shown = set(re.findall(r"prosody_mod_mep__\w+", json.dumps(DASHBOARD)))
    assert shown <= exposed
    assert shown == {name for name in exposed if not name.endswith("_created")}
    labels = {name: set(re.findall(r'(\w+)="', text.partition(f"\n{name}{{")[2].partition("}")[0])) for name in shown}
    for panel in panels():
        for target in panel.get("targets", ()):
            for name in re.findall(r"prosody_mod_mep__\w+", target["expr"]):
                used = set(re.findall(r"\bby \(([\w, ]+)\)", target["expr"])[0].split(", "))
                assert used - {"host", "instance"} <= labels[name], target["expr"]


def test_the_dashboard_is_one_that_grafana_imports():
    assert DASHBOARD["title"] and DASHBOARD["uid"] and DASHBOARD["schemaVersion"] >= 36
    (source,) = DASHBOARD["__inputs"]
    assert (source["type"], source["pluginId"]) == ("datasource", "prometheus")
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in panels():
        place = panel["gridPos"]
        columns, rows = (range(place[at], place[at] + place[size]) for at, size in (("x", "w"), ("y", "h")))
        cells = {(x, y) for x in columns for y in rows}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        assert panel["title"] and panel["type"] in {"timeseries", "stat", "row"}
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
            assert target["expr"].count("(") == target["expr"].count(")")
            used = set(re.findall(r"\$(\w+)", target["expr"]))
            assert used <= variables | {"__rate_interval", "__range"}, target["expr"]
            is_counter = "_total" in target["expr"]
            assert is_counter == bool(re.search(r"\b(rate|increase)\(", target["expr"])), "a counter is shown as a rate"


# The shell


@pytest.mark.mep(hosts=MORE_ROOMS)
async def test_the_commands_of_the_page_on_operations_work(server, connect):
    page = (TOP / "docs/operations.md").read_text()
    commands = re.findall(r"^prosodyctl shell '(mep:status.*)'$", page, re.M)
    assert len(commands) == 2
    alice = await connect("alice")
    await come_in(alice, "alice")
    for command in commands:
        shown = await shell(server, command.replace("rooms.example.com", HOST))
        assert re.search(rf"^{HOST}: mod_mep ", shown, re.M)
        assert (f"{MORE}: mod_mep" in shown) == ("example" not in command)
        assert re.search(r"^ +occupants +1 ", shown, re.M)
    with pytest.raises(RuntimeError, match="mod_mep is not loaded on localhost"):
        await shell(server, 'mep:status("localhost")')


# Why a session is not told


EXPLAINED = {"options": 'mep_subscription_only_nodes = { "urn:quiet" }', "log_level": "debug"}


@pytest.mark.mep(**EXPLAINED)
async def test_at_debug_the_log_says_who_is_not_told_and_why(server, connect):
    people = {}
    for nick, features in {"alice": [], "bob": [MOOD], "carol": [TUNE], "erin": [MOOD], "frank": [MOOD, TUNE]}.items():
        people[nick] = await connect(nick, features=notify(*features, "urn:other"))
    people["frank"].answers["{http://jabber.org/protocol/disco#info}query"] = lambda iq: None
    for nick, client in people.items():
        await come_in(client, nick)
    await (await connect("dave")).join(ROOM, "dave", caps=False)
    alice, carol = people["alice"], people["carol"]
    await must(alice, "set", ALICE, publish(MOOD, mood(), "1", options(access_model="whitelist")))
    await must(alice, "set", ALICE, affiliate(MOOD, **{f"{ROOM}/bob": "member"}))
    await must(alice, "set", ALICE, publish(MOOD, mood(), "2"))
    assert server.has_logged("sessions notified: 1")
    line = next(line for line in lines_of(server, "debug") if "sessions notified: 1" in line)
    assert line.startswith(f"Event of {ALICE} at {MOOD}: ")
    said = dict(part.rsplit(": ", 1) for part in line.split("; "))
    del said[f"Event of {ALICE} at {MOOD}: sessions notified"]
    assert said == {
        "not interested (no +notify)": f"{ALICE}, {ROOM}/carol",
        "no access (access model whitelist, affiliation none)": f"{ROOM}/erin",
        "capabilities not known yet": f"{ROOM}/frank",
        "no capabilities in its presence": f"{ROOM}/dave",
    }
    await must(alice, "set", ALICE, publish("urn:quiet", mood(), "1"))
    assert server.has_logged("not subscribed, and only subscribers are notified of this node: ")
    await must(alice, "set", ALICE, publish("urn:mute", mood(), "1", options(deliver_notifications="0")))
    assert server.has_logged("the node delivers no notifications: ")
    await must(alice, "set", ALICE, publish("urn:other", mood(), "1", options(send_last_published_item="never")))
    await carol.leave(ROOM)
    await come_in(carol, "carol")
    assert server.has_logged(f"urn:other of {ALICE}: the node is not configured to send its last item now")
    written = lines_of(server, "debug") + lines_of(server, "info")
    assert not [line for line in written if "@localhost" in line], "no line names an account"


# Broken storage


@pytest.mark.parametrize(
    "driver",
    [
        pytest.param(name, marks=pytest.mark.mep(storage=name, options=PERSISTENT, **METRICS))
        for name in ("internal", "sqlite")
    ],
)
@pytest.mark.allow_log(*OF_STORAGE, "SQL", "the disk is full")
async def test_storage_that_breaks_is_one_line_and_is_left_alone_for_a_while(server, connect, driver):
    alice, bob = await connect("alice"), await connect("bob", features=notify(MOOD))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "good"))
    before = await metrics(server)
    server.storage.refuse(HOST, "mep_nodes", "den", [MOOD])
    for _ in range(20):
        reply = await alice.iq("set", ROOM, publish(MOOD, mood(), "bad"))
        assert error_of(reply)[:2] == ("wait", "internal-server-error")
        assert reply.findtext(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text") == NOT_STORED
    assert ids_in(await must(alice, "get", ROOM, items(MOOD))) == ["good"], "what is stored is served"
    assert server.has_logged("Storage fails: ")
    (line,) = lines_of(server, "error")
    assert line.startswith("Storage fails: could not store the nodes of den@rooms.localhost: ")
    assert "status: [warn] Storage fails: " in await shell(server, f'module:info("mep", "{HOST}")')
    assert "Storage fails: " in await shell(server, "mep:status()")
    seen = await metrics(server)
    assert seen["refusals_total internal-server-error"] == 20
    assert (seen["publishes_total"], seen["deliveries_total"]) == (before["publishes_total"], before["deliveries_total"])
    assert seen["payload_bytes_total"] == before["payload_bytes_total"]
    assert 2 <= seen["storage_failures_total write"] <= 4, "not with each request"

    await must(bob, "set", ROOM, subscribe(bob.jid, MOOD))
    server.storage.mend()
    await must_soon(alice, "set", ROOM, publish(MOOD, mood(), "good again"))
    assert server.has_logged("Storage works again")
    assert len([line for line in lines_of(server, "info") if "Storage works again" in line]) == 1
    await bob.barrier()
    assert [event.item_ids for event in bob.events()] == [["good"], ["good"], ["good again"]]
    assert "status: [info] mod_mep" in await shell(server, f'module:info("mep", "{HOST}")')
    assert "Storage fails" not in await shell(server, "mep:status()")


@pytest.mark.mep(storage="internal", options=PERSISTENT)
@pytest.mark.allow_log(*OF_STORAGE)
async def test_what_can_not_be_loaded_is_refused_with_a_text_and_tried_less_and_less(server, connect):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await must(alice, "set", ROOM, publish(MOOD, mood(), "1"))
    server.kill()
    (file,) = [path for path in server.data.rglob("*.dat") if path.parent.name == "mep_nodes"]
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    server.start()
    alice = await connect("alice")
    await come_in(alice, "alice")
    for _ in range(10):
        reply = await alice.iq("get", ROOM, items(MOOD))
        assert reply.findtext(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text") == NOT_LOADED
    assert server.has_logged("Storage fails: ")
    (line,) = lines_of(server, "error")
    assert line.startswith("Storage fails: could not load the nodes of den@rooms.localhost: ")
    assert len(re.findall("error\tUnable to load", server.log)) <= 6, "Prosody's own lines: one for each try"
    file.write_text(whole)
    assert ids_in(await must_soon(alice, "get", ROOM, items(MOOD))) == ["1"]
    assert server.has_logged("Storage works again")
