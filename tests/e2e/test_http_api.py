"""The nodes of rooms over HTTP, and the webhook: docs/room-api.md."""

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from mep import MOOD, ROOM, come_in, make_persistent, must, notify, publish, retract
from testbed import Client, Prosody
from testbed.prosody import ROOT

TOKEN, READER, ONE_ROOM = "everything-0123456789", "reader-0123456789abc", "one-room-0123456789a"
NODE = "urn:example:notes"
OPTIONS = f"""
mep_http_token = "{TOKEN}"
mep_http_tokens = {{
    ["{READER}"] = {{ nodes = {{ "urn:example:*" }}, access = "read" }};
    ["{ONE_ROOM}"] = {{ rooms = {{ "other" }} }};
}}
"""

pytestmark = pytest.mark.mep(options=OPTIONS)
MANY = OPTIONS + "mep_publish_burst = 100000\nmep_publish_rate = 100000\nmep_max_room_nodes = 10000\n"


class Reply:
    def __init__(self, reply):
        self.status, self.headers, self.body = reply.status, reply.headers, reply.read()

    @property
    def json(self):
        return json.loads(self.body)


@pytest.fixture
def ask(server):
    """Makes a request; `token=None` has none."""

    def request(method, path, body=None, kind="application/json", token=TOKEN, accept=None):
        headers = {"Host": server.rooms, "Content-Type": kind}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if accept:
            headers["Accept"] = accept
        connection = http.client.HTTPConnection(server.address, server.http_port, timeout=20)
        connection.request(method, "/mep/" + path, body, headers)
        with contextlib.closing(connection):
            return Reply(connection.getresponse())

    async def ask(*args, **options):
        return await asyncio.to_thread(request, *args, **options)

    return ask


@pytest.fixture
async def alice(connect):
    alice = await connect("alice", features=notify(NODE, MOOD))
    await come_in(alice, "alice")
    return alice


async def test_an_item_is_put_told_got_and_deleted(alice, ask):
    reply = await ask("PUT", f"den/{NODE}/one", json.dumps({"text": "tea"}))
    assert (reply.status, reply.json) == (200, {"id": "one"})
    event = await alice.expect_event(NODE)
    assert (event.from_, event.item_ids, json.loads(event.payloads[0].text)) == (ROOM, ["one"], {"text": "tea"})
    reply = await ask("GET", f"den/{NODE}/one")
    assert (reply.headers["Content-Type"], reply.json) == ("application/json", {"text": "tea"})
    reply = await ask("GET", f"den/{NODE}/one", accept="application/xml")
    assert reply.body == b"<json xmlns='urn:xmpp:json:0'>{&quot;text&quot;: &quot;tea&quot;}</json>"
    reply = await ask("GET", f"den/{NODE}")
    assert [(item["id"], item["json"]) for item in reply.json["items"]] == [("one", {"text": "tea"})]
    assert [node["node"] for node in (await ask("GET", "den")).json["nodes"]] == [NODE]
    assert (await ask("DELETE", f"den/{NODE}/one")).status == 204
    assert (await alice.expect_event(NODE)).kind == "retract"
    assert (await ask("GET", f"den/{NODE}/one")).status == 404
    assert (await ask("GET", f"den/{NODE}")).json["items"] == []
    assert (await ask("DELETE", f"den/{NODE}")).status == 204
    assert (await ask("GET", f"den/{NODE}")).status == 404


async def test_the_pages_curls(alice, server):
    """With a name in place of the address: Prosody tells its hosts apart by that."""
    page = (ROOT / "docs/room-api.md").read_text()
    (commands,) = re.findall(r"```sh\n(curl.*?)```", page, re.S)
    place = f"{server.rooms}:{server.http_port}:{server.address}"
    script = f'curl() {{ command curl -sS --fail --resolve {place} "$@"; echo; }}\n{commands}'
    env = {**os.environ, "TOKEN": TOKEN, "URL": f"http://{server.rooms}:{server.http_port}"}
    run = await asyncio.to_thread(subprocess.run, ["sh", "-euc", script], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    put, got, deleted = run.stdout.split("\n")[:3]
    assert json.loads(put) == {"id": "tea"}
    assert json.loads(got)["items"][0]["json"] == {"text": "Tea at five"}
    assert deleted == ""
    kinds = [(await alice.expect_event("urn:example:notes")).kind for _ in (1, 2)]
    assert kinds == ["items", "retract"]


async def test_names_with_slashes_and_xml(alice, ask):
    path = "den/" + quote(MOOD, safe="")
    reply = await ask("POST", path, f"<mood xmlns='{MOOD}'><happy/></mood>", kind="application/xml; charset=utf-8")
    assert reply.status == 201
    event = await alice.expect_event(MOOD)
    assert event.item_ids == [reply.json["id"]]
    assert reply.headers["Location"] == f"/mep/{path}/{quote(reply.json['id'], safe='')}"
    reply = await ask("GET", reply.headers["Location"].removeprefix("/mep/"))
    assert reply.headers["Content-Type"] == "application/xml"
    assert reply.body == f"<mood xmlns='{MOOD}'><happy/></mood>".encode()


async def test_a_node_is_configured_and_its_items_are_paged(alice, ask):
    assert (await ask("PUT", f"den/{NODE}", '{"max_items": 9, "title": "Notes"}')).status == 201
    assert (await ask("PUT", f"den/{NODE}", '{"max_items": 5}')).status == 200
    config = (await ask("GET", f"den/{NODE}?config")).json
    assert (config["max_items"], config["title"]) == ("5", "Notes")
    for number in range(7):
        assert (await ask("PUT", f"den/{NODE}/{number}", str(number))).status == 200
    page = (await ask("GET", f"den/{NODE}?max=2")).json
    seen = []
    while page["items"]:
        seen += [item["json"] for item in page["items"]]
        assert page["count"] == 5
        page = (await ask("GET", f"den/{NODE}?max=2&after={page['last']}")).json
    assert sorted(seen) == [2, 3, 4, 5, 6]
    assert (await ask("DELETE", f"den/{NODE}?items")).status == 204
    assert (await ask("GET", f"den/{NODE}")).json["items"] == []
    # What a node must be configured to, with the item.
    reply = await ask("PUT", f"den/{NODE}/x?max_items=1", "1")
    assert (reply.status, reply.json["error"]) == (409, "conflict")


async def test_what_is_refused_says_why(alice, ask):
    for status, error, request in (
        (401, "not-authorized", ("GET", "den", None, "", None)),
        (401, "not-authorized", ("GET", "den", None, "", "wrong")),
        (403, "forbidden", ("PUT", f"den/{NODE}/1", "1", "application/json", READER)),
        (403, "forbidden", ("GET", "den/urn:other", None, "", READER)),
        (403, "forbidden", ("GET", "den", None, "", ONE_ROOM)),
        (404, "item-not-found", ("GET", "nowhere")),
        (404, "item-not-found", ("GET", "den/a/b/c")),
        (404, "item-not-found", ("GET", "")),
        (400, "bad-request", ("PUT", f"den/{NODE}/1", "{", "application/json")),
        (400, "bad-request", ("PUT", f"den/{NODE}/1", "<a", "application/xml")),
        (400, "bad-request", ("PUT", f"den/{NODE}/1", "<a/>", "application/xml")),
        (400, "bad-request", ("PUT", f"den/{NODE}/1", "<!DOCTYPE a><a xmlns='urn:a'/>", "application/xml")),
        (415, "bad-request", ("PUT", f"den/{NODE}/1", "1", "text/plain")),
        (405, "not-allowed", ("DELETE", "den")),
        (413, "not-acceptable", ("PUT", f"den/{NODE}/1", json.dumps("x" * 70_000))),
    ):
        reply = await ask(*request)
        assert (reply.status, reply.json["error"]) == (status, error), request
        assert reply.json["text"], request
    assert (await ask("GET", f"den/{NODE}", token=READER)).status == 404
    assert (await ask("GET", "den", token=READER)).json == {"nodes": []}
    assert alice.events() == []


@pytest.mark.mep(options=OPTIONS + "mep_publish_burst = 1\nmep_publish_rate = 1\n")
async def test_a_token_has_a_rate(alice, ask):
    statuses = {(await ask("GET", "den")).status for _ in range(30)}
    assert statuses == {200, 429}


@pytest.mark.mep(
    options="mep_http_token = 'short'\nmep_http_tokens = { ['long-enough-0123456789'] = { access = 'all' } }"
)
@pytest.mark.allow_log("ignoring a token")
async def test_there_is_nothing_without_a_valid_token(alice, ask, server):
    assert (await ask("GET", "den")).status == 404
    assert server.log.count("ignoring a token") == 2


@pytest.mark.mep(options=MANY)
async def test_the_description_for_tools_holds(alice, server, tmp_path):
    """Requests that schemathesis makes up: valid ones, and others."""
    page = (ROOT / "docs/openapi.yaml").read_text()
    names = {"room": ["den"], "node": [NODE, "http://a/b"], "item": ["1", "x y"]}
    for name, known in names.items():
        before = f"name: {name}, in: path, required: true, schema: {{ type: string"
        assert before in page
        page = page.replace(f"{before}, minLength: 1", f"{before}, enum: {json.dumps(known)}")
    (tmp_path / "openapi.yaml").write_text(page)
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", tmp_path / "openapi.yaml",
        "--url", f"http://{server.address}:{server.http_port}/mep",
        "-H", f"Host: {server.rooms}", "-H", f"Authorization: Bearer {TOKEN}",
        "--phases", "examples,coverage,fuzzing", "--max-examples", "30", "--seed", "1",
        "-c", "not_a_server_error,status_code_conformance,response_schema_conformance",
    ]  # fmt: skip
    run = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


async def test_names_that_xml_cannot_have_are_refused(alice, ask):
    for method, path, body in (
        ("GET", "den/%01", None),
        ("GET", "den/%FF", None),
        ("GET", "den/%EF%BF%BF", None),
        ("GET", f"den/{NODE}?after=%0B", None),
        ("PUT", f"den/{NODE}/%1F", "1"),
        ("PUT", f"den/{NODE}", '{"title": "\\u0001"}'),
        ("PUT", f"den/{NODE}", '{"\\u0001": "1"}'),
        ("PUT", f"den/{NODE}", "[1]"),
        ("PUT", f"den/{NODE}", '{"title": {"a": 1}}'),
        ("GET", f"den/{NODE}?max=0.5", None),
        ("GET", f"den/{NODE}?max=0", None),
    ):
        reply = await ask(method, path, body)
        assert (reply.status, reply.json["error"]) == (400, "bad-request"), path


async def test_a_stream_of_a_rooms_events(alice, server, ask):
    reader, writer = await asyncio.open_connection(server.address, server.http_port)
    writer.write(
        f"GET /mep/den HTTP/1.1\r\nHost: {server.rooms}\r\nAuthorization: Bearer {READER}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    head = await asyncio.wait_for(reader.readuntil(b": open\n\n"), 20)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Type: text/event-stream" in head
    await must(alice, "set", ROOM, publish("urn:secret", "<a xmlns='urn:a'/>"))
    await must(alice, "set", ROOM, publish(NODE, "<a xmlns='urn:a'/>", id="1"))
    await must(alice, "set", ROOM, retract(NODE, "1"))
    seen = []
    while len(seen) < 3:
        text = (await asyncio.wait_for(reader.readuntil(b"\n\n"), 20)).decode()
        event, data = text.strip().split("\n")
        seen.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    assert [what for what, _ in seen] == ["created", "published", "retracted"]
    assert seen[1][1] == {"node": NODE, "id": "1", "payload": "<a xmlns='urn:a'/>"}
    assert seen[2][1] == {"node": NODE, "ids": ["1"]}
    assert "alice@" not in str(seen)
    writer.close()


class Service(http.server.BaseHTTPRequestHandler):
    """A web service that refuses the first delivery."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers), body))
        self.send_response(500 if len(self.server.seen) == 1 else 204)
        self.end_headers()
        self.server.came.release()

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as service:
        service.seen, service.came = [], threading.Semaphore(0)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield service
        service.shutdown()


async def test_the_webhook_is_told_once_signed_and_in_order(version, service):
    url = f"http://127.0.0.1:{service.server_address[1]}/hook"
    options = f'mep_webhook = {{ url = "{url}", secret = "s3cret", nodes = {{ "{NODE}" }} }}'
    with Prosody(version, options=options) as server:
        alice = await Client.connect(server, "alice", features=notify(NODE))
        await come_in(alice, "alice")
        await make_persistent(alice)
        await must(alice, "set", ROOM, publish("urn:other", "<a xmlns='urn:a'/>"))
        await must(alice, "set", ROOM, publish(NODE, "<json xmlns='urn:xmpp:json:0'>[1]</json>", id="1"))
        await must(alice, "set", f"{ROOM}/alice", publish(NODE, "<a xmlns='urn:a'/>", id="2"))
        for _ in range(5):
            assert await asyncio.to_thread(service.came.acquire, timeout=20)
        await alice.close()
    deliveries = [(headers, json.loads(body)) for headers, body in service.seen]
    for (headers, _), (_, body) in zip(deliveries, service.seen, strict=True):
        assert headers["X-Mep-Signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    first, *rest = deliveries
    assert (first[0]["X-Mep-Delivery"], first[1]) == (rest[0][0]["X-Mep-Delivery"], rest[0][1]), "the same, tried again"
    told = [(it["event"], it.get("nick"), it.get("id"), it.get("json"), it.get("payload")) for _, it in rest]
    assert told == [
        ("created", None, None, None, None),
        ("published", None, "1", [1], None),
        ("created", "alice", None, None, None),
        ("published", "alice", "2", None, "<a xmlns='urn:a'/>"),
    ]
    assert "alice@" not in str(service.seen)
    assert server.problems(["The webhook fails: the answer is 500; trying again"]) == []
