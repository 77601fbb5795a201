"""An event is rendered once for all who are connected: to each it is what a stanza of their own would be."""

from xml.etree.ElementTree import Element, canonicalize, tostring

import pytest
from mep import ROOM, come_in, form, must, notify, publish
from testbed import Client, Prosody
from testbed.transports import SM, Bosh, Tcp, WebSocket
from testbed.xml import CLIENT, PUBSUB_EVENT

pytestmark = pytest.mark.luas

NODE = "urn:example:node"
FEATURES = notify(NODE)
ALICE = f"{ROOM}/alice"
CSI = "urn:xmpp:csi:0"

PAYLOAD = "<p xmlns='urn:p' xmlns:q='urn:q' q:a='&apos;&lt;' xml:lang='de'>1<text>5 &gt; {}</text> 2<e xmlns=''/></p>"


def event(id):
    """A predicate: the event that tells of this item."""

    def matches(element):
        items = element.iter(PUBSUB_EVENT + "item") if element.tag == CLIENT + "message" else ()
        return any(item.get("id") == id for item in items)

    return matches


def meaning(element):
    """What arrived, without ids and times, which differ between servers."""
    return canonicalize(tostring(without_ids(element), "unicode"))


def without_ids(element):
    drawn = element.tag.rpartition("}")[2] in ("message", "occupant-id", "stanza-id")
    attributes = {k: v for k, v in element.items() if k != "stamp" and not (drawn and k == "id")}
    copy = Element(element.tag, attributes)
    copy.text, copy.tail = element.text, element.tail
    copy.extend(map(without_ids, element))
    return copy


def server(version, share, **settings):
    options = settings.pop("options", "") + f"\nmep_share_stanzas = {str(share).lower()}\n"
    return Prosody(version, options=options, **settings)


async def compare(version, scenario, **settings):
    """Runs a scenario with shared stanzas and without: it yields pairs of a name and what that one got."""
    results = []
    for share in (True, False):
        prosody = server(version, share, **settings)
        async with prosody:
            stage = Stage(prosody)
            try:
                await scenario(stage)
                results.append({name: [meaning(e) for e in got] for name, got in stage.got.items()})
            finally:
                await stage.close()
        assert prosody.problems() == []
        assert "rendered for each recipient" not in prosody.log
    shared, plain = results
    assert shared == plain
    assert all(shared.values()), shared
    return shared


class Stage:
    """Alice, who publishes, and all whom she tells."""

    def __init__(self, prosody):
        self.server, self.got, self._clients = prosody, {}, []

    async def close(self):
        for client in self._clients:
            await client.close()

    def add(self, client):
        self._clients.append(client)
        return client

    async def alice(self):
        self.publisher = self.add(await Client.connect(self.server, "alice", features=FEATURES))
        await come_in(self.publisher, "alice")
        return self.publisher

    async def enter(self, transport, user, resource="desktop"):
        client = self.add(await transport.connect(self.server, user, resource))
        await client.join(ROOM, user, FEATURES)
        return client

    async def publish(self, id):
        await must(self.publisher, "set", ALICE, publish(NODE, PAYLOAD.format(id), id))

    async def gets(self, client, *ids):
        """Keeps what this client is told of these items."""
        self.got.setdefault(client.jid, []).extend([await client.expect(event(id)) for id in ids])


async def test_each_transport_delivers_what_a_plain_stanza_says(version):
    async def scenario(stage):
        await stage.alice()
        clients = [await stage.enter(t, f"u{n}") for n, t in enumerate([Tcp, WebSocket, Tcp, Bosh, Tcp, WebSocket])]
        for id in ("1", "2"):
            await stage.publish(id)
        for client in [*clients, stage.publisher]:
            await stage.gets(client, "1", "2")

    got = await compare(version, scenario)
    assert len(got) == 7
    for jid, texts in got.items():
        assert all(f'to="{jid}"' in text for text in texts)


async def test_resources_that_have_to_be_escaped(version):
    async def scenario(stage):
        await stage.alice()
        clients = [await stage.enter(Tcp, "u", resource) for resource in ("a'b", "<&>", '"', "größe", "&amp;")]
        await stage.publish("1")
        for client in clients:
            await stage.gets(client, "1")

    await compare(version, scenario)


async def test_a_stream_that_is_resumed_gets_what_it_missed_once_and_for_itself(version):
    async def scenario(stage):
        await stage.alice()
        managed = [await stage.enter(Tcp, user) for user in ("bob", "carol")]
        for client in managed:
            await client.enable()
        plain = await stage.enter(Tcp, "dave")
        await stage.publish("1")
        for client in [*managed, plain]:
            await stage.gets(client, "1")
        await stage.publish("2")  # on its way when the connection breaks
        await managed[0].close()
        await stage.publish("3")
        for client in [managed[1], plain]:
            await stage.gets(client, "2", "3")
        assert (await managed[0].resume()).tag == SM + "resumed"
        await stage.gets(managed[0], "2", "3")
        await stage.publish("4")
        for client in [*managed, plain]:
            await stage.gets(client, "4")
        for client in managed:
            ids = [i.get("id") for e in client.received for i in e.iter(PUBSUB_EVENT + "item")]
            assert ids == ["1", "2", "3", "4"]

    await compare(version, scenario)


@pytest.mark.parametrize("kind", ["headline", "normal"])
async def test_a_client_that_is_inactive_gets_it_later(version, kind):
    async def scenario(stage):
        await stage.alice()
        idle, awake = await stage.enter(Tcp, "bob"), await stage.enter(Tcp, "carol")
        await idle.say(f"<inactive xmlns='{CSI}'/><iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
        await idle.expect(lambda e: e.get("id") == "ping")
        for id in ("1", "2"):
            await stage.publish(id)
        await stage.gets(awake, "1", "2")
        assert not any(event("1")(e) for e in idle.received)
        await idle.say(f"<active xmlns='{CSI}'/>")
        await stage.gets(idle, "1", "2")

    options = f'mep_notification_type = "{kind}"'
    await compare(version, scenario, options=options, modules=["csi", "csi_simple"])


async def test_carbons_and_archives_of_events_with_a_body(version):
    """A notification with a body is a message like others: it is copied to other clients, and archived."""

    async def scenario(stage):
        await stage.alice()
        await stage.publish("0")
        bodies = form("subscribe_options", include_body=1)
        here = [await stage.enter(Tcp, user) for user in ("bob", "carol")]
        copied = stage.add(await Tcp.connect(stage.server, "bob", "phone"))
        await copied.say("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        await copied.expect(lambda e: e.get("id") == "c")
        for client in here:
            await client.say(
                f"<iq type='set' id='s' to='{ALICE}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                f"<subscribe node='{NODE}' jid='{client.jid}'/><options>{bodies}</options></pubsub></iq>"
            )
            assert (await client.expect(lambda e: e.get("id") == "s")).get("type") == "result"
        await stage.publish("1")
        for client in here:
            await stage.gets(client, "1")
        stage.got["carbon"] = [await copied.expect(event("1"))]
        for client in here:
            await client.say("<iq type='set' id='m'><query xmlns='urn:xmpp:mam:2'/></iq>")
            archived = await client.expect(lambda e: e.find("{urn:xmpp:mam:2}result") is not None and event("1")(e))
            stage.got[f"archive of {client.jid}"] = [archived.find(f".//{CLIENT}message")]

    options = 'mep_notification_type = "normal"'
    got = await compare(version, scenario, options=options, modules=["mam"])
    for user in ("bob", "carol"):
        assert f"to=\"{user}@localhost/desktop\"" in got[f"archive of {user}@localhost/desktop"][0]
    assert "received" in got["carbon"][0] and "bob@localhost/desktop" in got["carbon"][0]


EDITS = [
    "edit-add", "edit-direct", "edit-map", "edit-attr", "edit-type", "edit-from", "edit-nested", "edit-raw",
    "filter",
]  # fmt: skip


async def test_what_somebody_edits_on_its_way_to_one_is_seen_by_that_one_alone(version):
    async def scenario(stage):
        await stage.alice()
        clients = []
        for n, edit in enumerate(EDITS):
            clients.append(await stage.enter(Tcp, f"before{n}", "untouched"))
            clients.append(await stage.enter(Tcp, f"edited{n}", edit))
        clients.append(await stage.enter(Tcp, "last", "untouched"))
        for id in ("1", "2"):
            await stage.publish(id)
            for client in clients:
                await stage.gets(client, id)

    got = await compare(version, scenario, modules=["testbed_edits"])
    untouched = {texts[0].replace(jid, "") for jid, texts in got.items() if not jid.startswith("edited")}
    edited = {texts[0].replace(jid, "") for jid, texts in got.items() if jid.startswith("edited")}
    assert len(untouched) == 1
    assert not untouched & edited


async def test_what_is_stored_on_its_way_is_whole(version):
    async def scenario(stage):
        await stage.alice()
        clients = [await stage.enter(Tcp, f"u{n}", where) for n, where in enumerate(["x", "store", "x", "store"])]
        for id in ("1", "2"):
            await stage.publish(id)
            for client in clients:
                await stage.gets(client, id)

    await compare(version, scenario, modules=["testbed_edits"])


async def test_who_is_far_away_gets_a_stanza_of_their_own(version):
    async def scenario(stage):
        alice = await stage.alice()
        for user in ("near", "far"):
            await stage.enter(Tcp, user)
        for n in (1, 2):
            presence = (
                f"<presence from='u{n}@far.example/x' to='{ROOM}/remote{n}'>"
                f"<x xmlns='http://jabber.org/protocol/muc'/>{alice.caps}</presence>"
            )
            alice.message("rooms.localhost", presence, type="normal")
        here = await stage.enter(Tcp, "here")
        far = "{urn:edits}far"
        for _ in (1, 2):
            await alice.expect(lambda e: e.find(f"{far}/{CLIENT}message/{CLIENT}subject") is not None)
        await stage.publish("1")
        await stage.gets(here, "1")
        told = [await alice.expect(lambda e: e.find(far) is not None and event("1")(e.find(far)[0])) for _ in (1, 2)]
        assert {e.get("id") for e in told} == {"own"}
        stage.got["far"] = [e.find(far)[0] for e in told]
        assert [e.get("to") for e in stage.got["far"]] == ["u1@far.example/x", "u2@far.example/x"]

    await compare(version, scenario, muc_modules=["testbed_edits"])
