"""docs/client.md and room-api.md: what they show as sent is sent, and what they show as received arrives."""

import asyncio
import re
from xml.etree.ElementTree import fromstring, tostring

import pytest
from mep import MOOD, come_in, mood, must, notify, publish, refused
from testbed import caps
from testbed.client import TIMEOUT
from testbed.prosody import ROOT
from testbed.xml import DISCO_INFO

PAGE = (ROOT / "docs" / "client.md").read_text()
STEP = re.compile(r"```xml\n<!-- (\w+) (sends|receives) -->\n(.*?)```", re.S)
STEPS = STEP.findall(PAGE)
API_PAGE = (ROOT / "docs" / "room-api.md").read_text()
ROOM = "den@rooms.example.org"
TALK = "urn:example:talk"


def differences(shown, real, path=""):
    """What of the shown element the real one lacks, or has differently."""
    path += "/" + shown.tag
    if shown.tag != real.tag:
        return [path]
    for name, value in shown.attrib.items():
        if real.get(name) is None or value not in ("…", real.get(name)):
            return [f"{path}@{name}"]
    found = []
    for child in shown:
        tries = [differences(child, other, path) for other in real]
        if [] not in tries:
            found += min(tries, key=lambda diff: diff[0].count("/"), default=[f"{path}/{child.tag}"]) or [child.tag]
    return found


async def receive(client, shown, taken):
    """The first stanza, not yet taken, that is what is shown."""

    async def search():
        async with client._arrival:
            while True:
                for stanza in client.received:
                    if id(stanza) not in taken and differences(shown, stanza) == []:
                        taken.add(id(stanza))
                        return stanza
                await client._arrival.wait()

    try:
        return await asyncio.wait_for(search(), TIMEOUT)
    except TimeoutError:
        there = "\n".join(tostring(stanza, "unicode") for stanza in client.received)
        raise AssertionError(f"not received:\n{tostring(shown, 'unicode')}\nbut:\n{there}") from None


def hash_on_the_page():
    """The hash of the answer that the page shows."""
    (answer,) = [xml for _, verb, xml in STEPS if verb == "sends" and "<iq type='result'" in xml]
    query = fromstring(answer)[0]
    features = [feature.get("var") for feature in query.iterfind("{*}feature")]
    identities = [(i.get("category"), i.get("type"), "", i.get("name")) for i in query.iterfind("{*}identity")]
    return caps.ver(features, identities)


@pytest.mark.mep(module=False)
async def test_rooms_without_mep_refuse_as_the_page_says(connect):
    """An occupant's address leads to the account, which takes no items from elsewhere."""
    alice = await connect("alice")
    await alice.join("den@rooms.localhost", "alice")
    for to, error in (("/alice", ("auth", "forbidden")), ("", ("cancel", "service-unavailable"))):
        assert (await refused(alice, "set", "den@rooms.localhost" + to, publish(MOOD, mood())))[:2] == error
        assert re.search(rf"^\| `{error[0]}`, `{error[1]}` \|.* no MEP", PAGE, re.M)


def test_a_difference_is_found():
    shown = fromstring("<a b='…' c='1'><d/><e f='2'/></a>")
    for same in ("<a b='x' c='1' g='3'><e f='2'/><h/><d/></a>",):
        assert differences(shown, fromstring(same)) == []
    for other in ("<a c='1'><d/><e f='2'/></a>", "<a b='' c='2'><d/><e f='2'/></a>", "<a b='' c='1'><d/></a>",
                  "<a b='' c='1'><d/><e/></a>", "<b b='' c='1'><d/><e f='2'/></b>", "<a b='' c='1'/>"):
        assert differences(shown, fromstring(other)) != [], other


@pytest.mark.mep(rooms="rooms.example.org", host="example.org")
async def test_the_stanzas_of_the_page(connect):
    alice, bob = await connect("alice"), await connect("bob")
    clients, ids, taken = {"alice": alice, "bob": bob}, {}, set()
    # Bob answers by what the page says.
    bob.answers[DISCO_INFO + "query"] = lambda iq: None
    await come_in(alice, "alice", ROOM)
    await must(alice, "set", f"{ROOM}/alice", publish(MOOD, mood(), "current"))
    await must(alice, "set", f"{ROOM}/alice", publish(TALK, f"<talk xmlns='{TALK}'/>", "1"))

    assert len(STEPS) == PAGE.count("```xml") > 20
    for who, verb, xml in STEPS:
        xml = xml.replace("HASH", hash_on_the_page())
        client = clients[who]
        if verb == "sends":
            client.send(re.sub(r" id='(\w+)'", lambda found: f" id='{ids.get(found[1], found[1])}'", xml, count=1))
            continue
        shown = fromstring(xml.replace(">", " xmlns='jabber:client'>", 1))
        asked = shown.get("id") if shown.tag.endswith("}iq") and shown.get("type") == "get" else None
        if asked:
            shown.set("id", "…")
        stanza = await receive(client, shown, taken)
        if asked:
            ids[asked] = stanza.get("id")
    await alice.expect(lambda s: s.get("from") == f"{ROOM}/bob" and s.findtext("{jabber:client}show") == "away")
    await bob.barrier()
    questions = [s for s in bob.received if s.find(DISCO_INFO + "query") is not None and s.get("type") == "get"]
    assert len(questions) == 1, "the hash is known, so the answer matches it"


@pytest.mark.mep(rooms="rooms.example.org", host="example.org")
async def test_the_stanzas_of_a_service(connect):
    alice, bob = await connect("alice"), await connect("bob", features=notify("urn:example:notes"))
    service, taken = await connect("service"), set()
    await come_in(alice, "alice", ROOM)
    await come_in(bob, "bob", ROOM)
    owner = "<item affiliation='owner' jid='service@example.org'/>"
    await must(alice, "set", ROOM, f"<query xmlns='http://jabber.org/protocol/muc#admin'>{owner}</query>")
    service.presence()

    steps = STEP.findall(API_PAGE)
    assert len(steps) == API_PAGE.count("```xml") > 10
    for who, verb, xml in steps:
        client = {"bob": bob, "service": service}[who]
        if verb == "sends":
            client.send(xml)
        else:
            await receive(client, fromstring(xml.replace(">", " xmlns='jabber:client'>", 1)), taken)
    assert service.jid.startswith("service@example.org/")
