"""What a hostile client sends, again and again: each flood is what it needs beforehand, and a function from a number to
a stanza."""

from collections import namedtuple

from load import each
from testbed import caps

ROOM = "flood@rooms.localhost"
PLAIN = "plain.localhost"  # a host of rooms without mod_mep
OWN = f"{ROOM}/flooder"
NODE = "urn:flood"
PUBSUB = "http://jabber.org/protocol/pubsub"
OWNER = PUBSUB + "#owner"

# `options` are the component's, on top of the defaults. `payload`: what a groupchat message of the same octets has inside;
# without one it has a body. `is_presence`: rooms without mod_mep do work for it too, which is measured as well.
Flood = namedtuple("Flood", "title prepare stanza options payload is_presence", defaults=("", None, False))


def iq(type, to, inner, number):
    return f"<iq type='{type}' id='f{number}' to='{to}'>{inner}</iq>"


def pubsub(inner, xmlns=PUBSUB):
    return f"<pubsub xmlns='{xmlns}'>{inner}</pubsub>"


def publish(payload, id="1", node=NODE, options=""):
    return pubsub(f"<publish node='{node}'><item id='{id}'>{payload}</item></publish>{options}")


def form(form_type, fields):
    rows = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in fields.items())
    return f"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{form_type}</value></field>{rows}</x>"


def many_items(count):
    config = form(f"{PUBSUB}#publish-options", {"pubsub#max_items": count})
    return f"<publish-options>{config}</publish-options>"


def bomb(number):
    return f"<a xmlns='urn:{number}:{'x' * 32_600}'>{'<b/>' * 8_000}</a>"


ELEMENTS = f"<a xmlns='urn:a'>{'<b/>' * 9_900}</a>"
LARGE = f"<a xmlns='urn:a'>{'x' * 60_000}</a>"


async def nothing(flooder, people):
    pass


async def nine_items(flooder, people):
    for number in range(9):
        await flooder.iq("set", OWN, publish(ELEMENTS, number, options=many_items(16)))


async def sixteen_large_items(flooder, people):
    rows = {"muc#roomconfig_persistentroom": 1}
    config = form("http://jabber.org/protocol/muc#roomconfig", rows)
    await flooder.iq("set", ROOM, f"<query xmlns='http://jabber.org/protocol/muc#owner'>{config}</query>")
    for number in range(16):
        await flooder.iq("set", ROOM, publish(LARGE, number, options=many_items(16)))


async def entries(flooder, people):
    rows = {"muc#roomconfig_whois": "anyone"}
    config = form("http://jabber.org/protocol/muc#roomconfig", rows)
    await flooder.iq("set", ROOM, f"<query xmlns='http://jabber.org/protocol/muc#owner'>{config}</query>")
    await flooder.iq("set", OWN, publish("<a xmlns='urn:a'/>"))
    rows = "".join(f"<affiliation jid='person{number}@example.org' affiliation='member'/>" for number in range(900))
    await flooder.iq("set", OWN, pubsub(f"<affiliations node='{NODE}'>{rows}</affiliations>", OWNER))


async def many_nodes(flooder, people):
    for number in range(28):
        await flooder.iq("set", OWN, publish("<a xmlns='urn:a'/>", node=f"{NODE}:{number}:{'n' * 900}"))


async def registered(flooder, people):
    inner = form("http://jabber.org/protocol/muc#register", {"muc#register_roomnick": "flooder"})
    await flooder.iq("set", ROOM, f"<query xmlns='jabber:iq:register'>{inner}</query>")
    for number in range(9):
        await flooder.iq("set", OWN, publish(LARGE, number, options=many_items(16)))
    await each(people, lambda session: session.leave(ROOM))


def presence(number, features):
    muc = "<x xmlns='http://jabber.org/protocol/muc'/>"
    return f"<presence to='{OWN}' id='f{number}'>{muc}{caps.element(caps.ver(features))}</presence>"


def features(number):
    return ("http://jabber.org/protocol/disco#info", f"urn:{number}+notify")


FIELDS = "".join(f"<field var='v{number}'/>" for number in range(4_980))
FORM = f"<x xmlns='jabber:x:data' type='submit'>{FIELDS}</x>"
DEEP = "<a>" * 8_000 + "</a>" * 8_000

FLOODS = {
    "namespaces": Flood("items whose namespace is half of them", nothing, lambda n: iq("set", OWN, publish(bomb(n), n), n), payload=bomb),
    "elements": Flood("items of 9,900 elements", nothing, lambda n: iq("set", OWN, publish(ELEMENTS, n), n), payload=lambda _: ELEMENTS),
    "items": Flood(
        "retrieving 9 items of 9,900 elements",
        nine_items,
        lambda n: iq("get", OWN, pubsub(f"<items node='{NODE}'/>"), n),
    ),
    "subscribe": Flood(
        "subscribing to that again",
        nine_items,
        lambda n: iq("set", OWN, pubsub(f"<subscribe node='{NODE}' jid='flooder0@localhost/bench'/>"), n),
    ),
    "lists": Flood(
        "an owner's list of 900 entries",
        entries,
        lambda n: iq("get", OWN, pubsub(f"<affiliations node='{NODE}'/>", OWNER), n),
    ),
    "discovery": Flood(
        "disco#items of 28 nodes with long names",
        many_nodes,
        lambda n: iq("get", OWN, "<query xmlns='http://jabber.org/protocol/disco#items'/>", n),
    ),
    "forms": Flood(
        "forms of 4,980 fields",
        nothing,
        lambda n: iq("set", OWN, pubsub(f"<configure node='{NODE}'>{FORM}</configure>", OWNER), n),
        payload=lambda _: FORM,
    ),
    "levels": Flood("stanzas of 8,000 levels", nothing, lambda n: iq("set", OWN, publish(DEEP, n), n), payload=lambda _: DEEP),
    "capabilities": Flood("new capabilities, each verified", nothing, lambda n: presence(n, features(n)), is_presence=True),
    "rejoining": Flood(
        "joining again",
        nine_items,
        lambda n: presence(n, ("http://jabber.org/protocol/disco#info", f"{NODE}+notify")),
        is_presence=True,
    ),
    "storage": Flood(
        "small items to a stored node of 16 large ones",
        sixteen_large_items,
        lambda n: iq("set", ROOM, publish("<a xmlns='urn:a'/>", f"i{n}"), n),
    ),
    "registered": Flood(
        "refused requests at a registered occupant",
        registered,
        lambda n: iq("set", OWN, publish("", n), n),
        options="mep_keep_registered = true\nmuc_room_default_persistent = true",
    ),
}


def groupchat(flood, size, number):
    """A message of so many octets, with the flood's payload if it is about one."""
    inner = flood.payload(number) if flood.payload else ""
    start, end = f"<message type='groupchat' id='g{number}' to='{ROOM}'>{inner}<body>", "</body></message>"
    return start + "x" * max(1, size - len(start) - len(end)) + end
